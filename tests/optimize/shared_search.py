"""One machine of several on a study: `python shared_search.py URL begin|join TRIALS WORKERS`.

Waits, once it is in the study, for a line on its standard input. Prints `ready` then, `trial N` for
each trial that it has finished itself or heard of, and `done N`, how many it finished itself.
"""

import sys
from threading import Thread

from engine.events import SearchProgress, TrialFinished
from engine.optimize.control import SearchControl
from engine.optimize.job import OptimizeJob
from engine.optimize.settings import SearchSettings

HEARTBEAT = (1, 3)
STUDY = "together"


def job(url: str, trials: int, workers: int, *, joins: bool) -> OptimizeJob:
    settings = SearchSettings(
        trials=trials, windows=2, study_name=STUDY, storage=url, workers=workers, mc_perms=0
    )
    if joins:
        return OptimizeJob.joining(settings, source="sim")
    coins = {"coins": ["BTC", "SOL"], "start_date": "2022-01-01", "end_date": "2022-06-01"}
    return OptimizeJob.checked({}, coins, settings, source="sim")


def main() -> None:
    url, role, trials, workers = sys.argv[1:]
    mine = job(url, int(trials), int(workers), joins=role == "join")
    candles = mine.load()
    plan = mine.plan(candles)
    control = SearchControl()
    control.pause()
    Thread(target=_go_when_told, args=(control,), daemon=True).start()
    said = _Sayer()
    with mine.pool(candles, plan) as pool:
        result = mine.search(candles, plan, pool, said, control, heartbeat=HEARTBEAT)
    print("done", result.added, flush=True)


def _go_when_told(control: SearchControl) -> None:
    sys.stdin.readline()
    control.resume()


class _Sayer:
    def __init__(self) -> None:
        self._ready = False

    def __call__(self, event: object) -> None:
        if isinstance(event, SearchProgress) and not self._ready:
            self._ready = True
            print("ready", flush=True)
        if isinstance(event, TrialFinished):
            print("trial", event.number, flush=True)


if __name__ == "__main__":
    main()
