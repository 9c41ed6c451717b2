"""Pause and resume: what the key does is what was shown when it was pressed. Costs 6 s."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from state.control import CommandError, ControlServer
from state.control_wire import socket_path
from state.lock import BotLock
from tests.bot_app import shown
from tests.bot_documents import QUOTE, snapshot
from tests.bot_files import hold
from tests.screen_text import screen_text, until
from tui.app import GridTui
from tui.bots import bots
from tui.screens.palette import PaletteScreen
from tui.screens.question import Question

NOTED = "noted, it takes effect when the exchange answers"


class Bot:
    """What it was told, and whether its exchange answers."""

    def __init__(self, path: Path) -> None:
        self.told: list[str] = []
        self.confirms = True
        self.server = ControlServer(path, self._obey)
        self.server.set_snapshot(snapshot)

    async def _obey(self, name: str, _: Mapping[str, Any], __: str) -> object:
        self.told.append(name)
        if not self.confirms:
            raise CommandError(f"{NOTED} (no answer)")
        return "entries are paused" if name == "pause" else "entries are laid again"

    def tell_paused(self) -> None:
        """Its next quote says that the operator has paused it."""
        self.server.publish("quote", {**QUOTE, "paused": ["operator"]}, lossless=True)


@asynccontextmanager
async def watching(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Bot, GridTui, Pilot[None]]]:
    """A bot on paper, on the Live screen."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(folder))
    monkeypatch.setattr("tui.screens.bot_screen.HELD_KEY_S", 0.0)
    path = socket_path(folder, "BTCUSDT")
    bot = Bot(path)
    async with shown("1", None) as (app, pilot):
        await bot.server.start()
        try:
            with BotLock("paper", "BTCUSDT") as lock:
                hold(lock, folder, "paper", "BTCUSDT", path)
                await app.store.fleet.follow(bots()[0])
                await until(pilot, lambda: "64,703.1" in screen_text(app), "the bot")
                yield bot, app, pilot
        finally:
            await bot.server.close()


async def test_a_pause_that_is_not_confirmed_is_said_as_it_is_and_taken_back_only_if_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, monkeypatch) as (bot, app, pilot):
        bot.confirms = False
        await pilot.press("p")
        await until(pilot, lambda: "pause: noted, it takes effect" in screen_text(app), "the word")
        assert "not done" not in screen_text(app)
        bot.tell_paused()
        await until(pilot, lambda: " p go on " in screen_text(app), "the other word")
        for answer, told in (("n", ["pause"]), ("y", ["pause", "resume"])):
            await pilot.press("p")
            await until(pilot, lambda: isinstance(app.screen, Question), "the question")
            await until(
                pilot, lambda: "confirmed by the exchange yet" in screen_text(app), "its reason"
            )
            await pilot.press(answer)
            await until(pilot, lambda told=told: bot.told == told, str(told))


async def test_a_pause_that_is_confirmed_is_taken_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, monkeypatch) as (bot, app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: "entries are paused" in screen_text(app), "the answer")
        bot.tell_paused()
        await until(pilot, lambda: " p go on " in screen_text(app), "the other word")
        await pilot.press("p")
        await until(pilot, lambda: "entries are laid again" in screen_text(app), "the answer")
        assert bot.told == ["pause", "resume"]


async def test_a_while_after_a_doubtful_pause_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.bot.fleet._DOUBTFUL_S", 0.0)
    async with watching(tmp_path, monkeypatch) as (bot, app, pilot):
        bot.confirms = False
        await pilot.press("p")
        await until(pilot, lambda: NOTED in screen_text(app), "the word")
        bot.tell_paused()
        await until(pilot, lambda: " p go on " in screen_text(app), "the other word")
        await pilot.press("p")
        await until(pilot, lambda: bot.told == ["pause", "resume"], "the command")


async def test_the_key_does_what_the_line_of_keys_says_though_the_bot_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, monkeypatch) as (bot, app, pilot):
        app.store.fleet.watched.take("quote", {**QUOTE, "paused": ["operator"]})
        app.screen.action_pause()
        await until(pilot, lambda: bot.told == ["pause"], "the command")


@pytest.mark.parametrize("number", ["1", "8"])
async def test_the_palette_does_what_it_has_shown_though_the_bot_has_changed(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, monkeypatch) as (bot, app, pilot):
        await app.action_screen(number)
        await pilot.press("ctrl+p", *"pause")
        await until(pilot, lambda: isinstance(app.screen, PaletteScreen), "the palette")
        bot.tell_paused()
        await until(pilot, lambda: app.store.fleet.watched.paused_by_operator, "the pause")
        await pilot.press("enter")
        await until(pilot, lambda: bot.told == ["pause"], "the command")
        await app.action_screen(number)
        await pilot.press("ctrl+p", *"resume entries")
        await until(pilot, lambda: "resume entries" in screen_text(app), "the other name")
        await pilot.press("enter")
        await until(pilot, lambda: bot.told == ["pause", "resume"], "the command")
