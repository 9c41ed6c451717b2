"""A search that says what it has finished: `python solo_search.py DATABASE TRIALS WORKERS`.

Prints `trial N SCORE` for each trial as it is finished, and stops at a signal.
"""

import sys

from engine.events import TrialFinished
from engine.optimize.control import SearchControl
from engine.optimize.job import OptimizeJob
from engine.optimize.records import SearchResult
from engine.optimize.settings import SearchSettings
from engine.optimize.study import Study
from tui.commands.optimize import stopped_by_signals

COINS = {"coins": ["BTC"], "start_date": "2022-01-01", "end_date": "2022-04-01"}


def job(database: str, trials: int, **settings: object) -> OptimizeJob:
    """Two windows of three simulated months."""
    told = {"windows": 2, "workers": 0, "mc_perms": 0, **settings}
    found = SearchSettings(trials=trials, storage=database, **told)  # type: ignore[arg-type]
    return OptimizeJob.checked({}, COINS, found, source="sim")


def search(
    mine: OptimizeJob, control: SearchControl | None = None, on_event: object = None
) -> SearchResult:
    """The study after the job's search, without a conclusion."""
    candles = mine.load()
    plan = mine.plan(candles)
    with mine.pool(candles, plan) as pool:
        return mine.search(candles, plan, pool, on_event, control)  # type: ignore[arg-type]


def opened(mine: OptimizeJob) -> Study:
    """The job's study, to be closed."""
    candles = mine.load()
    identity = mine.identity(candles, mine.plan(candles))
    return Study.opened(mine.settings.url, mine.settings.study_name, identity)


def main() -> None:
    database, trials, workers = sys.argv[1:]
    control = SearchControl()
    with stopped_by_signals(control):
        search(job(database, int(trials), workers=int(workers)), control, _say)


def _say(event: object) -> None:
    if isinstance(event, TrialFinished):
        print("trial", event.number, repr(event.score), flush=True)


if __name__ == "__main__":
    main()
