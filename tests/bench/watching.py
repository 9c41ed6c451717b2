"""The application on a terminal, beside an engine or a bot, and what its process costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from state.lock import running_bots
from tests.processes import gridtui_process
from tests.terminal.tmux import GRIDTUI, PATIENCE_S, ROOT, Terminal, until

SIZE = (120, 40)
_TICKS_S = 1.0 / os.sysconf("SC_CLK_TCK")


def own(folder: Path) -> dict[str, str]:
    """Environment of everything that belongs together: locks and files below a folder."""
    return {"GRIDTUI_STATE_HOME": str(folder / "locks"), "GRIDTUI_DATA": str(folder / "data")}


@contextmanager
def screens(folder: Path) -> Iterator[Terminal]:
    """The application in a terminal of its own, on the bot that runs."""
    with Terminal(SIZE, own(folder)) as terminal:
        terminal.run(f"exec {GRIDTUI}")
        terminal.wait_for("[Live]", " PAPER ", "BTC/USDT", "health", "heartbeat")
        yield terminal


@contextmanager
def paper_bot(folder: Path, speed: str, *flags: str) -> Iterator[int]:
    """A bot on paper on the simulated market; its process, once it can be watched."""
    arguments = ["live", "--coin", "BTC", "--paper", "--speed", speed, "--headless", *flags]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = gridtui_process(*arguments, env=os.environ | own(folder), **quiet)
    with ended(process):
        until(lambda: _listens(folder), "the bot")
        yield process.pid


@contextmanager
def busy_engine(folder: Path, rate: int) -> Iterator[Path]:
    """`tests.bench.busy_engine` in a process of its own; the file in which it counts."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.bench.busy_engine", str(data), str(rate)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own(folder))
    with ended(process):
        until(lambda: (data / "sent").exists(), "the engine")
        yield data / "sent"


@contextmanager
def search(folder: Path) -> Iterator[None]:
    """An optimizer's search that outlasts whatever is measured, with as many workers as it takes
    by itself."""
    flags = ["--coins", "BTC", "ETH", "SOL", "--source", "sim", "--trials", "100000"]
    flags += ["--start", "2022-01-01", "--end", "2024-01-01"]
    flags += ["--storage", f"sqlite:///{folder}/endless.db"]
    log = folder / "search.txt"
    with log.open("wb") as said:
        process = gridtui_process(
            "optimize", *flags, env=os.environ | own(folder), stdout=said, stderr=said
        )
        with ended(process):
            until(lambda: process.poll() is None and b"trial" in log.read_bytes(), "a trial")
            yield


@contextmanager
def ended(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> Iterator[None]:
    """Have it stop at the end; kill it where it does not."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(folder: Path) -> bool:
    """Whether a bot with locks in this folder can be reached."""
    locks = running_bots(folder / "locks")
    holders = [lock.holder for lock in locks if lock.held and lock.holder is not None]
    return any(holder.control and Path(holder.control).exists() for holder in holders)


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has taken, in user and in system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICKS_S


def resident_kb(pid: int) -> int:
    """Memory of a process that is in use."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))
