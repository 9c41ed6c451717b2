"""The verdict on markets whose truth is known, a sample of what tests/bench counts (10 s)."""

from collections import Counter

import optuna
import pytest

from tests.optimize.known_markets import NO_COSTS, mean_reverting, random_walk, small_search

SEARCHES = 4


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_what_is_found_on_random_walks_is_called_overfit() -> None:
    words = Counter(
        small_search(random_walk(seed), seed).verdict.word for seed in range(1000, 1000 + SEARCHES)
    )
    assert words["OVERFIT"] == SEARCHES, words


def test_a_random_walk_without_costs_is_seen_through_as_well() -> None:
    words = Counter(
        small_search(random_walk(seed), seed, NO_COSTS).verdict.word
        for seed in range(2000, 2000 + SEARCHES)
    )
    assert words["OVERFIT"] >= SEARCHES - 1, words


def test_a_real_edge_is_called_robust() -> None:
    words = Counter(
        small_search(mean_reverting(seed), seed).verdict.word
        for seed in range(3000, 3000 + SEARCHES)
    )
    assert words["ROBUST"] >= SEARCHES - 1, words


def test_a_real_edge_is_no_overfit_where_all_trials_are_alike() -> None:
    without_effect = {"funding_harvest_threshold": {"type": "float", "low": 0.0003, "high": 0.0005}}
    found = small_search(mean_reverting(3000), 3000, space=without_effect)
    assert found.examination.overfitting is not None
    assert found.examination.overfitting.probability == 1.0
    assert found.verdict.word == "ROBUST"
