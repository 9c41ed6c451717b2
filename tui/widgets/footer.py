"""The line at the bottom: the keys that matter where the focus is."""

from textual.content import Content
from textual.widgets import Static

from tui.keys import footer


class KeyLine(Static):
    """`enter run   esc cancel   c compare   x export   ? all keys`.

    Attributes:
        context: of `tui.footers.FOOTERS`, whose keys are shown.
    """

    def __init__(self, context: str) -> None:
        super().__init__(classes="keys")
        self.context = ""
        self._first = context
        self._line: object = None

    def on_mount(self) -> None:
        """Show the first context's keys."""
        self.show(self._first)

    def show(self, context: str) -> None:
        """The keys of a context of `tui.keys.FOOTERS`."""
        line = footer(context)
        if line == self._line:
            return
        self.context, self._line = context, line
        parts: list[str | tuple[str, str]] = []
        for key, words in line:
            parts += [(f" {key}", "bold $primary"), (f" {words} ", "$quiet")]
        self.update(Content.assemble(*parts), layout=False)
