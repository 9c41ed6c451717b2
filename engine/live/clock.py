"""What time it is at the exchange, and waiting by that clock."""

import asyncio
import time
from typing import Protocol

from exchange.broker import Broker

_TICKING = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""A clock that nobody sets and that goes on while the machine sleeps; `time.monotonic` does not on
every system."""


class Clock(Protocol):
    """The exchange's time. On a paper exchange it may leap, or run faster than ours."""

    def now_ms(self) -> int:
        """ms UTC."""
        ...

    async def sync(self) -> float:
        """Set it by the exchange's answer; returns by how many ms ours was behind."""
        ...

    async def sleep_ms(self, ms: float) -> None:
        """Wait until `ms` have gone by at the exchange."""
        ...


class BrokerClock:
    """Our own clock, set right by what the broker says.

    Args:
        broker: its `server_time` is asked.
        speed: how many times faster than ours the exchange's clock runs.
    """

    def __init__(self, broker: Broker, speed: float = 1.0) -> None:
        self._broker = broker
        self._speed = speed
        self._told_ms = time.time_ns() / 1e6
        self._at = _seconds()

    def now_ms(self) -> int:
        """See `Clock.now_ms`."""
        return int(self._told_ms + (_seconds() - self._at) * 1000 * self._speed)

    async def sync(self) -> float:
        """See `Clock.sync`.

        Raises:
            Failure: the exchange did not say; the clock goes on as it was.
        """
        asked = _seconds()
        told = await self._broker.server_time()
        now = _seconds()
        expected = self.now_ms()
        self._told_ms, self._at = told + (now - asked) / 2 * 1000 * self._speed, now
        return self._told_ms - expected

    async def sleep_ms(self, ms: float) -> None:
        """See `Clock.sleep_ms`."""
        await asyncio.sleep(max(ms, 0.0) / 1000 / self._speed)


def _seconds() -> float:
    return time.monotonic() if _TICKING is None else time.clock_gettime(_TICKING)
