"""The application on a screen of a bot, under a pilot: what the bot told is made by hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from engine.wording import BADGES
from tests.bot_documents import snapshot
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.view import BotView

DRAINS_A_SECOND = 10


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(document: Mapping[str, Any] | None = None, clock: Clock | None = None) -> BotView:
    """A bot that is connected and has told this."""
    view = BotView(clock or Clock())
    view.begin(document or snapshot())
    view.link = "connected"
    view.controls = True
    return view


@asynccontextmanager
async def shown(
    number: str, view: BotView | None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    """A screen, by its number, once it shows the bot, or that there is none."""
    app = GridTui(clock=lambda: NOON, first=number)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        app.store.fleet.watched = view
        said = "No bot runs" if view is None else f" {BADGES[view.mode]} "
        await until(pilot, lambda: said in screen_text(app), said)
        await settled(pilot)
        yield app, pilot


async def settled(pilot: Pilot[None]) -> None:
    """Wait for what follows a change by itself: sizes, and what is laid by them."""
    before = ""
    while before != (now := screen_text(pilot.app)):
        before = now
        await pilot.pause(1.2 / DRAINS_A_SECOND)


def without_names(app: GridTui) -> str:
    """The screen without the line of screen names, which is tested by itself."""
    lines = screen_text(app).split("\n")
    return "\n".join(line for line in lines if not ("Logs" in line and "Backtest" in line))
