"""A real terminal, driven from outside: a tmux server of its own, keys in, the screen out."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import gridtui

ROOT = Path(gridtui.__file__).parent
GRIDTUI = shlex.join([sys.executable, "-m", "gridtui"])
PROMPT = "shell-waits$"
PATIENCE_S = 60.0
"""A machine that has much else to do takes several times as long as one at rest."""

_LOOKING_S = 0.1
_OF_ANOTHER_TERMINAL = ("COLUMNS", "LINES", "TMUX", "NO_COLOR")
_RESTORED = "0 1 0 0"
"""No alternate screen, a visible cursor, no mouse, no keypad of an application."""


class Terminal:
    """A shell in a terminal; everything waits until it is seen, and for a bounded time.

    Args:
        size: columns and lines.
        environment: what the shell has besides this process's environment.
    """

    def __init__(self, size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self._name = f"gridtui-test-{os.getpid()}-{secrets.token_hex(4)}"
        ours = {k: v for k, v in os.environ.items() if k not in _OF_ANOTHER_TERMINAL}
        self.environment = ours | environment | _shell_environment()
        self.tmux("new-session", "-d", "-c", str(ROOT), "/bin/sh")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.resize(*size)
        # as typed it is not what is waited for
        self.run(f"PS1='{PROMPT[:5]}''{PROMPT[5:]} '; clear")
        self.wait_for(PROMPT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hang_up()

    def tmux(self, *arguments: str) -> str:
        """What a tmux command prints."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """A tmux command for its server."""
        return ["tmux", "-L", self._name, "-f", os.devnull, *arguments]

    def run(self, command: str) -> None:
        """Type a command and enter."""
        self.type(command)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self.tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Characters as they are."""
        self.tmux("send-keys", "-l", text)

    def fill(self, label: str, text: str) -> None:
        """Type into the field of a label, which has the focus, until it is seen there."""
        self.type(text)
        self.wait_for(f"{label:<12} {text} ")

    def move_to(self, label: str) -> None:
        """One field down in a form, to that of a label: keys that come earlier go to the other."""
        before = self._field(label)
        self.press("Down")
        self.wait(lambda _: self._field(label) != before, f"the focus at {label}")

    def resize(self, columns: int, lines: int) -> None:
        """As when a window is drawn larger or smaller."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    @property
    def screen(self) -> str:
        """What is seen."""
        return self.tmux("capture-pane", "-p")

    @property
    def coloured(self) -> str:
        """The same with the codes of its colours."""
        return self.tmux("capture-pane", "-p", "-e")

    @property
    def pid(self) -> int:
        """Of the process that the terminal was given: the shell, or what has taken its place."""
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    @property
    def restored(self) -> bool:
        """Whether it is as the shell had it."""
        flags = ("alternate_on", "cursor_flag", "mouse_any_flag", "keypad_flag")
        return self._flags(flags) == _RESTORED

    @property
    def dead(self) -> bool:
        """Whether its process has ended."""
        return self._flags(("pane_dead",)) == "1"

    def wait_for(self, *texts: str) -> str:
        """The screen, once it shows all of these."""
        return self.wait(lambda screen: all(text in screen for text in texts), " and ".join(texts))

    def wait_without(self, text: str) -> str:
        """The screen, once it does not show this any more."""
        return self.wait(lambda screen: text not in screen, f"the end of {text}")

    def wait(self, true: Callable[[str], bool], what: str) -> str:
        """The screen, once something is true of it."""
        deadline = time.monotonic() + PATIENCE_S
        while not true(screen := self.screen):
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{screen}"
            time.sleep(_LOOKING_S)
        return screen

    def hang_up(self) -> None:
        """The terminal goes: its process gets SIGHUP."""
        command = self.command("kill-server")
        subprocess.run(command, env=self.environment, capture_output=True, check=False)

    def _field(self, label: str) -> str:
        """The line of a form's field, with its colours."""
        wanted = re.compile(rf"│ +{label} ")
        rows = [row for row, line in enumerate(self.screen.splitlines()) if wanted.search(line)]
        return self.coloured.splitlines()[rows[-1]] if rows else ""

    def _flags(self, names: tuple[str, ...]) -> str:
        wanted = " ".join(f"#{{{name}}}" for name in names)
        return self.tmux("display-message", "-p", wanted).strip()


def until(true: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(_LOOKING_S)


def to_bots(terminal: Terminal) -> None:
    """From the first screen to Bots while there is none."""
    terminal.wait_for("[Backtest]", "enter run")
    terminal.press("0")
    terminal.wait_for("no bot has run on this machine")


def _shell_environment() -> dict[str, str]:
    """A shell in which the project is found, and a terminal of all colours."""
    return {
        "ENV": os.devnull,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TEXTUAL_ANIMATIONS": "none",
    }
