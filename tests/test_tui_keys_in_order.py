"""Keys that come faster than they are taken act in the order in which they were typed (4 s)."""

from pathlib import Path

import pytest
from textual.events import Event, Key, Paste
from textual.pilot import Pilot

from tests.screen_text import until
from tests.tui_app import opened
from tui.app import GridTui
from tui.bot.launch import StartOrder, StartText
from tui.screens.start_bot import StartDialog

DOWN, BACKSPACE, ENTER, LEAVE = "\ue000", "\x7f", "\r", "\x11"
_NAMES = {DOWN: "down", BACKSPACE: "backspace", ENTER: "enter", LEAVE: "ctrl+q"}


def typed(*parts: str | Paste) -> list[Event]:
    """Each character is a key."""
    keys: list[Event] = []
    for part in parts:
        keys += [part] if isinstance(part, Paste) else [Key(_NAMES.get(c, c), c) for c in part]
    return keys


async def dialog(app: GridTui, pilot: Pilot[None], taken: list[StartOrder | None]) -> StartDialog:
    """The form of a bot, once its first field has the focus."""
    form = StartDialog(StartText(coin="BTC"), Path("data"))
    app.push_screen(form, taken.append)
    await until(pilot, lambda: app.screen is form and app.focused is not None, "the form")
    return form


def type_at_once(app: GridTui, keys: list[Event]) -> None:
    """As a terminal does that was not read for a moment."""
    for key in keys:
        app.post_message(key)


@pytest.mark.parametrize("number", ["3600", "1100"])
async def test_what_backspace_empties_first_keeps_every_digit_that_follows(number: str) -> None:
    async with opened() as (app, pilot):
        form = await dialog(app, pilot, [])
        type_at_once(app, typed(DOWN * 4, BACKSPACE, number, DOWN, "sim"))
        await until(pilot, lambda: form.text("source") == "sim", "the last key")
        assert (form.text("coin"), form.text("speed")) == ("BTC", number)


async def test_what_follows_an_arrow_goes_into_the_next_field() -> None:
    async with opened() as (app, pilot):
        form = await dialog(app, pilot, [])
        keys = typed("ETH", DOWN, DOWN, "1000", DOWN, "5", DOWN, Paste("60"), DOWN, "sim")
        type_at_once(app, keys)
        await until(pilot, lambda: form.text("source") == "sim", "the last key")
        values = [form.text(name) for name in ("coin", "capital", "leverage", "speed")]
        assert values == ["ETH", "1000", "5", "60"]


async def test_what_follows_enter_is_not_taken_into_the_order() -> None:
    async with opened() as (app, pilot):
        taken: list[StartOrder | None] = []
        await dialog(app, pilot, taken)
        keys = typed(DOWN, DOWN, "100", ENTER, "00", LEAVE)
        type_at_once(app, keys)
        await until(pilot, lambda: not app.is_running, "leaving")
        (order,) = taken
        assert order is not None
        assert order.flags == ("--coin", "BTC", "--paper", "--capital", "100", "--speed", "1")
