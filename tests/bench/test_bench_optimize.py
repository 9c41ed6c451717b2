"""What a search costs: 200 trials x 3 coins x 4 windows on two years, and how that grows (80 s)."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.optimize.candles import Candles, CoinBars
from engine.optimize.evaluate import Evaluator
from engine.optimize.job import OptimizeJob
from engine.optimize.records import Plan, SearchResult
from engine.optimize.settings import SearchSettings
from engine.optimize.walkforward import anchored_plan
from engine.params import StrategyParams
from tests.optimize.candles import random_values

COINS = ["BTC", "ETH", "SOL"]
TWO_YEARS = {"start_date": "2022-07-01", "end_date": "2024-07-01"}
SECONDS_A_COIN_OF_THE_PREDECESSOR = 17.0  # one trial, four windows
MOST_SECONDS = 60.0


def job(folder: Path, database: Path, **settings: object) -> OptimizeJob:
    told = {"trials": 200, "workers": 2, "mc_perms": 0, **settings}
    found = SearchSettings(storage=str(database), **told)  # type: ignore[arg-type]
    return OptimizeJob.checked({}, {"coins": COINS, **TWO_YEARS}, found, source=str(folder))


@pytest.mark.market_data
def test_two_hundred_trials_on_two_years_of_three_coins(
    benchmark: BenchmarkFixture,
    market_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    databases = iter(range(100))

    def whole() -> SearchResult:
        mine = job(market_data, tmp_path / f"{next(databases)}.db")
        candles = mine.load()
        plan = mine.plan(candles)
        with mine.pool(candles, plan) as pool:
            return mine.search(candles, plan, pool)

    result = benchmark.pedantic(whole, rounds=1)
    seconds = benchmark.stats.stats.min  # type: ignore[union-attr]
    spent = result.timings
    times = SECONDS_A_COIN_OF_THE_PREDECESSOR * len(COINS) / (seconds / 200)
    with capsys.disabled():
        print(
            f"\n200 trials, 3 coins, 4 windows, 2 workers: {seconds:.1f} s from the first candle "
            f"read to the last trial stored, {times:,.0f} times the predecessor's rate; per trial "
            f"{5 * spent.sampling:.1f} ms sampling, {5 * spent.engine:.1f} ms engine (processor "
            f"time of all workers), {5 * spent.storage:.1f} ms storage"
        )
    benchmark.extra_info["times_the_predecessor"] = times
    assert len(result.trials) == 200
    assert seconds < MOST_SECONDS
    assert times > 100


@pytest.mark.market_data
def test_how_a_trial_grows_with_coins_and_bars(
    benchmark: BenchmarkFixture,
    market_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = job(market_data, tmp_path / "study.db")
    candles = benchmark.pedantic(mine.load, rounds=1)
    cost = {
        "1 coin": _cost(_first_coins(candles, 1)),
        "2 coins": _cost(_first_coins(candles, 2)),
        "3 coins": _cost(candles),
        "half the bars": _cost(_first_bars(candles, candles.bars // 2)),
        "1 window": _cost(candles, windows=1),
        "8 windows": _cost(candles, windows=8),
    }
    _show(capsys, "a trial, processor ms", {name: 1e3 * each for name, each in cost.items()})
    assert cost["3 coins"] < 4.5 * cost["1 coin"]
    assert cost["half the bars"] < 0.75 * cost["3 coins"]


@pytest.mark.market_data
def test_how_a_search_grows_with_trials_and_workers(
    benchmark: BenchmarkFixture,
    market_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rates = {}
    per_trial = {}
    candles = benchmark.pedantic(job(market_data, tmp_path / "study.db").load, rounds=1)
    for trials, workers in ((100, 1), (100, 2), (300, 2)):
        mine = job(market_data, tmp_path / f"{trials}-{workers}.db", trials=trials, workers=workers)
        plan = mine.plan(candles)
        with mine.pool(candles, plan) as pool:
            spent = mine.search(candles, plan, pool).timings
        rates[f"{trials} trials, {workers} workers"] = trials / spent.wall
        per_trial[f"{trials} trials"] = 1e3 * (spent.sampling + spent.storage) / trials
    _show(capsys, "trials per second", rates)
    _show(capsys, "ms per trial in the searching process", per_trial)
    assert per_trial["300 trials"] < 4.0 * per_trial["100 trials"]


def _cost(candles: Candles, windows: int = 4) -> float:
    """Processor seconds of a usual trial, of the fastest of some."""
    evaluator = Evaluator(candles, _plan(candles, windows), StrategyParams())
    evaluator.trial(random_values(0))
    best = np.inf
    for _ in range(5):
        begun = time.process_time()
        evaluator.trial(random_values(0))
        best = min(best, time.process_time() - begun)
    return float(best)


def _plan(candles: Candles, windows: int) -> Plan:
    return anchored_plan(candles.solid, windows, 672, 61)


def _first_coins(candles: Candles, count: int) -> Candles:
    return replace(candles, coins=candles.coins[:count])


def _first_bars(candles: Candles, bars: int) -> Candles:
    def cut(coin: CoinBars) -> CoinBars:
        return replace(coin, bars=coin.bars._make(column[:bars] for column in coin.bars))

    return replace(candles, coins=tuple(map(cut, candles.coins)), bars=bars)


def _show(capsys: pytest.CaptureFixture[str], title: str, numbers: Mapping[str, float]) -> None:
    with capsys.disabled():
        print(f"\n{title}: " + ", ".join(f"{name} {value:.1f}" for name, value in numbers.items()))
