"""A search of 30 random trials, small enough to be concluded by a test."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.optimize.candles import Candles
from engine.optimize.evaluate import Evaluation, Evaluator
from engine.optimize.job import OptimizeJob
from engine.optimize.records import Number, SearchResult, TrialRecord
from engine.optimize.settings import SearchSettings
from engine.optimize.space import Space

TRIALS = 30

Searched = tuple[Candles, Evaluator, SearchResult]


def small_search(folder: Path) -> Searched:
    """30 random trials on 75 days of two made-up coins."""
    job = OptimizeJob.checked(
        {"leverage": 2},
        {"coins": ["BTC", "SOL"], "start_date": "2024-01-01", "end_date": "2024-03-16"},
        SearchSettings(trials=TRIALS, windows=2, workers=0),
        source="sim",
        data_dir=folder,
    )
    candles = job.load()
    plan = job.plan(candles)
    evaluator = Evaluator(candles, plan, job.backtest.params)
    rng = np.random.default_rng(1)
    result = SearchResult(
        study="mine",
        storage="sqlite:///mine.db",
        pairs=candles.pairs,
        timeframe=candles.timeframe,
        first_ms=candles.first_ms,
        last_ms=candles.end_ms - candles.timeframe_ms,
        source=candles.source,
        simulated=candles.simulated,
        plan=plan,
        space=job.space.plain(),
        base=job.backtest.params.model_dump(),
        sampler="random",
        seed=7,
        holdout=job.settings.holdout,
        trials=tuple(_trial(evaluator, job.space, number, rng) for number in range(TRIALS)),
        added=TRIALS,
        wanted=TRIALS,
    )
    return candles, evaluator, result


def _trial(
    evaluator: Evaluator, space: Space, number: int, rng: np.random.Generator
) -> TrialRecord:
    params = {
        each.name: int(rng.integers(each.low, each.high + 1))
        if each.kind == "int"
        else float(rng.uniform(each.low, each.high))
        for each in space.ranges
    }
    found = evaluator.trial(params)
    return TrialRecord(
        number,
        params,
        found.score,
        found.train_scores,
        found.test_scores,
        (found.score,),
        found.returns,
    )


def one_by_one(evaluator: Evaluator):
    def evaluate(many: Sequence[Mapping[str, Number]]) -> Iterable[Evaluation]:
        return map(evaluator.trial, many)

    return evaluate
