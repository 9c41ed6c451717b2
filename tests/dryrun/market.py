"""A market in memory whose clock and prices a test sets."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from exchange.broker import FundingRate, Hint, ListedMarket
from exchange.market import Market, market_for
from exchange.outcomes import Unreachable
from exchange.symbol import Symbol

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_704_067_200_000  # 2024-01-01 00:00 UTC

Candle = tuple[float, float, float, float]


class MemoryMarket:
    """An `exchange.broker.MarketData`: candles (open, high, low, close) of the minutes from START.

    `now` is its clock, ms UTC; `mark` its mark price; while `down` it cannot be reached. `asked`
    counts the questions.
    """

    def __init__(self, candles: list[Candle], now: int, mark: object = None) -> None:
        table = pd.DataFrame(candles, columns=["open", "high", "low", "close"], dtype=float)
        table.insert(0, "timestamp", START + MINUTE * table.index.to_numpy())
        table["volume"] = 1.0
        self.candles = table
        self.now = now
        self.mark = mark
        self.rates: list[FundingRate] = []
        self.down = False
        self.asked: dict[str, int] = {}
        self.closed = False

    @property
    def symbol(self) -> Symbol:
        return Symbol.parse("BTC")

    def _ask(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1
        if self.down:
            raise Unreachable("the line is cut")

    async def market(self) -> ListedMarket:
        self._ask("market")
        return listing(market_for("BTC"))

    async def server_time(self) -> int:
        self._ask("time")
        return self.now

    async def closed_candles(self, timeframe: str, since_ms: int) -> pd.DataFrame:
        self._ask("candles")
        assert timeframe == "1m"
        opens = self.candles["timestamp"]
        chosen = (opens >= since_ms) & (opens + MINUTE <= self.now)
        return self.candles[chosen].reset_index(drop=True)

    async def mark_price(self) -> Decimal:
        self._ask("mark")
        if self.mark is not None:
            return Decimal(str(self.mark))
        begun = self.candles[self.candles["timestamp"] <= self.now]
        return Decimal(repr(float(begun["open"].iloc[-1])))

    async def funding_rates(self, since_ms: int) -> list[FundingRate]:
        self._ask("rates")
        return [rate for rate in self.rates if since_ms <= rate.time_ms <= self.now]

    async def hints(self, timeframe: str) -> AsyncIterator[Hint]:
        yield Hint("candle", timeframe)

    def stream_ages(self) -> Mapping[str, float | None]:
        return {"candles": 0.5}

    async def close(self) -> None:
        self.closed = True


def listing(market: Market, **changed: Any) -> ListedMarket:
    """Filters that stand in nobody's way."""
    parts: dict[str, Any] = {
        "trading": True,
        "min_price": market.tick,
        "max_price": Decimal(1_000_000),
        "min_qty": market.step,
        "max_qty": Decimal(1000),
        "market_step": market.step,
        "market_min_qty": market.step,
        "market_max_qty": Decimal(120),
        "percent_up": Decimal("1.05"),
        "percent_down": Decimal("0.95"),
        "max_orders": 200,
        "max_stops": 200,
    }
    return ListedMarket(market, **(parts | changed))


@contextlib.contextmanager
def cut(market: MemoryMarket) -> Any:
    """The market cannot be reached meanwhile."""
    market.down = True
    try:
        yield
    finally:
        market.down = False
