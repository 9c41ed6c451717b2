"""How often the verdict is right on markets whose truth is known: 400 searches, about 15 min.

Each is a search as `gridtui optimize` makes it, with its study, windows, purge and hold-out.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from engine.features import Bars
from engine.optimize.conclusion import Conclusion
from engine.optimize.verdict import LEAST_DEFLATED
from tests.optimize.known_markets import DAYS, NO_COSTS, mean_reverting, random_walk, searched

SEARCHES = 100


@pytest.mark.parametrize(
    ("market", "days", "costs", "word", "least"),
    [
        (random_walk, DAYS, None, "OVERFIT", 95),
        (random_walk, DAYS, NO_COSTS, "OVERFIT", 95),
        (mean_reverting, DAYS, None, "ROBUST", 80),
        (mean_reverting, 2 * DAYS, None, "ROBUST", 90),
    ],
    ids=["random walk", "random walk without costs", "real edge", "real edge, twice the days"],
)
def test_rate_of_right_verdicts(
    benchmark: BenchmarkFixture,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    market: Callable[[int, int], Bars],
    days: int,
    costs: dict[str, float] | None,
    word: str,
    least: int,
) -> None:
    def searches() -> list[Conclusion]:
        return [searched(market(seed, days), seed, tmp_path, costs) for seed in range(SEARCHES)]

    found = benchmark.pedantic(searches, rounds=1)
    words = Counter(one.verdict.word for one in found)
    bad = Counter(c.name for one in found for c in one.verdict.checks if c.passed is False)
    with capsys.disabled():
        print(f"\n{market.__name__}, {days} days: {dict(words)}; answered badly: {dict(bad)}")
        print(f"ROBUST, but by the bounded variance alone: {sum(map(by_the_bound_alone, found))}")
    assert words[word] >= least, words


def by_the_bound_alone(found: Conclusion) -> bool:
    published = found.examination.deflated
    assert published is not None
    return found.verdict.word == "ROBUST" and published.probability < LEAST_DEFLATED
