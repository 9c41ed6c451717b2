"""The broker of dry runs: a market that goes on, an account that nobody but us knows.

Orders fill by the paper exchange's rules along the closed 1m candles, each walked O-L-H-C if it
closes at or above its open, else O-H-L-C: a dry run trades as a backtest with 1m detail does. An
order takes part in the path from the minute in which it was laid, that minute included. Exits and
limits that cross trade at once, at the mark price.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Self

from exchange.background import end_all, require_all, start_all
from exchange.binance.account import AccountHalf
from exchange.binance.known_market import KnownMarket
from exchange.broker import FundingRate, Hint, ListedMarket, MarketData
from exchange.dryrun.counter import Counter
from exchange.dryrun.follower import Follower
from exchange.dryrun.walk import Terms
from exchange.outcomes import Failure
from exchange.paper.notices import Notice, OrderChanged

if TYPE_CHECKING:
    import pandas as pd

FRESH_S = 1.0
"""For so long what was learned of the market counts as the present."""

_LOOK_S = 5.0
_PAUSE_S = 1.0


class DryRunBroker(AccountHalf):
    """One account on paper in one symbol; an `exchange.broker.Broker`. It needs no keys.

        async with DryRunBroker(BinanceBroker("BTC"), wallet=10_000, keep=path) as broker:
            await broker.place(order)

    Every method first lets the account live through the candles that have closed since; those of an
    outage too, however long it was. If the market cannot be read, its failure is raised.

    Args:
        market_data: whose market it is; closed with this broker.
        wallet: USDT at the start.
        leverage: of the symbol at the start, 1 to 125.
        maker, taker: fee rates.
        slippage: share of the price that exits and stops lose.
        keep: the file in which the account survives; what it holds goes before `wallet` and
            `leverage`. No other broker may use it until this one is closed. None: in memory alone.
        small_closes: whether orders that close may lie under the minimum notional.
        fresh_s: see `FRESH_S`.

    Raises:
        DataError: an amount or a rate that cannot be; when first used: `keep` is damaged,
            used by another broker, or in a folder that cannot be made.
    """

    def __init__(
        self,
        market_data: MarketData,
        *,
        wallet: Decimal | int = 10_000,
        leverage: int = 1,
        maker: Decimal = Decimal("0.0002"),
        taker: Decimal = Decimal("0.0005"),
        slippage: Decimal = Decimal("0.0005"),
        keep: Path | None = None,
        small_closes: bool = True,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._market_data = market_data
        known = KnownMarket(market_data.market)
        terms = Terms(Decimal(wallet), leverage, maker, taker, slippage, small_closes)
        self._follower = Follower(market_data, known.current, terms, keep, fresh_s)
        super().__init__(
            Counter(self._follower),
            market_data.symbol,
            known,
            self.mark_price,
            settle_waits_s=(0.0,),
        )
        self._pending: dict[Hint, None] = {}
        self._something = asyncio.Event()
        self._follower.listeners.append(self._hear)

    async def __aenter__(self) -> Self:
        try:
            async with self._follower.present():
                return self
        except BaseException:
            await self.close()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def weight(self) -> tuple[int, int]:
        """Of the market's requests in the minute of the last answer, and its limit; 0 where they
        are not counted."""
        used, limit = getattr(self._market_data, "weight", (0, 0))
        return used, limit

    @property
    def quiet_s(self) -> float:
        """Seconds for which the market has asked for silence; 0 mostly."""
        return float(getattr(self._market_data, "quiet_s", 0.0))

    async def market(self) -> ListedMarket:
        """See `MarketData.market`."""
        return await self._known.read()

    async def server_time(self) -> int:
        """See `MarketData.server_time`."""
        return await self._market_data.server_time()

    async def closed_candles(self, timeframe: str, since_ms: int) -> "pd.DataFrame":
        """See `MarketData.closed_candles`."""
        return await self._market_data.closed_candles(timeframe, since_ms)

    async def mark_price(self) -> Decimal:
        """See `MarketData.mark_price`."""
        return await self._market_data.mark_price()

    async def funding_rates(self, since_ms: int) -> list[FundingRate]:
        """See `MarketData.funding_rates`."""
        return await self._market_data.funding_rates(since_ms)

    async def hints(self, timeframe: str) -> AsyncIterator[Hint]:
        """The market's hints, and "fill" for fills of this account, which are looked for as long as
        the iterator is open.

        Raises:
            Unreachable: the account cannot be looked at (its record is damaged, say).
        """
        tasks = start_all([self._pass_on(timeframe), self._look()], self._something)
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                require_all(tasks)
                pending, self._pending = self._pending, {}
                for hint in pending:
                    yield hint
        finally:
            await end_all(tasks)

    def stream_ages(self) -> Mapping[str, float | None]:
        """See `MarketData.stream_ages`."""
        return self._market_data.stream_ages()

    async def close(self) -> None:
        """See `Broker.close`."""
        try:
            await self._market_data.close()
        finally:
            self._follower.release()

    async def _pass_on(self, timeframe: str) -> None:
        while True:
            try:
                async for hint in self._market_data.hints(timeframe):
                    self._tell(hint)
            except Failure as failure:
                self._tell(Hint("reconcile", f"the market's hints ended ({failure.reason})"))
            await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> None:
        while True:
            # whoever asks next is told the failure; nothing is lost by looking again later
            with contextlib.suppress(Failure):
                async with self._follower.present():
                    pass
            await asyncio.sleep(_LOOK_S)

    def _hear(self, notice: Notice) -> None:
        if isinstance(notice, OrderChanged) and notice.trade is not None:
            self._tell(Hint("fill", "a fill of the dry run"))

    def _tell(self, hint: Hint) -> None:
        self._pending[hint] = None
        self._something.set()
