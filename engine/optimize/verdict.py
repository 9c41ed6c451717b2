"""One verdict on a search, in words with its numbers; and whether parameters have passed one.

ROBUST: every question was asked and answered well. OVERFIT: one of the four questions that tell
skill from luck was answered badly. FRAGILE: those were answered well, but the result hangs on how
orders fill or on the exact parameters. UNPROVEN: some question was not asked, or asked of too few
permutations to be answered, and no answer to the four was bad.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engine.params import StrategyParams
from engine.wording import plural

Word = Literal["ROBUST", "FRAGILE", "OVERFIT", "UNPROVEN"]
Status = Literal["none", "failing", "passing"]

RESULTS_FILE = "optimizer_results_robust.json"

MOST_P_VALUE = 0.05
MOST_OVERFITTING = 0.50
MOST_LOSSES = 0.05
LEAST_DEFLATED = 0.95
MOST_ROBUSTNESS = 0.50
MOST_FALL = 0.50

_NOT_MEASURED = "not measured"
_IRRELEVANT = "initial_capital"
"""A bot trades with the capital it is given."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured; None: it was not.

    `p_value`: of `permutations` permuted markets; `overfitting`: PBO, and `losses`, in how many of
    its splits the chosen trial loses money where it was not chosen; `deflated`: probability of the
    deflated Sharpe ratio; `holdout_pct`: return of the worst coin on the hold-out; `strict_pct`:
    of the worst coin on all bars under the strict fill model; `robustness`: mean CV of the best
    trials; `fall`: median fall of the score beside the chosen point, as a fraction; `score`: of the
    point itself, on train spans; `looks`: questions that the hold-out was asked, this one included.

    Raises ValueError for a p-value that so many permutations cannot have, or less than one look.
    """

    p_value: float | None = None
    overfitting: float | None = None
    deflated: float | None = None
    holdout_pct: float | None = None
    strict_pct: float | None = None
    robustness: float | None = None
    fall: float | None = None
    losses: float | None = None
    score: float | None = None
    permutations: int = 0
    looks: int = 1

    def __post_init__(self) -> None:
        if self.looks < 1:
            raise ValueError(f"the first look at a hold-out is number 1, not {self.looks}")
        if self.p_value is not None and self.p_value * (1 + self.permutations) < 1.0 - 1e-9:
            raise ValueError(f"{self.permutations} permutations cannot tell p = {self.p_value}")


@dataclass(frozen=True, slots=True)
class Check:
    """One question, its answer and the answer that was wanted."""

    name: str
    value: str
    wanted: str
    passed: bool | None
    """None: not asked, or asked of too few permutations."""
    decides: bool
    """Whether it tells skill from luck."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, the sentence that explains it, and every question behind it."""

    word: Word
    sentence: str
    checks: tuple[Check, ...]

    @property
    def passing(self) -> bool:
        """Whether nothing speaks against trading these parameters."""
        return self.word == "ROBUST"


def judge(evidence: Evidence) -> Verdict:
    """The verdict on `evidence`; a number that was not measured never counts as a good one."""
    checks = _checks(evidence)
    bad = [check for check in checks if check.passed is False]
    unasked = [check for check in checks if check.passed is None]
    if deciding := [check for check in bad if check.decides]:
        return Verdict("OVERFIT", _against("expect it to fail on new data", deciding), checks)
    if bad and not any(check.decides for check in unasked):
        return Verdict("FRAGILE", _against("real, but it may not survive", bad), checks)
    if unasked:
        missing = ", ".join(map(_open, unasked))
        return Verdict("UNPROVEN", f"UNPROVEN: not measured: {missing}", checks)
    numbers = ", ".join(f"{check.name} {check.value}" for check in checks)
    return Verdict("ROBUST", f"ROBUST: all {len(checks)} checks passed: {numbers}", checks)


def fewest_permutations(looks: int = 1) -> int:
    """With fewer, p = (1 + k) / (1 + N) is above the limit even if no permuted market is as good.

    The limit is `MOST_P_VALUE` shared out among all looks at the hold-out (Bonferroni).
    """
    return round(looks / MOST_P_VALUE) - 1


def report_status(
    params: StrategyParams, data_dir: Path, pair: str | None = None, timeframe: str | None = None
) -> Status:
    """Whether the optimizer's reports in `data_dir` vouch for exactly these parameters.

    "none": no report is about them (all but the capital must agree) and, where they are given,
    about the pair ("BTC/USDT") on candles of the timeframe ("15m"). "failing": the newest that is
    says anything but ROBUST, or was made on a simulated market. "passing". A report that cannot be
    read vouches for nothing.
    """
    pattern = f"{Path(RESULTS_FILE).stem}*.json"
    wanted = _compared(params)
    for path in sorted(data_dir.glob(pattern), key=_written, reverse=True):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            told = _compared(StrategyParams.checked(document["params"]))
            word = document["verdict"]["word"]
            study = document["study"]
            simulated, pairs, candles = (study[x] for x in ("simulated", "coins", "timeframe"))
            about = pair in (None, *pairs) and timeframe in (None, candles)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if told == wanted and about:
            return "passing" if word == "ROBUST" and simulated is False else "failing"
    return "none"


def _checks(found: Evidence) -> tuple[Check, ...]:
    return (
        _permutation(found),
        _overfitting(found),
        _at_least("deflated Sharpe ratio", found.deflated, LEAST_DEFLATED),
        _gain("hold-out return", found.holdout_pct, True),
        _gain("strict fills, all bars", found.strict_pct, False),
        _at_most("robustness score", found.robustness, MOST_ROBUSTNESS),
        _fall(found),
    )


def _permutation(found: Evidence) -> Check:
    """Every look at the hold-out is one more chance to be lucky there."""
    limit, fewest = MOST_P_VALUE / found.looks, fewest_permutations(found.looks)
    value, wanted = _number(found.p_value), f"at most {limit:.2f}"
    if found.looks > 1:
        wanted = f"at most {limit:.4f} at look {found.looks}"
    passed = None
    if found.p_value is not None and found.permutations < fewest:
        value += f", of {plural(found.permutations, 'permutation')}"
        wanted += f", of {fewest} or more"
    elif found.p_value is not None:
        passed = found.p_value <= limit * (1.0 + 1e-9)
    return Check("permutation p-value", value, wanted, passed, True)


def _overfitting(found: Evidence) -> Check:
    """Among trials that are all good no choice beats the median, and none has to."""
    passed = None if found.overfitting is None else found.overfitting <= MOST_OVERFITTING
    value, wanted = _number(found.overfitting), f"at most {MOST_OVERFITTING:.2f}"
    if passed is False and found.losses is not None:
        passed = found.losses <= MOST_LOSSES
        value += f", losing in {100.0 * found.losses:.0f}%"
        wanted += f", or losing in at most {100.0 * MOST_LOSSES:.0f}%"
    return Check("probability of overfitting", value, wanted, passed, True)


def _fall(found: Evidence) -> Check:
    """Level ground is worth nothing where everybody loses."""
    check = _at_most("fall beside the point", found.fall, MOST_FALL)
    if check.passed is None or found.score is None or found.score > 0.0:
        return check
    return replace(
        check,
        value=f"{check.value}, around a score of {found.score:.4f}",
        wanted=f"{check.wanted}, around one above 0",
        passed=False,
    )


def _at_most(name: str, value: float | None, limit: float) -> Check:
    passed = None if value is None else value <= limit
    return Check(name, _number(value), f"at most {limit:.2f}", passed, False)


def _at_least(name: str, value: float | None, limit: float) -> Check:
    passed = None if value is None else value >= limit
    return Check(name, _number(value), f"at least {limit:.2f}", passed, True)


def _gain(name: str, value: float | None, decides: bool) -> Check:
    text = _NOT_MEASURED if value is None else f"{value:+.2f}%"
    passed = None if value is None else value > 0.0
    return Check(name, text, "above 0%, every coin", passed, decides)


def _number(value: float | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:.4f}"


def _open(check: Check) -> str:
    if check.value == _NOT_MEASURED:
        return check.name
    return f"{check.name} {check.value} (wanted {check.wanted})"


def _against(meaning: str, checks: list[Check]) -> str:
    word = "OVERFIT" if checks[0].decides else "FRAGILE"
    reasons = ", ".join(f"{check.name} {check.value} (wanted {check.wanted})" for check in checks)
    return f"{word}: {meaning}: {reasons}"


def _compared(params: StrategyParams) -> dict[str, Any]:
    return params.model_dump(exclude={_IRRELEVANT})


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
