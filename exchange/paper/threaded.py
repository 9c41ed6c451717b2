"""The paper exchange in a thread of its own, for clients and tests that are not async."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from exchange.paper.server import PaperExchange
from exchange.paper.venue import Happening

T = TypeVar("T")
_SECONDS = 30.0


class ThreadedExchange:
    """Runs what `make` builds until the `with` block ends; its methods wait for their result."""

    def __init__(self, make: Callable[[], PaperExchange], port: int = 0) -> None:
        self._make = make
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="paper", daemon=True)
        self.exchange: PaperExchange

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(_SECONDS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self.exchange.stop(), self._loop).result(_SECONDS)
        finally:
            self._end()

    @property
    def url(self) -> str:
        return self.exchange.url

    def call(self, action: Callable[[PaperExchange], T]) -> T:
        """Do something with the exchange in its own thread, and wait for the result."""

        async def act() -> T:
            return action(self.exchange)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(_SECONDS)

    def post(self, action: Callable[[PaperExchange], object]) -> None:
        """Do something with the exchange in its own thread, without waiting for it."""
        self._loop.call_soon_threadsafe(action, self.exchange)

    def open_bar(self) -> int | None:
        """See `Venue.open_bar`."""
        return self.call(lambda exchange: exchange.open_bar())

    def walk_bar(self) -> list[Happening]:
        """See `Venue.walk_bar`."""
        return self.call(lambda exchange: exchange.walk_bar())

    def step(self) -> Happening | None:
        """See `Venue.step`."""
        return self.call(lambda exchange: exchange.step())

    def advance_to(self, ms: int) -> list[Happening]:
        """See `Venue.advance_to`."""
        return self.call(lambda exchange: exchange.advance_to(ms))

    async def _begin(self) -> None:
        self.exchange = self._make()
        await self.exchange.start(self._port)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()
