"""An application in tmux's control mode: what it writes, as it writes it, and keys for it.

-> send-keys -t %0 z
<- %output %0 \\033[2;1H...
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from types import TracebackType
from typing import Self

from tests.terminal.tmux import Terminal

_OCTAL = re.compile(rb"\\([0-7]{3})")
_CODES = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>78]")
_READ = 1 << 20
_NEWEST = 50_000
_PATIENCE_S = 10.0


class ControlMode:
    """A client of a terminal's tmux server that sees the bytes of its application.

    The application is held up while it is not read: nothing else is to be waited for meanwhile.

    Args:
        terminal: its first pane is looked at.
        size: columns and lines.
    """

    def __init__(self, terminal: Terminal, size: tuple[int, int]) -> None:
        self._client = subprocess.Popen(
            terminal.command("-C", "attach-session"),
            env=terminal.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._to, self._from = self._client.stdin, self._client.stdout
        os.set_blocking(self._from.fileno(), False)
        self._rest = b""
        self._text = bytearray()
        self._send(f"refresh-client -C {size[0]}x{size[1]}")

    def answered(self, key: str, sign: str) -> float:
        """Seconds from a key to the output in which a regular expression is found.

        Raises:
            TimeoutError: it has not come in ten seconds.
        """
        wanted = re.compile(sign.encode())
        self.drain()
        began = time.perf_counter()
        self.press(key)
        while True:
            left = began + _PATIENCE_S - time.perf_counter()
            if left < 0 or not self._read(left):
                seen = bytes(self._text).decode("utf-8", "replace")
                raise TimeoutError(f"{key} has not brought {sign}: {seen[-2_000:]}")
            if wanted.search(_CODES.sub(b"", self._text[-_NEWEST:])):
                return time.perf_counter() - began

    def press(self, key: str) -> None:
        """A key whose answer nobody waits for."""
        self._send(f"send-keys -t %0 {key}")

    def drain(self, seconds: float = 0.0) -> None:
        """Read what comes within a time, and forget it."""
        end = time.perf_counter() + seconds
        while self._read(end - time.perf_counter()):
            pass
        self._text.clear()

    def _send(self, command: str) -> None:
        self._to.write(f"{command}\n".encode())
        self._to.flush()

    def _read(self, seconds: float) -> bool:
        """Wait for more and take it in; False where nothing has come in time."""
        if not select.select([self._from], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(self._from.fileno(), _READ)
        if not data:
            raise EOFError("tmux has ended")
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"%output "):
                written = line.split(b" ", 2)[2]
                self._text += _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), written)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.kill()
        self._client.wait()
        self._to.close()
        self._from.close()
