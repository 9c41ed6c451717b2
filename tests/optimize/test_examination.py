"""The permutation test keeps its level on markets without memory, and has power (5 s)."""

import numpy as np
import pytest

from engine.features import Bars
from engine.optimize.examination import CoinMarket, examine
from engine.params import StrategyParams
from exchange.market import market_for
from tests.optimize.known_markets import (
    NO_COSTS,
    QUARTER_MS,
    START_PRICE,
    mean_reverting,
    random_walk,
)

DAYS, HOLDOUT_DAYS, PERMUTATIONS = 24, 12, 19
NOTHING = np.zeros((0, 0))


def p_value(bars: Bars, seed: int, coins: int = 1) -> float:
    market = market_for("BTC", START_PRICE)
    start = len(bars.time) - HOLDOUT_DAYS * 96
    one = CoinMarket(bars, None, market, QUARTER_MS, start)
    params = StrategyParams.checked({**NO_COSTS, "max_position_age_hours": 72.0})
    found = examine(
        params, [one] * coins, np.zeros(0), NOTHING, permutations=PERMUTATIONS, seed=seed
    )
    assert (found.overfitting, found.deflated, found.bounded) == (None, None, None)
    assert found.p_value is not None
    return found.p_value


def test_on_random_walks_p_is_even_between_0_and_1() -> None:
    found = np.array([p_value(random_walk(seed, DAYS), seed) for seed in range(100)])
    assert found.mean() == pytest.approx(0.525, abs=0.08)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=0.13)
    assert np.mean(found <= 0.05) <= 0.10


def test_an_edge_makes_p_small() -> None:
    found = [p_value(mean_reverting(seed, DAYS), seed) for seed in range(30)]
    assert np.mean(found) < 0.25
    assert np.mean(np.array(found) <= 0.05) > 0.3


def test_coins_that_are_the_same_are_permuted_as_one() -> None:
    bars = random_walk(4, DAYS)
    assert p_value(bars, 4, coins=2) == p_value(bars, 4)
