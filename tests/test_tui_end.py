"""How the screens end when nobody presses a key, and what is loaded without the collector. 4 s."""

import fcntl
import gc
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import weakref
from pathlib import Path
from time import monotonic

from tests.processes import ROOT
from tui import collecting

LONGEST_S = 60.0


STUCK = """
import pathlib, sys, time
import tui.run_app
from tui.app import GridTui
tui.run_app._LAST_S = 1.0
GridTui.end = lambda app: time.sleep(3600)
tui.run_app.run_app(pathlib.Path(sys.argv[1]))
"""


def on_a_terminal(folder: Path, *program: str) -> tuple[subprocess.Popen[bytes], int]:
    """The screens on a terminal of their own, and our end of it, once they are painted."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *(program or ("-m", "gridtui", "--data-dir", str(folder)))],
        cwd=ROOT,
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(its)
    seen = b""
    while b"\x1b]0;gridtui" not in seen:
        seen += os.read(ours, 65_536)
    return process, ours


def rest_of(ours: int) -> bytes:
    """What comes until nobody is at the other end."""
    seen = b""
    while True:
        try:
            seen += os.read(ours, 65_536)
        except OSError:
            return seen


def test_a_signal_ends_the_screens_and_gives_the_terminal_back(tmp_path: Path) -> None:
    process, ours = on_a_terminal(tmp_path)
    process.send_signal(signal.SIGTERM)
    seen = rest_of(ours)
    os.close(ours)
    assert process.wait(LONGEST_S) == 0
    for given_back in (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[23;0t"):
        assert given_back in seen


def test_a_terminal_that_is_closed_ends_the_screens(tmp_path: Path) -> None:
    process, ours = on_a_terminal(tmp_path)
    began = monotonic()
    os.close(ours)
    try:
        assert process.wait(LONGEST_S) == 0
    finally:
        process.kill()
    assert monotonic() - began < LONGEST_S
    assert list(tmp_path.rglob("gridtui_crash_*")) == []


def test_screens_that_wait_for_ever_end_a_while_after_the_signal(tmp_path: Path) -> None:
    process, ours = on_a_terminal(tmp_path, "-c", STUCK, str(tmp_path))
    os.close(ours)
    try:
        assert process.wait(LONGEST_S) == 128 + signal.SIGHUP
    finally:
        process.kill()


class Thing:
    """Is part of a circle, so that only the collector finds it."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_of_the_loading_is_not_kept_for_ever() -> None:
    thresholds, collected = gc.get_threshold(), gc.isenabled()
    gc.disable()
    try:
        left = weakref.ref(Thing())
        collecting.begin()
        assert gc.isenabled()
        assert left() is None
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        if not collected:
            gc.disable()
