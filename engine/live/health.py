"""How a run fares: each reading has a value, a limit and a state."""

import time
from dataclasses import dataclass
from typing import Literal

from engine.live.runner import LiveRunner
from exchange.broker import Broker

State = Literal["ok", "warning", "bad"]

HEARTBEAT_S = 1200.0
WARNING_DRAWDOWN, CRITICAL_DRAWDOWN = 0.10, 0.25
MOST_ERRORS = 5
CLOCK_MS = 500.0
_STREAM_S = {"candles": 60.0, "account": 900.0}
_BUDGET_WARNING = 0.8


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
        drawdown: of the equity at the last known price from its peak, a fraction.
        unprotected_s: seconds, in all, in which a position had no stop at the exchange.
    """

    def __init__(self, runner: LiveRunner, speed: float = 1.0) -> None:
        self._runner = runner
        self._speed = speed
        self.errors = 0
        self.last_error = ""
        self.price = 0.0
        self.drawdown = 0.0
        self.unprotected_s = 0.0
        self.clock_ms = 0.0
        self.latency_ms = 0.0
        self.positions_equal = True
        self._beat = time.monotonic()
        self._naked_since: float | None = None

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

    def watch_stops(self) -> None:
        """Count the time without a stop."""
        now = time.monotonic()
        if self._naked_since is not None:
            self.unprotected_s += now - self._naked_since
        self._naked_since = now if self._runner.unprotected() else None

    def price_is(self, price: float) -> None:
        """Judge the equity at a price."""
        self.price = price
        memory = self._runner.run.memory
        equity = self._runner.run.kernel.equity_at(price)
        memory.peak_equity = max(memory.peak_equity, equity)
        self.drawdown = 1.0 - equity / memory.peak_equity if memory.peak_equity > 0 else 0.0

    def readings(self, broker: Broker) -> list[Reading]:
        """All readings, in the order of the panel."""
        since = (time.monotonic() - self._beat) * self._speed
        naked = self._runner.unprotected()
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
        for stream, age in broker.stream_ages().items():
            limit = _STREAM_S.get(stream, HEARTBEAT_S)
            value = "no word yet" if age is None else f"{age:.0f} s"
            fresh = age is not None and age < limit
            readings.append(
                Reading(f"{stream} stream", value, f"{limit:.0f} s", "ok" if fresh else "warning")
            )
        return readings


def _graded(value: float, warning: float, bad: float) -> State:
    if value >= bad:
        return "bad"
    return "warning" if value >= warning else "ok"
