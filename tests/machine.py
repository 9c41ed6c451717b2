"""Bots of every mode that can be reached, on a machine of their own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from state.control import ControlServer
from state.lock import BotLock, lock_folder
from tests.bot_documents import snapshot
from tests.bot_files import hold
from tui.bots import RunningBot, bots

MODES = ("live", "paper", "dry-run")


class Machine:
    """Bots that can be reached, and what each was told."""

    def __init__(self) -> None:
        self.servers: dict[str, ControlServer] = {}
        self.bots: dict[str, RunningBot] = {}
        self.told: list[tuple[str, str]] = []
        self.locks: dict[str, BotLock] = {}

    def crash(self, mode: str) -> None:
        """Leave a lock as a killed process does."""
        (path,) = lock_folder().glob(f"{mode}_*.lock")
        said = path.read_text()
        self.locks[mode].release()
        path.write_text(said)

    def begin_again(self, mode: str) -> None:
        """Let one that has crashed run."""
        for path in lock_folder().glob(f"{mode}_*.lock"):
            path.unlink()
        bot = self.bots[mode]
        folder = Path(bot.holder.data_folder)
        hold(self.locks[mode], folder, mode, bot.holder.symbol_id, bot.socket)

    def connected(self) -> list[str]:
        """Whom somebody is connected to, once for each connection."""
        return [mode for mode, server in self.servers.items() for _ in server._connections]


@asynccontextmanager
async def machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Machine]:
    """A bot of every mode, all of BTC."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(folder / "locks"))
    (folder / "locks").mkdir()
    there = Machine()
    async with AsyncExitStack() as stack:
        for mode in MODES:
            socket = folder / f"{mode}.sock"

            async def obey(name: str, _: Mapping[str, Any], __: str, mode: str = mode) -> object:
                there.told.append((mode, name))
                return "done"

            server = there.servers[mode] = ControlServer(socket, obey, allow_control=True)
            server.set_snapshot(lambda mode=mode: snapshot(mode))
            lock = there.locks[mode] = BotLock(mode, "BTCUSDT")
            hold(lock, folder, mode, "BTCUSDT", socket)
            stack.callback(lock.release)
            await server.start()
            stack.push_async_callback(server.close)
        there.bots = {bot.holder.mode: bot for bot in bots()}
        yield there


async def becomes(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)
