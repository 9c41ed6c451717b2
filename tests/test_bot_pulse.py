"""What bots that run say of themselves when they are asked, and who does not answer. Costs 8 s."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from state.control import ControlServer
from state.lock import Holder
from tests.bot_app import Clock
from tests.bot_documents import account, alarm, snapshot
from tui.bot.census import Standing
from tui.bot.pulse import PATIENCE_S, Pulse, Pulses, hear, hear_all
from tui.bots import RunningBot
from tui.commands.monitor import _list

_A_BOT = """
import asyncio, sys
from pathlib import Path
from state.control import ControlServer
from tests.bot_documents import snapshot

async def serve():
    server = ControlServer(Path(sys.argv[1]), None)
    server.set_snapshot(snapshot)
    await server.start()
    print("listens", flush=True)
    await asyncio.sleep(100)

asyncio.run(serve())
"""


def bot_at(path: Path) -> RunningBot:
    data = str(path.parent)
    return RunningBot(
        Holder("paper", "BTCUSDT", os.getpid(), "2025-01-10", data, "paper", str(path)), path
    )


@asynccontextmanager
async def bot_that_says(path: Path, document: dict[str, Any]) -> AsyncIterator[RunningBot]:
    async def obey(*_: object) -> object:
        raise AssertionError("it is asked, not told")

    server = ControlServer(path, obey)
    server.set_snapshot(lambda: document)
    await server.start()
    try:
        yield bot_at(path)
    finally:
        await server.close()


@contextmanager
def deaf_bot(path: Path, room: int = 16) -> Iterator[tuple[RunningBot, socket.socket]]:
    """One that listens and says nothing, as the system does for a process that is held."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(room)
        yield bot_at(path), listening


@contextmanager
def process_of_a_bot(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _A_BOT, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def becomes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (snapshot(), "running"),
        (snapshot(account=None), "starting"),
        (snapshot(account=account(paused=["operator"])), "PAUSED (by the operator)"),
        (snapshot(account=account(paused=["operator", "flattening"])), "stopping"),
        (snapshot(account=account(halted=True, paused=["errors"])), "halted"),
        ({}, "running"),
        (snapshot(account={"paused": None}), "running"),
    ],
)
async def test_a_bot_says_what_it_does(
    document: dict[str, Any], words: str, tmp_path: Path
) -> None:
    async with bot_that_says(tmp_path / "s", document) as bot:
        heard = await asyncio.to_thread(hear, bot, 10.0)
    assert heard is not None
    assert heard.words == words


async def test_a_bot_says_what_it_has_and_which_alarms(tmp_path: Path) -> None:
    document = snapshot(alarms=[alarm(), alarm("errors", "five in a row", over=True)])
    async with bot_that_says(tmp_path / "s", document) as bot:
        heard = await asyncio.to_thread(hear, bot, 10.0)
    assert heard is not None
    assert heard.standing == Standing(10_284.16, (0.046, 0.02), lots=3, orders=10, entries=2)
    assert heard.alarms == ("long differs", "five in a row")
    document = snapshot(account={"paused": ["operator"], "halted": False}, alarms=None)
    async with bot_that_says(tmp_path / "s", document) as bot:
        heard = await asyncio.to_thread(hear, bot, 10.0)
    assert heard == Pulse("paused", ("operator",))


def test_who_listens_and_says_nothing_is_silent_and_who_is_gone_is_not(tmp_path: Path) -> None:
    with deaf_bot(tmp_path / "s") as (bot, _):
        assert hear(bot, 0.1) is None
    assert hear(bot, 0.1) == Pulse(told=False)
    (tmp_path / "s").unlink()
    assert hear_all([bot], 0.1) == [Pulse(told=False)]


async def test_a_bot_that_cannot_be_reached_any_more_is_silent_and_keeps_its_alarms(
    tmp_path: Path,
) -> None:
    clock = Clock()
    pulses = Pulses(clock)
    async with bot_that_says(tmp_path / "s", snapshot(alarms=[alarm("disk")])) as bot:
        pulses.ask([bot])
        await becomes(lambda: bool(pulses.of(bot).alarms))
    clock.now += 10.0
    pulses.ask([bot])
    await becomes(lambda: bot not in pulses._asking)
    assert pulses.of(bot).silent_s is None
    clock.now += PATIENCE_S + 1.0
    assert pulses.of(bot).silent_s == PATIENCE_S + 1.0
    assert pulses.of(bot).alarms


def test_a_bot_whose_queue_is_full_is_silent(tmp_path: Path) -> None:
    with deaf_bot(tmp_path / "s", room=0) as (bot, _), socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(bot.socket))
        assert hear(bot, 5.0) is None


async def test_a_bot_that_is_held_is_silent_until_it_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    pulses = Pulses(clock)
    bot = bot_at(tmp_path / "s")

    def asked_until(true: Callable[[], bool]) -> Callable[[], bool]:
        def check() -> bool:
            clock.now += 1
            pulses.ask([bot])
            return true()

        return check

    with process_of_a_bot(bot.socket) as process:
        pulses.ask([bot])
        await becomes(lambda: bot not in pulses._unanswered)
        process.send_signal(signal.SIGSTOP)
        began = clock.now
        await becomes(asked_until(lambda: pulses.of(bot).silent_s is not None))
        assert clock.now - began < 15
        since = pulses.of(bot).silent_since
        clock.now += 30
        pulses.ask([bot])
        silent = pulses.of(bot)
        assert silent.silent_since == since
        assert silent.silent_s is not None
        assert silent.silent_s >= 30
        process.send_signal(signal.SIGCONT)
        await becomes(lambda: pulses.of(bot).silent_s is None)


async def test_a_bot_that_does_not_answer_is_asked_once_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    pulses = Pulses(clock)
    with deaf_bot(tmp_path / "deaf") as (deaf, listening):
        async with bot_that_says(
            tmp_path / "s", snapshot(account=account(paused=["operator"]))
        ) as bot:
            for _ in range(5):
                pulses.ask([deaf, bot])
                clock.now += PATIENCE_S
            await becomes(lambda: pulses.of(bot).doing == "paused")
        listening.setblocking(False)
        listening.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_the_list_of_the_monitor_says_who_is_silent_and_when_it_wrote_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tui.bot.pulse.PATIENCE_S", 0.5)
    log = tmp_path / "live_logs" / "paper" / "BTCUSDT.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, (1_736_510_400, 1_736_510_400))
    with deaf_bot(tmp_path / "deaf") as (deaf, _):
        async with bot_that_says(tmp_path / "s", snapshot()) as bot:
            await asyncio.to_thread(_list, [deaf, bot])
    silent, runs = capsys.readouterr().out.splitlines()
    assert "SILENT: no answer within 0.5 s; it wrote last 2025-01-10 12:00:00Z" in silent
    assert runs.endswith(": running")
