"""A request's way through the door: limits, key, signature, and then the answer."""

import json
from dataclasses import dataclass, field
from typing import Any

from exchange.paper.auth import Keys, check_key, check_signature
from exchange.paper.errors import RefusalError, refusal
from exchange.paper.limits import Limits
from exchange.paper.params import Params
from exchange.paper.routes.account import ACCOUNT
from exchange.paper.routes.endpoint import Endpoint, Security
from exchange.paper.routes.orders import ORDERS
from exchange.paper.routes.public import PUBLIC
from exchange.paper.venue import Venue

ROUTES: dict[tuple[str, str], Endpoint] = {**PUBLIC, **ACCOUNT, **ORDERS}
_INVALID_PATH = -5000


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: query and body undecoded."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    key: str | None = None

    @property
    def name(self) -> str:
        """`POST /fapi/v1/order`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 0: the line was cut or never answered."""

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """Binance's code in a refusal, else 0."""
        return int(self.content.get("code", 0)) if self._is_refusal else 0

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return json.dumps(self.content, separators=(",", ":"))

    @property
    def _is_refusal(self) -> bool:
        return self.status >= 400 and isinstance(self.content, dict)


class Door:
    """Answers requests; knows nothing of sockets."""

    def __init__(self, venue: Venue, keys: Keys, limits: Limits) -> None:
        self.venue = venue
        self.keys = keys
        self.limits = limits

    def answer(self, request: Request, params: Params) -> Answer:
        """Carry a request out, or say why not."""
        endpoint = ROUTES.get((request.method, request.path))
        now = self.venue.clock.wall_ms()
        counts_orders = endpoint is not None and endpoint.orders > 0
        try:
            content = self._carried_out(request, params, endpoint, now)
            status, extra = 200, {}
        except RefusalError as error:
            status, content = error.status, error.body
            extra = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return Answer(status, content, self.limits.headers(now, orders=counts_orders) | extra)

    def _carried_out(
        self, request: Request, params: Params, endpoint: Endpoint | None, now: int
    ) -> Any:
        if endpoint is None:
            self.limits.count(1, 0, now)
            text = f"Path {request.path}, Method {request.method} is invalid"
            raise RefusalError(_INVALID_PATH, 404, text)
        self.limits.count(endpoint.weight_of(params), endpoint.orders, now)
        if endpoint.security is not Security.NONE:
            check_key(self.keys, request.key)
        if endpoint.security is Security.SIGNED:
            check_signature(self.keys, request.query, request.body, params, self.venue.clock)
        return endpoint.answer(self.venue, params)


def refused(code: int, status: int | None = None, retry_after: int | None = None) -> Answer:
    """An answer with Binance's text for a code."""
    error = refusal(code, status=status)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(error.status, error.body, headers)
