"""How soon the program answers, beside bare Python and an empty app (about 20 s).

A first paint is what a terminal of 80x24 has to wait for from the start of the process: for the
form of the first screen, beside the one word of an empty app.
"""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 5
EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("PAINTED")
Empty().run()
"""
OUR_APP = "import gridtui; gridtui.main([])"


def best(work: Callable[[], float]) -> float:
    return min(work() for _ in range(ROUNDS))


def lasts(*arguments: str) -> float:
    """Seconds from start to end of a process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def paints(code: str, sign: bytes) -> float:
    """Seconds until a terminal has been sent `sign`; TimeoutError after half a minute."""
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-c", code])
    seen = b""
    try:
        while sign not in seen:
            if not select.select([terminal], [], [], start + 30.0 - time.perf_counter())[0]:
                raise TimeoutError(f"{sign!r} was never painted")
            seen += os.read(terminal, 65_536)
        return time.perf_counter() - start
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_start_of_the_command_line(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    backtest = ["-m", "gridtui", "backtest", "--coins", "BTC", "--source", "sim", "--no-plot"]
    backtest += ["--start", "2024-01-01", "--end", "2024-02-01", "--data-dir", str(tmp_path)]
    lasts(*backtest)  # the first one may compile
    bare = best(lambda: lasts("-c", "pass"))
    version = best(lambda: lasts("-m", "gridtui", "--version"))
    whole = best(lambda: lasts(*backtest))
    benchmark.pedantic(lasts, ("-m", "gridtui", "--version"), rounds=ROUNDS)
    benchmark.extra_info["version_to_bare_python"] = version / bare
    benchmark.extra_info["backtest_to_bare_python"] = whole / bare
    with capsys.disabled():
        print(
            f"\nbare Python {1e3 * bare:.0f} ms; gridtui --version {version / bare:.1f} times; "
            f"gridtui backtest of a month {whole / bare:.0f} times ({whole:.2f} s)"
        )
    assert list(tmp_path.rglob("BTC_trades.csv"))


def test_first_paint_of_the_screens(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = best(lambda: paints(EMPTY_APP, b"PAINTED"))
    ours = best(lambda: paints(OUR_APP, b"coins"))
    benchmark.pedantic(paints, (OUR_APP, b"coins"), rounds=1)
    benchmark.extra_info["first_paint_to_empty_app"] = ours / empty
    with capsys.disabled():
        print(
            f"\nfirst paint {1e3 * ours:.0f} ms, {ours / empty:.2f} times an empty app's "
            f"{1e3 * empty:.0f} ms"
        )
