"""The verdict on markets whose truth is known, a sample of what tests/bench counts (20 s)."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.features import build, warmup_bars
from engine.loop import simulate
from engine.optimize.significance import sharpe_ratios, skilless_variance
from engine.params import StrategyParams
from exchange.market import market_for
from tests.optimize.known_markets import (
    A_DAY,
    NO_COSTS,
    QUARTER_MS,
    START_PRICE,
    mean_reverting,
    random_walk,
    searched,
)

SEARCHES = 3


def test_what_is_found_on_random_walks_is_called_overfit(tmp_path: Path) -> None:
    seeds = range(1000, 1000 + SEARCHES)
    words = Counter(searched(random_walk(seed), seed, tmp_path).verdict.word for seed in seeds)
    assert words["OVERFIT"] == SEARCHES, words


def test_a_random_walk_without_costs_is_seen_through_as_well(tmp_path: Path) -> None:
    seeds = range(2000, 2000 + SEARCHES)
    words = Counter(
        searched(random_walk(seed), seed, tmp_path, NO_COSTS).verdict.word for seed in seeds
    )
    assert words["OVERFIT"] == SEARCHES, words


def test_a_real_edge_is_called_robust(tmp_path: Path) -> None:
    seeds = range(3000, 3000 + SEARCHES)
    words = Counter(searched(mean_reverting(seed), seed, tmp_path).verdict.word for seed in seeds)
    assert words["ROBUST"] >= SEARCHES - 1, words


def test_a_real_edge_is_no_overfit_where_all_trials_are_alike(tmp_path: Path) -> None:
    without_effect = {"funding_harvest_threshold": {"type": "float", "low": 0.0003, "high": 0.0005}}
    found = searched(mean_reverting(3000), 3000, tmp_path, space=without_effect)
    assert found.examination.overfitting is not None
    assert found.examination.overfitting.probability == 1.0
    assert found.verdict.word == "ROBUST"


def test_sharpe_ratios_on_random_walks_scatter_no_more_than_the_bound() -> None:
    """The returns of a grid are neither normal nor quite independent; the bound holds for them."""
    params = StrategyParams.checked(NO_COSTS)
    found = [sharpe_on_random_walk(params, seed) for seed in range(5000, 5150)]
    ratio = np.var(found, ddof=1) / skilless_variance(89)
    assert ratio == pytest.approx(0.85, abs=0.25)  # the error of 150 draws: 0.1


def sharpe_on_random_walk(params: StrategyParams, seed: int) -> float:
    """Of 89 daily returns."""
    bars = random_walk(seed, 90)
    features = build(bars, params, QUARTER_MS)
    begin = warmup_bars(bars.time, params, QUARTER_MS)
    run = simulate(features, params, market_for("BTC", START_PRICE), begin)
    midnight = run.equity[A_DAY - 1 :: A_DAY]
    returns = midnight[1:] / midnight[:-1] - 1.0
    assert len(returns) == 89
    return float(sharpe_ratios(returns[:, None])[0])
