"""The Config screen: values, filter, checks, profiles with their comments, a bot's values. 15 s."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from engine.errors import ParameterError
from engine.params import STRATEGY_PARAMS
from tests.bot_app import settled, watched
from tests.bot_documents import snapshot as told
from tests.screen_text import screen_text, until
from tests.tui_app import NOON, SIZES, form, opened
from tui.app import GridTui
from tui.bot.launch import StartOrder, StartText
from tui.commands.grammar import named_config
from tui.optimizer_order import SearchRequest, SearchText
from tui.profiles import config_file, profile_path, profiles, read_profile
from tui.request import FieldError
from tui.screens.backtest import BacktestScreen
from tui.screens.config import ConfigScreen
from tui.screens.parameters import ParametersScreen
from tui.screens.question import Question
from tui.user_config import user_config

CAREFUL = "# mine\n[strategy]\ngamma = 0.3  # calm\n\n[backtest]\ncoins = ['BTC']\n"


@asynccontextmanager
async def config_screen(
    folder: Path, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    app = GridTui(folder, clock=lambda: NOON, first="9")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "kama_period:" in screen_text(app), "the first parameter")
        await settled(pilot)
        yield app, pilot


async def find(app: GridTui, pilot: Pilot[None], name: str) -> None:
    """Choose a parameter by the filter."""
    await pilot.press("slash", *name, "enter")
    await until(pilot, lambda: f"{name}: " in screen_text(app), name)


def test_one_name_means_the_same_profile_wherever_a_config_file_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    path = keep(folder, "tuned", "[strategy]\ngamma = 0.7\n")
    for name in ("tuned", "tuned.toml"):
        order = StartOrder.checked(StartText("BTC", config=name), folder)
        assert order.flags[-1] == str(path)
        asked = argparse.Namespace(config=Path(name), data_dir=folder)
        assert named_config(asked) == path
        text = replace(SearchText.defaults(), config=name)
        assert str(path) in SearchRequest.checked(text, folder).arguments
    with pytest.raises(FieldError, match=r"file lost: No such file .*; the profiles are tuned$"):
        StartOrder.checked(StartText("BTC", config="lost"), folder)
    (tmp_path / "tuned.toml").write_text("[strategy]\n")
    assert config_file(folder, "tuned.toml") == Path("tuned.toml")
    assert user_config(folder).troubles == ()
    (folder / "gridtui.toml").write_text("[strategy]\ngamma = 0.7\n")
    assert user_config(folder).troubles == ()


async def test_a_profile_is_loaded_among_the_parameters_of_a_backtest(tmp_path: Path) -> None:
    keep(tmp_path, "tuned", "[strategy]\ngamma = 0.7\n")
    async with opened(data_dir=tmp_path) as (app, pilot):
        form(app).show(replace(form(app).text, capital="5000"))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("o")
        await until(pilot, lambda: "profiles: tuned" in screen_text(app), "the names")
        await pilot.press(*"tuned", "enter", "escape")
        await until(pilot, lambda: isinstance(app.screen, BacktestScreen), "the form")
        assert form(app).text.changed == {"gamma": 0.7}
        assert form(app).text.capital == "5000"


async def answer(app: GridTui, pilot: Pilot[None], key: str) -> str:
    """Answer the question that comes; returns it."""
    await until(pilot, lambda: isinstance(app.screen, Question), "the question")
    asked = screen_text(app)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ConfigScreen), "the screen")
    return asked


def keep(folder: Path, name: str, text: str) -> Path:
    path = profile_path(folder, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("size", SIZES)
async def test_every_parameter_beside_a_bots(
    tmp_path: Path, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    keep(tmp_path, "careful", CAREFUL)
    about = told()["about"] | {"params": {**STRATEGY_PARAMS, "kama_period": 12}}
    async with config_screen(tmp_path, size) as (app, pilot):
        await until(pilot, lambda: "in profile careful: " in screen_text(app), "the profile")
        app.store.fleet.watched = watched(told(about=about))
        await until(pilot, lambda: "1 unlike the bot" in screen_text(app), "the bot")
        await settled(pilot)
        assert screen_text(app) == snapshot
        await pilot.press("b")
        await until(pilot, lambda: "0 unlike the bot" in screen_text(app), "its values")
        assert "1 not saved" in screen_text(app)


async def test_a_value_is_checked_before_it_is_taken(tmp_path: Path) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        await find(app, pilot, "grid_levels")
        await pilot.press("enter", "ctrl+u", *"1000", "enter")
        await until(pilot, lambda: "! grid_levels" in screen_text(app), "the refusal")
        assert "0 unlike the default" in screen_text(app)
        await pilot.press("ctrl+u", *"7", "enter")
        await until(pilot, lambda: "1 unlike the default" in screen_text(app), "the change")
        await pilot.press("d")
        await until(pilot, lambda: "0 unlike the default" in screen_text(app), "the default")


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("gamma", "abc", "gamma = 'abc' is no number: it takes 0 to 100"),
        ("grid_levels", "1,5", "grid_levels = '1,5' is no number: it takes a whole number"),
        ("gamma", "101", "gamma = '101' is out of range: it takes 0 to 100"),
    ],
)
async def test_what_is_no_number_is_not_called_out_of_range(
    tmp_path: Path, name: str, typed: str, said: str
) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        await find(app, pilot, name)
        await pilot.press("enter", "ctrl+u", *typed, "enter")
        await until(pilot, lambda: f"! {said}" in screen_text(app), "the refusal")
    async with opened(data_dir=tmp_path) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen), "the parameters")
        await pilot.press("slash", *name, "enter", "enter", "ctrl+u", *typed, "enter")
        await until(pilot, lambda: f"! {said}" in screen_text(app), "the refusal there")


async def test_switches_turn_over_and_all_go_back_at_once(tmp_path: Path) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        for name in ("allow_short", "grid_mode"):
            await find(app, pilot, name)
            await pilot.press("enter", "escape")
        await until(pilot, lambda: "2 unlike the default" in screen_text(app), "both")
        await pilot.press("D")
        assert "That loses 2 values not saved yet; s saves." in await answer(app, pilot, "n")
        assert "2 unlike the default" in screen_text(app)
        await pilot.press("D")
        await answer(app, pilot, "y")
        await until(pilot, lambda: "0 unlike the default" in screen_text(app), "none")


async def test_only_what_is_nowhere_else_is_asked_about_before_other_values_are_taken(
    tmp_path: Path,
) -> None:
    keep(tmp_path, "careful", CAREFUL)
    about = told()["about"] | {"params": {**STRATEGY_PARAMS, "kama_period": 12}}
    async with config_screen(tmp_path, (120, 40)) as (app, pilot):
        app.store.fleet.watched = watched(told(about=about))
        await until(pilot, lambda: "1 unlike the bot" in screen_text(app), "the bot")
        for keys, words in (
            (("o", *"careful", "enter"), "config careful"),
            (("b",), "0 unlike the bot"),
            (("D",), "0 unlike the default"),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda words=words: words in screen_text(app), words)
            assert isinstance(app.screen, ConfigScreen)
        await find(app, pilot, "gamma")
        await pilot.press("enter", "ctrl+u", *"0.9", "enter")
        await until(pilot, lambda: "1 unlike the default" in screen_text(app), "the change")
        for keys, asked in (
            (("b",), "Take the bot's values?"),
            (("o", *"careful", "enter"), "Open careful?"),
        ):
            await pilot.press(*keys)
            assert asked in await answer(app, pilot, "n")
            assert "1 unlike the default" in screen_text(app)
        await pilot.press("o", *"careful", "enter")
        await answer(app, pilot, "y")
        await until(pilot, lambda: "not saved" not in screen_text(app), "the profile as it is")


async def test_escape_leaves_the_line_then_the_filter(tmp_path: Path) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        await find(app, pilot, "gamma")
        await pilot.press("enter", *"99", "escape")
        await settled(pilot)
        assert "/gamma" in screen_text(app)
        assert "0 unlike the default" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "/gamma" not in screen_text(app), "everything")


async def test_no_bots_values_without_a_bot(tmp_path: Path) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        await pilot.press("b")
        await until(pilot, lambda: "no bot is shown" in screen_text(app), "the word")


async def test_a_profile_is_loaded_changed_and_saved_with_its_comments(tmp_path: Path) -> None:
    path = keep(tmp_path, "careful", CAREFUL)
    async with config_screen(tmp_path, (120, 40)) as (app, pilot):
        await pilot.press("o", *"careful", "enter")
        await until(pilot, lambda: "1 unlike the default" in screen_text(app), "its values")
        await find(app, pilot, "gamma")
        await pilot.press("enter", "ctrl+u", *"0.4", "enter")
        await until(pilot, lambda: "1 not saved" in screen_text(app), "the change")
        await pilot.press("s", "enter")
        assert "gamma 0.3 -> 0.4" in await answer(app, pilot, "n")
        assert path.read_text() == CAREFUL
        await pilot.press("s", "enter")
        await answer(app, pilot, "y")
        await until(pilot, lambda: path.read_text() != CAREFUL, "the file")
        assert path.read_text() == CAREFUL.replace("0.3", "0.4")
        await until(pilot, lambda: "not saved" not in screen_text(app), "nothing left")


async def test_a_new_profile_has_what_differs_from_the_defaults(tmp_path: Path) -> None:
    async with config_screen(tmp_path) as (app, pilot):
        await find(app, pilot, "allow_short")
        await pilot.press("enter", "s", *"long", "enter")
        await answer(app, pilot, "y")
        path = profile_path(tmp_path, "long")
        await until(pilot, path.exists, "the file")
        changed = {k: v for k, v in read_profile(path).values.items() if v != STRATEGY_PARAMS[k]}
        assert changed == {"allow_short": False}


async def test_a_profile_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    keep(tmp_path, "bad", "[strategy]\ngrid_levels = 1000\n")
    async with config_screen(tmp_path, (120, 40)) as (app, pilot):
        await until(pilot, lambda: "bad.toml" in screen_text(app), "its trouble")
        await pilot.press("o", *"bad", "enter")
        await settled(pilot)
        assert "0 unlike the default" in screen_text(app)


def test_a_name_is_a_file_of_the_folder_and_a_path_is_a_path(tmp_path: Path) -> None:
    assert profile_path(tmp_path, " careful ") == tmp_path / "profiles" / "careful.toml"
    assert profile_path(tmp_path, "my.toml") == tmp_path / "profiles" / "my.toml"
    assert profile_path(tmp_path, "/x/my.toml") == Path("/x/my.toml")


def test_a_value_out_of_range_is_refused_with_the_files_name(tmp_path: Path) -> None:
    path = keep(tmp_path, "bad", "[strategy]\ngrid_levels = 1000\n")
    with pytest.raises(ParameterError, match=r"bad\.toml: .*grid_levels"):
        read_profile(path)
    (found,) = profiles(tmp_path)
    assert "grid_levels" in found.trouble


async def away_and_back(app: GridTui, pilot: Pilot[None]) -> None:
    """To the Logs and to the Config again."""
    await pilot.press("5")
    await until(pilot, lambda: not isinstance(app.screen, ConfigScreen), "the other screen")
    await pilot.press("9")
    await until(pilot, lambda: isinstance(app.screen, ConfigScreen), "the screen")


async def test_what_was_written_elsewhere_is_there_when_the_screen_is_shown_again(
    tmp_path: Path,
) -> None:
    async with config_screen(tmp_path, (120, 40)) as (app, pilot):
        path = keep(tmp_path, "careful", CAREFUL)
        await pilot.press("o")
        await until(pilot, lambda: "profile: careful, or a path" in screen_text(app), "its name")
        await pilot.press(*"careful", "enter")
        await find(app, pilot, "gamma")
        path.write_text(CAREFUL.replace("0.3", "0.6"))
        await away_and_back(app, pilot)
        await until(pilot, lambda: "in profile careful: 0.6" in screen_text(app), "the list")
        await until(pilot, lambda: "* 0.6" in screen_text(app), "the value")
        assert "careful was changed elsewhere" in screen_text(app)
        await pilot.press("s", "enter")
        await until(pilot, lambda: "already" in screen_text(app), "no change")
        assert "0.6" in path.read_text()


async def test_an_edit_outlives_a_change_of_its_file_and_is_all_that_is_saved(
    tmp_path: Path,
) -> None:
    path = keep(tmp_path, "careful", CAREFUL)
    async with config_screen(tmp_path, (120, 40)) as (app, pilot):
        await pilot.press("o", *"careful", "enter")
        await find(app, pilot, "allow_short")
        await pilot.press("enter")
        await until(pilot, lambda: "1 not saved" in screen_text(app), "the edit")
        path.write_text(CAREFUL.replace("0.3", "0.6"))
        await away_and_back(app, pilot)
        await until(pilot, lambda: "but for 1 edit of yours" in screen_text(app), "the word")
        assert "1 not saved" in screen_text(app)
        path.write_text(CAREFUL.replace("0.3", "0.7"))  # while the screen is shown
        await pilot.press("s", "enter")
        asked = await answer(app, pilot, "y")
        assert "Write 1 change to" in asked
        assert "allow_short" in asked
        await until(pilot, lambda: "allow_short = false" in path.read_text(), "the file")
        assert "gamma = 0.7  # calm" in path.read_text()
        await until(pilot, lambda: "not saved" not in screen_text(app), "nothing left")
