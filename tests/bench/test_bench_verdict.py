"""How often the verdict is right on markets whose truth is known: 300 searches, about 5 min."""

from collections import Counter
from collections.abc import Callable

import optuna
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.features import Bars
from tests.optimize.known_markets import NO_COSTS, mean_reverting, random_walk, small_search

SEARCHES = 100


@pytest.mark.parametrize(
    ("market", "costs", "word", "least"),
    [
        (random_walk, None, "OVERFIT", 95),
        (random_walk, NO_COSTS, "OVERFIT", 95),
        (mean_reverting, None, "ROBUST", 80),
    ],
    ids=["random walk", "random walk without costs", "real edge"],
)
def test_rate_of_right_verdicts(
    benchmark: BenchmarkFixture,
    capsys: pytest.CaptureFixture[str],
    market: Callable[[int], Bars],
    costs: dict[str, float] | None,
    word: str,
    least: int,
) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def searches() -> Counter[str]:
        return Counter(
            small_search(market(seed), seed, costs).verdict.word for seed in range(SEARCHES)
        )

    words = benchmark.pedantic(searches, rounds=1)
    with capsys.disabled():
        print(f"\n{market.__name__}: {dict(words)} of {SEARCHES} searches")
    assert words[word] >= least, words
