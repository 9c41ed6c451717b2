"""A search: the same for the same seed, growing, stopped without loss (about 60 s)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.events import Examining, SearchFinished, SearchProgress, SearchStarted, TrialFinished
from engine.loop import Cancelled
from engine.optimize.control import SearchControl
from engine.optimize.evaluate import Evaluation, Evaluator
from engine.optimize.job import OptimizeJob
from engine.optimize.samplers import Sampling
from engine.optimize.study import Study, frozen_of
from engine.optimize.workers import Workers
from tests.optimize.candles import SPACE
from tests.optimize.solo_search import COINS, job, opened, search


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def test_the_seed_alone_decides_the_trials_however_many_workers_there_are(tmp_path: Path) -> None:
    results = [
        search(job(str(tmp_path / f"{workers}.db"), 25, workers=workers)).trials
        for workers in (0, 1, 3)
    ]
    assert results[0] == results[1] == results[2]
    other = search(job(str(tmp_path / "other.db"), 25, seed=1)).trials
    assert [trial.params for trial in other] != [trial.params for trial in results[0]]
    assert search(job(str(tmp_path / "0.db"), 1)).front == ()


def test_a_study_of_the_same_name_grows(database: str) -> None:
    first = search(job(database, 12))
    second = search(job(database, 8))
    assert (first.added, second.added) == (12, 8)
    assert second.trials[:12] == first.trials
    assert [trial.number for trial in second.trials] == list(range(20))
    assert len({tuple(trial.params.values()) for trial in second.trials}) == 20


def test_without_an_end_a_study_goes_on_with_its_own(database: str) -> None:
    first = search(job(database, 3))
    mine = job(database, 3)
    without_end = {name: value for name, value in COINS.items() if name != "end_date"}
    again = OptimizeJob.checked({}, without_end, mine.settings, source="sim")
    assert search(again).last_ms == first.last_ms


def test_other_settings_are_refused_and_the_study_stays_as_it_was(database: str) -> None:
    search(job(database, 5))
    with pytest.raises(ParameterError, match="windows was 2 and is now 3"):
        search(job(database, 5, windows=3))
    with pytest.raises(ParameterError, match="its sampler is told score"):
        search(job(database, 5, sampler="nsga2"))
    settings = job(database, 5).settings
    with pytest.raises(ParameterError, match="leverage was 1 and is now 2"):
        OptimizeJob.checked({"leverage": 2}, COINS, settings, source="sim")
    assert len(search(job(database, 1)).trials) == 6


@pytest.mark.parametrize("sampler", ["cmaes", "qmc", "nsga2", "random"])
def test_every_sampler_searches_and_goes_on_where_it_was(sampler: str, database: str) -> None:
    first = search(job(database, 60, sampler=sampler))
    second = search(job(database, 10, sampler=sampler))
    params = {tuple(trial.params.values()) for trial in second.trials}
    assert len(params) > 60, "a resumed sampler draws other points"
    assert second.trials[:60] == first.trials
    for trial in second.trials:
        SPACE.params(trial.params)


def test_nsga_is_told_growth_and_drawdown(database: str) -> None:
    result = search(job(database, 12, sampler="nsga2"))
    for trial in result.trials:
        growth, drawdown = trial.values
        assert -1.0 <= growth <= 10.0
        assert 0.0 <= drawdown <= 1.0
    assert result.best.score == max(trial.score for trial in result.trials)
    beaten = {
        trial.number
        for trial in result.trials
        for other in result.trials
        if other.values[0] >= trial.values[0]
        and other.values[1] <= trial.values[1]
        and other.values != trial.values
    }
    assert {trial.number for trial in result.front} == {t.number for t in result.trials} - beaten


def test_the_sampler_never_sees_a_test_score(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = search(job(database, 20))
    real: Callable[..., Evaluation] = Evaluator.trial

    def turned(self: Evaluator, *args: Any) -> Evaluation:
        found = real(self, *args)
        return found._replace(
            test_scores=tuple(tuple(-s for s in row) for row in found.test_scores)
        )

    monkeypatch.setattr(Evaluator, "trial", turned)
    other = search(job(str(tmp_path / "turned.db"), 20))
    assert [t.params for t in other.trials] == [t.params for t in honest.trials]
    assert [t.test_scores for t in other.trials] != [t.test_scores for t in honest.trials]


def test_tpe_learns_from_the_scores() -> None:
    sampling = Sampling("tpe", SPACE, [], seed=3)
    drawn = []
    for _ in range(90):
        asked = sampling.ask()
        sampling.tell(asked, [-abs(asked.values["gamma"] - 1.5)])
        drawn.append(asked.values["gamma"])
    assert np.mean(np.abs(np.array(drawn[-30:]) - 1.5)) < np.mean(
        np.abs(np.array(drawn[:30]) - 1.5)
    )


def test_a_paused_search_finishes_what_runs_and_starts_nothing(database: str) -> None:
    control = SearchControl()
    done: list[int] = []

    def watch(event: object) -> None:
        if isinstance(event, TrialFinished):
            done.append(event.number)
            if event.number == 4:
                control.pause()
        if isinstance(event, SearchProgress) and event.paused and len(done) == 12:
            paused_at.append(len(done))
            control.resume()

    paused_at: list[int] = []
    result = search(job(database, 20), control, watch)
    assert paused_at[0] == 12  # 5 and those asked for ahead of them
    assert len(result.trials) == 20


def test_a_stopped_search_keeps_what_is_finished(database: str) -> None:
    control = SearchControl()

    def stop(event: object) -> None:
        if isinstance(event, TrialFinished) and event.number == 6:
            control.stop()

    stopped = search(job(database, 1_000), control, stop)
    assert stopped.stopped
    assert stopped.added == len(stopped.trials) == 7
    assert search(job(database, 1)).trials[:7] == stopped.trials


def test_what_is_searched_may_have_another_value_in_the_base(database: str) -> None:
    mine = job(database, 3)
    search(mine)
    applied = OptimizeJob.checked({"gamma": 1.9}, COINS, mine.settings, source="sim")
    assert len(search(applied).trials) == 6


def test_an_error_in_a_trial_ends_the_search_and_loses_none_before_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Evaluation] = Evaluator.trial
    begun: list[object] = []

    def stumble(self: Evaluator, *args: Any) -> Evaluation:
        begun.append(args)
        if len(begun) == 15:
            raise ParameterError("over a stone")
        return real(self, *args)

    monkeypatch.setattr(Evaluator, "trial", stumble)
    mine = job(database, 500)
    told: list[int] = []

    def remember(event: object) -> None:
        if isinstance(event, TrialFinished):
            told.append(event.number)

    with pytest.raises(ParameterError, match="over a stone"):
        search(mine, None, remember)
    assert len(told) == 14
    with closing(opened(mine)) as study:
        assert [record.number for record in study.records()] == told


def test_a_terminal_that_is_gone_costs_no_finished_trial(database: str) -> None:
    told: list[int] = []

    def gone(event: object) -> None:
        if isinstance(event, TrialFinished):
            told.append(event.number)
            if len(told) >= 5:
                raise OSError(5, "Input/output error")

    mine = job(database, 500, workers=2)
    with pytest.raises(OSError, match="Input/output"):
        search(mine, None, gone)
    with closing(opened(mine)) as study:
        stored = [record.number for record in study.records()]
    assert stored == list(range(len(stored)))
    assert len(stored) >= 5


def test_without_trials_it_concludes_from_those_there_are(database: str) -> None:
    before = search(job(database, 12))
    result, conclusion = job(database, 0).run()
    assert result.trials == before.trials
    assert result.added == 0
    assert conclusion is not None
    assert conclusion.cluster.trials == 12
    assert len(search(job(database, 1)).trials) == 13


def test_every_other_question_to_the_hold_out_is_a_look(database: str) -> None:
    looks = []
    for trials in (4, 0, 4):
        _, conclusion = job(database, trials).run()
        assert conclusion is not None
        looks.append(conclusion.examination.looks)
    assert looks == [1, 1, 2]
    _, blind = job(database, 4, study_name="blind", holdout=0.0).run()
    assert blind is not None
    assert blind.examination.looks == 1


def test_there_is_nothing_to_conclude_from_without_a_study_or_without_trials(
    database: str,
) -> None:
    with pytest.raises(ParameterError, match="no study grid_v4_wfo to conclude from"):
        job(database, 0)
    assert not Path(database).exists()
    opened(job(database, 1)).close()
    with pytest.raises(ParameterError, match="has no finished trial: give --trials"):
        job(database, 0).run()


def test_the_same_coins_in_another_order_are_the_same_study(database: str) -> None:
    span = {name: value for name, value in COINS.items() if name != "coins"}
    settings = job(database, 3).settings

    def of(*coins: str) -> OptimizeJob:
        return OptimizeJob.checked({}, {"coins": coins, **span}, settings, source="sim")

    first = search(of("SOL", "BTC"))
    second = search(of("BTC", "SOL"))
    assert first.pairs == second.pairs == ("SOL/USDT", "BTC/USDT")
    assert second.trials[:3] == first.trials
    with pytest.raises(ParameterError, match="coins was SOL/USDT BTC/USDT and is now BTC/USDT"):
        search(of("BTC"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_loses_no_finished_trial(database: str, number: signal.Signals) -> None:
    script = [sys.executable, "-m", "tests.optimize.solo_search", database, "5000", "2"]
    before = set(os.listdir("/dev/shm"))
    with subprocess.Popen(
        script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        lines = [running.stdout.readline() for _ in range(21)]
        mapped = Path(f"/proc/{running.pid}/maps").read_text()
        shared = [name for name in set(os.listdir("/dev/shm")) - before if name in mapped]
        os.killpg(running.pid, number)  # a terminal's goes to the workers, too
        lines += running.stdout.readlines()
        assert running.stderr.read() == ""
    assert running.returncode == 0
    assert shared
    assert not set(shared) & set(os.listdir("/dev/shm"))
    told = {int(n): float(score) for _, n, score in map(str.split, lines)}
    stored = {t.number: t.score for t in search(job(database, 1)).trials[:-1]}
    assert stored == told
    assert len(told) >= 21


def test_a_worker_that_is_killed_costs_no_trial(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = search(job(database, 30, workers=1))
    hired = []
    real = Workers.__init__

    def remembering(self: Workers, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        hired.append(self)

    monkeypatch.setattr(Workers, "__init__", remembering)

    def kill(event: object) -> None:
        if isinstance(event, TrialFinished) and event.number in (3, 11):
            os.kill(hired[0].process_ids[0], signal.SIGKILL)

    shaken = search(job(str(tmp_path / "shaken.db"), 30, workers=2), None, kill)
    assert shaken.trials == calm.trials


def test_a_whole_run_tells_its_story_in_order_and_concludes(database: str) -> None:
    events: list[object] = []
    result, conclusion = job(database, 10).run(events.append)
    kinds = [type(event) for event in events]
    assert kinds.index(SearchStarted) < kinds.index(TrialFinished)
    assert kinds[-1] is SearchFinished
    assert kinds.count(TrialFinished) == 10
    last = [event for event in events if isinstance(event, SearchProgress)][-1]
    assert (last.done, last.wanted) == (10, 10)
    assert result.timings.engine > 0.0
    assert result.timings.sampling > 0.0
    assert result.timings.storage > 0.0
    assert conclusion is not None
    assert set(conclusion.cluster.params) == set(SPACE.names)


def test_a_run_that_is_stopped_concludes_nothing(database: str) -> None:
    control = SearchControl()
    result, conclusion = job(database, 500).run(
        lambda event: control.stop() if isinstance(event, TrialFinished) else None, control
    )
    assert result.trials
    assert conclusion is None


def test_stopping_while_the_result_is_questioned_is_a_cancellation(database: str) -> None:
    control = SearchControl()
    with pytest.raises(Cancelled):
        job(database, 3).run(_stop_when_examining(control), control)


def test_what_the_study_holds_is_what_the_result_says(database: str) -> None:
    mine = job(database, 6)
    result = search(mine)
    candles = mine.load()
    with closing(
        Study.opened(mine.settings.url, "grid_v4_wfo", mine.identity(candles, result.plan))
    ) as study:
        assert tuple(study.records()) == result.trials
    assert result.returns_matrix().shape == (len(result.trials[0].returns), 6)
    copy = replace(result.trials[0], number=9)
    assert frozen_of(copy, mine.space).params == dict(copy.params)


def test_a_search_that_is_stopped_before_it_begins_loads_nothing(database: str) -> None:
    control = SearchControl()
    control.stop()
    with pytest.raises(Cancelled):
        job(database, 3).run(control=control)
    assert not Path(database).exists()


def _stop_when_examining(control: SearchControl) -> Callable[[object], None]:
    def stop(event: object) -> None:
        if isinstance(event, Examining):
            control.stop()

    return stop
