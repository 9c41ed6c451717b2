"""What the Optimizer screen says of scores, refits and sets of parameters to apply. Costs 20 s."""

import json
import tomllib
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from engine.optimize.notice import shown_storage
from engine.optimize.settings import SearchSettings
from engine.params import OPTIMIZER_SPACE
from tests.screen_text import screen_text, until
from tests.studies import at_work, keep_notice, keep_refit, keep_report, keep_trials
from tests.test_tui_optimizer_looks import SMALL, WIDE, to_optimizer
from tests.tui_app import lines, opened
from tui.app import GridTui
from tui.optimizer_watch import Watch
from tui.screens.apply import ApplyDialog
from tui.screens.question import Question
from tui.widgets.search_form import SearchForm

GAMMA = OPTIMIZER_SPACE["gamma"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))


async def dialog(app: GridTui, pilot: Pilot[None]) -> None:
    """Open the dialog on a study that is OVERFIT, with the choice of sets below the cursor."""
    keep_trials(trials=12)
    keep_report("OVERFIT", trials=12)
    await to_optimizer(pilot, "OVERFIT  p ")
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, ApplyDialog), "the dialog")
    await pilot.press("up")


async def test_nothing_is_applied_of_a_study_that_was_chosen_but_not_read_yet() -> None:
    keep_trials("mine", trials=12)
    keep_trials("other", trials=12)
    keep_report("ROBUST", "other", trials=12)
    async with opened(WIDE, Path("data")) as (app, pilot):
        screen = await to_optimizer(pilot, "ROBUST  p ")
        assert app.store.optimizer.view.row.key.name == "other"
        await until(pilot, lambda: not screen._reading, "the end of a reading")
        screen._reading = True  # the next one takes its time
        await pilot.press("s", "down")
        await until(pilot, lambda: screen._chosen.name == "mine", "the study without a report")
        await pilot.press("a")
        await until(pilot, lambda: "mine is being read" in screen_text(app), "why not")
        assert app.screen is screen
        screen._reading = False
        await until(pilot, lambda: app.store.optimizer.view.row.key.name == "mine", "the reading")
        await pilot.press("a")
        await until(pilot, lambda: "mine: it has no report yet" in screen_text(app), "why not")


@pytest.mark.parametrize(("wanted", "goes_on"), [(12, False), (20, True)])
async def test_a_study_with_its_verdict_can_be_applied_however_its_search_was_stopped(
    wanted: int, goes_on: bool
) -> None:
    keep_trials(trials=12)
    keep_report("ROBUST", trials=12)
    keep_notice("stopped", "stopped", done=12, wanted=wanted)
    async with opened(WIDE, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "ROBUST  p ")
        await pilot.press("p")
        await until(pilot, lambda: "a apply..." in lines(app)[-1], "the key")
        assert ("space go on" in lines(app)[-1]) == goes_on
        assert ("stopped, 12 of 20 trials: space goes on" in screen_text(app)) == goes_on
        assert ("stopped" in screen_text(app)) == goes_on


def gamma_line(app: GridTui) -> str:
    """The line of gamma in the difference, without the frame; "" where it does not change."""
    found = [line for line in lines(app) if " gamma " in line and "->" in line]
    return found[0].partition("->")[2].split()[0] if found else ""


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_every_set_that_the_command_can_apply_is_offered_and_shown_first(
    size: tuple[int, int],
) -> None:
    async with opened(size, Path("data")) as (app, pilot):
        await dialog(app, pilot)
        assert "The median lies outside of its cluster" in screen_text(app)
        assert gamma_line(app) == f"{GAMMA['low']:g}"
        await pilot.press("right")
        await until(pilot, lambda: "< medoid: trial 11" in screen_text(app), "the medoid")
        assert "That verdict is about the robust median, not about these" in screen_text(app)
        assert gamma_line(app) == f"{GAMMA['high']:g}"
        await pilot.press("right")
        await until(pilot, lambda: "all that was not searched" in screen_text(app), "the whole")
        assert "1 change, " in screen_text(app)
        assert "leverage" in screen_text(app)
        await pilot.press("right")
        await until(pilot, lambda: "< best trial alone" in screen_text(app), "the best")
        assert gamma_line(app) == "1.9"
        await pilot.press("left", "left")
        await until(pilot, lambda: "< medoid" in screen_text(app), "the medoid again")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert "OVERFIT, is about the robust" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: "wrote 21 changes to" in screen_text(app), "the word")
    kept = tomllib.loads(Path("data/profiles/mine.toml").read_text())
    assert kept["strategy"]["gamma"] == GAMMA["high"]


async def test_a_name_that_is_missing_is_asked_for_and_no_difference_stands_below() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        await dialog(app, pilot)
        await until(pilot, lambda: "space change" in lines(app)[-1], "the key of the choice")
        await pilot.press("down")
        await until(pilot, lambda: "space" not in lines(app)[-1], "no such key")
        assert gamma_line(app)
        await pilot.press("space", "enter")
        await until(pilot, lambda: "! give a name" in screen_text(app), "what is missing")
        assert not gamma_line(app)
        assert isinstance(app.screen, ApplyDialog)


async def test_any_file_and_key_can_be_named_and_a_wrong_one_is_one_line() -> None:
    Path("mine.json").write_text(json.dumps({"chosen": {"gamma": 0.7}}))
    async with opened(SMALL, Path("data")) as (app, pilot):
        await dialog(app, pilot)
        await pilot.press("left")
        await until(
            pilot, lambda: "! name the file with the" in screen_text(app), "what is missing"
        )
        await pilot.press("down", *"mine.json")
        await until(pilot, lambda: "no parameters under 'best_params'" in screen_text(app), "why")
        await pilot.press("down", "ctrl+u", *"chosen")
        await until(pilot, lambda: gamma_line(app) == "0.7", "the difference")
        assert "The file says nothing about them." in screen_text(app)
        assert "1 change; a new file" in screen_text(app)


async def test_a_best_trial_of_another_study_is_not_offered_as_this_ones() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        await dialog(app, pilot)
        Path("data/best_params_v4.json").write_text(
            json.dumps({"study": {"name": "other"}, "best_params": {"gamma": 1.9}})
        )
        await pilot.press("left", "left")
        await until(pilot, lambda: "! mine has no best_params_v4" in screen_text(app), "why")


async def test_scores_below_the_scale_stand_at_its_lower_edge_and_are_counted() -> None:
    keep_trials(trials=40)
    async with opened(SMALL, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "▾ 4 lower")
        view = app.store.optimizer.view
        assert view is not None
        [edge] = [line for line in lines(app) if "▾ 4 lower" in line]
        assert edge.count("▾") == 1 + 4
        assert view.best is not None
        assert view.newest is not None
        text = screen_text(app)
        assert f"● best {view.best.score:+.4f} (trial {view.best.number})" in text
        assert f"○ newest {view.newest.score:+.4f} (trial 39)" in text


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_refit_shows_what_its_windows_made_out_of_sample(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    for number in (1, 2):
        keep_trials(f"mine.window{number}", trials=20)
    keep_refit()
    keep_notice("finished", "", mode="refit", done=20, wanted=20, part="mine.window2")
    async with opened(size, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "40 trials in 2 windows")
        for view in "twpr":
            await pilot.press(view)
            await pilot.pause(0.1)
            assert screen_text(app) == snapshot(name=view)
        await pilot.press("a")
        await until(pilot, lambda: "its windows have a set each" in screen_text(app), "why not")


async def test_every_field_of_the_form_says_what_it_is_while_it_has_the_focus() -> None:
    async with opened(SMALL, Path("data")) as (app, pilot):
        screen = await to_optimizer(pilot, "No study yet")
        form = screen.query_one(SearchForm)
        form.focus_field("study")
        said = []
        for _ in range(15):
            await pilot.pause()
            said.append(str(form.border_subtitle))
            assert said[-1]
            assert f" {said[-1]} ─" in screen_text(app)
            await pilot.press("down")
        assert len(set(said)) == 15


async def test_brackets_in_a_study_s_name_are_shown_as_they_are_everywhere() -> None:
    name = "[b]mine[/]"
    keep_trials(name, trials=12)
    keep_report("OVERFIT", name, trials=12)
    folder = keep_notice("searching", "searching", name, done=12, wanted=20, share=0.6, rate=1.0)
    with at_work(folder):
        async with opened(WIDE, Path("data")) as (app, pilot):
            await to_optimizer(pilot, "12/20 trials")
            assert screen_text(app).count(name) == 3  # status, list, title
            await pilot.press("t", "enter")
            await until(pilot, lambda: f"of {name} " in screen_text(app), "the trial")
            await pilot.press("escape", "a")
            await until(pilot, lambda: f"parameters of {name} " in screen_text(app), "the dialog")
            await pilot.press("escape", "x")
            await until(pilot, lambda: f"Stop {name}?" in screen_text(app), "the question")


def test_trials_of_a_search_that_begins_are_read_at_once_and_lie_nowhere_else() -> None:
    settings = SearchSettings()
    watch = Watch(Path("data"))
    with at_work(keep_notice("searching", "searching", done=3, wanted=20)):
        begun = watch.read(settings.url, shown_storage(settings), None).chosen
        assert begun is not None
        assert (begun.row.trials, begun.nothing) == (3, "its trials are being read")
        keep_trials(trials=3)
        later = watch.read(settings.url, shown_storage(settings), None).chosen
        assert later is not None
        assert len(later.trials) == 3


async def test_a_database_is_not_asked_while_its_name_is_being_typed() -> None:
    keep_trials(trials=3)
    async with opened(SMALL, Path("data")) as (app, pilot):
        screen = await to_optimizer(pilot, "3 trials")
        before = app.store.optimizer.rows
        await pilot.press("f")
        screen.query_one("#storage").focus()
        await pilot.press(*"nowhere.db")
        await pilot.pause(2.5)
        assert app.store.optimizer.rows == before
        await pilot.press("up")
        await until(pilot, lambda: not app.store.optimizer.rows, "the other database")
