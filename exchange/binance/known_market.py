"""A market's listing as it was read last, read again before it is too old to go by."""

import time
from collections.abc import Awaitable, Callable

from exchange.broker import ListedMarket

OLDEST_S = 3600.0
"""Filters change without notice, some times a year."""

JUST_READ_S = 10.0
"""An order that the filters refuse is judged again unless they were read so shortly before: thirty
orders refused at once cost one question."""


class KnownMarket:
    """Args: read: asks the exchange for the listing; raises what the broker's reads raise."""

    def __init__(self, read: Callable[[], Awaitable[ListedMarket]]) -> None:
        self._read = read
        self._listed: ListedMarket | None = None
        self._read_at = 0.0

    async def read(self) -> ListedMarket:
        """As the exchange lists it now."""
        self._listed = await self._read()
        self._read_at = time.monotonic()
        return self._listed

    async def current(self) -> ListedMarket:
        """As it was read within the last hour; a halt is over sooner, and is asked for again."""
        listed = self._listed
        return listed if listed and listed.trading and self._age_s < OLDEST_S else await self.read()

    async def newest(self) -> ListedMarket:
        """As it was read a moment ago."""
        listed = self._listed
        return listed if listed and self._age_s < JUST_READ_S else await self.read()

    @property
    def _age_s(self) -> float:
        return time.monotonic() - self._read_at
