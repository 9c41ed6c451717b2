"""The exchange's clock: in lock step, or running at N times real speed.

Two readings. `market_ms` is the time that the market has reached: orders, trades and candles carry
it, and in lock step it moves only when somebody steps. `wall_ms` is what a clock on the exchange's
wall shows and what /time answers: the same, plus (in lock step) the real time since the last step,
because rate limits and a client that waits must see time pass.
`running_ms` counts real time alone: what clients renew by their own watch runs out by it.

Timestamps of signed requests come from a client that asked /time once and then counts on at real
speed, while the market may leap by a bar or run at 60 times that. So they are judged against what a
client that asked lately should show now (`signature_error`), which in real time is the wall clock
itself.
"""

import time
from collections import deque
from dataclasses import dataclass

_AHEAD_MS = 1000
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of /time: what was said, when (real seconds), and the skew that was in it."""

    told_ms: float
    at: float
    skew_ms: float


class Clock:
    """See the module.

    Args:
        start_ms: first market time, ms UTC.
        speed: None for lock step, else how many times faster than real (1.0 is real time).
    """

    def __init__(self, start_ms: int, speed: float | None = None) -> None:
        if speed is not None and not 0 < speed <= 1e6:
            raise ValueError(f"speed {speed} must be above 0 and at most 1,000,000")
        self.speed = speed
        self.skew_ms = 0.0
        self.drift_ppm = 0.0
        self._market_ms = start_ms
        self._began_ms = start_ms
        self._moved_at = self._began_at = time.monotonic()
        self._answers = deque([_Answer(start_ms, self._began_at, 0.0)], maxlen=_REMEMBERED)

    def begin(self) -> None:
        """Count real time from now on, beginning where the market stands."""
        self._began_ms = self._market_ms
        self._moved_at = self._began_at = time.monotonic()
        self._answers.clear()
        self._answers.append(_Answer(self._market_ms, self._began_at, 0.0))

    @property
    def market_ms(self) -> int:
        """Time that the market has reached, ms UTC."""
        return self._market_ms

    def due_ms(self) -> int:
        """Time that the market should have reached: itself in lock step."""
        if self.speed is None:
            return self._market_ms
        return self._began_ms + int((time.monotonic() - self._began_at) * 1000 * self.speed)

    def move_to(self, ms: int) -> None:
        """Let the market time be `ms`; it never goes back."""
        if ms > self._market_ms:
            self._market_ms = ms
            self._moved_at = time.monotonic()

    def wall_ms(self) -> int:
        """What the clock on the wall shows, without skew, ms UTC."""
        if self.speed is not None:
            return max(self._market_ms, self.due_ms())
        return self._market_ms + int((time.monotonic() - self._moved_at) * 1000)

    def running_ms(self) -> int:
        """Real time since the exchange began, ms."""
        return int((time.monotonic() - self._began_at) * 1000)

    def tell(self) -> int:
        """The answer to /time: the wall clock with its skew; signatures are judged by it."""
        skew = self._skew()
        told = self.wall_ms() + skew
        self._answers.append(_Answer(told, time.monotonic(), skew))
        return int(told)

    def signature_error(self, timestamp: int, window_ms: int) -> str | None:
        """Why a signed request's `timestamp` is refused; None if it is not."""
        now, skew = time.monotonic(), self._skew()
        late = ahead = True
        for answer in self._answers:
            shown = answer.told_ms + (now - answer.at) * 1000 + skew - answer.skew_ms
            is_ahead = timestamp >= shown + _AHEAD_MS
            is_late = shown - timestamp > window_ms
            if not (is_ahead or is_late):
                return None
            ahead, late = ahead and is_ahead, late and is_late
        if ahead and not late:
            return "Timestamp for this request was 1000ms ahead of the server's time."
        return "Timestamp for this request is outside of the recvWindow."

    def _skew(self) -> float:
        return self.skew_ms + (time.monotonic() - self._began_at) * self.drift_ppm / 1000
