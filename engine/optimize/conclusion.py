"""What follows from a finished search: robust parameters, and every doubt about them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.optimize.candles import Candles
from engine.optimize.evaluate import Evaluation
from engine.optimize.examination import Examination, coin_markets, examine
from engine.optimize.records import Number, SearchResult, TrialRecord
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
from engine.wording import plural


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A search with all that was learnt from it.

    `search`: its notes say what was left out, too; `params`: the robust parameters with those that
    were not searched; `robust`: how they score on the windows, as a trial would; `importance`:
    shares that fall and sum to 1, or empty.
    """

    search: SearchResult
    cluster: RobustCluster
    params: StrategyParams
    robust: Evaluation
    importance: Mapping[str, float]
    plateau: Plateau | None
    examination: Examination
    verdict: Verdict

    @property
    def fallen(self) -> bool:
        """Whether the robust parameters score below every trial that they are the median of: those
        trials lie around several peaks, or a bent one, and the median in between."""
        return self.robust.score < self.cluster.span[0]

    @property
    def medoid(self) -> TrialRecord:
        """The trial in the midst of the best ones, which no median can fall out of."""
        return self.search.trials[self.cluster.medoid]


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
    look: Callable[[StrategyParams], int] = lambda _: 1,
) -> Conclusion:
    """Robust parameters of the finished trials, examined and judged.

    Args:
        candles: those that the search was planned on.
        permutations: of the hold-out; 0 skips them.
        on_progress: called with (what is being done, done, of all).
        look: called before the hold-out is read for parameters; how many looks that makes.

    Neighbours that cannot be (parameters that do not go together) are left out, and so are medians:
    the nearest of the best trials stands for them.

    Raises ValueError: no trial has finished.
    """
    tell = on_progress or _nobody
    base = StrategyParams.checked(search.base)
    space = Space.checked(search.space, base)
    params = [trial.params for trial in search.trials]
    scores = [trial.score for trial in search.trials]
    cluster = robust_cluster(space, params, scores, base)
    whole = space.params(cluster.params, base)
    everywhere = neighbours(space, cluster.params)
    around = [one for one in everywhere if space.objection(one.params, base) is None]
    notes = _left_out(cluster, len(everywhere) - len(around))
    found: list[Evaluation] = []
    for evaluation in evaluate([cluster.params, *(one.params for one in around)]):
        found.append(evaluation)
        tell("neighbours", len(found), 1 + len(around))
    robust, *beside = found
    flat = None
    if around:
        near = [each.score for each in beside]
        flat = plateau(robust.score, list(zip(around, near, strict=True)))
    held_out = search.plan.holdout_start < search.plan.holdout_end
    examination = examine(
        whole,
        coin_markets(candles, search.plan),
        robust.returns,
        search.returns_matrix(),
        permutations=permutations,
        seed=seed,
        on_permutation=lambda done, total: tell("permutations", done, total),
        looks=look(whole) if held_out else 1,
    )
    fall = None if flat is None else flat.median_fall
    evidence = examination.evidence(cluster.score, fall, robust.score)
    importance = parameter_importance(space, params, scores)
    return Conclusion(
        replace(search, notes=(*search.notes, *notes)),
        cluster,
        whole,
        robust,
        importance,
        flat,
        examination,
        judge(evidence),
    )


def _left_out(cluster: RobustCluster, beside: int) -> Iterable[str]:
    if cluster.nearest:
        yield (
            "the medians of the best trials do not go together: the trial nearest to them is taken"
        )
    if beside:
        yield f"left out: {plural(beside, 'neighbour')} of the robust parameters that cannot be"


def _nobody(what: str, done: int, total: int) -> None:
    """Whom nobody watches tells nobody."""
