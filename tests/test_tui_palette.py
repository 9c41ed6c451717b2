"""The palette: every action by its name, on every screen, also while typing. Costs 20 s."""

from collections.abc import Iterator

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.bot_app import settled, shown, watched
from tests.screen_text import screen_text, until
from tests.tui_app import NOON, form, lines, opened, quick_run, run
from tui.app import GridTui
from tui.keys import KEYS, WITHOUT_KEY, move_keys
from tui.screens.help import HelpScreen
from tui.screens.names import SCREENS
from tui.screens.palette import PaletteScreen, entries, found
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion
from tui.theme import LIGHT

BOTH = ((80, 24), (120, 40))


@pytest.fixture(autouse=True)
def _keys_as_they_were() -> Iterator[None]:
    yield
    move_keys({})


def listed(app: GridTui) -> list[str]:
    """What the lines of the list say, from left to right."""
    return [line.strip("│ ▄▃▁█") for line in lines(app) if line.count("│") >= 2]


@pytest.mark.parametrize("size", BOTH)
async def test_the_palette_of_a_bots_screen(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with shown("1", watched(), size) as (app, pilot):
        await pilot.press(":")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen), "the palette")
        await settled(pilot)
        assert screen_text(app) == snapshot
        await pilot.press(*"flat")
        await settled(pilot)
        assert screen_text(app) == snapshot(name="typed")


@pytest.mark.parametrize("size", BOTH)
async def test_an_action_is_found_by_a_part_of_its_name_and_done(size: tuple[int, int]) -> None:
    async with shown("2", watched(), size) as (app, pilot):
        await pilot.press(":", *"stop")
        await until(pilot, lambda: "S        stop" in screen_text(app), "the action")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("escape")
        await pilot.press("ctrl+p", *"gologs", "enter")
        await until(pilot, lambda: "[Logs]" in screen_text(app), "another screen")


async def test_ctrl_p_opens_it_while_text_is_typed_and_letters_actions_are_there() -> None:
    async with opened((80, 24)) as (app, pilot):
        await pilot.press("f", "ctrl+u", *":x")
        assert not isinstance(app.screen, PaletteScreen)
        typed = form(app).text
        await pilot.press("ctrl+p", *"every parameter", "enter")
        await until(pilot, lambda: "kama_period" in screen_text(app), "the parameters")
        assert form(app).text == typed


COMMANDS = {
    "bot: pause": "no new entries",
    "bot: stop": "take-profits and stops stay",
    "bot: close all": "everything closed",
    "bot: start": "start a bot",
    "bot: resume": "has ended",
}


async def test_from_any_other_screen_the_commands_to_the_bot_are_found_and_asked_on_live() -> None:
    async with shown("1", watched()) as (app, pilot):
        for screen in SCREENS[5:]:
            await app.action_screen(screen.number)
            every = entries(app.screen)
            for name, meaning in COMMANDS.items():
                command = next(entry for entry in every if entry.name == name)
                assert meaning in command.key.meaning
                word = name.partition(" ")[2]
                assert command in [entry for entry, _ in found(every, word)]
        for words, asks in (("bot stop", Question), ("bot close", TypedQuestion)):
            app.set_focus(None)
            await app.action_screen("8")
            await pilot.press("ctrl+p", *words, "enter")
            await until(pilot, lambda asks=asks: isinstance(app.screen, asks), words)
            assert app.current_mode == "1"
            await pilot.press("escape")


async def test_the_word_resume_finds_the_key_of_a_paused_bot() -> None:
    view = watched()
    view.take("quote", view.quote | {"paused": ["operator"]})
    async with shown("2", view) as (app, pilot):
        await pilot.press(":", *"resume")
        await until(pilot, lambda: "p        resume entries" in screen_text(app), "the action")


async def test_without_a_bot_it_opens_and_its_actions_say_why_they_do_nothing() -> None:
    async with shown("1", None, (80, 24)) as (app, pilot):
        await pilot.press(":", *"pause", "enter")
        await until(pilot, lambda: "no bot is shown" in screen_text(app), "the reason")


async def test_every_screen_offers_its_own_actions_and_all_screens() -> None:
    async with shown("1", watched()) as (app, pilot):
        for screen in SCREENS:
            await app.action_screen(screen.number)
            await until(pilot, lambda s=screen: f"[{s.name}]" in screen_text(app), screen.name)
            every = entries(app.screen)
            names = {entry.name for entry in every}
            assert {f"go to {each.name}" for each in SCREENS} <= names
            assert {key.footer for key in WITHOUT_KEY} <= names
            ids = {entry.key.id for entry in every}
            places = {e.key.place for e in every}
            assert {"app"} < places, screen.name
            assert ids <= {key.id for key in (*KEYS, *WITHOUT_KEY)}


async def test_what_another_pane_does_can_be_chosen_from_the_form() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        await run_twice(pilot)
        await pilot.press("f", "ctrl+p", *"mark", "enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "runs", "the list")
        await until(pilot, lambda: "*" in screen_text(app), "the mark")


async def run_twice(pilot) -> None:
    await pilot.press("f")
    await run(pilot)


async def test_the_words_of_a_meaning_find_an_action_and_nothing_finds_none() -> None:
    async with shown("1", watched()) as (app, pilot):
        every = entries(app.screen)
        assert next(e.key.id for e, _ in found(every, "with everything closed")) == "flatten"
        assert next(e.key.id for e, _ in found(every, "ackn")) == "acknowledge"
        assert found(every, "xyzzy") == []
        assert [entry for entry, _ in found(every, "")] == every
        await pilot.press(":", *"xyzzy")
        await until(pilot, lambda: "no action is called so" in screen_text(app), "the word")
        await pilot.press("enter")
        assert isinstance(app.screen, PaletteScreen)


async def test_it_goes_with_escape_moves_by_arrows_and_opens_over_no_dialog() -> None:
    async with shown("1", watched(), (80, 24)) as (app, pilot):
        await pilot.press("ctrl+p", "down", "down", "up", "pagedown", "pageup")
        assert isinstance(app.screen, PaletteScreen)
        await pilot.press("escape")
        assert not isinstance(app.screen, PaletteScreen)
        await pilot.press("?", "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")


async def test_themes_and_symbols_are_chosen_there() -> None:
    async with shown("3", watched(), (80, 24)) as (app, pilot):
        await pilot.press(":", *"theme light", "enter")
        await until(pilot, lambda: app.theme == LIGHT.name, "the theme")
        await pilot.press(":", *"symbols ascii", "enter")
        await until(pilot, lambda: screen_text(app).isascii(), "ASCII alone")
        await pilot.press(":", *"symbols braille", "enter")
        await until(pilot, lambda: not screen_text(app).isascii(), "all characters")


async def test_moved_keys_are_shown_there(tmp_path) -> None:
    (tmp_path / "gridtui.toml").write_text('[keys]\nquit = "f10"\npalette = "f9"\n')
    app = GridTui(tmp_path, clock=lambda: NOON, first="1")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No bot runs" in screen_text(app), "the screen")
        await pilot.press("f9", *"quit")
        await until(pilot, lambda: "F10      quit" in screen_text(app), "the user's key")
