"""A dry run on recorded candles trades as a backtest with 1m detail. Costs 8 s."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.events import LiveEvent, TradeBooked
from engine.features import warmup_bars
from engine.live.start import Exchange, begin
from engine.live.store import RunStore
from engine.params import StrategyParams
from engine.strategy import GridStrategyV4
from exchange.broker import FundingRate
from exchange.candles import fetch_data
from exchange.dryrun import DryRunBroker
from exchange.paper.numbers import exact
from exchange.symbol import Symbol
from tests.dryrun.market import MINUTE, MemoryMarket

START, BARS = "2023-07-18", 330
BAR = 15 * MINUTE


class Recorded(MemoryMarket):
    """Recorded minutes, and bars of 15 of them."""

    def __init__(self, minutes: pd.DataFrame, bars: pd.DataFrame, now: int) -> None:
        super().__init__([], now)
        self.candles, self._bars = minutes, bars
        known = bars[["timestamp", "funding_rate"]].dropna()
        self.rates = [
            FundingRate(int(ms), exact(rate)) for ms, rate in known.itertuples(index=False)
        ]

    async def closed_candles(self, timeframe: str, since_ms: int) -> pd.DataFrame:
        table, length = (self.candles, MINUTE) if timeframe == "1m" else (self._bars, BAR)
        opens = table["timestamp"].to_numpy()
        first, last = np.searchsorted(opens, [since_ms, self.now - length + 1])
        return table.iloc[first:last].reset_index(drop=True)

    async def mark_price(self) -> Decimal:
        row = np.searchsorted(self.candles["timestamp"].to_numpy(), self.now, side="right") - 1
        return exact(self.candles["open"].iloc[row])


class MarketClock:
    """The recorded time."""

    def __init__(self, market: Recorded) -> None:
        self._market = market

    def now_ms(self) -> int:
        return self._market.now

    async def sync(self) -> float:
        return 0.0

    async def sleep_ms(self, ms: float) -> None:
        del ms
        await asyncio.sleep(0)


@pytest.mark.market_data
async def test_a_dry_run_trades_as_a_backtest_with_one_minute_detail(
    market_data: Path, tmp_path: Path
) -> None:
    minutes = pd.read_parquet(market_data / "BTCUSDT_1m_2023-07.parquet")
    first = int(pd.Timestamp(START, tz="UTC").timestamp() * 1000)
    bars = fetch_data("BTC", "15m", first, first + BARS * BAR, source=market_data)
    params = StrategyParams()
    tested = GridStrategyV4(params, symbol="BTC").run(bars, detail=minutes)
    begun = warmup_bars(bars["timestamp"].to_numpy(), params, BAR)

    market = Recorded(minutes, bars, first + begun * BAR)
    events: list[LiveEvent] = []
    broker = DryRunBroker(
        market, wallet=int(params.initial_capital), leverage=params.leverage, fresh_s=0.0
    )
    store = RunStore(tmp_path, Symbol.parse("BTC"))
    exchange = Exchange(broker, await broker.market(), MarketClock(market))
    runner = await begin(
        exchange,
        params,
        store,
        events.append,
        capital=params.initial_capital,
        first_ms=first,
        run_id="dry1",
    )
    known = 0
    while market.now < first + BARS * BAR:
        fills = len(await broker.trades_since(None))
        if fills != known or market.now % BAR == 0:
            await runner.tick()
        known = fills
        market.now += MINUTE
    store.close()
    trades = [event.row for event in events if isinstance(event, TradeBooked)]
    expected = [row for row in tested["trades"] if row["label"] != "FINAL_CLOSE"]
    assert len(expected) >= 15
    assert [named(row) for row in trades] == [named(row) for row in expected]
    for column in ("pnl", "fee", "funding"):
        theirs = [row[column] for row in expected]
        # the recorded opens of a bar and of its first minute are not always the same price
        assert [row[column] for row in trades] == pytest.approx(theirs, abs=5e-5), column


def named(row: dict[str, Any]) -> tuple[Any, ...]:
    exactly = round(row["price"], 8), round(row["qty"], 8)
    return row["bar"], row["label"], row["side"], *exactly, row["regime"]
