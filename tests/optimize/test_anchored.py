"""Several backtests for the price of one are those backtests, to the bit (about 10 s)."""

import numpy as np
import pandas as pd
import pytest

from engine.features import Bars, Features, build, warmup_bars
from engine.loop import simulate
from engine.optimize.anchored import runs_to
from engine.params import StrategyParams
from engine.strategy import GridStrategyV4
from engine.trades import LABELS
from tests.markets import KINDS, random_market
from tests.optimize.candles import random_values

ENDS = (300, 301, 517, 700, 999)


@pytest.mark.parametrize("fill_model", ["path", "strict"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gaps"])
def test_every_run_equals_the_backtest_of_the_shorter_history(kind: str, fill_model: str) -> None:
    for seed in range(3):
        market = random_market(seed, kind, 1_000)
        params = StrategyParams.checked(random_values(seed))
        features = build(market.bars, params, market.timeframe_ms, market.settled)
        start = warmup_bars(market.bars.time, params, market.timeframe_ms)
        runs = runs_to(features, params, market.market, start, ENDS, fill_model)
        for end, run in zip(ENDS, runs, strict=True):
            settled = type(market.settled)._make(column[:end] for column in market.settled)
            shorter = build(
                Bars._make(column[:end] for column in market.bars),
                params,
                market.timeframe_ms,
                settled,
            )
            alone = simulate(shorter, params, market.market, start, fill_model=fill_model)
            assert np.array_equal(run.equity, alone.equity[start:])
            assert np.array_equal(run.fills, alone.fills)


def test_a_run_that_begins_later_equals_a_fresh_account_at_that_bar() -> None:
    market = random_market(5, "wild", 1_000)
    params = StrategyParams.checked(random_values(1))
    features = build(market.bars, params, market.timeframe_ms, market.settled)
    [run] = runs_to(features, params, market.market, 600, [900])
    cut = Features._make(column[:900] for column in features)
    alone = simulate(cut, params, market.market, 600)
    assert np.array_equal(run.equity, alone.equity[600:])
    assert np.array_equal(run.fills, alone.fills)


def test_the_runs_equal_the_public_backtest_of_the_first_candles() -> None:
    market = random_market(6, "trend", 1_000)
    params = StrategyParams.checked(random_values(2))
    columns = dict(zip(Bars._fields, market.bars, strict=True))
    df = pd.DataFrame({"timestamp": columns.pop("time"), **columns})
    features = build(market.bars, params, market.timeframe_ms)
    start = warmup_bars(market.bars.time, params, market.timeframe_ms)
    runs = runs_to(features, params, market.market, start, ENDS)
    for end, run in zip(ENDS, runs, strict=True):
        result = GridStrategyV4(params, market=market.market).run(df.iloc[:end])
        assert np.array_equal(run.equity, result["equity_curve"][start:])
        assert [LABELS[code] for code in run.fills["label"]] == [
            trade["label"] for trade in result["trades"]
        ]


def test_the_log_of_a_busy_run_grows_beyond_its_first_size() -> None:
    market = random_market(0, "wild", 30_000)
    busy = {"grid_levels": 8, "spacing_floor": 0.001, "grid_spacing_k": 0.2}
    params = StrategyParams.checked({**busy, "adaptive_floor_scale": 0.1, "order_pct": 0.2})
    features = build(market.bars, params, market.timeframe_ms, market.settled)
    start = warmup_bars(market.bars.time, params, market.timeframe_ms)
    runs = runs_to(features, params, market.market, start, [15_000, 30_000])
    alone = simulate(features, params, market.market, start)
    assert len(alone.fills) > 4_096
    assert np.array_equal(runs[1].fills, alone.fills)
