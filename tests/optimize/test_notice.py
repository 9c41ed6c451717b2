"""A search told to other processes and steered by them; its database read beside it. Costs 3 s."""

import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from engine.errors import ParameterError
from engine.events import Examining, SearchProgress, SearchStarted
from engine.optimize.announce import announced
from engine.optimize.browse import Browser
from engine.optimize.control import SearchControl
from engine.optimize.job import OptimizeJob
from engine.optimize.notice import posted, tell_wish
from engine.optimize.settings import SearchSettings
from engine.optimize.space import Space
from engine.optimize.study import impossible
from engine.params import OPTIMIZER_SPACE
from tests.studies import keep_trials


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def a_job(study: str = "mine") -> OptimizeJob:
    settings = SearchSettings(study_name=study, workers=0)
    return OptimizeJob.checked(
        {}, {"coins": ["BTC"]}, settings, source="sim", data_dir=Path("data")
    )


def progress(done: int, *, paused: bool = False) -> SearchProgress:
    return SearchProgress(done, 20, 1.0, 1.0, 0.1, 0.8, 0.1, paused)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_notice_says_what_the_search_says_and_how_it_ended() -> None:
    with announced(a_job("a / b"), SearchControl()) as tell:
        tell(SearchStarted("a / b", "x", 3, 20, 0, "tpe"))
        tell(progress(5))
        [one] = posted(Path("data"))
        assert one.at_work
        assert (one.notice.stage, one.notice.known, one.notice.wanted) == ("searching", 3, 20)
        tell(progress(7, paused=True))
        [one] = posted(Path("data"))
        assert (one.notice.stage, one.notice.done) == ("paused", 7)
        tell(Examining("permutations", 0.5))
    [one] = posted(Path("data"))
    assert not one.at_work
    assert not one.killed
    assert (one.notice.stage, one.notice.done) == ("finished", 7)
    assert one.notice.order.coins == ("BTC",)


def test_wishes_are_obeyed_and_those_of_an_earlier_search_are_not() -> None:
    control = SearchControl()
    with announced(a_job(), SearchControl()):
        [one] = posted(Path("data"))
    tell_wish(one.folder, "stop")
    with announced(a_job(), control):
        time.sleep(0.5)
        assert not control.stopped
        tell_wish(one.folder, "pause")
        wait_for(lambda: control.paused)
        tell_wish(one.folder, "run")
        wait_for(lambda: not control.paused)
        tell_wish(one.folder, "stop")
        wait_for(lambda: control.stopped)
    assert posted(Path("data"))[0].notice.stage == "stopped"


def test_a_failure_is_told_in_one_line() -> None:
    with pytest.raises(ParameterError), announced(a_job(), SearchControl()):
        raise ParameterError("the candles differ")
    [one] = posted(Path("data"))
    assert (one.notice.stage, one.notice.words) == ("failed", "the candles differ")


def test_a_second_process_on_the_same_study_leaves_the_first_ones_notice_alone() -> None:
    with announced(a_job(), SearchControl()) as first:
        first(SearchStarted("mine", "x", 0, 20, 0, "tpe"))
        with announced(a_job(), SearchControl()) as second:
            second(SearchStarted("mine", "x", 0, 99, 0, "tpe"))
        [one] = posted(Path("data"))
        assert one.at_work
        assert one.notice.wanted == 20


def test_a_notice_that_cannot_be_read_is_left_out() -> None:
    with announced(a_job(), SearchControl()):
        [one] = posted(Path("data"))
    (one.folder / "notice.json").write_text("{")
    assert posted(Path("data")) == ()


def test_a_database_is_read_piece_by_piece_and_never_made() -> None:
    url = SearchSettings().url
    with Browser(url) as browser:
        assert browser.studies() == ()
    assert not Path("grid_v4_wfo.db").exists()
    keep_trials(trials=6)
    with Browser(url) as browser:
        [entry] = browser.studies()
        names = tuple(entry.identity["space"]) if entry.identity else ()
        found, place = browser.trials("mine", names, frozenset({"grid_levels"}), 0)
        assert [trial.number for trial in found] == list(range(6))
        assert entry.best == max(trial.score for trial in found if trial.score is not None)
        assert isinstance(found[0].values[names.index("grid_levels")], int)
        assert browser.trials("mine", names, frozenset(), place) == ([], place)


def test_a_rejected_draw_is_called_impossible_and_a_lost_trial_lost() -> None:
    keep_trials(trials=1)
    url = SearchSettings().url
    study = optuna.load_study(storage=url, study_name="mine")
    values, space = dict(study.trials[0].params), Space.checked(OPTIMIZER_SPACE)
    study.add_trial(impossible(values, space, "halt above resume"))
    lost = impossible(values, space, "")
    lost.user_attrs = {}
    study.add_trial(lost)
    with Browser(url) as browser:
        found, _ = browser.trials("mine", space.names, frozenset(), 0)
    assert [trial.state for trial in found] == ["done", "impossible", "lost"]
    assert [trial.score is None for trial in found] == [False, True, True]


def test_a_file_that_is_no_database_is_one_line() -> None:
    Path("notes.db").write_text("x" * 5000)
    with (
        Browser(SearchSettings(storage="notes.db").url) as browser,
        pytest.raises(ParameterError, match=r"cannot read the database notes\.db: file is not"),
    ):
        browser.studies()
