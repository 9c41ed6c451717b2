"""The Bots screen under a pilot, and bots that it can reach."""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from state.control import CommandError, ControlServer
from state.lock import BotLock
from tests.bot_app import DRAINS_A_SECOND
from tests.bot_documents import snapshot as told
from tests.bot_files import hold, keep_state
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.screens.bots import BotsScreen
from tui.widgets.row_table import RowTable


@contextmanager
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose name is short and always as long, with locks of its own."""
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as name:
        locks = Path(name) / "locks"
        locks.mkdir()
        monkeypatch.setenv("GRIDTUI_STATE_HOME", str(locks))
        yield Path(name)


@asynccontextmanager
async def bots_screen(
    folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    app = GridTui(folder, clock=lambda: NOON, first="0")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: ", running " in screen_text(app), "the list")
        await settled_below_the_status(pilot)
        yield app, pilot


@asynccontextmanager
async def running(
    folder: Path,
    told_of: dict[str, Any] | None = None,
    mode: str = "paper",
    answers_after_s: float = 0.0,
    origin: str = "the screens",
) -> AsyncIterator[list[str]]:
    """A bot, on paper unless told otherwise, that can be reached; yields what it is told to do."""
    asked: list[str] = []

    async def obey(name: str, _: Mapping[str, Any], by: str) -> object:
        assert by == f"{origin}, process {os.getpid()}"
        asked.append(name)
        await asyncio.sleep(answers_after_s)
        if name == "flatten":
            raise CommandError("the exchange does not answer")
        return "entries are cancelled"

    state = keep_state(folder, mode, "BTCUSDT", entries=2)
    path = state.with_name("BTCUSDT.sock")
    server = ControlServer(path, obey, allow_control=True)
    server.set_snapshot(lambda: told_of or told())
    with ExitStack() as stack:
        lock = BotLock(mode, "BTCUSDT")
        hold(lock, folder, mode, "BTCUSDT", path)
        stack.callback(lock.release)
        await server.start()
        try:
            yield asked
        finally:
            await server.close()


def below_the_status(app: App[None]) -> str:
    """The screen without the status line, in which times pass, and the folder's random name."""
    _, _, text = screen_text(app).partition("\n")
    return re.sub(r"(?<=/tmp/g)\w+", lambda found: "N" * len(found[0]), text)


async def settled_below_the_status(pilot: Pilot[None]) -> None:
    before = ""
    while before != (now := below_the_status(pilot.app)):
        before = now
        await pilot.pause(1.2 / DRAINS_A_SECOND)


async def chosen(pilot: Pilot[None], name: str) -> None:
    """Wait until the cursor is on the bot of this coin and mode."""

    def there() -> bool:
        bot = pilot.app.screen.query_one(RowTable).chosen
        return bot is not None and f"{bot.symbol.coin} {bot.mode}" == name

    await until(pilot, there, name)


async def counted(screen: BotsScreen) -> None:
    """The bots are counted once more."""
    await screen._look().wait()
