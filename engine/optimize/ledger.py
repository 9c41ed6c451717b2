"""Who may run which trial, and where its result is written.

`SoloLedger` is for one process on one study: finished trials go to the database in batches.
`SharedLedger` is for any number of processes and machines on one study: a trial is claimed in the
database before it runs and shows signs of life while it does. When those cease, another process
marks it as failed and runs its parameters again; the database lets one of them win.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError

from engine.optimize.batch import insert_trials, silent_trials
from engine.optimize.records import Number, TrialRecord
from engine.optimize.space import Space
from engine.optimize.study import Study, finished, frozen_of, impossible, record_of, unusable

T = TypeVar("T")

BATCH_TRIALS = 16
BATCH_SECONDS = 1.0
HEARTBEAT_SECONDS = 10
GRACE_SECONDS = 40
MOST_RETRIES = 3  # of the parameters of a trial whose process has died
_PATIENCE_SECONDS = (1.0, 2.0, 4.0, 8.0)  # between two questions to a database that is away
_TARGET = "gridtui:target"
_RETRIES = "gridtui:retries"


class Ledger(Protocol):
    """What the search asks of its study. Keys are handed out by `claim` and mean nothing else."""

    seconds: float
    """Spent on the database so far."""

    def room(self) -> bool:
        """Whether another trial is wanted now."""

    def claim(self, values: Mapping[str, Number]) -> int | None:
        """A key for a trial of these parameters; None: another process was quicker."""

    def reject(self, values: Mapping[str, Number], reason: str) -> None:
        """Write down that no trial can have these parameters."""

    def finish(self, key: int, record: TrialRecord, notes: Mapping[str, Any]) -> TrialRecord | None:
        """Write a result with the sampler's notes on it; the record with its number in the study.
        None: the trial was given to somebody else meanwhile, whose result counts."""

    def give_up(self, key: int) -> None:
        """This process will not finish the trial."""

    def tick(self) -> tuple[list[TrialRecord], list[tuple[int, dict[str, Number]]]]:
        """What is due now and then: (trials that others finished, trials of dead processes that
        are this one's from now on, with their keys)."""

    def complete(self) -> bool:
        """Whether every wanted trial is finished, by whomever."""

    def flush(self) -> None:
        """Write everything that is not written."""


class SoloLedger:
    """`wanted` more trials, all by this process; `known`: of the study in all, failed ones too."""

    def __init__(self, study: Study, space: Space, known: int, wanted: int) -> None:
        self.seconds = 0.0
        self._study = study
        self._space = space
        self._next = known
        self._left_to_claim = wanted
        self._left_to_finish = wanted
        self._key = 0
        self._batch: list[FrozenTrial] = []
        self._written_at = time.monotonic()

    def room(self) -> bool:
        return self._left_to_claim > 0

    def claim(self, values: Mapping[str, Number]) -> int | None:  # noqa: ARG002
        self._left_to_claim -= 1
        self._key += 1
        return self._key

    def finish(self, key: int, record: TrialRecord, notes: Mapping[str, Any]) -> TrialRecord | None:  # noqa: ARG002
        numbered = replace(record, number=self._next)
        self._left_to_finish -= 1
        self._add(frozen_of(numbered, self._space, notes))
        return numbered

    def reject(self, values: Mapping[str, Number], reason: str) -> None:
        self._add(impossible(values, self._space, reason))

    def give_up(self, key: int) -> None:
        """Nothing knows of it."""

    def tick(self) -> tuple[list[TrialRecord], list[tuple[int, dict[str, Number]]]]:
        if self._batch and time.monotonic() - self._written_at > BATCH_SECONDS:
            self.flush()
        return [], []

    def complete(self) -> bool:
        return self._left_to_finish == 0

    def flush(self) -> None:
        begun = time.perf_counter()
        if self._batch:
            try:
                insert_trials(self._study.storage, self._study.id, self._batch)
            except OperationalError as error:
                raise unusable(self._study.url, error) from None
            self._batch.clear()
        self._written_at = time.monotonic()
        self.seconds += time.perf_counter() - begun

    def _add(self, trial: FrozenTrial) -> None:
        self._next += 1
        self._batch.append(trial)
        if len(self._batch) >= BATCH_TRIALS:
            self.flush()


class SharedLedger:
    """One of several processes on a study that wants a number of finished trials in all.

    `add`: trials by which this process raises that number; 0 joins. `known`: `Study.trials`, read
    once: what is finished there is not heard of again, and everything else is.

    Raises ParameterError: the database cannot be used.
    """

    def __init__(self, study: Study, space: Space, add: int, known: Sequence[FrozenTrial]) -> None:
        self.seconds = 0.0
        self._study = study
        self._space = space
        self._mine: dict[int, int] = {}  # trial id -> its number
        self._orphans: list[tuple[int, dict[str, Number]]] = []
        self._seen = {trial.number for trial in finished(known)}
        self.target = self._raised(add)
        self._interval = study.storage.get_heartbeat_interval() or HEARTBEAT_SECONDS
        self._grace = study.storage.grace_period or GRACE_SECONDS
        self._others: dict[int, float] = {}  # trial id -> when it was seen first; inf: vouched for
        self._looked_at = self._beaten_at = 0.0
        self._wanted = self._done = 0
        self._timed(self._take_in, known)

    def room(self) -> bool:
        return self._wanted > 0

    def claim(self, values: Mapping[str, Number]) -> int | None:
        return self._timed(self._claimed, dict(values), 0)

    def reject(self, values: Mapping[str, Number], reason: str) -> None:
        trial = impossible(values, self._space, reason)
        self._timed(insert_trials, self._study.storage, self._study.id, [trial])

    def finish(self, key: int, record: TrialRecord, notes: Mapping[str, Any]) -> TrialRecord | None:
        return self._timed(self._stored, key, record, notes)

    def give_up(self, key: int) -> None:
        self._timed(self._failed, key)

    def tick(self) -> tuple[list[TrialRecord], list[tuple[int, dict[str, Number]]]]:
        now = time.monotonic()
        if now - self._beaten_at >= self._interval:
            self._timed(self._beat)
            self._timed(self._rescue)
            self._beaten_at = now
        due = now - self._looked_at >= min(1.0, self._interval)
        others = self._timed(self._look) if due else []
        orphans, self._orphans = self._orphans, []
        return others, orphans

    def complete(self) -> bool:
        return self._done >= self.target

    def flush(self) -> None:
        """Every result was written when it came."""

    def _claimed(
        self, values: dict[str, Number], retries: int, instead_of: int | None = None
    ) -> int | None:
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=values,
            distributions=self._space.distributions,
            system_attrs={_RETRIES: retries},
        )
        storage = self._study.storage
        written = insert_trials(storage, self._study.id, [trial], self.target, instead_of)
        if not written:
            self._wanted = 0 if instead_of is None else self._wanted
            return None
        [(trial_id, number)] = written
        storage.record_heartbeat(trial_id)
        self._wanted -= 1
        self._mine[trial_id] = number  # last of all: what is asked twice is alive once
        return trial_id

    def _stored(
        self, key: int, record: TrialRecord, notes: Mapping[str, Any]
    ) -> TrialRecord | None:
        number = self._mine[key]
        numbered = replace(record, number=number)
        frozen = frozen_of(numbered, self._space, notes)
        try:
            for name, value in frozen.user_attrs.items():
                self._study.storage.set_trial_user_attr(key, name, value)
            for name, value in frozen.system_attrs.items():
                self._study.storage.set_trial_system_attr(key, name, value)
            won = self._study.storage.set_trial_state_values(
                key, TrialState.COMPLETE, frozen.values
            )
        except UpdateFinishedTrialError:
            won = False
        del self._mine[key]
        if not won:
            return None
        self._seen.add(number)
        self._done += 1
        return numbered

    def _failed(self, key: int) -> None:
        self._mine.pop(key, None)
        with suppress(UpdateFinishedTrialError):  # others have given it up before
            self._study.storage.set_trial_state_values(key, TrialState.FAIL)

    def _beat(self) -> None:
        for trial_id in self._mine:
            self._study.storage.record_heartbeat(trial_id)

    def _rescue(self) -> None:
        """Take the trials over whose processes are silent: one transaction fails each and claims it
        anew, so that its parameters are never without a trial that is to run."""
        storage = self._study.storage
        for lost_id in silent_trials(storage, self._study.id, self._grace):
            lost = storage.get_trial(lost_id)
            retries = int(lost.system_attrs.get(_RETRIES, 0)) + 1
            if retries > MOST_RETRIES:
                self._failed(lost_id)
            elif (key := self._claimed(dict(lost.params), retries, lost_id)) is not None:
                self._orphans.append((key, dict(lost.params)))

    def _raised(self, add: int) -> int:
        """How many trials the study wants, `add` more than before; what a search that was broken
        off has left open does not count, unless others are still at it."""

        def raised(stored: int | None, trials: Mapping[TrialState, int]) -> int:
            done = trials.get(TrialState.COMPLETE, 0)
            target = done if stored is None else stored
            if not add:
                return target
            return (target if trials.get(TrialState.RUNNING) else done) + add

        return int(self._study.revise(_TARGET, raised))

    def _look(self) -> list[TrialRecord]:
        """Read how far the study is; the trials finished since the last look, by others."""
        return self._take_in(self._study.optuna.get_trials(deepcopy=False))

    def _take_in(self, trials: Sequence[FrozenTrial]) -> list[TrialRecord]:
        self.target = int(self._study.optuna.user_attrs.get(_TARGET, self.target))
        self._done = sum(trial.state == TrialState.COMPLETE for trial in trials)
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        self._wanted = self.target - self._done - len(running)
        self._vouch({trial._trial_id for trial in running} - set(self._mine))
        self._looked_at = time.monotonic()
        fresh = [trial for trial in finished(trials) if trial.number not in self._seen]
        self._seen.update(trial.number for trial in fresh)
        return [record_of(trial) for trial in fresh]

    def _vouch(self, others: set[int]) -> None:
        """One sign of life for each trial of others that runs for an interval: a process that died
        before its own first one would never be missed otherwise."""
        now = time.monotonic()
        self._others = {key: self._others.get(key, now) for key in others}
        for key, since in self._others.items():
            if since + self._interval <= now:
                self._study.storage.record_heartbeat(key)
                self._others[key] = math.inf

    def _timed(self, call: Callable[..., T], *args: Any) -> T:
        """The call's answer; a database that is away for a moment is asked again.

        Every call may be made twice: what a lost answer has left behind is missed like a dead
        process's trial, or found finished.
        """
        begun = time.perf_counter()
        try:
            for pause in _PATIENCE_SECONDS:
                try:
                    return call(*args)
                except (StorageInternalError, OperationalError):
                    time.sleep(pause)
            return call(*args)
        except (StorageInternalError, OperationalError) as error:
            raise unusable(self._study.url, error) from None
        finally:
            self.seconds += time.perf_counter() - begun
