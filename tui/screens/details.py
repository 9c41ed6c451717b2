"""One row of a table, whole: a page to read, and to copy."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import bindings
from tui.widgets.footer import KeyLine


class DetailsScreen(ModalScreen[None]):
    """Args: text: for people; raw: as the bot told it, which is what is copied."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog"), *bindings("details page")]

    def __init__(self, title: str, text: Content, raw: str) -> None:
        super().__init__()
        self._title, self._text, self._raw = title, text, raw

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        raw = Content.assemble("\n\n", ("as it was told\n", "bold"), (self._raw, "$quiet"))
        page = VerticalScroll(
            Static(Content.assemble(self._text, raw)), id="page", classes="dialog"
        )
        page.border_title = Content(self._title)
        yield page
        yield KeyLine("details page")

    def action_close(self) -> None:
        """Back."""
        self.dismiss()

    def action_copy(self) -> None:
        """To the terminal's clipboard."""
        self.app.copy_to_clipboard(self._raw)
        self.notify("copied, if this terminal lets programs copy")
