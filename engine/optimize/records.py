"""What a search leaves behind: windows, trials, and the whole of them.

Indices count bars from 0 and leave their end out: `range(train_start, train_end)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from exchange.span import moment_text
from exchange.timeframe import timeframe_ms

Number = int | float
Scores = tuple[tuple[float, ...], ...]  # a row a coin, a column a window


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """One window: what a trial is scored on, and what it is tested on behind a purged gap."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int

    def __post_init__(self) -> None:
        if not 0 <= self.train_start < self.train_end <= self.test_start < self.test_end:
            raise ValueError(f"{self} is out of order")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the bars that all coins have in common are divided.

    Windows lie in the bars [0, search_end); the hold-out [holdout_start, holdout_end) is read once,
    after the search. (`holdout_start` equals `holdout_end` where there is no hold-out.)
    """

    bars: int
    purge: int
    windows: tuple[WindowSpan, ...]
    search_end: int
    holdout_start: int
    holdout_end: int

    def __post_init__(self) -> None:
        ends = [window.test_end for window in self.windows]
        if not ends or ends != sorted(set(ends)) or ends[-1] > self.search_end:
            raise ValueError(f"{self}: its windows must grow and end at {self.search_end}")
        if not self.search_end <= self.holdout_start <= self.holdout_end <= self.bars:
            raise ValueError(f"{self}: the hold-out lies behind the search")


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One finished trial.

    `params`: the searched parameters alone; `score`: the smallest of `train_scores`; the scores
    of the test spans are stored beside and drive nothing. `returns`: daily returns of all coins'
    accounts together over the longest train span, shape (days,), the same days for every trial.
    `values`: what the sampler is told (the score; worst yearly growth and worst drawdown, as
    fractions, with NSGA-II). `seconds`: processor time of its backtests.
    """

    number: int
    params: Mapping[str, Number]
    score: float
    train_scores: Scores
    test_scores: Scores
    values: tuple[float, ...]
    returns: npt.NDArray[np.float64] = field(repr=False, compare=False)
    seconds: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        shapes = {len(row) for row in (*self.train_scores, *self.test_scores)}
        if len(self.train_scores) != len(self.test_scores) or len(shapes) != 1:
            raise ValueError("train and test scores must have a row a coin, a column a window")
        cells = [*self.values, *(s for row in self.train_scores + self.test_scores for s in row)]
        if not all(map(math.isfinite, cells)):
            raise ValueError(f"trial {self.number} has a score that is no number")
        if self.score != min(s for row in self.train_scores for s in row):
            raise ValueError(f"trial {self.number}: its score is not its worst train score")

    @property
    def test_score(self) -> float:
        """The smallest of the test scores."""
        return min(s for row in self.test_scores for s in row)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the seconds of a search went.

    `wall`: from the first trial asked to the last one stored. `sampling` and `storage` are spent
    in this process, `engine` is the processor time of all workers together.
    """

    wall: float = 0.0
    sampling: float = 0.0
    engine: float = 0.0
    storage: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A study as it stands: every finished trial, of this run and of those before it.

    `space`: as `engine.params.OPTIMIZER_SPACE`; `base`: every parameter of the strategy, those
    outside the space included; `pairs`: "BTC/USDT", in the order of the scores' rows; `sampler`,
    `seed` and `holdout` (a share) as in the settings; `added`: trials finished by this run;
    `wanted`: those that the study should have had by its end; `stopped`: it ended early because it
    was told to.
    """

    study: str
    storage: str
    pairs: tuple[str, ...]
    timeframe: str
    first_ms: int
    last_ms: int
    source: str
    simulated: bool
    plan: Plan
    space: Mapping[str, Mapping[str, Any]]
    base: Mapping[str, Any]
    sampler: str
    seed: int
    holdout: float
    trials: tuple[TrialRecord, ...]
    added: int
    wanted: int
    stopped: bool = False
    timings: Timings = Timings()
    notes: tuple[str, ...] = ()

    def moment(self, bar: int) -> str:
        """When a bar of the plan opens, UTC; that of the first one behind the last ends it."""
        step = timeframe_ms(self.timeframe)
        return moment_text(self.first_ms + bar * step)

    @property
    def best(self) -> TrialRecord:
        """The trial with the highest score, the earliest of equals.

        Raises ValueError: there is none.
        """
        if not self.trials:
            raise ValueError(f"study {self.study} has no finished trial")
        return max(self.trials, key=lambda trial: (trial.score, -trial.number))

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        """Of a search for growth against drawdown: the trials that no other beats in both, by
        growth, highest first. Empty for a search by score."""
        chosen: list[TrialRecord] = []
        told = [trial for trial in self.trials if len(trial.values) == 2]
        for trial in sorted(told, key=lambda each: (-each.values[0], each.values[1], each.number)):
            if not chosen or trial.values[1] < chosen[-1].values[1]:
                chosen.append(trial)
        return tuple(chosen)

    def returns_matrix(self) -> npt.NDArray[np.float32]:
        """Daily returns, shape (days, trials). Single precision loses nothing: it is what trials
        are stored in, and halves what thousands of them take."""
        matrix = np.empty((len(self.trials[0].returns), len(self.trials)), np.float32)
        for column, trial in enumerate(self.trials):
            matrix[:, column] = trial.returns
        return matrix
