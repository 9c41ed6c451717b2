"""What `GridStrategyV4.run` costs beside features and kernel: log, metrics, checks (about 6 s)."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.metrics import compute_metrics
from engine.params import StrategyParams
from engine.strategy import GridStrategyV4
from engine.trades import trade_dicts
from indicators.kama import REGIME_NAMES
from tests.bench.fused import fused_pass, nanoseconds_per_bar
from tests.bench.made_up import QUARTER_MS, made_up_bars, made_up_candles
from tests.bench.test_bench_kernel import features_and_kernel

BARS = 70_080  # two years of 15m


def test_run_of_two_years(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    df = made_up_candles(BARS)
    bars = made_up_bars(BARS)
    strategy = GridStrategyV4(StrategyParams())
    result = benchmark(strategy.run, df)
    fused = nanoseconds_per_bar(lambda: fused_pass(bars.high, bars.low, bars.close), BARS)
    kernel = nanoseconds_per_bar(lambda: features_and_kernel(bars), BARS)
    whole = nanoseconds_per_bar(lambda: strategy.run(df), BARS)
    log = nanoseconds_per_bar(lambda: trade_dicts(result["fills"], REGIME_NAMES), BARS)
    account = result["state"][0]
    metrics = nanoseconds_per_bar(
        lambda: compute_metrics(
            result["equity_curve"], result["fills"], account, bars.close, 10_000.0, QUARTER_MS
        ),
        BARS,
    )
    benchmark.extra_info["run_to_features_and_kernel"] = whole / kernel
    benchmark.extra_info["run_to_fused_pass"] = whole / fused
    with capsys.disabled():
        print(
            f"\nrun() {whole:.0f} ns a bar: {whole / kernel:.2f} times features and kernel, "
            f"{whole / fused:.1f} times the fused pass; of it the trade log {log:.0f} "
            f"({len(result['trades']):,} rows), metrics {metrics:.0f}"
        )
    assert result["metrics"]["total_trades"] > 1000
