"""What follows from a finished search: robust parameters, and every doubt about them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.optimize.candles import Candles
from engine.optimize.evaluate import Evaluation
from engine.optimize.examination import Examination, coin_markets, examine
from engine.optimize.records import Number, SearchResult
from engine.optimize.robust import (
    Plateau,
    RobustCluster,
    neighbours,
    parameter_importance,
    plateau,
    robust_cluster,
)
from engine.optimize.space import Space
from engine.optimize.verdict import Verdict, judge
from engine.params import StrategyParams


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A search with all that was learnt from it.

    `params`: the robust parameters with those that were not searched; `robust`: how they score on
    the windows, as a trial would; `importance`: shares that fall and sum to 1, or empty.
    """

    search: SearchResult
    cluster: RobustCluster
    params: StrategyParams
    robust: Evaluation
    importance: Mapping[str, float]
    plateau: Plateau | None
    examination: Examination
    verdict: Verdict


Evaluate = Callable[[Sequence[Mapping[str, Number]]], Iterable[Evaluation]]
"""Searched parameters -> what a trial of each comes to, in the same order."""


def conclude(
    search: SearchResult,
    candles: Candles,
    evaluate: Evaluate,
    *,
    permutations: int = 50,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Conclusion:
    """Robust parameters of the finished trials, examined and judged.

    Args:
        candles: those that the search was planned on.
        permutations: of the hold-out; 0 skips them.
        on_progress: called with (what is being done, done, of all).

    Raises:
        ValueError: no trial has finished.
        ParameterError: the medians of two parameters do not go together.
    """
    tell = on_progress or _nobody
    space = Space.checked(search.space)
    params = [trial.params for trial in search.trials]
    scores = [trial.score for trial in search.trials]
    cluster = robust_cluster(space, params, scores)
    whole = space.params(cluster.params, StrategyParams.checked(search.base))
    around = neighbours(space, cluster.params)
    found: list[Evaluation] = []
    for evaluation in evaluate([cluster.params, *(one.params for one in around)]):
        found.append(evaluation)
        tell("neighbours", len(found), 1 + len(around))
    robust, *beside = found
    flat = None
    if around:
        near = [each.score for each in beside]
        flat = plateau(robust.score, list(zip(around, near, strict=True)))
    examination = examine(
        whole,
        coin_markets(candles, search.plan),
        robust.returns,
        search.returns_matrix(),
        permutations=permutations,
        seed=seed,
        on_permutation=lambda done, total: tell("permutations", done, total),
    )
    evidence = examination.evidence(cluster.score, None if flat is None else flat.median_fall)
    importance = parameter_importance(space, params, scores)
    return Conclusion(
        search, cluster, whole, robust, importance, flat, examination, judge(evidence)
    )


def _nobody(what: str, done: int, total: int) -> None:
    """Whom nobody watches tells nobody."""
