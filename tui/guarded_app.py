"""An application whose defects end in one line instead of a page of traceback."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual import on
from textual.worker import Worker, WorkerState

from tui.crash import debugging, told
from tui.folders import data_folder
from tui.keys_in_order import KeysInOrder

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel


class GuardedApp(KeysInOrder):
    """Ends at the first defect in a handler, a timer, a render, a worker, with exit code 1. Of a
    worker that it can do without (`exit_on_error=False`) the defect is said, once, and all goes on.

    Args:
        data_dir: where the report goes, as `--data-dir`.
        rest: a sentence on what becomes of everything else.

    Attributes:
        last_words: the line about the defect; "" without one.
    """

    def __init__(self, data_dir: Path | None, rest: str) -> None:
        super().__init__()
        self._report_dir = data_dir
        self._rest = rest
        self.last_words = ""
        self._said: set[tuple[str, ...]] = set()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002  (screens and widgets pass Textual's default, True)
    ) -> None:
        """Say something for some seconds, as it is written: a message may name files or what was
        typed, and square brackets in it are no markup."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def panic(self, *renderables: RenderableType) -> None:
        """End at once; of a defect a report goes into a file, and a line is kept for when the
        terminal is restored."""
        error = sys.exc_info()[1]
        if error is None or debugging():
            super().panic(*renderables)
            return
        if not self.last_words:
            self.last_words = told(error, data_folder(self._report_dir), self._rest)
        super().panic()

    def _fatal_error(self) -> None:
        """Textual's traceback shows variables, and with them keys: not without being asked for.
        There is no public place for this."""
        if debugging():
            super()._fatal_error()
        else:
            self.panic()

    @on(Worker.StateChanged)
    def _worker_broke(self, event: Worker.StateChanged) -> None:
        self.say_if_broken(event)

    def say_if_broken(self, event: Worker.StateChanged) -> None:
        """Of a worker that has failed a report goes into a file, and a line is said; of one that
        fails in the same way again and again no more."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        where = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        same = (type(error).__name__, *where)
        if same not in self._said:
            self._said.add(same)
            line = told(error, data_folder(self._report_dir))
            self.notify(line, severity="error", markup=False)

    def say_last_words(self) -> None:
        """Once the terminal is restored."""
        if self.last_words:
            with contextlib.suppress(OSError):
                print("gridtui:", self.last_words, file=sys.stderr, flush=True)
