"""What commands say of bots that run no more, or have nothing to do. Costs 3 s."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridtui import main
from state.lock import BotLock
from tests.bot_documents import account, snapshot
from tests.bot_files import hold, keep_state
from tests.bots_app import running, short_folder
from tui.bots import bots
from tui.commands.control import _answer

LEFT = "2 lots (long 0.046) and 2 orders"
WHEN = "2025-01-10 12:00Z"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The usual data folder, with locks of its own."""
    with short_folder(monkeypatch) as path:
        monkeypatch.setenv("GRIDTUI_DATA", str(path))
        yield path


def said(capsys: pytest.CaptureFixture[str], *typed: str) -> tuple[int, str]:
    """Exit code, and what stands on the terminal."""
    code = main(list(typed))
    out, err = capsys.readouterr()
    return code, f"{out}{err}".strip()


@pytest.mark.parametrize("typed", [("stop",), ("pause",), ("stop", "--flatten", "--yes")])
def test_a_bot_that_has_crashed_is_said_to_have_with_what_it_left_and_what_helps(
    typed: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for mode, where, typed_again in (
        ("paper", "in its state", "--paper begins anew"),
        ("demo", "at the exchange", "--testnet --resume goes on"),
    ):
        keep_state(folder, mode, "SOLUSDT", paused=[])
        again = f"gridtui live --coin SOL {typed_again}"
        line = f"SOL/USDT {mode} crashed {WHEN}, {LEFT} {where}; {again}"
        word, *flags = typed
        assert said(capsys, word, "SOL", *flags) == (2, f"gridtui: {line}")
    assert said(capsys, "monitor", "SOL", "--mode", "paper")[0] == 2


def test_the_monitor_lists_bots_that_have_crashed_and_not_those_that_were_stopped(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_state(folder, "paper", "SOLUSDT", paused=[])
    keep_state(folder, "paper", "ETHUSDT", paused=["stopping"])
    code, text = said(capsys, "monitor")
    assert code == 0
    assert text.splitlines()[0].startswith(f"SOL/USDT paper crashed {WHEN}, {LEFT} in its state; ")
    assert text.splitlines()[1:] == ["no bot runs here"]


async def test_the_monitor_of_the_only_bot_that_runs_names_those_that_have_crashed_first(
    folder: Path,
) -> None:
    keep_state(folder, "paper", "SOLUSDT", paused=[])
    async with running(folder):
        command = (sys.executable, "-m", "gridtui", "monitor")
        monitor = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            assert monitor.stdout is not None
            async with asyncio.timeout(60):
                lines = [(await monitor.stdout.readline()).decode() for _ in range(2)]
        finally:
            monitor.kill()
            await monitor.communicate()
    assert lines[0].startswith("SOL/USDT paper crashed ")
    assert "BTC/USDT" in lines[1]


def test_what_was_stopped_may_be_stopped_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_state(folder, "paper", "BTCUSDT", paused=["stopping"])
    for word in ("stop", "pause"):
        ended = f"BTC/USDT (paper) has ended at {WHEN}, nothing to {word}"
        assert said(capsys, word, "BTC") == (0, ended)
    code, text = said(capsys, "resume", "BTC")
    assert (code, "no bot that could be reached trades BTC" in text) == (2, True)
    code, text = said(capsys, "stop", "ETH")
    assert (code, "no bot that could be reached trades ETH" in text) == (2, True)


def test_what_a_bot_that_was_stopped_has_left_is_not_said_to_be_closed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_state(folder, "demo", "BTCUSDT", paused=["stopping"])
    code, text = said(capsys, "stop", "BTC", "--flatten", "--yes")
    assert code == 2
    assert f"nothing was closed: {LEFT} at the exchange; gridtui live --coin BTC " in text
    assert said(capsys, "stop", "BTC")[0] == 0
    keep_state(folder, "demo", "BTCUSDT", held=0.0, paused=[])
    assert said(capsys, "stop", "BTC", "--flatten", "--yes") == (
        0,
        f"BTC/USDT (demo) has ended at {WHEN}, nothing to close",
    )


def test_a_crash_that_left_something_at_an_exchange_is_said_before_an_end_in_good_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_state(folder, "paper", "BTCUSDT", paused=["stopping"])
    keep_state(folder / "demo", "live", "BTCUSDT", paused=[])
    code, text = said(capsys, "stop", "BTC")
    assert (code, "BTC/USDT live crashed" in text) == (2, True)
    assert f"gridtui --data-dir {folder / 'demo'} live --coin BTC --resume goes on" in text
    assert said(capsys, "stop", "BTC", "--mode", "paper")[0] == 0


def test_a_crash_is_known_though_another_bot_of_the_coin_has_run_elsewhere_since(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_state(folder, "paper", "SOLUSDT", entries=2, paused=[])
    with BotLock("paper", "SOLUSDT") as lock:
        hold(lock, folder / "elsewhere", "paper", "SOLUSDT", folder / "socket")
    assert said(capsys, "stop", "SOL")[0] == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paused": []}, "BTC/USDT was not paused"),
        ({"paused": [], "halted": True}, "BTC/USDT was not paused; the circuit breaker has halted"),
        ({"paused": ["operator"]}, "told"),
        ({"paused": ["errors"]}, "told"),
    ],
)
async def test_only_a_bot_that_is_paused_is_resumed(
    changes: dict[str, Any], words: str, folder: Path
) -> None:
    async with running(folder, snapshot(account=account(**changes)), origin="gridtui resume") as to:
        (bot,) = bots()
        answer = str(await _answer(bot, "resume", "resume"))
        assert to == (["resume"] if words == "told" else [])
        assert words == "told" or answer.startswith(words)
