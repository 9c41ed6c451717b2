"""What the feature table costs: `pytest tests/bench --benchmark-only` (about 5 s)."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.features import build, warmup_bars
from engine.params import StrategyParams
from tests.bars import QUARTER_MS, random_bars
from tests.bench.fused import fused_pass, nanoseconds_per_bar

BARS = 70_080  # two years of 15m


def test_features_of_two_years(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = random_bars(BARS, 7, settled=1 / 32)
    params = StrategyParams()
    features = benchmark(build, bars, params, QUARTER_MS)
    yardstick = nanoseconds_per_bar(lambda: fused_pass(bars.high, bars.low, bars.close), BARS)
    cost = nanoseconds_per_bar(lambda: build(bars, params, QUARTER_MS), BARS)
    benchmark.extra_info["ratio_to_fused_pass"] = cost / yardstick
    with capsys.disabled():
        print(
            f"\nfeatures.build {cost:.1f} ns a bar, fused pass {yardstick:.1f}: "
            f"{cost / yardstick:.1f} times"
        )
    decided = slice(warmup_bars(bars.time, params, QUARTER_MS), None)
    atr, _, er, kama, z = fused_pass(bars.high, bars.low, bars.close)
    for ours, plain in ((features.atr, atr), (features.er, er), (features.kama, kama)):
        np.testing.assert_allclose(ours[decided], plain[decided], rtol=1e-9)
    np.testing.assert_allclose(features.z[decided], z[decided], atol=1e-7)
