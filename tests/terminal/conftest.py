"""The screens in a real terminal: bots, locks and files of each test's own; none outlives it."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.live.warm import warm_up
from state.lock import running_bots
from tests.terminal.tmux import Terminal, until

Open = Callable[..., Terminal]


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Bots find the machine code on the disk: what is waited for is the screens."""
    warm_up()


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Opens terminals; `environment` as keywords. Ends them, and every bot with a lock here."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    own = {"GRIDTUI_STATE_HOME": str(tmp_path / "locks"), "GRIDTUI_DATA": str(tmp_path / "data")}
    with contextlib.ExitStack() as stack:

        def opened(size: tuple[int, int], **environment: str) -> Terminal:
            return stack.enter_context(Terminal(size, own | environment))

        yield opened
    for pid in bots_of(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not bots_of(tmp_path), "the end of the bots")


def bots_of(folder: Path) -> list[int]:
    """The processes of the bots that run with a test's locks."""
    locks = running_bots(folder / "locks")
    return [lock.holder.pid for lock in locks if lock.held and lock.holder is not None]
