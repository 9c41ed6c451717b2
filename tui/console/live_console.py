"""A bot on a terminal without the app: its lines, and below them a status line and keys."""

import asyncio
import contextlib
import logging
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from state.errors import StateError
from tui.console.live_keys import LiveKeys, Wish
from tui.console.live_status import LiveStatus

_REFRESH_S = 0.5
_STANDARD = (0, 1, 2)

Obey = Callable[[Wish], Awaitable[str]]
"""Carries a wish out, none but `keep`; the answer is a sentence, "" where the bot's own lines have
told it."""


class LiveConsole(logging.Handler):
    """Shows what is logged above a status line that stays.

    Args:
        status: of the bot.
        keys: what keys do.
        obey: carries out what they wish for.
        gone: is called when the terminal is gone; from then on nothing is shown.
    """

    def __init__(
        self, status: LiveStatus, keys: LiveKeys, obey: Obey, gone: Callable[[], None]
    ) -> None:
        super().__init__()
        self._status = status
        self._keys = keys
        self._obey = obey
        self._gone: Callable[[], None] | None = gone
        self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record above the status line."""
        self.print(self.format(record))

    def print(self, text: str) -> None:
        """Print text above the status line."""
        self._show(lambda: self._console.print(Text(text)))

    def begin(self, snapshot: Mapping[str, Any]) -> None:
        """Learn from a snapshot."""
        self._status.begin(snapshot)

    def take(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Learn from an event."""
        self._status.take(kind, payload)

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw the status line and listen to keys until the block ends."""
        loop = asyncio.get_running_loop()
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, self._read_keys, descriptor)
        drawing = asyncio.create_task(self._draw())
        self._show(self._live.start)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            drawing.cancel()
            await asyncio.gather(drawing, *self._tasks, return_exceptions=True)
            self._show(self._live.stop)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    async def _draw(self) -> None:
        while True:
            self._refresh()
            await asyncio.sleep(_REFRESH_S)

    def _refresh(self) -> None:
        status = self._status.line(self._console.width)
        lines = Text(f"{status}\n{self._keys.hint(self._status.paused)}")
        lines.no_wrap, lines.overflow = True, "ellipsis"
        lines.stylize("bold", 0, len(status))
        self._show(lambda: self._live.update(lines, refresh=True))

    def _show(self, draw: Callable[[], object]) -> None:
        try:
            draw()
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        """The terminal is gone: whatever is still written to it goes nowhere, and harms nobody."""
        if self._gone is None:
            return
        gone, self._gone = self._gone, None
        terminal = os.fstat(sys.stdin.fileno()).st_rdev
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in _STANDARD:
            if os.fstat(descriptor).st_rdev == terminal:
                os.dup2(nowhere, descriptor)
        os.close(nowhere)
        gone()

    def _read_keys(self, descriptor: int) -> None:
        try:
            text = os.read(descriptor, 64).decode("utf-8", "ignore")
        except OSError:
            text = ""
        if not text:
            asyncio.get_running_loop().remove_reader(descriptor)
            self._hang_up()
        for key in text:
            wish = self._keys.press(key, self._status.paused)
            if wish is not None:
                task = asyncio.create_task(self._carry_out(wish))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._refresh()

    async def _carry_out(self, wish: Wish) -> None:
        """Nobody awaits this: what fails is said here or never."""
        try:
            said = self._keys.kept if wish == "keep" else await self._obey(wish)
        except StateError as error:
            said = f"{wish} is not done: {error}"
        except Exception as error:
            # its words may hold what no screen may show
            said = f"{wish} is not done, by a defect of gridtui ({type(error).__name__})"
        if said:
            self.print(said)
