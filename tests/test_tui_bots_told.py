"""What the Bots screen says of bots that run, crashed or stopped, and of other folders (8 s)."""

import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Static

from state.lock import BotLock
from tests.bot_documents import account, alarm
from tests.bot_documents import snapshot as told
from tests.bot_files import hold, keep_state
from tests.bots_app import bots_screen, chosen, counted, running, short_folder
from tests.screen_text import screen_text, until
from tui.screens.bots import BotsScreen
from tui.screens.question import Question
from tui.widgets.row_table import RowTable


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with locks of its own."""
    with short_folder(monkeypatch) as path:
        yield path


async def test_enter_on_one_that_crashed_or_stopped_asks_whether_to_go_on_with_it(
    folder: Path,
) -> None:
    keep_state(folder, "dry-run", "ETHUSDT", entries=2)
    keep_state(folder, "dry-run", "BTCUSDT")
    async with bots_screen(folder) as (app, pilot):
        for coin in ("ETH", "BTC"):
            await chosen(pilot, f"{coin} dry-run")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, Question), "the question")
            asked = str(app.screen.query_one(Static).content)
            assert asked.startswith(f"Go on with {coin}/USDT (DRY), with 2 lots")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, BotsScreen), "the list")
            await pilot.press("down")
        assert app.store.fleet.starts.launches == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"paused": ["operator"]}, "● PAUSED"),
        ({"halted": True}, "● halted"),
        ({"paused": ["stopping"]}, "● stopping"),
    ],
)
async def test_what_a_bot_that_runs_does_is_shown_by_its_own_word(
    folder: Path, changes: dict[str, Any], word: str
) -> None:
    document = told(account=account(**changes))
    async with running(folder, document), bots_screen(folder, (80, 24)) as (app, pilot):
        await until(pilot, lambda: word in screen_text(app), word)


async def test_a_bot_that_does_not_answer_is_silent_and_slows_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.bot.pulse.PATIENCE_S", 1.0)
    keep_state(folder, "demo", "ETHUSDT")
    path = folder / "live_state" / "demo" / "ETHUSDT.sock"
    paused = told(account=account(paused=["operator"]))
    with socket.socket(socket.AF_UNIX) as deaf, BotLock("demo", "ETHUSDT") as lock:
        deaf.bind(str(path))
        path.chmod(0o600)
        deaf.listen()
        hold(lock, folder, "demo", "ETHUSDT", path)
        async with running(folder, paused), bots_screen(folder, (80, 24)) as (app, pilot):
            await until(pilot, lambda: "● PAUSED" in screen_text(app), "who answers")
            await until(pilot, lambda: "silent 1s" in screen_text(app), "who does not")
            await until(pilot, lambda: "silent 2s" in screen_text(app), "the time that passes")
            table = app.screen.query_one(RowTable)
            await pilot.press("g")
            await until(pilot, lambda: table.chosen.mode == "demo", "the bot")
            await until(pilot, lambda: "! It has not answered since" in screen_text(app), "since")
            words = " ".join(screen_text(app).replace("│", " ").split())
            assert "written last 2025-01-10 12:00:00Z" in words


async def test_what_a_bot_has_is_shown_by_its_own_word(folder: Path) -> None:
    async with running(folder), bots_screen(folder, (80, 24)) as (app, pilot):
        told_of = "with 3 lots (long 0.046, short 0.02) and 10 orders. enter"
        await until(pilot, lambda: told_of in read(app), "what it has by its own word")


async def test_what_a_bot_has_that_does_not_answer_is_as_of_when_it_was_written(
    folder: Path,
) -> None:
    state = keep_state(folder, "paper", "BTCUSDT", entries=2)
    with socket.socket(socket.AF_UNIX) as deaf, BotLock("paper", "BTCUSDT") as lock:
        path = state.with_name("BTCUSDT.sock")
        deaf.bind(str(path))
        path.chmod(0o600)
        deaf.listen()
        hold(lock, folder, "paper", "BTCUSDT", path)
        async with bots_screen(folder, (80, 24)) as (app, pilot):
            written = "with 2 lots (long 0.046) and 4 orders as of 12:00Z. enter"
            await until(pilot, lambda: written in read(app), "what it has written")


async def test_alarms_of_a_bot_that_is_not_shown_mark_its_row(folder: Path) -> None:
    document = told(alarms=[alarm(), alarm("errors", "five in a row")])
    async with running(folder, document), bots_screen(folder, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "▶ BTC" in read(app), "the bot that is shown")
        await pilot.press("backspace")
        await until(pilot, lambda: "!2 BTC" in read(app), "the mark")
        await until(pilot, lambda: "! 2 alarms, the newest: five in a row" in read(app), "words")


def read(app: App[None]) -> str:
    return " ".join(screen_text(app).replace("│", " ").split())


async def test_a_bot_of_another_data_folder_stays_in_the_list_once_it_has_stopped(
    folder: Path,
) -> None:
    own, other = folder / "own", folder / "other"
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(AsyncExitStack())
        await bot.enter_async_context(running(other, mode="dry-run"))
        app, pilot = await stack.enter_async_context(bots_screen(own))
        await until(pilot, lambda: "● running" in screen_text(app), "the bot")
        keep_state(other, "dry-run", "BTCUSDT")
        await bot.aclose()
        await until(pilot, lambda: "■ stopped" in screen_text(app), "the bot that has stopped")
        await until(pilot, lambda: app.store.fleet.running == [], "the end")
        await counted(app.screen)
        await counted(app.screen)
        await chosen(pilot, "BTC dry-run")
    async with bots_screen(own) as (app, pilot):
        await until(pilot, lambda: "■ stopped" in screen_text(app), "what was remembered")
