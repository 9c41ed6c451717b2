"""Where a bot listens: nobody else's socket is taken, no name is too long. Costs 1 s."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from state.control_client import ControlClient
from state.control_wire import socket_path
from state.errors import StateError
from tests.state.control import Bot, raw, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def test_a_socket_left_by_a_crash_is_replaced_and_one_in_use_is_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    async with running(path):
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(StateError, match="a bot answers at"):
            await Bot(path).server.start()
        async with raw(path):
            pass


async def test_a_file_that_is_no_socket_stays(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(StateError, match="is no socket; move it away"):
        await Bot(path).server.start()
    assert path.read_text() == "mine"


async def test_closing_leaves_the_socket_of_a_successor(path: Path) -> None:
    bot = Bot(path)
    await bot.server.start()
    path.unlink()
    async with running(path):
        await bot.server.close()
        async with raw(path):
            pass


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name leaves room in a socket's address."""
    with TemporaryDirectory(prefix="g", dir="/tmp") as folder:
        yield Path(folder)


async def test_a_folder_with_a_long_name_has_a_short_socket(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short / ("long" * 30)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(short / "s"))
    shorter = socket_path(folder, "BTCUSDT")
    assert shorter.parent == short / "s"
    assert shorter == socket_path(folder, "BTCUSDT") != socket_path(folder, "ETHUSDT")
    async with running(shorter), raw(shorter):
        pass


async def test_a_socket_where_anybody_writes_is_in_a_folder_that_nobody_else_reads(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short / ("long" * 30)
    monkeypatch.setattr("state.control_wire._ANYBODYS", short)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(folder))
    shortest = socket_path(folder, "BTCUSDT")
    assert shortest.parent == short / f"gridtui-{os.getuid()}"
    async with running(shortest):
        assert shortest.parent.stat().st_mode & 0o777 == 0o700
        async with await ControlClient.connect(shortest):
            pass
        shortest.parent.chmod(0o755)
        with pytest.raises(StateError, match="is open to others"):
            await ControlClient.connect(shortest)
        with pytest.raises(StateError, match="is open to others"):
            await Bot(shortest).server.start()


@pytest.mark.parametrize("turns", range(8))
async def test_who_is_being_let_in_when_the_bot_closes_is_not_left_hanging(
    path: Path, turns: int
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        async with running(path):
            client.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
        client.settimeout(0)
        while True:
            try:
                told = client.recv(4096)
            except ConnectionResetError:
                break
            if not told:
                break
