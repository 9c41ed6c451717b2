"""A study in words and rows: its best trial, its verdict, parameters, report, windows, log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from textual.content import Content

from engine.wording import count, plural
from tui.figures import day, percent, tone
from tui.widgets.refit_texts import (
    NO_VERDICT,
    account_line,
    refit_parameters_text,
    refit_windows_text,
)
from tui.widgets.score_chart import BEST, NEWEST
from tui.widgets.trials import score_text, value_text

if TYPE_CHECKING:
    from engine.optimize.browse import TrialEntry
    from engine.optimize.reports import Report
    from engine.optimize.verdict import Check
    from tui.optimizer_store import ParameterLine, StudyView

Part = str | tuple[str, str]

WORD_TONES = {
    "ROBUST": "$pnl-positive",
    "FRAGILE": "$warning",
    "OVERFIT": "$pnl-negative",
    "UNPROVEN": "$warning",
}
_LABEL_TONES = {
    "STABLE": "$pnl-positive",
    "MODERATE": "$warning",
    "UNSTABLE": "$pnl-negative",
    "": "$quiet",
}
_MARKS = {
    True: ("ok ", "$pnl-positive"),
    False: ("BAD", "bold $pnl-negative"),
    None: ("?  ", "$warning"),
}
_BAR = 8  # a block for every tenth
_LEAST_NAME = 24


def best_line(view: StudyView) -> Content:
    """`● best +0.8123 (trial 97), its test +0.3412   ○ newest +0.7011 (trial 131)`."""
    if view.refit is not None:
        return account_line(view.refit)
    if view.best is None:
        return Content.styled(view.nothing, "$quiet")
    parts: list[Part] = [
        (f"{BEST} ", "$curve"),
        ("best ", "$quiet"),
        (score_text(view.best.score), "bold"),
        (f" (trial {view.best.number}), its test ", "$quiet"),
        (score_text(view.best.test), f"bold {tone(view.best.test)}"),
    ]
    if view.newest is not None:
        parts += [
            (f"   {NEWEST} ", "$curve-other"),
            ("newest ", "$quiet"),
            (score_text(view.newest.score), "bold"),
            (f" (trial {view.newest.number})", "$quiet"),
        ]
    return Content.assemble(*parts)


_ROBUST = "ROBUST"
_TOO_FEW = "too few trials"


def stable_line(view: StudyView) -> Content:
    """`scatter 0.31, small is alike (GOOD)   decide  gamma 18%  kappa 12%`: what matters most.

    The word, which is of the parameters alone, is not said beside a verdict that is worse.
    """
    parts: list[Part] = []
    if view.robustness is not None:
        word = view.interpretation.partition(" ")[0]
        praised = view.report is None or view.report.word == _ROBUST
        grade = f" ({word})" if praised else ""
        grade = f" ({_TOO_FEW})" if word == "n/a" else grade
        parts += [
            ("scatter ", "$quiet"),
            (f"{view.robustness:.2f}", "bold"),
            (", small is alike", "$quiet"),
            (f"{grade}   ", "bold"),
        ]
    weighed = [line for line in view.parameters[:2] if line.importance]
    if weighed:
        parts.append(("decide", "$quiet"))
        parts += [f"  {line.name} {line.importance:.0%}" for line in weighed]
    return Content.assemble(*parts)


def verdict_line(view: StudyView) -> Content:
    """`OVERFIT  p 0.33  PBO 0.81  DSR 0.00  strict -1.20%  hold-out -0.13%`, of the worst coin."""
    report = view.report
    if report is None:
        mode = view.row.identity["job"]["mode"] if view.row.identity else "search"
        refit = view.row.is_refit or mode == "refit"
        later = "no verdict yet: it is drawn when all trials are done"
        return Content.styled(NO_VERDICT if refit else later, "$quiet")
    numbers = [
        ("p", _short(report.p_value)),
        ("PBO", _short(report.overfitting)),
        ("DSR", _short(report.deflated)),
        ("strict", _worst(report.strict_pct)),
        ("hold-out", _worst(report.holdout_pct)),
    ]
    parts: list[Part] = [(report.word, f"bold {WORD_TONES.get(report.word, '$warning')}")]
    for name, value in numbers:
        parts += [(f"  {name} ", "$quiet"), (value, "bold")]
    if view.outdated:
        parts.append((f"  (of {count(report.trials)} trials)", "$warning"))
    return Content.assemble(*parts)


def parameters_text(view: StudyView) -> Content:
    """A line a parameter: median of the best tenth, default, scatter, importance."""
    if view.refit is not None:
        return refit_parameters_text(view.refit)
    if not view.parameters:
        return Content.styled(view.nothing, "$quiet")
    names = max(_LEAST_NAME, *(len(line.name) + 2 for line in view.parameters))
    heading = f"{'':<{names}}{'median':>8}{'default':>8}{'decides':>8}  scatter (CV)"
    lines = [Content.styled(heading, "underline $quiet")]
    lines += [_parameter_line(line, names) for line in view.parameters]
    lines.append(Content(""))
    used = max(1, int(0.1 * view.row.trials + 0.5))
    told = f"Medians and scatter of the best tenth, {plural(used, 'trial')}; lower scatter is more"
    lines.append(
        Content.styled(f"{told} stable. `decides`: share in reaching that tenth.", "$quiet")
    )
    if view.robustness is not None:
        mean = f"Mean scatter {view.robustness:.2f}: {view.interpretation}."
        lines.append(Content.styled(mean, "$quiet"))
    return Content("\n").join(lines)


def report_text(view: StudyView) -> Content:
    """The verdict in words, and every question behind it."""
    report = view.report
    if report is None and view.row.is_refit:
        return Content.styled(
            "A refit has no verdict: it searches each window anew and trades the span behind it, "
            "so that all of its account is out of sample. The windows have it.",
            "$quiet",
        )
    if report is None:
        return Content.styled(
            "No report yet. It is drawn when all trials are done: permuted markets, the "
            "probability of overfitting, the deflated Sharpe ratio, strict fills, the hold-out "
            "and the neighbours of the chosen point. A search that was stopped has none.",
            "$quiet",
        )
    lines = [_headline(report), Content("")]
    if report.simulated:
        lines[:0] = [Content.styled("SIMULATED market: worthless as evidence", "bold $simulated")]
    names = max(len(check.name) for check in report.checks) + 1
    for check in report.checks:
        lines += check_lines(check, names)
    lines += [Content(""), *(Content.styled(line, "$quiet") for line in _notes(report))]
    return Content("\n").join(lines)


def check_lines(check: Check, names: int) -> Iterator[Content]:
    """One question of the report, its name in so many cells.

    Where its first condition is met, and it has failed by the second, that is said.
    """
    mark, style = _MARKS[check.passed]
    value, _, more = check.value.partition(", ")
    wanted, _, else_wanted = check.wanted.partition(", ")
    met = bool(more) and check.passed is False and _is_within(value, wanted)
    told = f"{wanted}, as wanted, but" if met else f"wanted {wanted if more else check.wanted}"
    yield Content.assemble(
        (f"{mark} ", style), f"{check.name:<{names}}", (f"{value:<13}", "bold"), (told, "$quiet")
    )
    if more:
        rest = f"{more}; wanted {else_wanted}" if met else f"{more}; {else_wanted}"
        yield Content.styled(f"{'':<{names + 4}}{rest}", style if met else "$quiet")


def windows_text(view: StudyView) -> Content:
    """Train and test scores of each coin and window: of what is proposed, else of the best."""
    pairs = tuple(view.row.identity["job"]["coins"]) if view.row.identity else ()
    if view.refit is not None:
        return refit_windows_text(view.refit)
    if not pairs or view.best is None:
        return Content.styled(view.nothing, "$quiet")
    if view.report is not None:
        whose = "the robust parameters"
        train = [view.report.train_scores.get(pair, ()) for pair in pairs]
        test = [view.report.test_scores.get(pair, ()) for pair in pairs]
    else:
        whose = f"trial {view.best.number}, the best so far"
        train, test = list(view.best.train_scores), list(view.best.test_scores)
    lines = [Content.assemble(("scores of ", "$quiet"), (whose, "bold")), Content("")]
    head = f"{'window, tested on':<29}{'coin':<6}{'train':>10}{'test':>10}  unseen"
    lines.append(Content.styled(head, "underline $quiet"))
    for number, (_, test_start, test_end) in enumerate(view.windows):
        span = f"{number + 1}  {day(test_start)} .. {day(test_end)}"
        unseen = number == len(view.windows) - 1
        for pair, own_train, own_test in zip(pairs, train, test, strict=True):
            if number < len(own_train):
                value = own_test[number]
                lines.append(
                    Content.assemble(
                        f"{span:<29}{pair.partition('/')[0]:<6}",
                        (f"{score_text(own_train[number]):>10}", "$quiet"),
                        (f"{score_text(value):>10}", tone(value)),
                        ("  yes", "bold") if unseen else ("  no", "$quiet"),
                    )
                )
                span = ""
    if (report := view.report) is not None:
        looks = report.looks or 1
        first = "  yes" if looks == 1 else f"  no, look {looks}"
        lines += _returns("hold-out, return", report.holdout_pct, first, "bold")
        lines += _returns("all bars, path fills, return", report.path_pct, "  no", "$quiet")
        lines += _returns("all bars, strict fills", report.strict_pct, "  no", "$quiet")
    start = day(view.windows[0][0]) if view.windows else ""
    told = (
        f"Every window trains from {start} up to its test, less a purged gap: later windows train "
        "on the tests of earlier ones, so that the last alone is unseen, and the hold-out."
    )
    return Content("\n").join([*lines, Content(""), Content.styled(told, "$quiet")])


def log_text(view: StudyView) -> Content:
    """The last lines that the search printed, where it was started from here."""
    if not view.log:
        return Content.styled("no log: this search was started on a terminal of its own", "$quiet")
    return Content("\n".join(view.log))


def trial_text(view: StudyView, trial: TrialEntry) -> Content:
    """One trial, whole."""
    from engine.params import STRATEGY_PARAMS

    parts: list[Content] = [
        Content.assemble(
            ("score ", "$quiet"),
            (score_text(trial.score) or trial.state, "bold"),
            ("   test ", "$quiet"),
            (score_text(trial.test), f"bold {tone(trial.test)}"),
        ),
        Content(""),
    ]
    pairs = tuple(view.row.identity["job"]["coins"]) if view.row.identity else ()
    for pair, train, test in zip(pairs, trial.train_scores, trial.test_scores, strict=False):
        for name, row in (("train", train), ("test", test)):
            cells = "".join(f"{score_text(value):>12}" for value in row)
            parts.append(Content(f"{pair.partition('/')[0]:<6}{name:<6}{cells}"))
    heading = f"{'':<{_LEAST_NAME}}{'value':>10}{'default':>10}{'median':>10}"
    parts += [Content(""), Content.styled(heading, "underline $quiet")]
    medians = {line.name: line.value for line in view.parameters}
    for name, value in zip(view.names, trial.values, strict=True):
        median = value_text(medians[name]) if name in medians else ""
        parts.append(
            Content.assemble(
                f"{name:<{_LEAST_NAME}}",
                (f"{value_text(value):>10}", "bold"),
                (f"{value_text(STRATEGY_PARAMS[name]):>10}{median:>10}", "$quiet"),
            )
        )
    return Content("\n").join(parts)


def _parameter_line(line: ParameterLine, names: int) -> Content:
    weight = "" if line.importance is None else f"{100 * line.importance:.1f}%"
    parts: list[Part] = [
        f"{line.name:<{names}}",
        (f"{value_text(line.value):>8}", "bold"),
        (f"{value_text(line.default):>8}", "$quiet"),
        f"{weight:>8}  ",
    ]
    if line.label == _TOO_FEW:  # a bar would be read as a grade
        parts += ["" if line.cv is None else f"{line.cv:4.2f} ", (_TOO_FEW, "$quiet")]
    elif line.label:
        filled = _BAR if line.cv is None else min(_BAR, round(line.cv * 10))
        cv = " inf" if line.cv is None else f"{line.cv:4.2f}"
        style = _LABEL_TONES.get(line.label, "$quiet")
        parts += [
            f"{cv} ",
            ("█" * filled + " " * (_BAR - filled), style),
            (f" {line.label}", style),
        ]
    return Content.assemble(*parts)


def _is_within(value: str, wanted: str) -> bool:
    """Whether a number is `at most 0.50`."""
    bound, _, limit = wanted.rpartition(" ")
    try:
        return bound == "at most" and float(value) <= float(limit)
    except ValueError:
        return False


def _returns(name: str, values: Mapping[str, float], unseen: str, style: str) -> Iterator[Content]:
    """A line a coin; the name stands in the first one."""
    for pair, value in values.items():
        head = f"{name:<29}{pair.partition('/')[0]:<6}"
        yield Content.assemble(head, (f"{percent(value):>20}", tone(value)), (unseen, style))
        name = ""


def _headline(report: Report) -> Content:
    word, _, rest = report.sentence.partition(":")
    style = f"bold {WORD_TONES.get(report.word, '$warning')}"
    return Content.assemble((word, style), f":{rest}" if rest else "")


def _notes(report: Report) -> Iterator[str]:
    low, high = report.cluster_scores
    yield f"the median scores {report.score:.4f} on train, its cluster {low:.4f} to {high:.4f}"
    if report.median_outside:
        yield (
            "the median lies OUTSIDE of its cluster; a candidate inside is trial "
            f"{report.medoid_trial}, the medoid: apply offers it, too"
        )
    if report.p_value is not None:
        yield f"p: {plural(report.permutations, 'permutation')} of the hold-out's bars"
    if report.losses is not None:
        yield f"overfitting: what is chosen loses money in {100 * report.losses:.1f}% of the splits"
    if report.fall is not None:
        yield (
            f"plateau: beside the point the score falls by {100 * report.fall:.1f}% in the median; "
            f"steepest {report.steepest}"
        )
    if report.robustness is not None:
        yield f"robustness {report.robustness:.4f}: {report.interpretation}"
    written = report.created[:16].replace("T", " ")
    yield f"of {plural(report.trials, 'trial')}, written {written} UTC"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _worst(values: Mapping[str, float]) -> str:
    """As the verdict has it: the mean would hide a coin that loses."""
    return percent(min(values.values())) if values else "-"
