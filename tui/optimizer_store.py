"""What the Optimizer screen knows: the studies, and everything about the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.wording import count, plural
from tui.activity import Activity
from tui.keys import key_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.optimize.browse import TrialEntry
    from engine.optimize.notice import Posted
    from engine.optimize.reports import RefitReport, Report


class StudyKey(NamedTuple):
    """A study is known by its name and by its database, as that may be shown."""

    name: str
    storage: str


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One study in the list. `state`: a word, see `state_of`; `trials`: finished ones; `verdict`:
    the report's word, which is about `judged` of them."""

    key: StudyKey
    state: str
    trials: int
    best: float | None
    last_ms: int
    posted: Posted | None
    identity: Mapping[str, Any] | None
    verdict: str = ""
    judged: int = 0

    @property
    def at_work(self) -> bool:
        """Whether a process is at it."""
        return self.posted is not None and self.posted.at_work

    @property
    def wanted(self) -> int:
        """Trials that it shall have."""
        if self.posted is None:
            return self.trials
        told = self.posted.notice  # which wants nothing yet where it ended before its first trial
        if self.is_refit:
            return told.order.trials * told.order.windows
        return told.wanted or self.trials + told.order.trials

    @property
    def left(self) -> int:
        """Trials that are missing where it was broken off."""
        return max(0, self.wanted - self.trials)

    @property
    def unjudged(self) -> bool:
        """Whether a search from here has all its trials, and its conclusion is missing."""
        if self.posted is None or not self.trials or self.left:
            return False
        return self.state != "finished" if self.is_refit else self.judged < self.trials

    @property
    def concluded(self) -> bool:
        """Whether it has all its trials and a verdict on them, however its process has ended."""
        return bool(self.verdict) and not (self.left or self.unjudged or self.is_refit)

    @property
    def is_refit(self) -> bool:
        """Whether each window is a study of its own."""
        return self.posted is not None and self.posted.notice.order.mode == "refit"

    @property
    def simulated(self) -> bool:
        """Whether its candles are made up, as far as that is known."""
        if self.posted is None:
            return False
        told = self.posted.notice
        return bool(told.simulated) or told.order.source in ("sim", "cache-sim")

    @property
    def words(self) -> str:
        """`132/200 trials  3.4/s  20 s left`, or why it does not go on."""
        told = self.posted.notice if self.posted else None
        trials = plural(self.trials, "trial")
        if told is None:
            return trials
        if self.state == "running":
            if told.stage != "searching":
                return told.words
            part = f"window {number}  " if (number := part_number(told.part)) else ""
            rate = f"  {told.rate:.1f}/s" if told.rate else ""
            left = f"  {duration(told.left_s)} left" if told.left_s is not None else ""
            return f"{part}{count(told.done)}/{count(told.wanted)} trials{rate}{left}"
        if self.state == "questioning":
            return f"{told.words}  {told.share or 0.0:.0%}"
        if self.state == "paused":
            trials = f"{count(told.done)}/{count(told.wanted)} trials"
            return f"paused at {trials}: {key_of('hold')} resumes"
        if self.state == "failed":
            return f"failed: {told.words}"
        if self.state in ("stopped", "killed"):
            of = f"{count(self.trials)} of {count(self.wanted)} trials" if self.left else trials
            less = ", no report" if self.unjudged else ""
            return f"{self.state}, {of}{less}: {key_of('hold')} goes on"
        if self.is_refit:
            return f"{trials} in {plural(told.order.windows, 'window')}"
        return trials


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """One searched parameter. `value`: median of the best tenth; `cv` None: too few trials."""

    name: str
    value: float
    default: float
    cv: float | None
    label: str
    importance: float | None


@dataclass(frozen=True, slots=True)
class StudyView:
    """The chosen study. `scores`, `numbers`, `best_so_far`: of finished trials, shape (n,), in the
    order of their numbers; `hidden`: trials too many to be listed; `report` None: none yet;
    `windows`: (train from, test from, test to), ms UTC; `interpretation`: of `robustness`, in
    words; `refit`: what a refit came to; `unread`: why its database is not read, where it is not;
    `nothing`: why there are no trials, where there are none."""

    row: StudyRow
    names: tuple[str, ...]
    trials: tuple[TrialEntry, ...]
    hidden: int
    numbers: npt.NDArray[np.int64] = field(repr=False)
    scores: npt.NDArray[np.float64] = field(repr=False)
    best_so_far: npt.NDArray[np.float64] = field(repr=False)
    best: TrialEntry | None
    parameters: tuple[ParameterLine, ...]
    robustness: float | None
    report: Report | None
    windows: tuple[tuple[int, int, int], ...]
    log: tuple[str, ...]
    interpretation: str = ""
    refit: RefitReport | None = None
    unread: str = ""

    @property
    def nothing(self) -> str:
        """Why there is no trial to show, where there is none."""
        if self.row.is_refit:
            name = self.row.key.name
            return f"each window is a study of its own: {name}.window1, {name}.window2 ..."
        if self.row.trials and self.row.identity is None:
            return self.unread or "its trials are being read"
        return "no trial is finished yet"

    @property
    def newest(self) -> TrialEntry | None:
        """The finished trial of the highest number."""
        return next((one for one in reversed(self.trials) if one.score is not None), None)

    @property
    def outdated(self) -> bool:
        """Whether the report is about fewer trials than there are."""
        return self.report is not None and self.report.trials < self.row.trials


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one reading found. `chosen`: the study that was asked for, where it is gone the first;
    None: there is none, or it cannot be read any more."""

    rows: tuple[StudyRow, ...]
    chosen: StudyView | None
    complaint: str


class OptimizerStore:
    """The newest snapshot; only `take` changes it."""

    def __init__(self) -> None:
        self.rows: tuple[StudyRow, ...] | None = None  # None: not read yet
        self.view: StudyView | None = None
        self.complaint = ""

    def take(self, found: Snapshot) -> list[StudyRow]:
        """Take in a reading; returns the studies whose search has ended since the last one."""
        before = {row.key for row in self.rows or () if row.at_work}
        self.rows, self.complaint = found.rows, found.complaint
        self.view = found.chosen
        return [row for row in found.rows if row.key in before and not row.at_work]

    @property
    def activities(self) -> tuple[Activity, ...]:
        """The searches that run, be they of this application or of another."""
        return tuple(_activity(row) for row in self.rows or () if row.at_work)

    def row(self, key: StudyKey | None) -> StudyRow | None:
        """The study of that key."""
        return next((row for row in self.rows or () if row.key == key), None)


def _activity(row: StudyRow) -> Activity:
    told = row.posted.notice if row.posted else None
    share = told.share if told and told.share is not None else 0.0
    words = f"{row.key.name}  {row.words}"
    return Activity("A search", words, share, "It goes on without the screens.")


def state_of(posted: Posted | None) -> str:
    """`running`, `paused`, `questioning`, `finished`, `stopped`, `killed`, `failed`; "" unknown."""
    if posted is None:
        return ""
    if posted.killed:
        return "killed"
    stage = posted.notice.stage
    words = {"loading": "running", "searching": "running", "examining": "questioning"}
    return words.get(stage, stage)


def part_number(part: str) -> str:
    """`2` of `mine.window2`, a window's own study; "" of another one."""
    _, window, number = part.rpartition(".window")
    return number if window else ""


def duration(seconds: float) -> str:
    """`20 s`, `3 min`, `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
