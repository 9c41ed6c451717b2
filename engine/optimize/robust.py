"""Parameters from the middle of the best trials, and how far they can be trusted.

The best single trial is the luckiest one; the median of the best tenth is where many good trials
agree. How much they disagree is the coefficient of variation of each parameter, and how fast the
score falls beside the chosen point is the plateau check.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.optimize.records import Number
from engine.optimize.space import Range, Space
from engine.params import StrategyParams

TOO_FEW: Literal["too few trials"] = "too few trials"
Label = Literal["STABLE", "MODERATE", "UNSTABLE", "too few trials"]

TOP_SHARE = 0.10
STABLE_BELOW, UNSTABLE_ABOVE = 0.25, 0.50
LEAST_USED = 10
"""Trials whose scatter has a word. A deviation of n values is known to a share of
1 / sqrt(2 (n - 1)), of ten to a quarter; of fewer a CV of 0.25 is not told from one of 0.50."""
STEP_SHARE = 0.05
LEAST_SCALE = 0.1
"""Falls from a score nearer to 0 than this are measured against this: it would blow them up."""


@dataclass(frozen=True, slots=True)
class Stability:
    """The coefficient of variation of one parameter over the best `trials`."""

    cv: float
    """Standard deviation / |mean| of the trials themselves (n); infinite about a mean of 0."""
    trials: int

    @property
    def label(self) -> Label:
        """STABLE below 0.25, UNSTABLE above 0.50; none of them of fewer than `LEAST_USED`."""
        if self.trials < LEAST_USED:
            return TOO_FEW
        if self.cv < STABLE_BELOW:
            return "STABLE"
        return "MODERATE" if self.cv <= UNSTABLE_ABOVE else "UNSTABLE"


@dataclass(frozen=True, slots=True)
class RobustCluster:
    """The median of the best trials. `stability` is empty where one trial alone was used; `span`:
    scores of the worst and the best of them; `medoid`: which of all trials, counted from 0, is the
    one of them that lies in their midst; `nearest`: the medians do not go together, and the trial
    nearest to them stands for them."""

    trials: int
    used: int
    params: dict[str, Number]
    stability: dict[str, Stability]
    span: tuple[float, float]
    medoid: int
    nearest: bool = False

    def __post_init__(self) -> None:
        if self.span[0] > self.span[1] or not 0 <= self.medoid < self.trials:
            raise ValueError(f"a cluster of {self.trials} trials: {self.span}, {self.medoid}")

    @property
    def score(self) -> float | None:
        """Robustness score, the mean of all CVs: lower is better; None if there are none."""
        if not self.stability:
            return None
        return float(np.mean([one.cv for one in self.stability.values()]))


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The chosen parameters with one of them moved by `STEP_SHARE` of its range."""

    name: str
    params: dict[str, Number]


@dataclass(frozen=True, slots=True)
class Plateau:
    """How the score falls beside the chosen point: a peak between cliffs is luck."""

    chosen: float
    falls: dict[str, float]
    """Worst fall of each parameter's two neighbours, as a fraction of |chosen|; a rise is < 0."""

    @property
    def median_fall(self) -> float:
        """Of all parameters' worst falls."""
        return float(np.median(list(self.falls.values())))

    @property
    def steepest(self) -> str:
        """The parameter that costs most when it moves."""
        return max(self.falls, key=lambda name: self.falls[name])


def robust_cluster(
    space: Space,
    params: Sequence[Mapping[str, Number]],
    scores: Sequence[float],
    base: StrategyParams | None = None,
) -> RobustCluster:
    """The median of the best tenth of the trials, at least one.

    Args:
        params: of every finished trial, those of the space.
        scores: higher is better, of the same length, finite; of equals the earlier trial counts.
        base: the other parameters; None: whether the medians go together with them is not asked.

    Medians between two whole numbers, or two steps of a range, become the higher one. Where they do
    not go together, the one of these trials that lies nearest to them is taken: the distances of
    its parameters, each as a share of its range, squared and added up, are smallest. The medoid is
    the one whose distances to all the others, measured so, have the smallest sum.

    Raises ValueError without a trial, or for a score that is not finite.
    """
    if not params or len(params) != len(scores) or not np.isfinite(scores).all():
        raise ValueError("robust parameters need finished trials, each with a finite score")
    used = used_of(len(scores))
    best = np.argsort(-np.asarray(scores, np.float64), kind="stable")[:used]
    columns = {name: np.array([params[i][name] for i in best], np.float64) for name in space.names}
    middle = {
        each.name: _on_grid(each, float(np.median(columns[each.name]))) for each in space.ranges
    }
    spread = {name: Stability(_variation(values), used) for name, values in columns.items()}
    apart = base is not None and space.objection(middle, base) is not None
    if apart:
        nearest = params[best[_nearest(space, columns, middle)]]
        middle = {name: nearest[name] for name in space.names}
    # squared distances to all of them are smallest where the one to their mean is
    mean = {name: float(values.mean()) for name, values in columns.items()}
    medoid = int(best[_nearest(space, columns, mean)])
    span = float(scores[best[-1]]), float(scores[best[0]])
    spread = spread if used > 1 else {}
    return RobustCluster(len(scores), used, middle, spread, span, medoid, apart)


def used_of(trials: int) -> int:
    """How many of so many finished trials are the best tenth; one at least."""
    return max(1, math.floor(TOP_SHARE * trials + 0.5))


def interpretation(score: float | None, used: int) -> str:
    """What the robustness score of `used` trials means, in the guide's words."""
    if score is None or used < LEAST_USED:
        return f"n/a — too few trials: {used} in the best tenth, {LEAST_USED} are needed"
    if score < 0.25:
        return "EXCELLENT robustness — parameters are very stable across top trials"
    if score < 0.40:
        return "GOOD robustness — parameters generalise well"
    if score <= 0.50:
        return "ACCEPTABLE robustness — monitor live performance"
    return "WARNING — likely overfitting, widen data or reduce params"


def neighbours(space: Space, chosen: Mapping[str, Number]) -> list[Neighbour]:
    """Each parameter moved down and up by a twentieth of its range, by one step at least.

    A move that would leave the range ends at its border, and is left out where that is no move.
    """
    found: list[Neighbour] = []
    for each in space.ranges:
        here = chosen[each.name]
        moves = [min(max(to, each.low), each.high) for to in _beside(each, here)]
        found += [Neighbour(each.name, {**chosen, each.name: to}) for to in moves if to != here]
    return found


def plateau(chosen: float, around: Sequence[tuple[Neighbour, float]]) -> Plateau:
    """The falls from `chosen` to the scores of its neighbours (higher is better).

    Raises ValueError without neighbours.
    """
    if not around:
        raise ValueError("a plateau needs the scores of neighbours")
    size = max(abs(chosen), LEAST_SCALE)
    falls: dict[str, float] = {}
    for neighbour, score in around:
        fall = (chosen - score) / size
        falls[neighbour.name] = max(fall, falls.get(neighbour.name, fall))
    return Plateau(chosen, falls)


def parameter_importance(
    space: Space, params: Sequence[Mapping[str, Number]], scores: Sequence[float]
) -> dict[str, float]:
    """The share of each parameter in reaching the best tenth; falling, sums to 1.

    PED-ANOVA (Watanabe, Bansal and Hutter, 2023) as Optuna has it. Empty for fewer than 20 trials
    or scores that are all equal: nothing can be told apart.
    """
    if len(scores) < 20 or min(scores) == max(scores):
        return {}
    import optuna  # 0.5 s

    trials = [
        optuna.trial.create_trial(
            params={name: values[name] for name in space.names},
            distributions=space.distributions,
            value=score,
        )
        for values, score in zip(params, scores, strict=True)
    ]
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
        study.add_trials(trials)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)
        return optuna.importance.get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(level)


def _nearest(
    space: Space, columns: Mapping[str, npt.NDArray[np.float64]], point: Mapping[str, Number]
) -> int:
    """Which row of `columns` lies nearest to `point`; the first of equals."""
    away = np.zeros(len(next(iter(columns.values()))))
    for each in space.ranges:
        width = (each.high - each.low) or 1
        away += ((columns[each.name] - point[each.name]) / width) ** 2
    return int(np.argmin(away))


def _beside(each: Range, here: Number) -> tuple[Number, Number]:
    """The values below and above, not yet held inside the range."""
    if each.log and each.kind == "float":
        factor = (each.high / each.low) ** STEP_SHARE
        return here / factor, here * factor
    step = STEP_SHARE * (each.high - each.low)
    if (grid := _grid(each)) is not None:
        step = grid * max(1, math.floor(step / grid + 0.5))
    return _on_grid(each, here - step), _on_grid(each, here + step)


def _on_grid(each: Range, value: Number) -> Number:
    """The nearest value that the range holds, of two the higher; ints stay ints."""
    if (grid := _grid(each)) is None:
        return value
    nearest = each.low + grid * math.floor((value - each.low) / grid + 0.5)
    return int(nearest) if each.kind == "int" else nearest


def _grid(each: Range) -> Number | None:
    return 1 if each.kind == "int" and each.step is None else each.step


def _variation(values: npt.NDArray[np.float64]) -> float:
    spread, mean = float(values.std()), float(values.mean())
    if spread <= 1e-12 * abs(mean):
        return 0.0
    return spread / abs(mean) if mean else math.inf
