"""Keys by where the focus is, and going from screen to screen. Costs 15 s."""

import pytest

from tests.screen_text import screen_text, until
from tests.tui_app import fill_endless, fill_long, form, lines, opened, quick_run, tap
from tui.screens.backtest import BacktestScreen
from tui.screens.help import HelpScreen
from tui.screens.names import SCREENS
from tui.screens.parameters import ParametersScreen
from tui.screens.question import Question
from tui.widgets.fields import TextField


@pytest.mark.parametrize(("field", "downs"), [("start", 2), ("capital", 4), ("leverage", 5)])
async def test_what_a_field_does_not_take_stands_there_as_wrong_and_is_no_key(
    field: str, downs: int
) -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", *["down"] * downs, *"5qrpxcfvst?/][")
        await pilot.pause()
        assert app.is_running
        assert getattr(form(app).text, field) == "5qrpxcfvst?/]["
        assert app.focused is not None
        assert app.focused.id == field
        assert app.focused.has_class("-wrong")
        assert isinstance(app.screen, BacktestScreen)
        assert "all keys" in lines(app)[-1]


async def test_digits_are_typed_into_text_fields_and_change_the_screen_elsewhere() -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", "ctrl+u", "8", "tab", "shift+tab", "escape")
        assert form(app).text.coins == "8"
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "the Data screen")
        await pilot.press("6")
        await until(pilot, lambda: "[Backtest]" in screen_text(app), "the Backtest screen")
        assert form(app).text.coins == "8"


@pytest.mark.parametrize("row", ["source", "short"])
async def test_digits_in_a_row_without_typing_are_kept_from_showing_another_screen(
    row: str,
) -> None:
    async with opened() as (app, pilot):
        form(app).query_one(f"#{row}").focus()
        await pilot.press(*"2024")
        await until(pilot, lambda: "this row takes no typing" in screen_text(app), "the word")
        assert app.current_mode == "6"
        await pilot.press("escape")
        assert app.focused is form(app)
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "the Data screen")


async def test_escape_leaves_a_choice_of_the_optimizer_where_there_is_no_study() -> None:
    async with opened() as (app, pilot):
        await pilot.press("7")
        await until(pilot, lambda: "enter search" in lines(app)[-1], "the form")
        await pilot.press("f", "down", "down", "1")
        await until(pilot, lambda: "this row takes no typing" in screen_text(app), "the word")
        assert app.current_mode == "7"
        await pilot.press("escape", "6")
        await until(pilot, lambda: app.current_mode == "6", "the Backtest screen")


async def test_digits_go_from_screen_to_screen_whichever_they_come_to() -> None:
    async with opened() as (app, pilot):
        before = form(app).text
        for _ in range(2):
            for number in "78967":
                await pilot.press(number)
                await until(pilot, lambda n=number: app.current_mode == n, f"screen {number}")
        await pilot.press("6", "f")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "coins", "field")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        await pilot.press("escape", "X")
        assert form(app).text.coins == f"{before.coins}X"
        await pilot.press("escape")
        assert form(app).text == before


async def test_escape_in_a_text_field_brings_back_what_it_held() -> None:
    async with opened() as (app, pilot):
        held = form(app).text
        await pilot.press("f", *"DOGE", "escape")
        assert form(app).text == held
        assert app.focused is not None
        assert app.focused.id == "coins"
        await pilot.press("escape")
        assert app.focused is form(app)
        assert "q quit" in lines(app)[-1]
        await pilot.press("down", *"DOGE", "down", "escape")
        assert form(app).text.coins == "DOGE"


async def test_beside_a_result_the_first_escape_undoes_a_field_and_the_second_leaves_it() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "esc result" in lines(app)[-1], "the field as it was")
        await pilot.press("E")
        await until(pilot, lambda: "esc undo field" in lines(app)[-1], "another value")
        await pilot.press("escape")
        assert form(app).text.coins == "BTC"
        assert app.focused is not None
        assert app.focused.id == "coins"
        await until(pilot, lambda: "esc result" in lines(app)[-1], "the field as it was")
        await pilot.press("escape")
        assert app.focused.id == "charts"


async def test_in_the_optimizer_the_first_escape_undoes_a_field_and_the_second_leaves_it() -> None:
    async with opened() as (app, pilot):
        await pilot.press("7")
        await until(pilot, lambda: "enter search" in lines(app)[-1], "the form")
        await pilot.press("f", "2")
        await until(pilot, lambda: "esc undo field" in lines(app)[-1], "another value")
        assert app.focused is not None
        field = app.focused
        assert isinstance(field, TextField)
        assert field.value == "grid_v4_wfo2"
        await pilot.press("escape")
        assert app.focused is field
        assert field.value == "grid_v4_wfo"
        await until(pilot, lambda: "esc leave field" in lines(app)[-1], "the field as it was")
        await pilot.press("escape")
        assert app.focused.id == "form"


async def test_a_letter_meant_for_the_result_does_not_replace_a_field() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot)
        await pilot.press("f", "p")
        assert form(app).text.coins == "BTCp"


async def test_after_escape_from_a_result_letters_are_keys_and_are_not_typed() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot)
        await pilot.press("escape")
        assert app.focused is not None
        assert app.focused.id == "runs"
        await until(pilot, lambda: "esc result" in lines(app)[-1], "the way back")
        await pilot.press("escape")
        assert app.focused.id == "charts"
        await pilot.press("escape", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        assert form(app).text.coins == "BTC"


async def test_what_is_typed_into_a_field_that_an_arrow_leads_to_replaces_its_text() -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", "down", "up", "X")
        assert form(app).text.coins == "X"


@pytest.mark.parametrize("typed", ["5k", "5oo0", "-5", "1e400", "6/a.toml"])
async def test_no_other_number_than_the_typed_one_is_run(typed: str) -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", *["down"] * 4, *typed, "enter")
        await until(pilot, lambda: "!" in screen_text(app), "the message")
        said = " ".join(line[2:30].strip() for line in lines(app)[3:25])
        assert "! capital takes above 0 to 1e+12, not" in said
        assert f"'{typed}'" in said
        assert app.store.progress is None
        await pilot.press("7")
        await until(pilot, lambda: "! capital" not in screen_text(app), "another try")


async def test_a_dialog_takes_no_screens_number() -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("8")
        await pilot.pause()
        assert isinstance(app.screen, ParametersScreen)


@pytest.mark.parametrize("key", ["f1", "p"])
async def test_ctrl_q_leaves_from_within_a_dialog(key: str) -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", key)
        await until(
            pilot, lambda: isinstance(app.screen, HelpScreen | ParametersScreen), "the dialog"
        )
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert not app.is_running


async def test_ctrl_q_within_a_dialog_asks_once_while_a_run_is_under_way() -> None:
    async with opened() as (app, pilot):
        await fill_endless(pilot)
        await tap(pilot, "enter", "f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        await tap(pilot, "ctrl+q", "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await tap(pilot, "n")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys again")
        await tap(pilot, "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question again")
        await tap(pilot, "y")
        await until(pilot, lambda: not app.is_running, "the end")
        await until(pilot, lambda: not app.store.busy, "the end of the thread")


async def test_the_list_of_runs_is_not_entered_while_it_is_empty() -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "r")
        await pilot.pause()
        assert "there are no runs yet" in screen_text(app)
        assert app.focused is not None
        assert app.focused.id == "form"


async def test_a_run_goes_on_while_another_screen_is_shown_and_every_status_line_says_so() -> None:
    async with opened() as (app, pilot):
        await fill_long(pilot, "BTC ETH", "2022-01-01")
        await tap(pilot, "enter", "8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "the Data screen")
        seen = False

        def done() -> bool:
            nonlocal seen
            seen |= "running" in lines(app)[0]
            return bool(app.store.runs) and "idle" in lines(app)[0]

        await until(pilot, done, "the result")
        assert seen
        await until(pilot, lambda: "run 1 is done: 6 shows it" in screen_text(app), "the word")
        await pilot.press("6")
        await until(pilot, lambda: "run 1 of 1" in screen_text(app), "the result")
        assert "esc runs" in lines(app)[-1]


async def test_a_screen_is_as_it_was_left_and_fits_a_terminal_that_has_changed() -> None:
    async with opened((80, 24)) as (app, pilot):
        await quick_run(pilot)
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "the Data screen")
        await pilot.resize_terminal(120, 40)
        await pilot.press("6")
        await until(pilot, lambda: "Profit Factor" in screen_text(app), "the summary")
        assert len(lines(app)) == 40
        assert "run 1 of 1" in screen_text(app)
        assert "coins" in screen_text(app)


def test_every_screen_has_a_number_and_a_class_of_its_own() -> None:
    for name in SCREENS:
        assert name.number == name.make(None).NUMBER
