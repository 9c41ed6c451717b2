"""ccxt's client for Binance's USDT futures: built once, asked in one way, its failures ours."""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from exchange.binance.errors import Answer, failure_in, failure_without_answer
from exchange.binance.pace import Pace
from exchange.errors import DataError
from exchange.outcomes import ClockSkew, Failure, Throttled, UnknownOutcome, Unreachable

RECV_WINDOW_MS = 5000
"""How old a signed request may be when it arrives; one that is late is not executed."""

_METHOD = re.compile(r"(Get|Post|Put|Delete)(\w+)$")

_ANSWER: ContextVar[list[Answer] | None] = ContextVar("answer of the request in this task")


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key and its secret; neither is ever shown.

    Raises:
        DataError: one is missing or holds a blank.
    """

    api_key: str = field(repr=False)
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in (("API key", self.api_key), ("API secret", self.secret)):
            if not isinstance(value, str) or not re.fullmatch(r"\S+", value):
                raise DataError(
                    f"the {name} is missing or holds a blank: set BINANCE_API_KEY and "
                    "BINANCE_API_SECRET"
                )


@dataclass(frozen=True, slots=True)
class Venue:
    """Which Binance: the real one, demo trading (`testnet`), or any server of the same dialect.

    `base_url` is scheme, host and port of the latter (`http://127.0.0.1:8080`); nothing is sent
    anywhere else then. `stream_url` replaces the address of the streams (it ends in `/ws`).

    Raises:
        DataError: an address that is none.
    """

    testnet: bool = False
    base_url: str | None = None
    stream_url: str | None = None

    def __post_init__(self) -> None:
        for url, schemes in ((self.base_url, ("http", "https")), (self.stream_url, ("ws", "wss"))):
            if url is None:
                continue
            parts = urlsplit(url)
            if parts.scheme not in schemes or not parts.netloc or parts.query:
                raise DataError(f"{url!r} is not an address: write {schemes[-1]}://HOST:PORT")
        if self.stream_url is not None and not self.stream_url.endswith("/ws"):
            raise DataError(f"stream address {self.stream_url!r} must end in /ws")


class BinanceClient:
    """Requests to one venue with one pair of keys (None: public data only).

    Args:
        timeout_s: how long one request may stay without an answer.
        pace: one for all clients of an address and account, since the limits are theirs together.
    """

    def __init__(
        self, keys: Keys | None, venue: Venue, timeout_s: float = 10.0, pace: Pace | None = None
    ) -> None:
        self._keys = keys
        self._venue = venue
        self._timeout_s = timeout_s
        self._pace = pace or Pace()
        self._ccxt = open_ccxt(keys, venue, timeout_s, "rest")
        self._ccxt.on_rest_response = _keep_answer
        self._host: str = urlsplit(self._ccxt.urls["api"]["fapiPublic"]).netloc

    @property
    def pace(self) -> Pace:
        return self._pace

    @property
    def host(self) -> str:
        """Who is asked: `fapi.binance.com`."""
        return self._host

    @property
    def has_keys(self) -> bool:
        return self._keys is not None

    def now_ms(self) -> int:
        """The exchange's clock, ms UTC, as far as it is known."""
        return int(_local_ms() - self._ccxt.options["timeDifference"])

    async def read(self, method: str, request: Mapping[str, Any] | None = None) -> Any:
        """Ask; the parsed answer.

        Raises:
            Refused, Throttled, NotAuthorised, ClockSkew, Unreachable: see `exchange.outcomes`.
        """
        return await self._ask(method, request or {}, write=False)

    async def write(self, method: str, request: Mapping[str, Any], *, order: bool = False) -> Any:
        """Change something; the parsed answer. `order`: it counts as a new order.

        Raises:
            Refused, UnknownOutcome, Throttled, NotAuthorised, ClockSkew, Unreachable.
        """
        return await self._ask(method, request, write=True, order=order)

    async def sync_clock(self) -> int:
        """Set the clock by the exchange's; returns its time, ms UTC.

        Raises:
            Throttled, Unreachable: the exchange's time could not be read.
        """
        before = _local_ms()
        answer = await self._once("fapiPublicGetTime", {}, write=False, order=False)
        after = _local_ms()
        try:
            server = int(answer["serverTime"])
        except (KeyError, TypeError, ValueError):
            raise Unreachable("the answer holds no time") from None
        self._ccxt.options["timeDifference"] = (before + after) // 2 - server
        return server

    def quiet_s(self) -> float:
        """Seconds for which the exchange has asked for silence; 0 mostly."""
        return self._pace.quiet_s(self.now_ms())

    def open_streams(self) -> Any:
        """A `ccxt.pro` client of the same venue and keys; what it asks for counts here as well."""
        streams = open_ccxt(self._keys, self._venue, self._timeout_s, "streams")
        streams.on_rest_response = self._hear_streams
        fetch = streams.fetch

        async def fetch_if_open(*request: Any, **named: Any) -> Any:
            self._pace.require_open(self.now_ms(), order=False)
            return await fetch(*request, **named)

        # silence may have been asked for between two requests of one connecting
        streams.fetch = fetch_if_open
        return streams

    async def close(self) -> None:
        await self._ccxt.close()

    async def _ask(
        self, method: str, request: Mapping[str, Any], *, write: bool, order: bool = False
    ) -> Any:
        """One request; again once if the clock was off: then it was certainly not executed."""
        try:
            return await self._once(method, request, write=write, order=order)
        except ClockSkew as skew:
            try:
                await self.sync_clock()
            except Failure:
                raise skew from None
            return await self._once(method, request, write=write, order=order)

    async def _once(
        self, method: str, request: Mapping[str, Any], *, write: bool, order: bool
    ) -> Any:
        await self._turn(order)
        sent_ms, told = self.now_ms(), False
        self._pace.begin(order=order)
        answers: list[Answer] = []
        _ANSWER.set(answers)
        try:
            parsed = await getattr(self._ccxt, method)(dict(request))
        except Exception as error:  # a client that throws anything at all may have sent it before
            told = self._note(answers, sent_ms)
            failure = self._failure(error, answers, write=write)
            status = f", HTTP {answers[-1].status}" if answers else ""
            failure.where = f"{_endpoint(method)}{status}"
            # ccxt's text holds the signed address: it must not reach a log as the cause
            raise failure from None
        else:
            told = self._note(answers, sent_ms)
        finally:
            self._pace.end(told, self.now_ms(), order=order)
        if not isinstance(parsed, dict | list):
            words = "the answer is not Binance's; a proxy or a log-in page may have given it"
            raise (UnknownOutcome if write else Unreachable)(words)
        return parsed

    async def _turn(self, order: bool) -> None:
        """Wait until the limits have room for one more request.

        Raises:
            Throttled: the exchange has asked for silence.
        """
        self._pace.require_open(self.now_ms(), order=order)
        wait_s = self._pace.delay_s(self.now_ms(), order=order)
        while wait_s:
            await asyncio.sleep(wait_s)
            self._pace.require_open(self.now_ms(), order=order)
            wait_s = self._pace.full_s(self.now_ms(), order=order)

    def _note(self, answers: list[Answer], sent_ms: int | None = None) -> bool:
        """Says whether an answer told how many orders were sent."""
        told = False
        for answer in answers:
            told |= self._pace.note(answer.headers, self.now_ms(), sent_ms)
        return told

    def _failure(self, error: Exception, answers: list[Answer], *, write: bool) -> Failure:
        if not answers:
            return failure_without_answer(error, self._host, self._timeout_s, write=write)
        last = answers[-1]
        shown = Answer(last.status, last.headers, self._without_secrets(last.body))
        failure = failure_in(shown, write=write, now_ms=self.now_ms())
        if isinstance(failure, Throttled):
            self._pace.shut(failure)
        return failure

    def _hear_streams(self, *answered: Any) -> str:
        """ccxt's hook for the answers to what the streams ask for (listen keys, the market)."""
        answers: list[Answer] = []
        _ANSWER.set(answers)
        text = _keep_answer(*answered)
        self._note(answers)
        if answers[-1].status in (418, 429):
            failure = failure_in(answers[-1], write=False, now_ms=self.now_ms())
            if isinstance(failure, Throttled):
                self._pace.shut(failure)
        return text

    def _without_secrets(self, text: str) -> str:
        for secret in (self._keys.api_key, self._keys.secret) if self._keys else ():
            text = text.replace(secret, "***")
        return text


def open_ccxt(
    keys: Keys | None, venue: Venue, timeout_s: float, use: Literal["rest", "streams"]
) -> Any:
    """A ccxt client for USDT futures: `ccxt.async_support`'s, or `ccxt.pro`'s for streams."""
    settings: dict[str, Any] = {
        "timeout": round(timeout_s * 1000),
        "enableRateLimit": False,  # `Pace` goes by the limits that the exchange itself reports
        "options": {
            "fetchCurrencies": False,  # asks another host, and for more permissions
            "fetchMargins": False,
            "recvWindow": RECV_WINDOW_MS,
            "maxRetriesOnFailure": 0,  # it would send orders again blindly
            "timeDifference": 0,
            "watchPositions": {"fetchPositionsSnapshot": False},
            "watchBalance": {"fetchBalanceSnapshot": False},
        },
    }
    if keys is not None:
        settings |= {"apiKey": keys.api_key, "secret": keys.secret}
    if use == "rest":
        from ccxt.async_support import binanceusdm  # costs 0.9 s
    else:
        from ccxt.pro import binanceusdm
    client = binanceusdm(settings)
    client.logger = _quiet_logger()
    if venue.testnet:
        client.enable_demo_trading(True)
    _point(client, venue)
    return client


def _point(client: Any, venue: Venue) -> None:
    """Send the client to the venue's own addresses, and nowhere else."""
    urls: dict[str, Any] = client.urls["api"]
    stream_url = venue.stream_url
    if venue.base_url is not None:
        base = venue.base_url.rstrip("/")
        for name, url in urls.items():
            if isinstance(url, str):
                urls[name] = f"{base}{urlsplit(url).path}"
        stream_url = stream_url or f"ws{base.removeprefix('http')}/ws"
        client.timeout_on_exit = 0  # the wait is for closing TLS
    if stream_url is not None and "ws" in urls:
        urls["ws"] = dict.fromkeys(urls["ws"], stream_url)


def _keep_answer(
    code: int,
    reason: str,
    url: str,
    method: str,
    response_headers: Mapping[str, str],
    response_body: str,
    request_headers: Any,
    request_body: Any,
) -> str:
    """ccxt's hook for answers; the parameters are ccxt's."""
    del reason, url, method, request_headers, request_body
    answers = _ANSWER.get(None)
    if answers is not None:
        headers = {name.lower(): value for name, value in response_headers.items()}
        answers.append(Answer(code, headers, response_body))
    return response_body.strip()


def _endpoint(method: str) -> str:
    """`fapiPrivateV3GetPositionRisk` as `GET positionRisk`."""
    verb, name = _METHOD.search(method).groups()  # type: ignore[union-attr]
    return f"{verb.upper()} {name[0].lower()}{name[1:]}"


def _quiet_logger() -> logging.Logger:
    """ccxt logs keys and signed addresses at DEBUG: this logger does not pass them on."""
    logger = logging.getLogger("exchange.ccxt")
    logger.setLevel(logging.WARNING)
    return logger


def _local_ms() -> int:
    return time.time_ns() // 1_000_000
