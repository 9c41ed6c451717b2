"""How a run fares: each reading has a value, a limit and a state."""

import time
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from engine.events import LiveEvent, OrderAnswered, TradeBooked
from engine.live.runner import LiveRunner
from exchange.broker import Broker

State = Literal["ok", "warning", "bad"]

HEARTBEAT_S = 1200.0
WARNING_DRAWDOWN, CRITICAL_DRAWDOWN = 0.10, 0.25
MOST_ERRORS = 5
CLOCK_MS = 500.0
USUAL_S = 1.0
"""A stop that rests so long after its fill was not late."""

_STREAM_S = {"candles": 60.0, "account": 900.0}
_BUDGET_WARNING = 0.8


@runtime_checkable
class Budgeted(Protocol):
    """A broker whose requests are counted."""

    @property
    def weight(self) -> tuple[int, int]:
        """Of the requests in the minute of the last answer, and its limit."""
        ...

    @property
    def quiet_s(self) -> float:
        """Seconds for which the exchange has asked for silence; 0 mostly."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the health panel; `value` and `limit` as an operator reads them."""

    name: str
    value: str
    limit: str
    state: State


class Health:
    """Watches one run.

    Attributes:
        errors: failures in a row.
        price: the mark price as it was asked for last; 0 before.
        price_ms: when that was, by the exchange's clock.
        drawdown: of the equity at the last known price from its peak, a fraction.
    """

    def __init__(self, runner: LiveRunner, speed: float = 1.0) -> None:
        self._runner = runner
        self._speed = speed
        self.errors = 0
        self.last_error = ""
        self.price = 0.0
        self.price_ms = 0
        self.drawdown = 0.0
        self.clock_ms = 0.0
        self.latency_ms = 0.0
        self.positions_equal = True
        self._beat = time.monotonic()
        self._naked_since: float | None = None
        self._unprotected_s = 0.0

    def beat(self) -> None:
        """A tick went through."""
        self._beat = time.monotonic()
        self.errors = 0
        self.watch_stops()
        self.positions_equal = "positions" not in self._runner.run.memory.paused

    def failed(self, reason: str) -> None:
        """A tick did not go through."""
        self.errors += 1
        self.last_error = reason
        self.watch_stops()

    @property
    def unprotected_s(self) -> float:
        """Real seconds, in all, in which a position had no stop for all of it at the exchange.

        A stop follows its fill: the first `USUAL_S` count only where it took longer.
        """
        return self._unprotected_s + self._naked_s()

    def hear(self, event: LiveEvent) -> None:
        """Of what the run tells: trades and answered orders change what is protected."""
        if isinstance(event, TradeBooked):
            self.watch_stops(int(event.row["timestamp"]))
        elif isinstance(event, OrderAnswered):
            self.watch_stops()

    def watch_stops(self, traded_ms: int | None = None) -> None:
        """Count the time without a stop; `traded_ms`: of a trade that was just booked."""
        if not self._runner.unprotected():
            self._unprotected_s += self._naked_s()
            self._naked_since = None
        elif self._naked_since is None:
            now_ms = self._runner.run.clock.now_ms()
            ago_ms = 0 if traded_ms is None else max(0, now_ms - traded_ms)
            self._naked_since = time.monotonic() - ago_ms / 1000 / self._speed

    def _naked_s(self) -> float:
        if self._naked_since is None:
            return 0.0
        lasts = time.monotonic() - self._naked_since
        return lasts if lasts > USUAL_S else 0.0

    def price_is(self, price: float, now_ms: int) -> None:
        """Judge the equity at a price."""
        self.price, self.price_ms = price, now_ms
        memory = self._runner.run.memory
        equity = self._runner.run.kernel.equity_at(price)
        memory.peak_equity = max(memory.peak_equity, equity)
        self.drawdown = 1.0 - equity / memory.peak_equity if memory.peak_equity > 0 else 0.0

    def readings(self, broker: Broker) -> list[Reading]:
        """All readings, in the order of the panel."""
        since = (time.monotonic() - self._beat) * self._speed
        naked = self._naked_s() > 0
        readings = [
            Reading(
                "heartbeat",
                f"{since:.0f} s",
                f"< {HEARTBEAT_S / 60:.0f} min",
                "ok" if since < HEARTBEAT_S else "bad",
            ),
            Reading(
                "positions",
                "equal" if self.positions_equal else "differ",
                "exact",
                "ok" if self.positions_equal else "bad",
            ),
            Reading(
                "drawdown",
                f"{self.drawdown:.1%}",
                f"{WARNING_DRAWDOWN:.0%} / {CRITICAL_DRAWDOWN:.0%}",
                _graded(self.drawdown, WARNING_DRAWDOWN, CRITICAL_DRAWDOWN),
            ),
            Reading(
                "errors",
                str(self.errors),
                f"{MOST_ERRORS} in a row",
                _graded(self.errors, 1, MOST_ERRORS + 1),
            ),
            Reading(
                "clock",
                f"{self.clock_ms:+.0f} ms",
                f"{CLOCK_MS:.0f} ms",
                "ok" if abs(self.clock_ms) < CLOCK_MS or self._speed != 1.0 else "warning",
            ),
            Reading(
                "unprotected",
                f"{self.unprotected_s:.0f} s",
                "0 s",
                "bad" if naked else ("warning" if self.unprotected_s >= 1 else "ok"),
            ),
        ]
        if isinstance(broker, Budgeted):
            readings.append(_budget(broker))
        for stream, age in broker.stream_ages().items():
            limit = _STREAM_S.get(stream, HEARTBEAT_S)
            value = "no word yet" if age is None else f"{age:.0f} s"
            fresh = age is not None and age < limit
            readings.append(
                Reading(f"{stream} stream", value, f"{limit:.0f} s", "ok" if fresh else "warning")
            )
        return readings


def _budget(broker: Budgeted) -> Reading:
    used, limit = broker.weight
    words = f"{used} of {limit} a minute"
    state: State = "warning" if used >= _BUDGET_WARNING * limit else "ok"
    if broker.quiet_s:
        words, state = f"the exchange asks for {broker.quiet_s:.0f} s of silence", "bad"
    return Reading("rate budget", words, f"{_BUDGET_WARNING:.0%}", state)


def _graded(value: float, warning: float, bad: float) -> State:
    if value >= bad:
        return "bad"
    return "warning" if value >= warning else "ok"
