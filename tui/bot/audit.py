"""Every request about an order with the answers that it got, in bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from exchange.client_ids import ClientId

if TYPE_CHECKING:
    from tui.bot.view import BotView

_MOST = 5_000
_KINDS = ("order sent", "order answered")
NOT_OURS = "not ours"
NOBODY = ""
"""Who asked, where that was not recorded."""

ASKED = "ask"
"""The verb of an answer to a question that nobody has seen being sent."""


@dataclass(slots=True)
class Request:
    """A request and its answers, (ms, words, code), the newest last.

    `verb`: `place`, `cancel` or `ask`; `about`: the order in words; quantity and price as sent;
    `by`: who asked for it, and for what, see `engine.live.asked`.
    """

    time_ms: int
    verb: str
    client_id: str
    qty: str
    price: str
    about: str
    by: str = NOBODY
    answers: list[tuple[int, str, int | None]] = field(default_factory=list)

    @property
    def who(self) -> str:
        """The first word of `by`: strategy, guard, operator, shutdown, resume."""
        return self.by.partition(":")[0]

    @property
    def answer(self) -> str:
        """The last answer; "" while there is none."""
        return self.answers[-1][1] if self.answers else ""

    @property
    def code(self) -> int | None:
        """The last code that the exchange gave, also where a later answer had none."""
        return next((code for _, _, code in reversed(self.answers) if code is not None), None)

    @property
    def failed(self) -> bool:
        """Whether any of its answers told of a failure."""
        return any(": " in words or code is not None for _, words, code in self.answers)

    @property
    def took_ms(self) -> int | None:
        """Until the first answer, by the exchange's clock."""
        return self.answers[0][0] - self.time_ms if self.answers and self.verb != ASKED else None


class Audit:
    """Pairs what was sent with what was answered, as the events of a view come in."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=_MOST)
        self._open: dict[str, Request] = {}
        self._seen = (0, 0, 0, 0)

    def take(self, view: BotView) -> bool:
        """Read what is new in a view; True if there was anything."""
        taken = sum(view.counts.get(kind, 0) for kind in _KINDS)
        seen = (id(view), view.counts.get("snapshot", 0), view.recalled, taken)
        if seen == self._seen:
            return False
        new = taken - self._seen[3]
        if seen[:3] != self._seen[:3] or new > len(view.requests):
            self.requests.clear()
            self._open.clear()
            new = len(view.requests)
        self._seen = seen
        for event in reversed(list(islice(reversed(view.requests), new))):
            self._read(event)
        return True

    def about(self, client_id: str) -> list[Request]:
        """The requests about one order, the oldest first."""
        return [request for request in self.requests if request.client_id == client_id]

    def _read(self, event: dict[str, Any]) -> None:
        name = event["client_id"]
        if event["kind"] == "order sent":
            sent = (event["time_ms"], event["verb"], name, event["qty"], event["price"])
            # what an older version sent and recorded has nobody
            self._add(Request(*sent, purpose(name), event.get("by", NOBODY)))
            return
        request = self._open.get(name) or Request(
            event["time_ms"], ASKED, name, "", "", purpose(name)
        )
        if request.verb == ASKED and not request.answers:
            self._add(request)
        request.answers.append((event["time_ms"], event["answer"], event["code"]))

    def _add(self, request: Request) -> None:
        self.requests.append(request)
        self._open.pop(request.client_id, None)
        self._open[request.client_id] = request
        if len(self._open) > _MOST:
            del self._open[next(iter(self._open))]


def purpose(client_id: str) -> str:
    """`long entry 2`, `short stop`: what an order is for, by its id."""
    parsed = ClientId.parse(client_id)
    if parsed is None:
        return NOT_OURS
    level = f" {parsed.level}" if parsed.role == "entry" else ""
    return f"{parsed.side} {parsed.role}{level}"
