"""How a run fares: each reading has a value, a limit and a state."""

import time
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from engine.events import LiveEvent, OrderAnswered, TradeBooked
from engine.live.asked import BY_POSITIONS
from engine.live.runner import LiveRunner
from engine.live.wallet import TOLERANCE
from engine.wording import lasting
from exchange.broker import Broker
from exchange.timeframe import DAY_MS

State = Literal["ok", "warning", "bad"]

HEARTBEAT_S = 1200.0
WARNING_DRAWDOWN, CRITICAL_DRAWDOWN = 0.10, 0.25
MOST_ERRORS = 5
CLOCK_MS = 500.0
PRICE_S = 60.0
"""A mark price that is older, by the exchange's clock, is a bad reading."""

_PATIENCE_S = 5.0
"""... but where that clock runs fast, an answer may take so long by ours."""

USUAL_S = 1.0
"""A stop that rests so long after its fill was not late."""

_STREAM_S = {"candles": 60.0, "account": 900.0}
_BUDGET_WARNING = 0.8
_IN_SECONDS = 100.0

BARE = "health: unprotected"
"""Key of the alarm that a position is, or was, without a stop."""


@runtime_checkable
class Budgeted(Protocol):
    """A broker whose requests are counted."""

    @property
    def weight(self) -> tuple[int, int]:
        """Of the requests in the minute of the last answer, and its limit; 0: there is none."""
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
        price_ms: when that was, or when the watch began, by the exchange's clock.
        drawdown: of the equity at the last known price from its peak, a fraction.
    """

    def __init__(self, runner: LiveRunner, speed: float = 1.0) -> None:
        self._runner = runner
        self._speed = speed
        self.errors = 0
        self.price = 0.0
        self.price_ms = runner.run.clock.now_ms()
        self.drawdown = 0.0
        self.clock_ms = 0.0
        self.latency_ms = 0.0
        self.positions_equal = True
        self._beat = time.monotonic()
        self._changed = False

    def beat(self) -> None:
        """A tick went through."""
        self._beat = time.monotonic()
        self.errors = 0
        self.watch_stops()
        self.positions_equal = BY_POSITIONS not in self._runner.run.memory.paused

    def failed(self) -> None:
        """A tick did not go through."""
        self.errors += 1
        self.watch_stops()

    @property
    def unprotected_s(self) -> float:
        """Real seconds, in all, in which a position had no stop for all of it at the exchange,
        those included in which the run was down.

        A stop follows its fill: the first `USUAL_S` count only where it took longer.
        """
        return self._runner.run.memory.unprotected_ms / 1000 / self._speed + self._naked_s()

    def hear(self, event: LiveEvent) -> None:
        """Of what the run tells: trades and answered orders change what is protected."""
        if isinstance(event, TradeBooked):
            self.watch_stops(int(event.row["timestamp"]))
        elif isinstance(event, OrderAnswered):
            self.watch_stops()

    def watch_stops(self, traded_ms: int | None = None) -> None:
        """Count the time without a stop; `traded_ms`: of a trade that was just booked."""
        memory, naked = self._runner.run.memory, bool(self._runner.unprotected())
        at_ms = self._runner.run.clock.now_ms() if traded_ms is None else traded_ms
        if naked == (memory.naked_since_ms is not None):
            return
        if memory.naked_since_ms is not None:
            lasted = at_ms - memory.naked_since_ms
            if lasted > self._usual_ms:
                memory.unprotected_ms += lasted
                memory.naked_until_ms = at_ms
                self._tell_of_bare(lasted)
        memory.naked_since_ms = at_ms if naked else None
        self._changed = True

    def _tell_of_bare(self, lasted_ms: int) -> None:
        """An alarm that is over with the next reading: what was learned too late has no other."""
        if lasted_ms > _PATIENCE_S * 1000 * self._speed:
            self._runner.run.alarm(
                BARE,
                f"unprotected: for {lasting(lasted_ms / 1000)} a position was without a stop for "
                "all of it at the exchange",
            )

    def keep(self) -> None:
        """Have on disk since when what is unprotected: a crash must not hide it; raises
        StateError."""
        if self._changed:
            self._changed = False
            self._runner.run.save()

    @property
    def _usual_ms(self) -> float:
        return USUAL_S * 1000 * self._speed

    def _naked_s(self) -> float:
        since = self._runner.run.memory.naked_since_ms
        lasts = 0 if since is None else self._runner.run.clock.now_ms() - since
        return lasts / 1000 / self._speed if lasts > self._usual_ms else 0.0

    def price_is(self, price: float, now_ms: int) -> None:
        """Judge the equity at the mark price."""
        self.price, self.price_ms = price, now_ms
        memory = self._runner.run.memory
        memory.peak_equity = max(memory.peak_equity, self._runner.run.kernel.equity_at(price))
        self.judge(price)

    def judge(self, price: float) -> None:
        """Judge the equity at a price that stands in for the mark price: it makes no peak."""
        peak, equity = self._runner.run.memory.peak_equity, self._runner.run.kernel.equity_at(price)
        self.drawdown = 1.0 - equity / peak if peak > 0 else 0.0

    @property
    def price_is_old(self) -> bool:
        """Whether the mark price has not been read for so long that it says nothing any more."""
        return self._price_age_ms > 1000 * max(PRICE_S, _PATIENCE_S * self._speed)

    @property
    def _price_age_ms(self) -> int:
        return self._runner.run.clock.now_ms() - self.price_ms

    def readings(self, broker: Broker) -> list[Reading]:
        """All readings, in the order of the panel."""
        since = (time.monotonic() - self._beat) * self._speed
        memory = self._runner.run.memory
        odd = abs(memory.unexplained) > TOLERANCE
        readings = [
            Reading(
                "heartbeat",
                _seconds(since),
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
                "wallet",
                f"{memory.unexplained:+,.2f} USDT unexplained" if odd else "as ours",
                "as ours",
                "warning" if odd else "ok",
            ),
            Reading(
                "drawdown",
                f"{self.drawdown:.1%}",
                f"{WARNING_DRAWDOWN:.0%} / {CRITICAL_DRAWDOWN:.0%}",
                _graded(self.drawdown, WARNING_DRAWDOWN, CRITICAL_DRAWDOWN),
            ),
            Reading(
                "price",
                f"{_seconds(max(0.0, self._price_age_ms / 1000))} old",
                f"{PRICE_S:.0f} s",
                "bad" if self.price_is_old else "ok",
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
                f"{CLOCK_MS:.0f} ms" if self._speed == 1.0 else "none",
                "ok" if abs(self.clock_ms) < CLOCK_MS or self._speed != 1.0 else "warning",
            ),
            self._bare(),
        ]
        if isinstance(broker, Budgeted) and broker.weight[1]:
            readings.append(_budget(broker))
        for stream, age in broker.stream_ages().items():
            limit = _STREAM_S.get(stream, HEARTBEAT_S)
            value = "no word yet" if age is None else _seconds(age)
            fresh = age is not None and age < limit
            readings.append(
                Reading(f"{stream} stream", value, f"{limit:.0f} s", "ok" if fresh else "warning")
            )
        return readings

    def _bare(self) -> Reading:
        """In the bot's time, as all of them; a warning until a day has passed without."""
        run = self._runner.run
        state: State = "ok"
        if self._naked_s() > 0:
            state = "bad"
        elif run.memory.naked_until_ms > run.clock.now_ms() - DAY_MS:
            state = "warning"
        return Reading("unprotected", _seconds(self.unprotected_s * self._speed), "0 s", state)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _IN_SECONDS else lasting(seconds)


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
