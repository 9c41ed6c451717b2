"""How the exchange misbehaves: by script, by chance, or told so while it runs.

What there is (`executed` says whether the request takes effect before the fault):

- of a request: `latency` (`seconds`), `timeout`, `drop` (the line is cut), `http` (`status`,
  `text`), `code` (`code`), `stale` (a GET gets its previous answer once more);
- of candles in a klines answer: `candle_missing`, `candle_repeated`, `candle_revised` (the close
  times 1 + `share`); `back` counts from the last candle, 0;
- of orders: `expire_post_only` (EXPIRED in place of -5022), `partial` (only `share` of it fills);
- of streams: `stream_late` (`seconds`), `stream_repeat`, `stream_reorder` (swaps with the next),
  `stream_drop`, `stream_silent` (nothing more for `seconds`; 0: for ever), `listen_key_expires`;
- of the clock: `skew` (`ms`), `drift` (`ppm`), from the moment it strikes.

`exchange.paper.fault_file` reads them from a file, `exchange.paper.fault_menu` has one of each.
"""

import math
import random
import time
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from exchange.errors import DataError
from exchange.paper.book import Order
from exchange.paper.errors import known_codes
from exchange.paper.numbers import ONE
from exchange.span import moment_ms

RequestFault = Literal["latency", "timeout", "drop", "http", "code", "stale", "skew", "drift"]
CandleFault = Literal["candle_missing", "candle_repeated", "candle_revised"]
OrderFault = Literal["expire_post_only", "partial"]
StreamFault = Literal[
    "stream_late",
    "stream_repeat",
    "stream_reorder",
    "stream_drop",
    "stream_silent",
    "listen_key_expires",
]
FaultKind = Literal[RequestFault, CandleFault, OrderFault, StreamFault]
_REQUEST: tuple[str, ...] = get_args(RequestFault)
_CANDLE: tuple[str, ...] = get_args(CandleFault)
_STREAM: tuple[str, ...] = get_args(StreamFault)
_ORDER: tuple[str, ...] = get_args(OrderFault)

_ADDRESS: dict[tuple[str, ...], set[str]] = {
    _REQUEST: {"endpoint", "side", "client_id"},
    _CANDLE: set(),
    _ORDER: {"side", "client_id"},
    _STREAM: {"endpoint"},
}
"""What can be said of where a fault of a group strikes."""

_DETAILS: dict[str, set[str]] = {
    "latency": {"seconds", "executed"},
    "timeout": {"seconds", "executed"},
    "drop": {"executed"},
    "http": {"status", "text", "retry_after", "executed"},
    "code": {"code", "status", "retry_after", "executed"},
    "skew": {"ms", "executed"},
    "drift": {"ppm", "executed"},
    "candle_missing": {"back"},
    "candle_repeated": {"back"},
    "candle_revised": {"back", "share"},
    "partial": {"share"},
    "stream_late": {"seconds"},
    "stream_silent": {"seconds"},
}
"""What is said of a fault beyond when it strikes; nothing of those that are not here."""


_SPECIFIC = set().union(*_DETAILS.values(), *_ADDRESS.values())


class Fault(BaseModel):
    """One fault: what, and when; conditions that are not given hold always.

    Raises:
        ValidationError: an unknown field, or a value outside its bounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: FaultKind

    endpoint: str | None = None
    """`POST /fapi/v1/order`, `GET` or `/fapi/v1/order`; for streams the event's name,
    `ORDER_TRADE_UPDATE` or `kline`."""
    side: Literal["BUY", "SELL"] | None = None
    """Of the order, in order faults and in requests that place one."""
    client_id: str | None = None
    """Of the order, in order faults and in requests that name one."""
    number: int | None = Field(default=None, ge=1)
    """From the how-manieth request, event or order on that fits the other conditions; from 1."""
    at_ms: int | None = Field(default=None, validation_alias=AliasChoices("at", "at_ms"))
    """Not before this market time, ms UTC; a file may say `at = 2024-01-31T12:00:00Z`."""
    after_seconds: float = Field(default=0.0, ge=0)
    """Not before this real time since it was added."""
    for_seconds: float | None = Field(default=None, gt=0)
    """Strikes for this real time from then on, every time it can unless `times` says less often;
    `inf`: until it is removed."""
    rate: float | None = Field(default=None, gt=0, le=1)
    """Chance that it strikes where it could."""
    times: int | None = Field(default=None, ge=1)
    """How often it strikes; without it once, or with `rate` or `for_seconds` without end."""

    executed: bool = False
    code: int | None = None
    status: int | None = Field(default=None, ge=400, le=599)
    text: str | None = None
    retry_after: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=0.0, ge=0, le=86_400)
    share: Decimal = Field(default=Decimal("0.5"), gt=-1, lt=1)
    back: int = Field(default=1, ge=0)
    ms: float = 0.0
    ppm: float = 0.0

    @field_validator("at_ms", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        if not isinstance(value, str | date | datetime):
            return value
        try:
            return moment_ms(value)
        except DataError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.what == "code" and self.code not in known_codes():
            raise ValueError(f"code must be one of {', '.join(map(str, known_codes()))}")
        if self.what == "http" and self.status is None:
            raise ValueError("an http fault needs a status")
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        fitting = set(_DETAILS.get(self.what, ()))
        fitting.update(*(fields for kinds, fields in _ADDRESS.items() if self.what in kinds))
        strange = given & _SPECIFIC - fitting
        if strange:
            raise ValueError(
                f"{self.what} takes no {', '.join(sorted(strange))}, only "
                f"{', '.join(sorted(fitting)) or 'when it strikes'}"
            )
        return self


class Faults:
    """The faults that may still strike, and the dice for those that strike by chance.

    `listeners` hear of each that strikes, and of what: `POST /fapi/v1/order`, an event's name, or
    an order's client id.
    """

    def __init__(self, faults: list[Fault] | None = None, seed: int = 0) -> None:
        self.listeners: list[Callable[[Fault, str], None]] = []
        self._dice = random.Random(seed)
        self._armed: list[_Armed] = []
        self._silent_until: dict[str | None, float] = {}
        for fault in faults or []:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def remove(self, fault: Fault) -> None:
        """Take one back, the very one that was added."""
        self._armed = [armed for armed in self._armed if armed.fault is not fault]

    def clear(self) -> None:
        """Behave from now on; streams that were silent go on."""
        self._armed.clear()
        self._silent_until.clear()

    def armed(self) -> list[Fault]:
        """Those that may still strike."""
        self._armed = [armed for armed in self._armed if armed.may_strike]
        return [armed.fault for armed in self._armed]

    def of_request(
        self, endpoint: str, client_id: str, now_ms: int, side: str | None = None
    ) -> list[Fault]:
        """What strikes a request, in the order in which the faults were given."""
        return self._strike(_REQUEST, _Target(endpoint, client_id, side), now_ms)

    def of_candles(self, now_ms: int) -> list[Fault]:
        """What is done to the candles of an answer."""
        return self._strike(_CANDLE, _Target("GET /fapi/v1/klines"), now_ms)

    def of_event(self, name: str, now_ms: int) -> Fault | None:
        """What is done to a stream's event."""
        struck = self._strike(_STREAM, _Target(name), now_ms)
        for fault in struck[:1]:
            if fault.what == "stream_silent":
                ends = time.monotonic() + fault.seconds if fault.seconds else math.inf
                self._silent_until[fault.endpoint] = ends
        return struck[0] if struck else None

    def is_silent(self, name: str) -> bool:
        """Whether events of this name are held back since a silence has struck."""
        ends = (self._silent_until.get(each, 0.0) for each in (name, None))
        return time.monotonic() < max(ends)

    def fill_share(self, order: Order) -> Decimal:
        """How much of what is left of an order fills now: 1 unless a fault says otherwise."""
        struck = self._strike(("partial",), _target(order), order.updated_ms)
        return struck[0].share if struck else ONE

    def expires_post_only(self, order: Order) -> bool:
        return bool(self._strike(("expire_post_only",), _target(order), order.created_ms))

    def _strike(self, kinds: tuple[str, ...], target: "_Target", now_ms: int) -> list[Fault]:
        struck = []
        for armed in self._armed:
            fault = armed.fault
            if fault.what in kinds and armed.fits(target, now_ms):
                armed.met += 1
                if fault.number is not None and armed.met < fault.number:
                    continue
                if fault.rate is not None and self._dice.random() >= fault.rate:
                    continue
                armed.left -= 1
                struck.append(fault)
        if struck:
            self._armed = [armed for armed in self._armed if armed.may_strike]
            for fault in struck:
                for listener in self.listeners:
                    listener(fault, target.endpoint or target.client_id)
        return struck


class _Target(NamedTuple):
    """What a fault might strike: a request, an event or (without endpoint) an order."""

    endpoint: str
    client_id: str = ""
    side: str | None = None


def _target(order: Order) -> _Target:
    return _Target("", order.client_id, order.side)


class _Armed:
    """A fault with its counts; it begins and ends by real time."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met = 0
        endless = fault.rate is not None or fault.for_seconds is not None
        self.left: float = fault.times or (math.inf if endless else 1)
        self.begins = time.monotonic() + fault.after_seconds
        self.ends = math.inf
        if fault.for_seconds and fault.at_ms is None:
            self.ends = self.begins + fault.for_seconds

    @property
    def may_strike(self) -> bool:
        return self.left > 0 and time.monotonic() < self.ends

    def fits(self, target: _Target, now_ms: int) -> bool:
        fault, (method, _, path) = self.fault, target.endpoint.partition(" ")
        return (
            fault.endpoint in (None, target.endpoint, method, path)
            and fault.client_id in (None, target.client_id)
            and fault.side in (None, target.side)
            and (fault.what != "stale" or method == "GET")
            and self._is_its_time(now_ms)
        )

    def _is_its_time(self, now_ms: int) -> bool:
        now, fault = time.monotonic(), self.fault
        if now < self.begins or now >= self.ends:
            return False
        if fault.at_ms is None:
            return True
        if now_ms >= fault.at_ms and fault.for_seconds and self.ends == math.inf:
            self.ends = now + fault.for_seconds
        return now_ms >= fault.at_ms
