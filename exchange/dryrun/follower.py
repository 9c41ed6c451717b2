"""Keeps an account on paper up with a market that goes on elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pandas as pd

from exchange.broker import FundingRate, ListedMarket, MarketData
from exchange.checks import CANDLE_COLUMNS
from exchange.dryrun.keep_lock import KeepLock
from exchange.dryrun.keeper import Keeper, read_record
from exchange.dryrun.record import Record
from exchange.dryrun.walk import Terms, Walk
from exchange.errors import DataError
from exchange.outcomes import Action, Unreachable
from exchange.paper.notices import Listener
from exchange.paper.numbers import exact
from exchange.paper.tape import Ohlcv
from exchange.paper.venue import Venue
from exchange.timeframe import MINUTE_MS

_LOOK_BACK_MS = 100 * MINUTE_MS

_AT_A_TIME = 200
"""Candles that are walked before anything else gets its turn: some 15 ms."""


class Follower:
    """An account's walk, kept up with the market; see `DryRunBroker` for the arguments.

    `listeners` hear what happens on its venue. Everything is fetched before anything is walked: a
    market that cannot be read leaves the account as it was.
    """

    def __init__(
        self,
        market_data: MarketData,
        listed: Callable[[], Awaitable[ListedMarket]],
        terms: Terms,
        keep: Path | None,
        fresh_s: float,
    ) -> None:
        self.listeners: list[Listener] = []
        self.now_ms = 0
        self._market_data = market_data
        self._listed = listed
        self._terms = terms
        self._keeper = None if keep is None else Keeper(keep)
        self._keep_lock = KeepLock(keep) if keep is not None else None
        self._fresh_s = fresh_s
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()
        self._walk: Walk | None = None

    @asynccontextmanager
    async def present(self) -> AsyncIterator[Venue]:
        """The venue as it is now; nobody else touches it meanwhile.

        Raises:
            Failure: the market cannot be read, or the record not written.
            DataError: the record is damaged, another symbol's, or another broker's.
        """
        async with self._lock:
            walk = self._walk
            if walk is None or time.monotonic() >= self._fresh_until:
                walk = await self._caught_up()
            with walk.clock.standing_at(self.now_ms):
                yield walk.venue

    async def save(self) -> None:
        """Write what has changed, if a record is kept.

        Raises:
            DataError: it cannot be written.
        """
        keeper, walk = self._keeper, self._walk
        if keeper is None or walk is None:
            return
        if keeper.save(walk.venue.account, walk.venue.book, walk.now()):
            await asyncio.to_thread(keeper.flush)  # the disk takes some ms

    def release(self) -> None:
        """Let another broker have the record."""
        if self._keep_lock is not None:
            self._keep_lock.release()

    async def _caught_up(self) -> Walk:
        now_ms = await self._market_data.server_time()
        listed = await self._listed()
        if self._walk is None:
            self._walk = await self._begun(listed, now_ms)
        walk = self._walk
        candles, rates = await self._news(walk, now_ms)
        mark = await self._market_data.mark_price()
        for first in range(0, len(candles), _AT_A_TIME):
            walk.go_on(candles.iloc[first : first + _AT_A_TIME], rates)
            await asyncio.sleep(0)
        if not candles.empty:
            try:
                await self.save()
            except DataError as error:
                raise Unreachable(str(error), action=Action.HALT) from error
        walk.look(listed, mark)
        self.now_ms = max(now_ms, walk.clock.market_ms)
        self._fresh_until = time.monotonic() + self._fresh_s
        return walk

    async def _begun(self, listed: ListedMarket, now_ms: int) -> Walk:
        """The walk as the record has it, or a new one of which this minute is the first."""
        record = self._kept(listed.market.symbol.id)
        past = record or await self._candle_before(now_ms // MINUTE_MS * MINUTE_MS)
        return Walk(listed, self._terms, past, self.listeners)

    def _kept(self, symbol: str) -> Record | None:
        if self._keeper is None or self._keep_lock is None:
            return None
        self._keep_lock.take()
        try:
            return read_record(self._keeper.path, symbol)
        except DataError:
            self._keep_lock.release()
            raise

    async def _candle_before(self, ms: int) -> Ohlcv:
        candles = await self._candles(ms - _LOOK_BACK_MS)
        candles = candles[candles["timestamp"] < ms]
        if candles.empty:
            raise Unreachable("the market has no closed 1m candle of the last 100 minutes")
        opened, *numbers = candles.iloc[-1]
        return Ohlcv(int(opened), *(exact(number) for number in numbers))

    async def _news(self, walk: Walk, now_ms: int) -> tuple[pd.DataFrame, list[FundingRate]]:
        """Candles that have closed since, and the settlements that may lie in them."""
        if now_ms < walk.last_ms + 2 * MINUTE_MS:
            return pd.DataFrame(), []
        candles = await self._candles(walk.last_ms + MINUTE_MS)
        if candles.empty:
            return candles, []
        since_ms = walk.settlements_from_ms(int(candles["timestamp"].iloc[-1]))
        if since_ms is None:
            return candles, []
        return candles, await self._market_data.funding_rates(since_ms)

    async def _candles(self, since_ms: int) -> pd.DataFrame:
        candles = await self._market_data.closed_candles("1m", since_ms)
        return candles[list(CANDLE_COLUMNS)]
