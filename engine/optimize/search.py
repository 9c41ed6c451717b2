"""The search: ask ahead, let workers run, tell in order, write in batches.

The sampler is told of the trials in the order in which it was asked for them, and asked a fixed
number of trials ahead of what it was told. So the trials of a search depend on its seed alone, not
on which worker was quicker, and workers never wait for the sampler or the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.events import SearchProgress, TrialFinished
from engine.optimize.control import SearchControl
from engine.optimize.evaluate import Evaluation
from engine.optimize.ledger import Ledger
from engine.optimize.records import Number, Timings, TrialRecord
from engine.optimize.samplers import Asked, Sampling
from engine.optimize.space import Space
from engine.optimize.study import frozen_of
from engine.optimize.workers import Pool, TrialTask

AHEAD = 8  # trials asked for and not told; the same up to four workers, so that they do not matter
_PROGRESS_SECONDS = 0.2
_TICK_SECONDS = 0.1

Tell = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Found:
    """The trials that a search has added, by this process and by others meanwhile."""

    trials: tuple[TrialRecord, ...]
    own: int
    stopped: bool
    timings: Timings


class Search:
    """One search on one study. Run it once.

    `known`: trials that the study already has; `wanted`: trials it will have in all, for the
    progress; `goals`: see `engine.optimize.samplers.goals_of`.
    """

    def __init__(
        self,
        space: Space,
        ledger: Ledger,
        sampling: Sampling,
        pool: Pool,
        goals: tuple[str, ...],
        known: tuple[TrialRecord, ...],
        wanted: int,
        workers: int,
        control: SearchControl | None = None,
        on_event: Tell | None = None,
    ) -> None:
        self._space = space
        self._ledger = ledger
        self._sampling = sampling
        self._pool = pool
        self._goals = goals
        self._wanted = wanted
        self._ahead = max(AHEAD, 2 * workers)
        self._control = control or SearchControl()
        self._tell = on_event or (lambda _: None)
        self._flying: dict[int, _Flight] = {}
        self._landed: dict[int, Evaluation] = {}
        self._next_key = self._next_told = 0
        self._found: list[TrialRecord] = []
        self._known = len(known)
        self._best = max((trial.score for trial in known), default=-np.inf)
        self._own = 0
        self._engine_seconds = 0.0
        self._begun = time.perf_counter()
        self._shown = 0.0

    def run(self) -> Found:
        """Search until every wanted trial is finished, or the control says stop.

        However it ends, every finished trial is stored first.
        """
        try:
            while not self._ledger.complete() and not self._control.stopped:
                self._step()
        finally:
            self._settle()
        return Found(
            tuple(self._found),
            self._own,
            stopped=not self._ledger.complete(),
            timings=self._timings(),
        )

    def _step(self) -> None:
        self._fill()
        self._land(self._pool.answers(_TICK_SECONDS))
        while self._next_told in self._landed:
            self._book(self._next_told)
            self._fill()  # one asked for one told: what a trial could learn from is fixed
        self._exchange()
        self._show()

    def _fill(self) -> None:
        while self._may_ask():
            asked = self._sampling.ask()
            claim = self._ledger.claim(asked.values)
            if claim is None:
                self._sampling.drop(asked)
                return
            self._send(claim, asked.values, asked)

    def _may_ask(self) -> bool:
        full = len(self._flying) >= self._ahead
        return not (full or self._control.paused or self._control.stopped) and self._ledger.room()

    def _send(self, claim: int, values: dict[str, Number], asked: Asked | None) -> None:
        self._flying[self._next_key] = _Flight(claim, values, asked)
        self._pool.submit(self._next_key, TrialTask(values))
        self._next_key += 1

    def _book(self, key: int) -> None:
        """Tell the sampler, write the trial down, let everybody know."""
        flight, evaluation = self._flying.pop(key), self._landed.pop(key)
        self._next_told = max(self._next_told, key + 1)
        record = record_from(flight.values, evaluation, self._goals)
        notes: Mapping[str, Any] = {}
        if flight.asked is not None:
            notes = self._sampling.tell(flight.asked, record.values)
        else:
            self._sampling.learn(frozen_of(record, self._space))
        numbered = self._ledger.finish(flight.claim, record, notes)
        if numbered is not None:
            self._own += 1
            self._add(numbered)

    def _add(self, record: TrialRecord) -> None:
        self._found.append(record)
        better = record.score > self._best
        self._best = max(self._best, record.score)
        self._tell(
            TrialFinished(
                record.number, dict(record.params), record.score, record.test_score, better
            )
        )

    def _exchange(self) -> None:
        """What other processes have done, and what dead ones have left."""
        others, orphans = self._ledger.tick()
        for record in others:
            self._sampling.learn(frozen_of(record, self._space))
            self._add(record)
        for claim, values in orphans:
            self._send(claim, values, None)

    def _settle(self) -> None:
        """Book what is finished, give up the rest, write everything."""
        try:
            while answers := self._pool.answers(0.0) if self._has_answers() else []:
                self._land(answers)
        finally:
            for key in sorted(self._landed):
                self._book(key)
            for flight in self._flying.values():
                self._ledger.give_up(flight.claim)
            self._flying.clear()
            self._ledger.flush()
            self._show(at_once=True)

    def _land(self, answers: list[tuple[int, Evaluation]]) -> None:
        for key, evaluation in answers:
            self._landed[key] = evaluation
            self._engine_seconds += evaluation.seconds

    def _has_answers(self) -> bool:
        """Whether processes may have finished what a pool without them would have to begin."""
        return bool(self._flying) and self._pool.runs_ahead

    def _show(self, *, at_once: bool = False) -> None:
        now = time.perf_counter()
        if now - self._shown < _PROGRESS_SECONDS and not at_once:
            return
        self._shown = now
        timings = self._timings()
        self._tell(
            SearchProgress(
                self._known + len(self._found),
                self._wanted,
                len(self._found) / max(timings.wall, 1e-9),
                timings.wall,
                timings.sampling,
                timings.engine,
                timings.storage,
                self._control.paused,
            )
        )

    def _timings(self) -> Timings:
        return Timings(
            time.perf_counter() - self._begun,
            self._sampling.seconds,
            self._engine_seconds,
            self._ledger.seconds,
        )


@dataclass(frozen=True, slots=True)
class _Flight:
    """A trial that a worker has; `asked` None: its parameters are those of a lost one."""

    claim: int
    values: dict[str, Number]
    asked: Asked | None


def record_from(
    values: Mapping[str, Number], evaluation: Evaluation, goals: tuple[str, ...]
) -> TrialRecord:
    """The record of an evaluated trial, without a number yet; `goals` as in `Search`."""
    told = {
        "score": evaluation.score,
        "growth": evaluation.growth,
        "drawdown": evaluation.drawdown,
    }
    return TrialRecord(
        0,
        values,
        evaluation.score,
        evaluation.train_scores,
        evaluation.test_scores,
        tuple(told[goal] for goal in goals),
        evaluation.returns,
        evaluation.seconds,
    )
