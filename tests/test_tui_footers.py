"""Every line of keys fits the narrowest usual terminal, and what it says holds. Costs 8 s."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.actions import parse
from textual.app import App
from textual.binding import Binding
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from tests.bot_app import settled, shown
from tests.bot_files import keep_state
from tests.bots_app import bots_screen, chosen, running, short_folder
from tests.busy_bot import busy
from tests.key_walk import SMALL_AND_WIDE
from tests.screen_text import screen_text, until
from tests.tui_app import form, opened
from tui.bot.record import ENDING
from tui.footers import FOOTERS
from tui.keys import KEYS, footer, help_of, key_of, write_plainly
from tui.screens.names import SCREENS
from tui.widgets.fields import Link
from tui.widgets.footer import KeyLine

_BY_ID = {key.id: key for key in KEYS}


def width(context: str) -> int:
    return sum(Content(f" {key} {words} ").cell_length for key, words in footer(context))


@pytest.mark.parametrize("context", FOOTERS)
def test_a_line_of_keys_is_not_cut_at_80_columns(context: str) -> None:
    assert width(context) <= 80, footer(context)


def answered(screen: Screen[None], name: str) -> bool:
    """Whether it is this row of the table that one of its keys means where the focus is now."""
    for key in _BY_ID[name].keys.split(","):
        rows = [
            bound.id
            for node, bindings in screen._modal_binding_chain
            for bound in bindings.key_to_bindings.get(key, ())
            if bound.id and _holds(node, bound)
        ]
        if rows[:1] == [name]:
            return True
    return False


def _holds(node: DOMNode, binding: Binding) -> bool:
    _, action, parameters = parse(binding.action)
    return node.check_action(action, parameters) is not False


def last_line(app: App[None]) -> str:
    return " ".join(screen_text(app).split("\n")[-1].split())


def missing(screen: Screen[None], context: str) -> set[str]:
    names = {entry.partition(":")[0] for entry in FOOTERS[context]}
    return {name for name in names if not answered(screen, name)}


@pytest.mark.parametrize("size", SMALL_AND_WIDE)
async def test_what_the_line_of_keys_says_holds_on_every_screen(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown("1", busy(), size) as (app, pilot):
        for name in (*SCREENS[1:], SCREENS[0]):
            if isinstance(app.focused, Input):
                app.set_focus(None)
            app.simulate_key(name.number)
            await until(pilot, lambda n=name: f"[{n.name}]" in screen_text(app), name.name)
            if name.name != "Data":  # there are none on this disk
                await until(pilot, lambda: app.focused is not None, "something that has the focus")
            await pilot.pause(0.15)
            line = app.screen.query_one(KeyLine)
            assert missing(app.screen, line.context) == set(), (name.name, line.context)
            said = screen_text(app).split("\n")[-1]
            assert said.split() == " ".join(f"{k} {w}" for k, w in footer(line.context)).split()


@pytest.fixture
def plainly() -> Iterator[None]:
    write_plainly(True)
    yield
    write_plainly(False)


@pytest.mark.usefixtures("plainly")
def test_in_ascii_arrows_are_named_by_words_and_no_line_is_cut() -> None:
    for context in FOOTERS:
        assert width(context) <= 80, footer(context)
        assert all(key.isascii() for key, _ in footer(context))
    assert key_of("next_field") == "Down"
    assert ("Left Right", "values") in footer("equity")
    assert all(key.isascii() for _, rows in help_of() for key, _ in rows)


@pytest.mark.parametrize("number", ["1", "2"])
async def test_while_the_bot_is_paused_p_is_said_to_go_on(number: str) -> None:
    view = busy()
    async with shown(number, view, (80, 24)) as (app, pilot):
        assert "p pause" in screen_text(app)
        view.take("quote", view.quote | {"paused": ["operator"]})
        await until(pilot, lambda: " p go on " in screen_text(app), "the other word")
        view.take("quote", view.quote | {"paused": ["errors"]})
        await until(pilot, lambda: " p pause " in screen_text(app), "a pause that is another's")


@pytest.mark.parametrize("number", ["1", "2"])
async def test_where_a_bot_can_only_be_watched_no_key_that_steers_it_is_offered(
    number: str,
) -> None:
    view = busy()
    async with shown(number, view, (80, 24)) as (app, pilot):
        assert "[RO]" not in screen_text(app)
        view.controls = False
        await until(pilot, lambda: "[RO]" in screen_text(app), "the mark")
        await until(pilot, lambda: " p pause" not in screen_text(app), "other keys")
        context = app.screen.query_one(KeyLine).context
        names = {entry.partition(":")[0] for entry in FOOTERS[context]}
        assert not names & {"pause", "end", "flatten"}
        assert missing(app.screen, context) == set()
        app.simulate_key("S")
        await until(pilot, lambda: "it can only be watched" in screen_text(app), "why not")
        view.controls = True
        await until(pilot, lambda: " p pause" in screen_text(app), "the keys again")
        assert "[RO]" not in screen_text(app)


async def test_on_the_list_of_bots_only_keys_that_the_chosen_one_can_take_are_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with short_folder(monkeypatch) as folder:
        keep_state(folder, "paper", "SOLUSDT", held=0.0)
        record = keep_state(folder, "live", "ETHUSDT").with_name(f"ETHUSDT{ENDING}")
        record.write_text("")
        async with running(folder), bots_screen(folder, (80, 24)) as (app, pilot):
            for name, words in (
                ("BTC paper", "enter show S stop X close all n new ? all keys q quit"),
                ("ETH live", "r resume v replay n new ? all keys q quit"),
                ("SOL paper", "r one like it n new ? all keys q quit"),
            ):
                await chosen(pilot, name)
                await until(pilot, lambda words=words: last_line(app) == words, words)
                assert missing(app.screen, app.screen.query_one(KeyLine).context) == set()
                await pilot.press("down")
            await pilot.press("S")
            await until(pilot, lambda: "does not run" in screen_text(app), "why not")


async def test_without_a_bot_the_list_of_bots_offers_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with short_folder(monkeypatch) as folder:
        async with bots_screen(folder, (80, 24)) as (app, pilot):
            words = "n new ? all keys q quit"
            await until(pilot, lambda: last_line(app) == words, words)


async def test_on_the_line_that_opens_the_parameters_enter_is_said_to_open() -> None:
    async with opened((80, 24)) as (app, pilot):
        form(app).query_one(Link).focus()
        await until(pilot, lambda: "enter open" in screen_text(app), "the keys there")
        assert missing(app.screen, app.screen.query_one(KeyLine).context) == set()
        assert "enter run" not in screen_text(app).split("\n")[-1]


LETTERS = tuple(sorted({n for k in KEYS for n in k.keys.split(",") if len(n) == 1 and n.isalpha()}))
"""Every letter that is a key anywhere."""


@pytest.mark.parametrize(
    ("number", "keys"),
    [("4", "slash"), ("5", "slash"), ("5", "ampersand"), ("5", "ctrl+g"), ("9", "slash")],
)
async def test_a_letter_is_typed_into_a_line_and_is_no_key_there(number: str, keys: str) -> None:
    async with shown("1", busy(), (80, 24)) as (app, pilot):
        app.simulate_key(number)
        await until(pilot, lambda: app.current_mode == number, "the screen")
        await until(pilot, lambda: app.focused is not None, "the focus")
        await settled(pilot)
        await pilot.press(keys)
        await until(pilot, lambda: isinstance(app.focused, Input), "the line")
        line = app.focused
        assert isinstance(line, Input)
        for letter in LETTERS:
            app.simulate_key(letter)
        await until(pilot, lambda: line.value == "".join(LETTERS), "all letters")
        assert app.focused is line
        assert len(app.screen_stack) == 1
        assert app.current_mode == number
