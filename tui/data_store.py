"""What the Data screen knows: the series on this disk, and the work on them that is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.activity import Activity
from tui.data_work import DataJob, Outcome

if TYPE_CHECKING:
    from exchange.holdings import Holding
    from exchange.inspection import Finding
    from exchange.series import Series


class DataStore:
    """Screens read it; `begin`, `cancel`, `drain` and `take` change it. A check's findings are put
    back after the `take` that let old ones go."""

    def __init__(self) -> None:
        self.holdings: tuple[Holding, ...] | None = None  # None: not read yet
        self.findings: dict[Series, tuple[Finding, ...]] = {}
        self.job: DataJob | None = None
        self._jobs: list[DataJob] = []

    @property
    def activities(self) -> tuple[Activity, ...]:
        """The job under way, if there is one."""
        return () if self.job is None else (self.job.activity,)

    @property
    def busy(self) -> bool:
        """Whether a thread of a job is still at work."""
        return any(job.at_work for job in self._jobs)

    def begin(self, job: DataJob) -> None:
        """A job starts; one at a time."""
        self.job = job
        self._jobs = [*(earlier for earlier in self._jobs if earlier.at_work), job]

    def cancel(self) -> None:
        """Ask the job to end; it goes on until it has written what had arrived."""
        if self.job is not None:
            self.job.cancel()

    def drain(self) -> Outcome | None:
        """The outcome of a job that has just ended."""
        if self.job is None or self.job.outcome is None:
            return None
        outcome, self.job = self.job.outcome, None
        if outcome.series is not None and outcome.findings is not None:
            self.findings[outcome.series] = outcome.findings
        return outcome

    def take(self, found: tuple[Holding, ...]) -> bool:
        """The series as they are now; False where nothing has changed. Old findings go."""
        if found == self.holdings:
            return False
        before = {holding.series: holding for holding in self.holdings or ()}
        kept = {one.series for one in found if before.get(one.series) == one}
        self.findings = {s: lines for s, lines in self.findings.items() if s in kept}
        self.holdings = found
        return True
