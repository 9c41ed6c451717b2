"""Parameters, comparison, help and the question before leaving. Costs 20 s."""

import asyncio
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Button

from engine import __version__
from engine.params import StrategyParams
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES, fill, fill_endless, form, lines, opened, quick_run, run, tap
from tui.bot.launch import StartText
from tui.keys import FOOTERS, KEYS, PLACES, footer
from tui.screens.backtest import BacktestScreen
from tui.screens.compare import CompareScreen
from tui.screens.frame import FramedScreen
from tui.screens.help import HelpScreen
from tui.screens.names import SCREENS, ScreenName
from tui.screens.parameters import ParametersScreen, grouped
from tui.screens.question import Question
from tui.screens.start_bot import StartDialog


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_screen_looks_as_it_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with opened(size) as (app, _):
        assert screen_text(app) == snapshot


async def test_the_page_of_keys_looks_as_it_did(snapshot: SnapshotAssertion) -> None:
    async with opened((80, 60)) as (app, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        shown = screen_text(app).split("\n")
        (title,) = [line for line in shown if f"─ keys of gridtui {__version__} ─" in line]
        shown.remove(title)
        assert "\n".join(shown) == snapshot
        await pilot.press("escape")
        assert isinstance(app.screen, BacktestScreen)


async def test_the_parameters_look_as_they_did(snapshot: SnapshotAssertion) -> None:
    async with opened((80, 24)) as (app, pilot):
        await pilot.press("escape", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", [(59, 24), (80, 19), (20, 5)])
async def test_a_terminal_that_is_too_small_is_told_so(size: tuple[int, int]) -> None:
    async with opened(size) as (app, _):
        assert "too small" in screen_text(app)
        assert "coins" not in screen_text(app)


async def test_a_parameter_is_found_changed_and_taken_into_form_and_run() -> None:
    async with opened() as (app, pilot):
        await fill(pilot)
        await pilot.press("escape", "escape", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("/", *"risk aversion", "enter", "enter", *["backspace"] * 3, *"999")
        await pilot.press("enter")
        await pilot.pause()
        assert "! gamma = '999' is out of range: it takes 0 to 100" in screen_text(app)
        await pilot.press(*["backspace"] * 3, *"0.3", "enter")
        await pilot.pause()
        assert "* gamma" in screen_text(app)
        assert "parameters, 1 change" in screen_text(app)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, BacktestScreen), "the form")
        assert "parameters...   1 change" in screen_text(app)
        await run(pilot)
        assert app.store.runs[0].request.changed == {"gamma": 0.3}
        assert "gamma 0.3" in screen_text(app)


async def test_the_forms_own_parameters_follow_those_of_the_dialog_and_can_be_reset() -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", *["down"] * 5, "5", "down", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("/", *"of the account", "enter")
        await pilot.pause()
        assert "* leverage" in screen_text(app)
        await pilot.press("enter", "backspace", "7", "enter", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, BacktestScreen), "the form")
        assert form(app).text.leverage == "7"
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("D", "escape")
        await until(pilot, lambda: isinstance(app.screen, BacktestScreen), "the form")
        assert form(app).text.leverage == "1"


async def test_a_switch_among_the_parameters_turns_over_and_back() -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("/", *"grid_mode", "enter", "enter")
        await pilot.pause()
        assert "* grid_mode" in screen_text(app)
        await pilot.press("d")
        await pilot.pause()
        assert "* grid_mode" not in screen_text(app)


def test_every_parameter_stands_under_exactly_one_heading() -> None:
    names = [name for _, group in grouped() for name in group]
    assert names == list(StrategyParams.model_fields)
    assert all(group for _, group in grouped())


async def test_two_marked_runs_are_compared_with_their_difference() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot, coins="BTC ETH")
        await pilot.press("c")
        await until(pilot, lambda: "comparing needs two runs" in screen_text(app), "the reason")
        await pilot.press("f", *["down"] * 5, "5")
        await run(pilot)
        await pilot.press("f")
        await run(pilot)
        await pilot.press("r", "space", "c")
        await until(pilot, lambda: "space marks a second one" in screen_text(app), "what to do")
        await pilot.press("space", "down", "space", "down", "space", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the comparison")
        text = screen_text(app)
        assert "run 1 and run 2: portfolio" in text
        assert text.count("SIMULATED BTC ETH") == 2
        assert "leverage 1 -> 5" in text
        assert "the same run twice" not in text
        first, second = (run.metrics("_portfolio") for run in app.store.runs[:2])
        row = next(line for line in lines(app) if "final capital" in line)
        difference = second["final_capital"] - first["final_capital"]
        assert f"{difference:+,.2f}" in row
        await pilot.press("]")
        await pilot.pause()
        assert "run 1 and run 2: BTC/USDT" in screen_text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, BacktestScreen)


async def test_without_marks_the_shown_run_is_compared_with_the_one_before() -> None:
    async with opened((80, 24)) as (app, pilot):
        await quick_run(pilot)
        await pilot.press("f")
        await run(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "run 1 and run 2" in screen_text(app), "the comparison")
        assert "no parameter" in screen_text(app)
        assert "the same run twice: r chooses another" in screen_text(app)
        assert "r other runs" in lines(app)[-1]
        assert "final capital" in screen_text(app)
        await pilot.press("v")
        await pilot.pause()
        assert "final capital" not in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "runs", "the list")
        assert "space mark" in lines(app)[-1]


async def test_leaving_is_immediate_while_nothing_runs() -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "q")
        await pilot.pause()
        assert not app.is_running


async def test_leaving_during_a_run_asks_and_staying_has_the_focus() -> None:
    async with opened() as (app, pilot):
        await fill_endless(pilot)
        await tap(pilot, "enter", "q")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"
        await tap(pilot, "enter")
        assert isinstance(app.screen, BacktestScreen)
        assert app.store.progress is not None
        await tap(pilot, "ctrl+q", "y")
        await until(pilot, lambda: not app.is_running, "the end")
        await until(pilot, lambda: not app.store.busy, "the end of the thread")
        assert app.store.runs == []


def test_every_key_has_an_id_of_its_own_and_a_meaning() -> None:
    ids = [key.id for key in KEYS]
    assert len(set(ids)) == len(ids)
    assert all(key.meaning and key.action and key.keys for key in KEYS)


def test_no_place_binds_a_key_twice() -> None:
    for place in {key.place for key in KEYS}:
        names = [name for key in KEYS if key.place == place for name in key.keys.split(",")]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("context", FOOTERS)
def test_every_footer_fits_into_eighty_columns(context: str) -> None:
    assert sum(len(key) + len(words) + 3 for key, words in footer(context)) <= 80


@pytest.mark.parametrize("name", SCREENS, ids=lambda name: name.name)
async def test_the_page_of_keys_names_every_key_of_the_screen(name: ScreenName) -> None:
    async with opened((120, 140)) as (app, pilot):
        await pilot.press("escape", name.number)
        await until(pilot, lambda: f"[{name.name}]" in screen_text(app), "the screen")
        screen = app.screen
        assert isinstance(screen, FramedScreen)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        text = screen_text(app)
        for key in KEYS:
            if key.place in screen.KEY_PLACES:
                assert key.meaning in text


def test_every_place_stands_on_the_page_of_some_screen() -> None:
    places = {place for name in SCREENS for place in name.make(None).KEY_PLACES}
    assert set(PLACES) == places


async def test_brackets_in_what_is_said_are_no_markup() -> None:
    async with opened((120, 40)) as (app, pilot):
        app.notify("wrote 3 files to /data/[b]mine[/]")
        app.screen.notify("BTC[/red]: imported", severity="warning", timeout=30)
        for words in ("to /data/[b]mine[/]", "BTC[/red]: imported"):
            await until(pilot, lambda words=words: words in screen_text(app), words)


async def test_brackets_in_the_name_of_a_folder_are_shown_by_a_dialog_of_fields() -> None:
    async with opened((120, 40)) as (app, pilot):
        app.push_screen(StartDialog(StartText("BTC"), Path("/data/[/]")))
        await until(pilot, lambda: "Its files: /data/[/]" in screen_text(app), "the folder")


async def test_a_screen_that_two_want_for_the_first_time_at_once_is_made_once() -> None:
    async with opened((80, 24)) as (app, pilot):
        await asyncio.gather(*(app.action_screen(number) for number in ("4", "4", "2", "4")))
        assert app.current_mode == "4"
        await until(pilot, lambda: "4[Orders]" in screen_text(app), "the screen")
        await pilot.press("minus")
        await until(pilot, lambda: "2[Grid]" in screen_text(app), "the one before")


async def test_a_screen_whose_opening_was_given_up_opens_when_it_is_wanted_again() -> None:
    async with opened((80, 24)) as (app, pilot):
        opening = asyncio.create_task(app.action_screen("9"))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await pilot.press("9")
        await until(pilot, lambda: "9[Config]" in screen_text(app), "the screen")
        await until(pilot, lambda: "kama_period" in screen_text(app), "its parameters")
