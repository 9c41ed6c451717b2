"""The median of the best trials, their stability, importance and the plateau check (3 s)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.optimize.robust import (
    LEAST_USED,
    Stability,
    interpretation,
    neighbours,
    parameter_importance,
    plateau,
    robust_cluster,
)
from engine.optimize.space import Space
from engine.params import StrategyParams

SPACE = Space.checked(
    {
        "gamma": {"type": "float", "low": 0.3, "high": 2.0},
        "grid_levels": {"type": "int", "low": 2, "high": 6},
        "kelly_window": {"type": "int", "low": 30, "high": 100, "step": 10},
        "funding_threshold": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
    }
)


def drawn(seed: int, count: int) -> list[dict[str, int | float]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "gamma": float(rng.uniform(0.3, 2.0)),
            "grid_levels": int(rng.integers(2, 7)),
            "kelly_window": int(rng.integers(3, 11)) * 10,
            "funding_threshold": float(10 ** rng.uniform(-4, -2)),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("trials", "used"), [(1, 1), (4, 1), (14, 1), (15, 2), (50, 5), (200, 20), (205, 21)]
)
def test_a_tenth_of_the_trials_is_used_and_one_at_least(trials: int, used: int) -> None:
    cluster = robust_cluster(SPACE, drawn(1, trials), list(range(trials)))
    assert (cluster.trials, cluster.used) == (trials, used)
    assert (cluster.score is None) == (used == 1)


def test_the_median_is_that_of_the_best_alone() -> None:
    params = drawn(2, 40)
    scores = [float(i % 7) + i / 100 for i in range(40)]
    best = sorted(range(40), key=lambda i: -scores[i])[:4]
    cluster = robust_cluster(SPACE, params, scores)
    gammas = [params[i]["gamma"] for i in best]
    assert cluster.params["gamma"] == pytest.approx(np.median(gammas))
    assert cluster.stability["gamma"].cv == pytest.approx(np.std(gammas) / np.mean(gammas))
    assert cluster.score == pytest.approx(np.mean([s.cv for s in cluster.stability.values()]))


@pytest.mark.parametrize(
    ("levels", "middle"), [((2, 3), 3), ((3, 4), 4), ((2, 4), 3), ((2, 5), 4), ((6, 6), 6)]
)
def test_a_whole_number_between_two_is_rounded_up(levels: tuple[int, int], middle: int) -> None:
    params = drawn(3, 20)
    params[0]["grid_levels"], params[1]["grid_levels"] = levels
    params[0]["kelly_window"], params[1]["kelly_window"] = 30, 40
    cluster = robust_cluster(SPACE, params, [2.0, 1.0] + [0.0] * 18)
    assert cluster.params["grid_levels"] == middle
    assert isinstance(cluster.params["grid_levels"], int)
    assert cluster.params["kelly_window"] == 40


def test_of_equal_trials_the_earlier_counts() -> None:
    params = drawn(4, 10)
    assert robust_cluster(SPACE, params, [1.0] * 10).params == params[0]


@given(seed=st.integers(0, 10_000), trials=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_robust_parameters_lie_in_their_space(seed: int, trials: int) -> None:
    scores = list(np.random.default_rng(seed).normal(size=trials))
    cluster = robust_cluster(SPACE, drawn(seed, trials), scores)
    for each in SPACE.ranges:
        assert each.low <= cluster.params[each.name] <= each.high
    assert SPACE.params(cluster.params).gamma == cluster.params["gamma"]


@pytest.mark.parametrize("scores", [[], [float("nan")] * 2, [1.0], [1.0, float("inf")]])
def test_trials_without_a_score_have_no_median(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="finite score"):
        robust_cluster(SPACE, drawn(1, 2) if scores else [], scores)


@pytest.mark.parametrize(
    ("cv", "label"),
    [
        (0.0, "STABLE"),
        (0.1823, "STABLE"),
        (0.2499, "STABLE"),
        (0.25, "MODERATE"),
        (0.4950, "MODERATE"),
        (0.50, "MODERATE"),
        (0.5001, "UNSTABLE"),
        (math.inf, "UNSTABLE"),
    ],
)
def test_labels_of_stability(cv: float, label: str) -> None:
    assert Stability(cv, LEAST_USED).label == label


@pytest.mark.parametrize(("trials", "used"), [(15, 2), (94, 9)])
def test_the_scatter_of_fewer_than_ten_trials_has_no_word(trials: int, used: int) -> None:
    params = [{**drawn(1, 1)[0], "gamma": 1.0 + i / 1e6} for i in range(trials)]
    cluster = robust_cluster(SPACE, params, list(range(trials)))
    assert {one.label for one in cluster.stability.values()} == {"too few trials"}
    words = interpretation(cluster.score, cluster.used)
    assert words == f"n/a — too few trials: {used} in the best tenth, 10 are needed"
    more = robust_cluster(SPACE, params * 7, list(range(7 * trials)))
    assert {one.label for one in more.stability.values()} == {"STABLE"}


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (0.0, "EXCELLENT"),
        (0.2499999, "EXCELLENT"),
        (0.25, "GOOD"),
        (0.3012, "GOOD"),
        (0.3999999, "GOOD"),
        (0.40, "ACCEPTABLE"),
        (0.50, "ACCEPTABLE"),
        (0.5000001, "WARNING"),
        (math.inf, "WARNING"),
        (None, "n/a"),
    ],
)
def test_the_robustness_score_is_interpreted_as_in_the_guide(
    score: float | None, word: str
) -> None:
    assert interpretation(score, LEAST_USED).split()[0] == word


def test_neighbours_are_a_twentieth_away_and_inside() -> None:
    chosen = {
        "gamma": 1.0, "grid_levels": 2, "kelly_window": 60, "funding_threshold": 1e-3,
    }  # fmt: skip
    around = [(one.name, one.params[one.name]) for one in neighbours(SPACE, chosen)]
    assert around == [
        ("gamma", pytest.approx(0.915)),
        ("gamma", pytest.approx(1.085)),
        ("grid_levels", 3),
        ("kelly_window", 50),
        ("kelly_window", 70),
        ("funding_threshold", pytest.approx(1e-3 / 100**0.05)),
        ("funding_threshold", pytest.approx(1e-3 * 100**0.05)),
    ]
    for one in neighbours(SPACE, chosen):
        assert {name for name in chosen if one.params[name] != chosen[name]} == {one.name}
        SPACE.params(one.params)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_no_neighbour_leaves_the_space(seed: int) -> None:
    chosen = drawn(seed, 1)[0]
    for one in neighbours(SPACE, chosen):
        each = next(r for r in SPACE.ranges if r.name == one.name)
        assert each.low <= one.params[one.name] <= each.high


def test_a_plateau_falls_slowly_and_a_peak_falls_fast() -> None:
    chosen = {
        "gamma": 1.0, "grid_levels": 4, "kelly_window": 60, "funding_threshold": 1e-3,
    }  # fmt: skip
    around = neighbours(SPACE, chosen)
    flat = plateau(2.0, [(one, 1.9) for one in around])
    assert flat.median_fall == pytest.approx(0.05)
    peak = plateau(2.0, [(one, -2.0 if one.name == "gamma" else 1.0) for one in around])
    assert peak.falls == {
        "gamma": 2.0, "grid_levels": 0.5, "kelly_window": 0.5, "funding_threshold": 0.5,
    }  # fmt: skip
    assert (peak.steepest, peak.median_fall) == ("gamma", 0.5)


def test_the_worse_of_two_neighbours_counts_also_below_zero() -> None:
    chosen = drawn(1, 1)[0] | {"gamma": 1.0}
    gammas = [one for one in neighbours(SPACE, chosen) if one.name == "gamma"]
    assert plateau(-1.0, list(zip(gammas, [-0.5, -1.5], strict=True))).falls == {"gamma": 0.5}
    with pytest.raises(ValueError, match="neighbours"):
        plateau(1.0, [])


def test_a_score_of_nearly_nothing_does_not_blow_up_its_falls() -> None:
    around = neighbours(SPACE, drawn(1, 1)[0])
    assert plateau(0.001, [(one, -0.009) for one in around]).median_fall == pytest.approx(0.1)


def test_the_parameter_that_decides_is_the_most_important() -> None:
    params = drawn(5, 120)
    scores = [-((float(p["gamma"]) - 1.2) ** 2) for p in params]
    found = parameter_importance(SPACE, params, scores)
    assert next(iter(found)) == "gamma"
    assert found["gamma"] > 0.5
    assert set(found) == set(SPACE.names)
    assert sum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("scores", [[1.0] * 40, [1.0, 2.0] * 5])
def test_nothing_is_important_where_nothing_can_be_told_apart(scores: list[float]) -> None:
    assert parameter_importance(SPACE, drawn(1, len(scores)), scores) == {}


def test_the_medoid_is_the_best_trial_with_the_shortest_way_to_all_the_others() -> None:
    params = drawn(5, 80)
    scores = [float(s) for s in np.random.default_rng(5).normal(size=80)]
    cluster = robust_cluster(SPACE, params, scores)
    best = sorted(range(80), key=lambda k: -scores[k])[:8]
    widths = {each.name: each.high - each.low for each in SPACE.ranges}

    def way(k: int) -> float:
        apart = (
            (params[k][name] - params[other][name]) / widths[name]
            for other in best
            for name in SPACE.names
        )
        return sum(one**2 for one in apart)

    assert cluster.medoid == min(best, key=way)
    assert cluster.span == (scores[best[-1]], scores[best[0]])


def test_medians_that_do_not_go_together_give_way_to_the_nearest_trial() -> None:
    rows = {
        "halt_z_threshold": {"type": "float", "low": -4.0, "high": 0.0, "step": 1.0},
        "resume_z_threshold": {"type": "float", "low": -4.0, "high": 0.0},
        "gamma": {"type": "float", "low": 0.0, "high": 1.0},
    }
    base = StrategyParams()
    space = Space.checked(rows, base)
    far = {"halt_z_threshold": -2.0, "resume_z_threshold": -1.9, "gamma": 0.0}
    near = {"halt_z_threshold": -1.0, "resume_z_threshold": -0.95, "gamma": 1.0}
    params = [far, near, *({**far, "gamma": 0.5} for _ in range(18))]
    scores = [5.0, 4.0, *([0.0] * 18)]
    # halfway a halt of -1.5 becomes the step above, -1, and lies above a resume of -1.425
    assert robust_cluster(space, params, scores).params == {
        "halt_z_threshold": -1.0,
        "resume_z_threshold": pytest.approx(-1.425),
        "gamma": 0.5,
    }
    cluster = robust_cluster(space, params, scores, base)
    assert cluster.params == near
    assert cluster.nearest
    assert cluster.stability["gamma"].cv == 1.0
