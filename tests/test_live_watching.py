"""What `gridtui monitor` and the console of `gridtui live` say of commands that fail, and what they
show after a loss (1 s)."""

import asyncio
import os
import pty
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from engine.live.config import BotConfig
from engine.live.wording import LiveText
from engine.params import StrategyParams
from exchange.symbol import Symbol
from gridtui import main
from state.control import CommandError, ControlServer
from state.control_client import ControlClient
from state.errors import StateError
from state.lock import BotLock
from tests.bot_documents import QUOTE, account, alarm, snapshot
from tui.console.live_console import LiveConsole
from tui.console.live_keys import LiveKeys, Wish
from tui.console.live_run import _LiveRun
from tui.console.live_status import LiveStatus
from tui.console.silence import Silence
from tui.console.watching import _standing, _Watch


class Served:
    """A socket as a bot's; `handle` says what becomes of a command."""

    def __init__(self, path: Path) -> None:
        self.document = snapshot()
        self.failure: Exception = CommandError("nothing is held")
        self.server = ControlServer(path, self._handle)

    async def _handle(self, name: str, _arguments: Mapping[str, Any], _origin: str) -> object:
        if isinstance(self.failure, CommandError):
            text = f"{name} is not done: {self.failure}"  # as a bot does
            note = {"time_ms": 1, "text": text, "warning": True}
            self.server.publish("note", note, lossless=True)
        raise self.failure


class Watching(_Watch):
    """A monitor whose console is there without a terminal."""

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        super().__init__(path, control=True, as_json=False, screen=True)
        self.text = LiveText(document["about"])
        self.status = LiveStatus(document["about"], self.text)
        self.status.begin(document)
        self.console = console_of(self.status, self.obey)
        self._screen, self._status = self.console, self.status
        self.client: ControlClient

    async def obey(self, wish: Wish) -> str:
        return await self._obey(self.client, wish)


def console_of(status: LiveStatus, obey: Any) -> LiveConsole:
    return LiveConsole(status, LiveKeys(status.word_to_close), obey, lambda: None)


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[tuple[Served, Watching]]:
    served = Served(path)
    served.server.set_snapshot(lambda: served.document)
    await served.server.start()
    watcher = Watching(path, served.document)
    try:
        async with await ControlClient.connect(path) as client:
            watcher.client = client
            reading = asyncio.create_task(watcher._read(client, watcher.text))
            try:
                yield served, watcher
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    finally:
        await served.server.close()


class Unreadable(dict[str, Any]):
    """Of which nothing can be told."""

    def items(self) -> NoReturn:
        raise RuntimeError("a defect")


async def carry_out(watcher: Watching, wish: Wish) -> None:
    async with asyncio.timeout(10):
        await watcher.console._carry_out(wish)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (CommandError("nothing is held"), "pause is not done: nothing is held"),
        (StateError("the disk is full"), "pause is not done: the command failed inside the bot"),
        (ValueError("a defect"), "inside the bot: ValueError: a defect"),
    ],
)
async def test_a_refusal_is_said_once_whoever_says_it(
    failure: Exception, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watching(tmp_path / "bot.sock") as (served, watcher):
        served.failure = failure
        await carry_out(watcher, "pause")
        said = capsys.readouterr().out
        assert said.count(words) == 1
        assert said.count("pause is not done: ") == 1


async def test_after_a_loss_the_line_has_the_positions_of_the_new_snapshot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watching(tmp_path / "bot.sock") as (served, watcher):
        held = watcher.status.line()
        assert "L 0.046" in held
        flat = account()
        for side in flat["sides"].values():
            side["qty"] = 0.0
        served.document = snapshot(account=flat)
        served.server.publish("note", Unreadable(QUOTE), lossless=True)
        async with asyncio.timeout(10):
            while "flat" not in watcher.status.line():
                await asyncio.sleep(0.01)
        assert "1 event missed; it goes on from here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (StateError("the disk is full"), "pause is not done: the disk is full\n"),
        (ValueError("key=abc"), "pause is not done, by a defect of gridtui (ValueError)\n"),
    ],
)
async def test_what_fails_in_a_task_that_nobody_awaits_is_said(
    failure: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def obey(_wish: Wish) -> str:
        raise failure

    text = LiveText(snapshot()["about"])
    await console_of(LiveStatus(snapshot()["about"], text), obey)._carry_out("pause")
    assert capsys.readouterr().out == words


async def test_a_console_says_that_nothing_was_closed_and_tells_the_bot_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[Wish] = []

    async def obey(wish: Wish) -> str:
        told.append(wish)
        return ""

    text = LiveText(snapshot()["about"])
    await console_of(LiveStatus(snapshot()["about"], text), obey)._carry_out("keep")
    assert capsys.readouterr().out == "nothing was closed: BTC was not typed\n"
    assert not told


async def test_a_console_that_its_bot_refuses_leaves_the_word_to_the_bots_line(
    tmp_path: Path,
) -> None:
    config = BotConfig(Symbol.parse("BTC"), "paper", StrategyParams(), tmp_path)
    assert await _LiveRun(config, screen=False)._obey("pause") == ""


def test_a_monitor_says_of_an_alarm_that_it_is_over_and_when_it_began() -> None:
    document = snapshot(alarms=[alarm("stop", "stop long: 0.046 closed", over=True), alarm()])
    lines = [line for line in _standing(document, LiveText(document["about"])) if "ALARM" in line]
    assert lines == [
        "  ALARM: stop long: 0.046 closed (over, 2025-01-10 12:00:00)",
        "  ALARM: long differs",
    ]


def said_since(capsys: pytest.CaptureFixture[str], said: list[str]) -> str:
    said.append(capsys.readouterr().out)
    return "".join(said)


async def test_a_bot_that_falls_silent_while_it_is_watched_is_not_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tui.console.silence.SILENT_S", 1)
    said: list[str] = []
    async with watching(tmp_path / "bot.sock") as (served, watcher), asyncio.timeout(30):
        waiting = asyncio.create_task(watcher._watch_for_silence())
        served.server.publish("quote", QUOTE, lossless=False)
        while "SILENT | the bot was heard last at " not in said_since(capsys, said):
            await asyncio.sleep(0.01)
        parts = watcher.status.line(80).split(" | ")
        assert parts[1].startswith("SILENT ")
        assert "ok" not in parts
        served.server.publish("quote", QUOTE, lossless=False)
        while "HEARD AGAIN | after " not in said_since(capsys, said):
            await asyncio.sleep(0.01)
        assert "ok" in watcher.status.line(80).split(" | ")
        assert "".join(said).count("SILENT") == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def test_a_silence_begins_after_ten_seconds_without_a_word_and_not_before_the_first() -> None:
    silence = Silence()
    assert [silence.pass_second() for _ in range(30)] == [None] * 30
    silence.expect()
    assert [silence.pass_second() for _ in range(9)] == [None] * 9
    assert silence.hear() is None
    assert [silence.pass_second() for _ in range(9)] == [None] * 9
    assert silence.pass_second() == silence.since is not None
    assert silence.pass_second() is None
    lasted = silence.hear()
    assert lasted is not None
    assert lasted >= 0
    assert silence.since is None


HELD = f"BTC/USDT (paper, process {os.getpid()}) is running but gives no answer"


def test_to_watch_a_bot_that_is_held_fails_with_its_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    path = tmp_path / "bot.sock"
    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as waits:
        deaf.bind(str(path))
        deaf.listen(0)
        waits.connect(str(path))  # so that there is no room for another
        lock = BotLock("paper", "BTCUSDT")
        with lock.acquire(data_folder=tmp_path, mode="paper", control=path):
            assert main(["monitor", "BTC"]) == 2
    said = capsys.readouterr().err
    assert f"{HELD} (within 5 s); if it is held, kill -CONT {os.getpid()} lets it go on" in said


@pytest.mark.parametrize("words", [["pause"], ["stop"], ["stop", "--flatten", "--yes"]])
def test_a_bot_that_is_held_is_said_to_run_where_it_is_told_something(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    monkeypatch.setattr("tui.bot.pulse.PATIENCE_S", 0.2)
    path = tmp_path / "bot.sock"
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        path.chmod(0o600)
        held.listen()
        lock = BotLock("paper", "BTCUSDT")
        with lock.acquire(data_folder=tmp_path, mode="paper", control=path):
            command, *flags = words
            assert main([command, "BTC", *flags]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    typed = " ".join(word for word in words if word != "--yes")
    assert f"{typed} is not done: {HELD} (within 0.2 s); if it is held, kill -CONT" in said


@pytest.mark.parametrize(
    ("mode", "typed", "said"),
    [
        ("live", "BTC", "nothing was done"),
        ("live", "BTC LIVE", "Type BTC LIVE to do it"),
        ("paper", "BTC LIVE", "nothing was done"),
        ("paper", "BTC", "Type BTC to do it"),
    ],
)
def test_everything_is_closed_by_another_word_where_it_is_real_money(
    mode: str,
    typed: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    ours, its = pty.openpty()
    os.write(ours, f"{typed}\n".encode())
    lock = BotLock(mode, "BTCUSDT")
    gone = tmp_path / "gone.sock"
    with lock.acquire(data_folder=tmp_path, mode=mode, control=gone), open(its) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        code = main(["stop", "BTC", "--flatten"])
    os.close(ours)
    out, err = capsys.readouterr()
    kept = "nothing was done" in said
    assert said in out
    assert (code, "no bot listens" in err) == (0 if kept else 2, not kept)


@pytest.mark.parametrize(("mode", "word"), [("live", "BTC LIVE"), ("demo", "BTC")])
def test_a_console_asks_for_the_word_of_the_screens(mode: str, word: str) -> None:
    about = snapshot(mode)["about"]
    assert LiveStatus(about, LiveText(about)).word_to_close == word
