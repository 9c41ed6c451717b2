"""How far something under way is, in a bar and in words."""

from textual.content import Content
from textual.widgets import Static

from tui.activity import Activity


class ProgressLine(Static):
    """`━━━━━━━╌╌╌╌╌╌╌ 48 %` and, below it, the stage; hidden while nothing is under way."""

    def __init__(self) -> None:
        super().__init__(classes="progress")
        self.display = False

    def show(self, activity: Activity | None) -> None:
        """What is under way, or None."""
        self.display = activity is not None
        if activity is None:
            return
        width = max(4, self.size.width - 6)
        full = int(activity.share * width)
        self.update(
            Content.assemble(
                ("━" * full, "bold $primary"),
                ("╌" * (width - full), "$quiet"),
                (f" {activity.share:4.0%}", "bold"),
                "\n",
                activity.words,
            )
        )
