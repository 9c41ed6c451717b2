"""How far the run under way is, in a bar and in words."""

import time

from textual.content import Content
from textual.widgets import Static

from tui.store import Progress


class ProgressLine(Static):
    """`━━━━━━━╌╌╌╌╌╌╌ 48 %` and, below it, the stage; hidden while nothing runs."""

    def __init__(self) -> None:
        super().__init__(id="progress")
        self.display = False

    def show(self, progress: Progress | None) -> None:
        """The run under way, or None."""
        self.display = progress is not None
        if progress is None:
            return
        width = max(4, self.size.width - 6)
        full = int(progress.share * width)
        self.update(
            Content.assemble(
                ("━" * full, "bold $primary"),
                ("╌" * (width - full), "$quiet"),
                (f" {progress.share:4.0%}", "bold"),
                "\n",
                progress.words(time.monotonic()),
            )
        )
