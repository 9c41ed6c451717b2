"""The optimizer's conclusion on the console: the verdict, the guide's report, what the verdict
rests on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from engine.optimize.conclusion import Conclusion
from engine.optimize.evaluate import FILL_MODEL
from engine.optimize.examination import Examination
from engine.optimize.objective import SCALE
from engine.optimize.records import Number, Scores, SearchResult
from engine.optimize.robust import TOO_FEW, RobustCluster, interpretation
from engine.optimize.significance import DeflatedSharpe
from engine.optimize.verdict import LEAST_DEFLATED, MOST_P_VALUE, Check, Verdict
from engine.params import STRATEGY_PARAMS
from engine.summary import simulated_note
from engine.wording import plural
from engine.wrapped import print_wrapped

_MOST_IMPORTANT = 5
_BAR = 18
_LONG = 15  # answers that would push those of all others out of 80 columns
_LABELS = {"STABLE": "green", "MODERATE": "yellow", "UNSTABLE": "red", TOO_FEW: "dim"}
_WORDS = {"ROBUST": "bold green", "FRAGILE": "bold yellow", "OVERFIT": "bold red"}
_MARKS = {True: ("ok", "green"), False: ("BAD", "red"), None: ("?", "yellow")}


def print_conclusion(conclusion: Conclusion, console: Console) -> None:
    """The whole report; whatever it praises, the verdict stands above."""
    console.print()
    if conclusion.search.simulated:
        print_wrapped(console, Text(simulated_note(conclusion.search.source), "bold yellow"))
    for part in (
        [_verdict_line(conclusion.verdict), Text()],
        cluster_lines(conclusion.cluster),
        agreement_lines(conclusion.verdict),
        basin_lines(conclusion),
        span_lines(conclusion.search),
        score_lines(conclusion),
        importance_lines(conclusion.importance),
        verdict_lines(conclusion.verdict, luck_notes(conclusion.examination)),
    ):
        for line in part:
            print_wrapped(console, line)


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
    yield Text(f"Interpretation: {interpretation(score, cluster.used)}")


def agreement_lines(verdict: Verdict) -> Iterator[Text]:
    """What the robustness score is, lest it be taken for the verdict."""
    yield Text(
        "  The score says how alike the best trials are, and a sampler that has converged makes "
        "them alike on any market. Whether they hold on new data, the verdict says: "
        f"{verdict.word}.",
        "dim",
    )


def basin_lines(conclusion: Conclusion) -> Iterator[Text]:
    """Whether the median is as good as the trials that it is the median of."""
    cluster, medoid = conclusion.cluster, conclusion.medoid
    low, high = cluster.span
    yield Text()
    yield Text(
        f"The median scores {conclusion.robust.score:.4f} on train, its cluster {low:.4f} to "
        f"{high:.4f}."
    )
    if conclusion.fallen:
        yield Text(
            "The median lies outside of its cluster: it is worse than each of the trials that it "
            "stands for, which may not share one peak.",
            "bold yellow",
        )
        yield Text(
            f"  A candidate inside: trial {medoid.number}, in the midst of them, scores "
            f"{medoid.score:.4f} on train, {last_test(medoid.test_scores):.4f} in the last "
            "window's test; nothing else was asked about it, and the verdict is not about it "
            "(gridtui apply --key medoid_params)."
        )


def span_lines(search: SearchResult) -> Iterator[Text]:
    """Which days were searched how, so that the numbers can be made again."""
    plan = search.plan
    yield Text()
    yield Text("Days:")
    for number, one in enumerate(plan.windows, 1):
        yield Text(
            f"  window {number}: trained {search.moment(one.train_start)} to "
            f"{search.moment(one.train_end)}, tested {search.moment(one.test_start)} to "
            f"{search.moment(one.test_end)}"
        )
    if plan.holdout_start < plan.holdout_end:
        yield Text(
            f"  hold-out ({100.0 * search.holdout:g}%): {search.moment(plan.holdout_start)} to "
            f"{search.moment(plan.holdout_end)}"
        )
    else:
        yield Text("  no hold-out")
    yield Text(
        f"  purge {plan.purge:,} bars of {search.timeframe}, sampler {search.sampler}, seed "
        f"{search.seed}, fill model {FILL_MODEL}"
    )


def score_lines(conclusion: Conclusion) -> Iterator[Text]:
    """What the robust parameters come to where no trial was scored, then where trials were.

    Windows are anchored: the test span of each but the last lies, for the most part, in the train
    span of the last.
    """
    robust, best = conclusion.robust, conclusion.search.best
    pairs, holdout = conclusion.search.pairs, conclusion.examination.holdout_pct
    yield Text()
    yield Text("Out-of-Sample Validation (bars that no trial was scored on):")
    for row, pair in enumerate(pairs):
        line = f"  {pair:<12}last window's test {robust.test_scores[row][-1]:>9.4f}"
        yield Text(line + (f"   hold-out {holdout[row]:+.2f}%" if holdout else ""))
    yield Text("In sample (each coin's worst window; the last trains on the earlier tests):")
    for row, pair in enumerate(pairs):
        line = f"  {pair:<12}train {min(robust.train_scores[row]):>9.4f}"
        if earlier := robust.test_scores[row][:-1]:
            line += f"   earlier tests {min(earlier):>9.4f}"
        yield Text(line)
    yield Text(
        f"  Score {robust.score:.4f} (train), out of sample {last_test(robust.test_scores):.4f}"
    )
    yield Text("All bars (trained on, tested and hold-out), return:")
    found = conclusion.examination
    for pair, own, strict in zip(pairs, found.path_pct, found.strict_pct, strict=True):
        fills = f"{FILL_MODEL} fills, as searched, {own:+.2f}%   strict fills {strict:+.2f}%"
        yield Text(f"  {pair:<12}{fills}")
    yield Text(f"  {SCALE}", "dim")
    yield Text(
        f"  Best single trial, #{best.number}: score {best.score:.4f} (train), out of sample "
        f"{last_test(best.test_scores):.4f} (reference only, may overfit)",
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
    if found.looks > 1:
        yield (
            f"hold-out: look {found.looks} of this study, so p may be at most "
            f"{MOST_P_VALUE / found.looks:.4f}; it is used up: only later candles are new"
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
            "without skill reach"
        )
        if found.deflated != found.bounded:
            yield _as_published(found.bounded, found.deflated)


def verdict_lines(verdict: Verdict, notes: Iterable[str] = ()) -> Iterator[Text]:
    """Every question, its answer and the answer wanted; then the verdict."""
    yield Text()
    yield Text("===== IS THIS OVERFIT? =====", "bold")
    names = max(len(check.name) for check in verdict.checks) + 2
    short = [len(check.value) for check in verdict.checks if len(check.value) < _LONG]
    values = max(short, default=0) + 2
    for check in verdict.checks:
        yield _check_line(check, names, values)
    for note in notes:
        yield Text(f"  {note}", "dim")
    yield Text()
    yield _verdict_line(verdict)


def last_test(scores: Scores) -> float:
    """The worst coin's test score of the last window, the one that no train span reaches."""
    return min(row[-1] for row in scores)


def _verdict_line(verdict: Verdict) -> Text:
    return Text("Verdict: ").append(verdict.sentence, _WORDS.get(verdict.word, "bold yellow"))


def _as_published(bounded: DeflatedSharpe, published: DeflatedSharpe) -> str:
    """The paper takes the variance of all trials, however bad the worst of them are."""
    told = (
        f"deflated, as published: {published.probability:.4f}, against "
        f"{published.expected_maximum:.4f} by the variance of all trials"
    )
    if bounded.probability >= LEAST_DEFLATED > published.probability:
        return f"{told}: it holds by the bounded variance alone"
    return told


def _check_line(check: Check, names: int, values: int) -> Text:
    mark, style = _MARKS[check.passed]
    line = Text("  ").append(f"{mark:<5}", style)
    return line.append(
        f"{check.name:<{names}}{check.value:<{values - 2}}  (wanted: {check.wanted})"
    )


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
