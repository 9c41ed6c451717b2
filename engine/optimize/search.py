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

from engine.errors import ParameterError
from engine.events import SearchProgress, TrialFinished
from engine.optimize.control import SearchControl
from engine.optimize.evaluate import Evaluation
from engine.optimize.ledger import Ledger
from engine.optimize.records import Number, Timings, TrialRecord
from engine.optimize.samplers import Asked, Sampling
from engine.optimize.space import Space
from engine.optimize.study import frozen_of
from engine.optimize.workers import Pool, TrialTask
from engine.params import StrategyParams

AHEAD = 8  # trials asked for and not told; the same up to four workers, so that they do not matter
_PROGRESS_SECONDS = 0.2
_TICK_SECONDS = 0.1
MOST_REJECTED = 500  # in a row: where 1 draw in 100 can be, so many bad ones are 1 chance in 150

Tell = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Found:
    """The trials that a search has added, by this process and by others meanwhile.

    `rejected`: parameters that it drew and that do not go together; `reason`: of the last ones.
    """

    trials: tuple[TrialRecord, ...]
    own: int
    stopped: bool
    timings: Timings
    rejected: int
    reason: str


class Search:
    """One search on one study. Run it once.

    `base`: the parameters that are not searched; `known`: trials that the study already has;
    `wanted`: trials it will have in all, for the progress; `goals`: see
    `engine.optimize.samplers.goals_of`.
    """

    def __init__(
        self,
        space: Space,
        base: StrategyParams,
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
        self._base = base
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
        self._rejected = self._rejected_in_a_row = 0
        self._reason = ""
        self._found: list[TrialRecord] = []
        self._known = len(known)
        self._best = max((trial.score for trial in known), default=-np.inf)
        self._own = 0
        self._engine_seconds = 0.0
        self._begun = time.perf_counter()
        self._shown = 0.0

    def run(self) -> Found:
        """Search until every wanted trial is finished, or the control says stop.

        However it ends, every finished trial is stored first. Raises ParameterError: hardly any
        parameters of the space go together, or the database cannot be used; WorkersLostError.
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
            rejected=self._rejected,
            reason=self._reason,
        )

    def _step(self) -> None:
        self._fill()
        self._land(self._pool.answers(_TICK_SECONDS))
        while (first := next(iter(self._flying), None)) in self._landed:
            self._add(self._book(first))
            self._fill()  # one asked for one told: what a trial could learn from is fixed
        self._exchange()
        self._show()

    def _fill(self) -> None:
        while self._may_ask():
            asked = self._sampling.ask()
            reason = self._space.objection(asked.values, self._base)
            if reason is not None:
                self._reject(asked, reason)
                continue
            self._rejected_in_a_row = 0
            claim = self._ledger.claim(asked.values)
            if claim is None:
                self._sampling.drop(asked)
                return
            self._send(claim, asked.values, asked)

    def _reject(self, asked: Asked, reason: str) -> None:
        """Write down what cannot be; it counts as no trial."""
        self._sampling.drop(asked)
        self._ledger.reject(asked.values, reason)
        self._reason = reason
        self._rejected += 1
        self._rejected_in_a_row += 1
        if self._rejected_in_a_row == MOST_REJECTED:
            raise ParameterError(
                f"{MOST_REJECTED} trials in a row cannot be: {reason}; narrow the search space so "
                "that its parameters go together"
            )

    def _may_ask(self) -> bool:
        full = len(self._flying) >= self._ahead
        return not (full or self._control.paused or self._control.stopped) and self._ledger.room()

    def _send(self, claim: int, values: dict[str, Number], asked: Asked | None) -> None:
        self._flying[self._pool.submit(TrialTask(values))] = _Flight(claim, values, asked)

    def _book(self, key: int) -> TrialRecord | None:
        """Tell the sampler and write the trial down; None: it does not count any more."""
        flight, evaluation = self._flying.pop(key), self._landed.pop(key)
        record = record_from(flight.values, evaluation, self._goals)
        notes: Mapping[str, Any] = {}
        if flight.asked is not None:
            notes = self._sampling.tell(flight.asked, record.values)
        else:
            self._sampling.learn(frozen_of(record, self._space))
        numbered = self._ledger.finish(flight.claim, record, notes)
        self._own += numbered is not None
        return numbered

    def _add(self, record: TrialRecord | None) -> None:
        """Let everybody know."""
        if record is None:
            return
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
        """Book what is finished, give up the rest, write everything; only then tell, since whom
        that is told may be gone."""
        self._land(self._pool.recall())
        booked = [self._book(key) for key in sorted(self._landed)]
        for flight in self._flying.values():
            self._ledger.give_up(flight.claim)
        self._flying.clear()
        self._ledger.flush()
        for record in booked:
            self._add(record)
        self._show(at_once=True)

    def _land(self, answers: list[tuple[int, Evaluation]]) -> None:
        for key, evaluation in answers:
            if key in self._flying:
                self._landed[key] = evaluation
                self._engine_seconds += evaluation.seconds

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
