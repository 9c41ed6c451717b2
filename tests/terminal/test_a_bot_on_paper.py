"""A bot on paper from its form to its end, in a real terminal; ends that are not its own (20 s)."""

import os
import re
import signal
from pathlib import Path

from tests.terminal.conftest import Open, bots_of
from tests.terminal.tmux import GRIDTUI, PROMPT, Terminal, to_bots, until
from tui.bot.census import Census

SPEED = "3690"
"""Four candles a second: the first fill comes after three."""

_LABEL = re.compile("(BUY|SELL)_OPEN_(LONG|SHORT)")


def test_a_bot_is_started_paused_left_found_again_and_stopped(
    open_terminal: Open, tmp_path: Path
) -> None:
    terminal = open_terminal((120, 40))
    terminal.run(GRIDTUI)
    to_bots(terminal)
    start_by_form(terminal, SPEED)
    terminal.wait_for(" PAPER ", "SIMULATED", "BTC/USDT", "[Live]")
    terminal.wait(lambda screen: bool(_LABEL.search(screen)), "a fill")
    terminal.press("p")
    terminal.wait_for("entries are paused")
    terminal.wait(lambda screen: "PAUSED" in screen.splitlines()[0], "the status line")
    terminal.wait_without("entries are paused")
    terminal.press("p")
    terminal.wait_without("PAUSED")

    (pid,) = bots_of(tmp_path)
    terminal.press("q")
    terminal.wait_for(PROMPT, "BTC/USDT (paper) goes on.")
    assert terminal.restored
    goes_on(tmp_path, pid)

    terminal.run(f"clear; {GRIDTUI}")
    terminal.wait_for("[Live]", " PAPER ", "BTC/USDT")
    terminal.press("S")
    terminal.wait_for("Stop BTC/USDT (PAPER)?", "Entries are cancelled")
    terminal.press("y")
    terminal.wait_for(" ENDED ")
    until(lambda: not bots_of(tmp_path), "the end of the bot")
    (bot,) = Census().take([tmp_path / "data"])
    assert bot.standing is not None
    assert (bot.condition, bot.standing.trouble, bot.standing.entries) == ("ended", "", 0)
    log = tmp_path / "data" / "live_logs" / "paper" / "BTCUSDT.log"
    assert "stopped: entries cancelled, state saved; " in log.read_text().splitlines()[-1]
    terminal.press("q")
    terminal.wait_for(PROMPT)


def test_no_end_of_the_screens_is_the_bots_end(open_terminal: Open, tmp_path: Path) -> None:
    window = open_terminal((120, 40), NO_COLOR="1")
    pid = start_by_command(window, tmp_path)
    window.run(f"exec {GRIDTUI}")
    window.wait_for("[Live]", " PAPER ", "SIMULATED")
    assert_grey(window.coloured)

    window.resize(60, 20)
    window.wait_for("PAPER", "[Live]")
    window.resize(59, 19)
    window.wait_for("This terminal is too small", "60 x 20")
    window.resize(120, 40)
    window.wait_for("last trades", "health", " PAPER ")

    os.kill(window.pid, signal.SIGKILL)
    until(lambda: window.dead, "the end of the screens")
    goes_on(tmp_path, pid)

    other = open_terminal((80, 24))
    other.run(f"exec {GRIDTUI}")
    other.wait_for("[Live]", " PAPER ")
    screens = other.pid
    other.hang_up()
    until(lambda: not Path(f"/proc/{screens}").exists(), "the end of the screens")
    goes_on(tmp_path, pid)


def start_by_form(terminal: Terminal, speed: str) -> None:
    """On Bots: n, a coin and a speed, enter."""
    terminal.press("n")
    terminal.wait_for("start a bot", "paper speed")
    terminal.fill("coin", "BTC")
    for label in ("mode", "capital", "leverage", "paper speed"):
        terminal.move_to(label)
    terminal.press("BSpace")
    terminal.fill("paper speed", speed)
    terminal.move_to("paper source")
    terminal.fill("paper source", "sim")
    terminal.press("Enter")


def start_by_command(terminal: Terminal, folder: Path) -> int:
    """The process of a bot on paper that a shell leaves behind."""
    flags = f"--coin BTC --paper --speed {SPEED} --headless"
    terminal.run(f"{GRIDTUI} live {flags} >/dev/null 2>&1 &")
    until(lambda: bots_of(folder), "the bot")
    (pid,) = bots_of(folder)
    return pid


def goes_on(folder: Path, pid: int) -> None:
    """The same process runs and writes bar after bar."""
    assert bots_of(folder) == [pid]
    path = folder / "data" / "live_state" / "paper" / "BTCUSDT_state.json"
    before = path.read_bytes()
    until(lambda: path.read_bytes() != before, "another state on disk")
    assert bots_of(folder) == [pid]


def assert_grey(coloured: str) -> None:
    """Every colour is a grey."""
    colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", coloured)
    assert colours
    assert all(max(rgb) == min(rgb) for rgb in (tuple(map(int, each)) for each in colours))
