"""How the exchange misbehaves: by script, by chance, or told so while it runs.

A script is TOML or JSON:

    seed = 7

    [[fault]]
    what = "timeout"                    # the order is executed, the answer never comes
    endpoint = "POST /fapi/v1/order"
    number = 3                          # the third request to that endpoint
    executed = true

    [[fault]]
    what = "code"
    code = -1008
    rate = 0.02                         # two requests in a hundred, for ever

What there is (`executed` says whether the request takes effect before the fault):

- of a request: `latency` (`seconds`), `timeout`, `drop` (the line is cut), `http` (`status`,
  `text`), `code` (`code`), `stale` (a GET gets its previous answer once more);
- of candles in a klines answer: `candle_missing`, `candle_repeated`, `candle_revised` (the close
  times 1 + `share`); `back` counts from the last candle, 0;
- of orders: `expire_post_only` (EXPIRED in place of -5022), `partial` (only `share` of it fills);
- of streams: `stream_late` (`seconds`), `stream_repeat`, `stream_reorder` (swaps with the next),
  `stream_drop`, `stream_silent` (nothing more for `seconds`; 0: for ever), `listen_key_expires`;
- of the clock: `skew` (`ms`), `drift` (`ppm`), from the moment it strikes.
"""

import json
import random
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from exchange.errors import DataError
from exchange.paper.book import Order
from exchange.paper.errors import known_codes
from exchange.paper.numbers import ONE

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
_REQUEST: tuple[str, ...] = get_args(RequestFault)
_CANDLE: tuple[str, ...] = get_args(CandleFault)
_STREAM: tuple[str, ...] = get_args(StreamFault)


class Fault(BaseModel):
    """One fault: what, and when; conditions that are not given hold always.

    Raises:
        ValidationError: an unknown field, or a value outside its bounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal[RequestFault, CandleFault, OrderFault, StreamFault]

    endpoint: str | None = None
    """`POST /fapi/v1/order`; for streams the event's name, `ORDER_TRADE_UPDATE` or `kline`."""
    number: int | None = Field(default=None, ge=1)
    """From the how-manieth request, event or order on that fits the other conditions; from 1."""
    client_id: str | None = None
    """Of the order, in order faults and in requests that name one."""
    at_ms: int | None = None
    """Not before this market time, ms UTC."""
    rate: float | None = Field(default=None, gt=0, le=1)
    """Chance that it strikes where it could."""
    times: int | None = Field(default=None, ge=1)
    """How often it strikes; without it, once, or with `rate` without end."""

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

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.what == "code" and self.code not in known_codes():
            raise ValueError(f"code must be one of {', '.join(map(str, known_codes()))}")
        if self.what == "http" and self.status is None:
            raise ValueError("an http fault needs a status")
        return self


class Faults:
    """The faults that may still strike, and the dice for those that strike by chance."""

    def __init__(self, faults: list[Fault] | None = None, seed: int = 0) -> None:
        self._dice = random.Random(seed)
        self._armed: list[_Armed] = []
        for fault in faults or []:
            self.add(fault)

    @classmethod
    def from_file(cls, path: Path) -> "Faults":
        """Read a script.

        Raises:
            DataError: it cannot be read; names the field that is wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
            script = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
            unknown = set(script) - {"seed", "fault"}
            if unknown:
                raise DataError(
                    f"{path}: {', '.join(sorted(unknown))} is not known: write seed and [[fault]]"
                )
            faults = [Fault.model_validate(entry) for entry in script.get("fault", [])]
            return cls(faults, int(script.get("seed", 0)))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "fault"
            raise DataError(f"{path}: {field}: {first['msg']}: correct it") from error
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise DataError(f"{path}: cannot be read as a fault script ({error})") from error

    def add(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Behave from now on."""
        self._armed.clear()

    def of_request(self, endpoint: str, client_id: str, now_ms: int) -> list[Fault]:
        """What strikes a request, in the order in which the faults were given."""
        return self._strike(_REQUEST, endpoint, client_id, now_ms)

    def of_candles(self, now_ms: int) -> list[Fault]:
        """What is done to the candles of an answer."""
        return self._strike(_CANDLE, "GET /fapi/v1/klines", "", now_ms)

    def of_event(self, name: str, now_ms: int) -> Fault | None:
        """What is done to a stream's event."""
        struck = self._strike(_STREAM, name, "", now_ms)
        return struck[0] if struck else None

    def fill_share(self, order: Order) -> Decimal:
        """How much of what is left of an order fills now: 1 unless a fault says otherwise."""
        struck = self._strike(("partial",), "", order.client_id, order.updated_ms)
        return struck[0].share if struck else ONE

    def expires_post_only(self, order: Order) -> bool:
        return bool(self._strike(("expire_post_only",), "", order.client_id, order.created_ms))

    def _strike(
        self, kinds: tuple[str, ...], endpoint: str, client_id: str, now_ms: int
    ) -> list[Fault]:
        struck = []
        for armed in self._armed:
            fault = armed.fault
            if fault.what in kinds and armed.fits(endpoint, client_id, now_ms):
                armed.met += 1
                if fault.number is not None and armed.met < fault.number:
                    continue
                if fault.rate is not None and self._dice.random() >= fault.rate:
                    continue
                armed.left -= 1
                struck.append(fault)
        self._armed = [armed for armed in self._armed if armed.left > 0]
        return struck


class _Armed:
    """A fault with its counts."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met = 0
        endless = fault.rate is not None and fault.times is None
        self.left: float = float("inf") if endless else fault.times or 1

    def fits(self, endpoint: str, client_id: str, now_ms: int) -> bool:
        fault = self.fault
        return (
            fault.endpoint in (None, endpoint)
            and fault.client_id in (None, client_id)
            and (fault.at_ms is None or now_ms >= fault.at_ms)
        )
