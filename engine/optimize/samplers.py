"""Where the next trial's parameters come from: an Optuna study in memory.

The database holds the same trials; sampling from memory keeps it out of every single step. Trials
that are asked for and not told yet count as running, so that the sampler keeps away from them.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from engine.optimize.records import Number
from engine.optimize.space import Space
from engine.optimize.study import directions, quiet

GOALS = {"nsga2": ("growth", "drawdown")}
POPULATION = 50


def goals_of(sampler: str) -> tuple[str, ...]:
    """What the sampler is told: the score, or growth (to be high) and drawdown (to be low)."""
    return GOALS.get(sampler, ("score",))


class Asked:
    """A trial that the sampler counts as running."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.values: dict[str, Number] = dict(trial.params)


class Sampling:
    """The sampler and what it knows. `seconds`: spent in it so far."""

    def __init__(self, sampler: str, space: Space, known: Sequence[FrozenTrial], seed: int) -> None:
        quiet()
        self.seconds = 0.0
        self._distributions = space.distributions
        self._study = optuna.create_study(
            sampler=_sampler(sampler, known, seed + len(known)),
            directions=directions(goals_of(sampler)),
        )
        self._study.add_trials([_bare(trial) for trial in known])

    def ask(self) -> Asked:
        """The next parameters."""
        begun = time.perf_counter()
        asked = Asked(self._study.ask(self._distributions))
        self.seconds += time.perf_counter() - begun
        return asked

    def tell(self, asked: Asked, values: Sequence[float]) -> Mapping[str, Any]:
        """What came of it; returns what the sampler has written on the trial."""
        begun = time.perf_counter()
        frozen = self._study.tell(asked.trial, list(values))
        self.seconds += time.perf_counter() - begun
        return frozen.system_attrs

    def drop(self, asked: Asked) -> None:
        """Nothing will come of it."""
        self._study.tell(asked.trial, state=TrialState.FAIL)

    def learn(self, finished: FrozenTrial) -> None:
        """A trial that was asked for elsewhere."""
        begun = time.perf_counter()
        self._study.add_trial(_bare(finished))
        self.seconds += time.perf_counter() - begun


def _sampler(name: str, known: Sequence[FrozenTrial], seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "cmaes":
            # its own state is pickled, which has no place in a database: it warms up on the trials
            return CmaEsSampler(
                seed=seed,
                warn_independent_sampling=False,
                source_trials=list(known) if len(known) >= POPULATION else None,
            )
        if name == "qmc":
            return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
        if name == "nsga2":
            return NSGAIISampler(seed=seed, population_size=POPULATION)
        if name == "random":
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed)


def _bare(trial: FrozenTrial) -> FrozenTrial:
    """Without what only the reports read."""
    return optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=trial.distributions,
        system_attrs=trial.system_attrs,
    )
