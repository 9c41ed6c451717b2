"""The optimizer's conclusion on the console: the guide's report, then how honest it is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from engine.optimize.conclusion import Conclusion
from engine.optimize.examination import Examination
from engine.optimize.records import Number, Scores
from engine.optimize.robust import RobustCluster, interpretation
from engine.optimize.verdict import Check, Verdict
from engine.params import STRATEGY_PARAMS
from engine.summary import simulated_note
from engine.wording import plural

_MOST_IMPORTANT = 5
_BAR = 18
_LABELS = {"STABLE": "green", "MODERATE": "yellow", "UNSTABLE": "red"}
_WORDS = {"ROBUST": "bold green", "FRAGILE": "bold yellow", "OVERFIT": "bold red"}
_MARKS = {True: ("ok", "green"), False: ("BAD", "red"), None: ("?", "yellow")}


def print_conclusion(conclusion: Conclusion, console: Console) -> None:
    """The whole report."""
    console.print()
    if conclusion.search.simulated:
        console.print(Text(simulated_note(conclusion.search.source), "bold yellow"))
    for part in (
        cluster_lines(conclusion.cluster),
        score_lines(conclusion),
        importance_lines(conclusion.importance),
        verdict_lines(conclusion.verdict, luck_notes(conclusion.examination)),
    ):
        for line in part:
            console.print(line)


def cluster_lines(cluster: RobustCluster) -> Iterator[Text]:
    """The guide's robust parameter report."""
    yield Text("===== ROBUST PARAMETER REPORT =====", "bold")
    used = plural(cluster.used, "trial")
    yield Text(f"(Top 10% of {plural(cluster.trials, 'trial')} = {used} used)")
    yield Text()
    yield Text("Robust Parameters (median of top cluster):")
    names = _width(cluster.params, 25)
    for name, value in cluster.params.items():
        default = f"(default: {STRATEGY_PARAMS[name]:g})"
        yield Text(f"  {name:<{names}}{_value(value):>8}  {default}")
    if cluster.stability:
        yield Text()
        yield Text("Parameter Stability (CV — lower is more stable):")
    names = _width(cluster.stability, 22)
    for name, one in cluster.stability.items():
        line = Text(f"  {name:<{names}}CV={one.cv:.4f}  {_bar(one.cv):<{_BAR}}")
        yield line.append(f"[{one.label}]", _LABELS[one.label])
    yield Text()
    score = cluster.score
    yield Text(f"Overall Robustness Score: {'n/a' if score is None else f'{score:.4f}'}")
    yield Text(f"Interpretation: {interpretation(score)}")


def score_lines(conclusion: Conclusion) -> Iterator[Text]:
    """Train, test and hold-out of the robust parameters, coin by coin; the best trial beside."""
    robust, best = conclusion.robust, conclusion.search.best
    holdout = conclusion.examination.holdout_pct
    yield Text()
    yield Text("Out-of-Sample Validation (worst window of each coin):")
    for row, pair in enumerate(conclusion.search.pairs):
        line = f"  {pair:<12}train {_worst(robust.train_scores, row):>9.4f}"
        line += f"   test {_worst(robust.test_scores, row):>9.4f}"
        yield Text(line + (f"   hold-out {holdout[row]:+.2f}%" if holdout else ""))
    tested = min(map(min, robust.test_scores))
    yield Text(f"  Score {robust.score:.4f}, tested {tested:.4f}")
    yield Text(
        f"  Best single trial, #{best.number}: score {best.score:.4f}, tested "
        f"{best.test_score:.4f} (reference only, may overfit)",
        "dim",
    )
    if (flat := conclusion.plateau) is not None:
        yield Text(
            f"  Plateau: beside the point the score falls by {100 * flat.median_fall:.1f}% in the "
            f"median; steepest {flat.steepest}, {100 * flat.falls[flat.steepest]:.1f}%"
        )


def importance_lines(importance: Mapping[str, float]) -> Iterator[Text]:
    """The parameters that decided."""
    if importance:
        yield Text()
        yield Text("Parameter Importance:")
    names = _width(importance, 22)
    for name, share in list(importance.items())[:_MOST_IMPORTANT]:
        yield Text(f"  {name:<{names}}{100 * share:5.1f}%")


def luck_notes(found: Examination) -> Iterator[str]:
    """What stands behind the numbers that tell skill from luck."""
    if found.p_value is not None:
        yield (
            f"p-value: {plural(len(found.permuted_scores), 'permutation')} of the hold-out's bars; "
            f"the real hold-out scores {found.holdout_score:.4f}"
        )
    if (luck := found.overfitting) is not None:
        yield (
            f"overfitting: {plural(len(luck.logits), 'split')} of the days; the chosen trial loses "
            f"money in {100.0 * luck.probability_of_loss:.1f}% of them"
        )
    if found.bounded is not None and found.deflated is not None:
        yield (
            f"deflated: {found.bounded.sharpe:.4f} a day over {found.bounded.periods} days against "
            f"{found.bounded.expected_maximum:.4f} that {plural(found.bounded.trials, 'trial')} "
            f"without skill reach; as published {found.deflated.probability:.4f}, against "
            f"{found.deflated.expected_maximum:.4f}"
        )


def verdict_lines(verdict: Verdict, notes: Iterable[str] = ()) -> Iterator[Text]:
    """Every question, its answer and the answer wanted; then the verdict."""
    yield Text()
    yield Text("===== IS THIS OVERFIT? =====", "bold")
    names = max(len(check.name) for check in verdict.checks) + 2
    values = max(len(check.value) for check in verdict.checks) + 2
    for check in verdict.checks:
        yield _check_line(check, names, values)
    for note in notes:
        yield Text(f"  {note}", "dim")
    yield Text()
    yield Text("Verdict: ").append(verdict.sentence, _WORDS.get(verdict.word, "bold yellow"))


def _check_line(check: Check, names: int, values: int) -> Text:
    mark, style = _MARKS[check.passed]
    wanted = f"(wanted: {check.wanted})"
    line = Text(f"  {check.name:<{names}}{check.value:<{values}}{wanted:<25} ")
    return line.append(mark, style)


def _worst(scores: Scores, row: int) -> float:
    return min(scores[row])


def _width(names: Mapping[str, Any] | Sequence[str], least: int) -> int:
    """The guide's width, more where a name would touch what follows."""
    return max([least, *(len(name) + 2 for name in names)])


def _value(value: Number) -> str:
    """Four digits behind the point, more where those would be none; whole numbers as they are."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) >= 0.01 or value == 0.0 else f"{value:.6f}"


def _bar(cv: float) -> str:
    """A block for every 0.05, with room left to the label."""
    return "█" * int(min(cv * 20 + 0.5, _BAR - 2))
