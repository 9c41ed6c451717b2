"""What the strategy's loop costs: `pytest tests/bench --benchmark-only` (this file: about 15 s)."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.features import Bars, build, warmup_bars
from engine.loop import simulate
from engine.params import StrategyParams
from exchange.market import market_for
from tests.bench.fused import fused_pass, nanoseconds_per_bar
from tests.bench.made_up import QUARTER_MS, made_up_bars

TWO_YEARS = 70_080
SIZES = (TWO_YEARS, 262_800, 1_051_200)


def features_and_kernel(bars: Bars) -> np.ndarray:
    params = StrategyParams()
    warmup = warmup_bars(bars.time, params, QUARTER_MS)
    features = build(bars, params, QUARTER_MS)
    return simulate(features, params, market_for("BTC"), warmup).equity


def test_kernel_of_two_years(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = made_up_bars(TWO_YEARS)
    params = StrategyParams()
    market = market_for("BTC")
    features = build(bars, params, QUARTER_MS)
    warmup = warmup_bars(bars.time, params, QUARTER_MS)
    outcome = benchmark(simulate, features, params, market, warmup)
    yardstick = nanoseconds_per_bar(lambda: fused_pass(bars.high, bars.low, bars.close), TWO_YEARS)
    kernel = nanoseconds_per_bar(lambda: simulate(features, params, market, warmup), TWO_YEARS)
    whole = nanoseconds_per_bar(lambda: features_and_kernel(bars), TWO_YEARS)
    benchmark.extra_info["kernel_to_fused_pass"] = kernel / yardstick
    benchmark.extra_info["features_and_kernel_to_fused_pass"] = whole / yardstick
    with capsys.disabled():
        print(
            f"\nfused pass {yardstick:.1f} ns a bar; kernel {kernel:.0f}, {kernel / yardstick:.1f} "
            f"times; features and kernel {whole:.0f}, {whole / yardstick:.1f} times; "
            f"{len(outcome.fills):,} fills"
        )
    assert len(outcome.fills) > 1000


def test_cost_of_a_bar_does_not_grow_with_their_number(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = made_up_bars(SIZES[-1])
    costs = {}
    for size in SIZES:
        part = Bars(*(np.ascontiguousarray(column[:size]) for column in bars))
        costs[size] = nanoseconds_per_bar(lambda part=part: features_and_kernel(part), size, 5)
    benchmark.pedantic(features_and_kernel, (bars,), rounds=1)
    benchmark.extra_info["nanoseconds_a_bar"] = {str(size): cost for size, cost in costs.items()}
    with capsys.disabled():
        for size, cost in costs.items():
            print(f"\nfeatures and kernel of {size:>9,} bars: {cost:.0f} ns a bar", end="")
        print()
    assert max(costs.values()) < 3 * min(costs.values())
