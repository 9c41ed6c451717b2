"""Candles for searches in tests: random markets with everything that real ones do to us."""

from dataclasses import replace

import numpy as np

from engine.features import Bars, LastSettlement
from engine.optimize.candles import Candles, CoinBars
from engine.optimize.records import Plan
from engine.optimize.space import Space
from engine.optimize.walkforward import anchored_plan, longest_window
from engine.params import StrategyParams
from tests.markets import random_market

SPACE = Space.checked()
BASE = StrategyParams()


def random_candles(*kinds: str, length: int = 5_000, seed: int = 0) -> Candles:
    """A coin for each kind of `tests.markets`, all beginning at one time."""
    coins = []
    for k, kind in enumerate(kinds):
        market = random_market(3 * seed + k, kind, length)
        coins.append(CoinBars(market.market.symbol.pair, market.bars, market.settled, "made up"))
    first = max(int(coin.bars.time[0]) for coin in coins)
    last = min(int(coin.bars.time[-1]) for coin in coins)
    step = 900_000
    return Candles(
        tuple(_cut(coin, first, last) for coin in coins),
        "15m",
        step,
        first,
        (last - first) // step + 1,
        "made up",
        True,
    )


def plan_of(candles: Candles, windows: int = 3, holdout: float = 0.15) -> Plan:
    purge = longest_window(BASE, candles.timeframe_ms) // 8
    return anchored_plan(candles.solid, windows, purge, 70, holdout)


def random_values(seed: int) -> dict[str, float | int]:
    """Parameters drawn from the whole default space."""
    rng = np.random.default_rng(seed)
    return {
        each.name: int(rng.integers(each.low, each.high + 1))
        if each.kind == "int"
        else float(rng.uniform(each.low, each.high))
        for each in SPACE.ranges
    }


def _cut(coin: CoinBars, first: int, last: int) -> CoinBars:
    inside = (coin.bars.time >= first) & (coin.bars.time <= last)
    assert coin.settled is not None
    return replace(
        coin,
        bars=Bars._make(column[inside] for column in coin.bars),
        settled=LastSettlement._make(column[inside] for column in coin.settled),
    )
