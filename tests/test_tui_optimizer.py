"""The Optimizer screen under a pilot: a real search, steered; every key; applying. Costs 40 s."""

import json
import os
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from engine.optimize.notice import Posted, posted, search_folder, wish_in
from exchange.span import moment_text
from tests.screen_text import screen_text, until
from tests.studies import at_work, keep_notice, keep_report, keep_trials
from tests.test_tui_optimizer_looks import SMALL, WIDE, to_optimizer
from tests.tui_app import lines, opened, tap
from tui.figures import day
from tui.optimizer_order import SearchRequest, SearchText, flags_of, settings_of
from tui.request import FieldError
from tui.screens.apply import ApplyDialog
from tui.screens.optimizer import OptimizerScreen
from tui.screens.question import Question
from tui.widgets.fields import TextField
from tui.widgets.search_form import SearchForm
from tui.widgets.studies import StudyList
from tui.widgets.study_pane import StudyPane

_VIEWS = ("parameters", "report", "windows", "log", "trials")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))
    yield
    for one in posted(Path("data")):
        if one.at_work and one.notice.pid != 1:
            os.kill(one.notice.pid, signal.SIGKILL)


def small_search(**changes: str) -> SearchText:
    """A quick one on the simulated market."""
    plain = replace(
        SearchText.defaults(),
        study="mine",
        coins="BTC",
        start="2022-01-01",
        end="2022-04-01",
        windows="2",
        mc_perms="0",
        workers="0",
    )
    return replace(plain, **changes)


def told() -> Posted:
    """The notice of the only search."""
    [one] = posted(Path("data"))
    return one


async def start(pilot: Pilot[None], text: SearchText) -> None:
    screen = await to_optimizer(pilot, "No study yet")
    screen.query_one(SearchForm).show(text)
    await pilot.press("f", "enter")


async def test_a_search_is_paused_left_found_again_resumed_stopped_and_goes_on_to_its_end() -> None:
    async with opened(WIDE, Path("data")) as (app, pilot):
        await start(pilot, small_search(trials="3000"))
        await until(pilot, lambda: "/3,000 trials  " in screen_text(app), "the rate")
        await tap(pilot, "space")
        await until(pilot, lambda: "paused at" in screen_text(app), "the pause")
        await tap(pilot, "q")
        await until(pilot, lambda: "It goes on without the" in screen_text(app), "a word")
        await tap(pilot, "y")
    paused = told()
    assert paused.at_work
    async with opened(SMALL, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "paused at")
        await tap(pilot, "space")
        await until(pilot, lambda: told().notice.done > paused.notice.done, "more trials")
        await tap(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert app.screen.focused is app.screen.query_one("#no", Button)
        await tap(pilot, "y")
        await until(pilot, lambda: "stopped, " in screen_text(app), "the stop")
        kept = app.store.optimizer.rows[0].trials
        assert kept >= paused.notice.done
        screen = app.screen
        assert isinstance(screen, OptimizerScreen)
        screen.query_one(SearchForm).show(small_search(trials="2"))
        await pilot.press("f", "enter")
        await until(pilot, lambda: bool(told().notice.words) and not told().held, "the end")
        await until(pilot, lambda: app.store.optimizer.rows[0].verdict != "", "the verdict")
        assert app.store.optimizer.rows[0].trials == kept + 2
        await pilot.press("r")
        await until(pilot, lambda: "wanted at most" in screen_text(app), "the report")


async def test_a_killed_search_is_known_as_such_and_goes_on_with_what_was_missing() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        await start(pilot, small_search(trials="3000"))
        await until(pilot, lambda: "/3,000 trials  " in screen_text(app), "the rate")
        await until(pilot, lambda: told().notice.done > 0, "a trial")
        os.kill(told().notice.pid, signal.SIGKILL)
        await until(pilot, lambda: "killed, " in screen_text(app), "the end")
        await until(pilot, lambda: "of 3,000 trials: space goes on" in screen_text(app), "a word")
        await tap(pilot, "space")
        await until(pilot, lambda: told().at_work, "the search again")
        order = told().notice.order
        assert order.trials < 3000
        assert told().notice.order.coins == ("BTC",)


async def test_a_search_stopped_while_its_result_is_questioned_goes_on_to_its_conclusion() -> None:
    async with opened(WIDE, Path("data")) as (app, pilot):
        await start(pilot, small_search(trials="4", mc_perms="20000"))
        await until(pilot, lambda: " questioning" in screen_text(app), "the questions")
        await tap(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await tap(pilot, "y")
        words = "stopped, 4 trials, no report: space goes on"
        await until(pilot, lambda: words in screen_text(app), "the stop")
        await tap(pilot, "a")
        await until(pilot, lambda: "no report yet, space goes on to it" in screen_text(app), "why")
        await tap(pilot, "space")
        await until(pilot, lambda: told().at_work, "the search again")
        await until(pilot, lambda: told().notice.stage == "examining", "the questions again")
        assert told().notice.order.trials == 0
        assert told().notice.done == 4


async def test_windows_are_tested_behind_the_purged_days_with_and_without_a_report() -> None:
    async with opened(WIDE, Path("data")) as (app, pilot):
        await start(pilot, small_search(trials="2"))
        await until(pilot, lambda: "no verdict yet" not in screen_text(app), "the study")
        store = app.store.optimizer

        def known() -> bool:
            view = store.view  # the database is listed every other second
            return view is not None and bool(view.report) and bool(view.windows)

        await until(pilot, known, "report and windows")
        [path] = Path("data").glob("optimizer_results_robust*.json")
        spans = json.loads(path.read_text())["study"]["window_spans"]
        with_report = store.view.windows
        told = [[moment_text(ms) for ms in window] for window in with_report]
        assert told == [[one["train"][0], *one["test"]] for one in spans]
        await pilot.press("w")
        first = f"1  {day(with_report[0][1])} .. "
        await until(pilot, lambda: first in screen_text(app), "the first test")
        path.unlink()
        await until(pilot, lambda: store.view.report is None, "no report")
        assert store.view.windows == with_report


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_every_key_does_what_the_page_of_keys_says(size: tuple[int, int]) -> None:
    keep_trials(trials=12)
    keep_trials("other", trials=3)
    keep_report("ROBUST", trials=12)
    folder = keep_notice("searching", "searching", done=12, wanted=20, share=0.6, rate=1.0)
    async with opened(size, Path("data")) as (app, pilot):
        with at_work(folder):
            screen = await to_optimizer(pilot, "12/20 trials")
            pane = screen.query_one(StudyPane)
            for key, view in zip("prwlt", _VIEWS, strict=True):
                await pilot.press(key)
                assert pane.current_view == view
                assert pane.has_focus_within
            await pilot.press("v")
            assert pane.current_view == "parameters"
            await pilot.press("t", "o")
            await until(pilot, lambda: "12 by score" in screen_text(app), "the order")
            await pilot.press("L")
            assert pane.current_view == "log"
            await pilot.press("t", "space")
            assert wish_in(folder) == "pause"
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, Question), "the question")
            await pilot.press("escape")
            assert wish_in(folder) == "pause"
            await pilot.press("x", "y")
            await until(pilot, lambda: wish_in(folder) == "stop", "the wish")
            await pilot.press("f")
            assert app.focused is screen.query_one("#study")
            await pilot.press("escape", "s", "down")
            assert app.focused is screen.query_one(StudyList)
            await pilot.press("enter")
            assert pane.has_focus_within
            await until(pilot, lambda: "3 by score" in screen_text(app), "the other study")
            await pilot.press("space")
            await until(pilot, lambda: "not started from here" in screen_text(app), "the reason")
            await pilot.press("escape")
            assert app.focused is screen.query_one(StudyList)
            assert "all keys" in lines(app)[-1]


async def test_an_arrow_chooses_a_study_and_letters_are_keys_and_not_typed() -> None:
    keep_trials(trials=12)
    keep_trials("other", trials=3)
    async with opened(WIDE, Path("data")) as (app, pilot):
        await pilot.press("7")
        await until(pilot, lambda: app.store.optimizer.view is not None, "the study")
        screen = app.screen
        study = screen.query_one("#study", TextField)
        for _ in range(2):
            await until(pilot, lambda: app.focused is screen.query_one(StudyList), "the studies")
            await pilot.press("down", "p")
            assert screen.query_one(StudyPane).has_focus_within
            await pilot.press("f")
            assert app.focused is study
            assert study.value == "grid_v4_wfo"
            await pilot.press("escape", "6", "7")


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_escape_leads_where_the_line_of_keys_says(size: tuple[int, int]) -> None:
    async with opened(size, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "No study yet")
        assert "esc" not in lines(app)[-1]  # there is nothing that it would lead to
        keep_trials(trials=12)
        await until(pilot, lambda: app.screen.query_one(StudyPane).view is not None, "the study")
        await until(pilot, lambda: "esc study" in lines(app)[-1], "the way to it")
        await pilot.press("escape")
        assert app.screen.query_one(StudyPane).has_focus_within
        await pilot.press("p")
        await until(pilot, lambda: "esc studies" in lines(app)[-1], "the way back")
        await pilot.press("escape")
        assert app.focused is app.screen.query_one(StudyList)


@pytest.mark.parametrize(
    ("done", "known", "told"),
    [
        (12, 0, "Its 12 finished trials are kept, and"),
        (12, 11, "Its 1 finished trial is kept, beside 11 from before, and"),
        (0, 0, "Its 0 finished trials are kept, beside 12 from before, and"),
    ],
)
async def test_the_question_before_a_stop_counts_the_trials_of_this_search(
    done: int, known: int, told: str
) -> None:
    keep_trials(trials=12)
    folder = keep_notice("searching", "searching", done=done, wanted=20, known=known)
    async with opened(WIDE, Path("data")) as (app, pilot):
        with at_work(folder):
            await to_optimizer(pilot, f"{done}/20 trials")
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, Question), "the question")
            assert told in str(app.screen.query_one("#question Static", Static).render())
            await pilot.press("escape")


async def test_parameters_are_applied_after_a_question_and_the_old_file_is_kept() -> None:
    keep_trials(trials=12)
    keep_report("OVERFIT", trials=12)
    keep_notice("finished", "OVERFIT", done=12, wanted=12)
    Path("mine.toml").write_text("# my own\n[strategy]\ngamma = 0.9  # careful\n")
    async with opened(WIDE, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "OVERFIT  p ")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ApplyDialog), "the dialog")
        await pilot.press("ctrl+u", *"nowhere.toml")
        await until(pilot, lambda: "! cannot read config file" in screen_text(app), "the error")
        await pilot.press("enter", "ctrl+u", *"mine.toml")
        await until(
            pilot,
            lambda: "gamma                                   0.9 ->" in screen_text(app),
            "the difference",
        )
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert "The verdict is OVERFIT." in screen_text(app)
        assert app.screen.focused is app.screen.query_one("#no", Button)
        assert Path("mine.toml").read_text().startswith("# my own\n[strategy]\ngamma = 0.9")
        await pilot.press("y")
        await until(pilot, lambda: "changes to mine.toml" in screen_text(app), "the word")
    assert tomllib.loads(Path("mine.toml").read_text())["strategy"]["gamma"] == 0.3
    assert "# careful" in Path("mine.toml").read_text()
    assert "gamma = 0.9" in Path("mine.toml.bak").read_text()


@pytest.mark.parametrize(
    ("field", "typed", "complaint"),
    [
        ("study", " ", "name the study, such as grid_v4_wfo"),
        ("coins", "", "name at least one coin"),
        ("start", "yesterday", "'yesterday' is not a time"),
        ("trials", "-1", "trials = -1 is out of range: it takes 0 to 1,000,000"),
        ("trials", "", "trials takes a whole number, not nothing"),
        ("windows", "60", "windows = 60 is out of range"),
        ("holdout", "0.9", "holdout = 0.9 is out of range"),
        ("holdout", ".", "holdout takes a share such as 0.15, not '.'"),
        ("mc_perms", "x", "mc-perms takes a whole number, not 'x'"),
        ("workers", "999", "workers = 999 is out of range"),
        ("storage", "mysql://h/d", "storage mysql://h/d is not supported"),
        ("config", "none.toml", "cannot read config file none.toml"),
    ],
)
def test_what_cannot_be_searched_is_one_line_that_names_its_field(
    field: str, typed: str, complaint: str
) -> None:
    with pytest.raises(FieldError) as caught:
        SearchRequest.checked(replace(small_search(), **{field: typed}))
    assert complaint in str(caught.value)
    assert caught.value.field == field


async def test_a_complaint_that_does_not_name_its_field_comes_after_its_name() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        await start(pilot, small_search(end="8"))
        await until(pilot, lambda: "! to: '8' is not a time" in screen_text(app), "what is wrong")
        assert app.focused is not None
        assert app.focused.id == "end"


async def test_a_wrong_field_has_the_cursor_and_a_search_that_cannot_begin_says_why() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        await start(pilot, small_search(windows="60"))
        await until(pilot, lambda: "! windows = 60 is out of range" in screen_text(app), "why")
        assert app.focused is not None
        assert app.focused.id == "windows"
        screen = app.screen
        assert isinstance(screen, OptimizerScreen)
        screen.query_one(SearchForm).show(small_search(end="2022-01-05"))
        await pilot.press("enter")
        await until(pilot, lambda: "failed: " in screen_text(app), "the failure")
        assert "too few" in screen_text(app)


def test_a_password_is_not_among_the_arguments_of_the_search() -> None:
    settings = settings_of(small_search(storage="postgresql://me:secret@127.0.0.1/db"))
    assert "secret" in settings.url
    assert not any("secret" in word for word in flags_of(settings))
    assert "secret" not in str(search_folder(Path("data"), settings))


def test_a_study_of_something_else_is_told_in_the_form() -> None:
    keep_trials()
    with pytest.raises(FieldError, match=r"study mine in .* cannot go on: ") as caught:
        SearchRequest.checked(small_search())
    assert caught.value.field == "study"
