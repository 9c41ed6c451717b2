"""The page of all keys, made from the table of keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import bindings, help_of
from tui.widgets.footer import KeyLine

_KEY_WIDTH = 8


class HelpScreen(ModalScreen[None]):
    """Every key by the place where it works."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("dialog"),
        ("question_mark,f1", "close", "close"),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        page = VerticalScroll(Static(_page()), id="page", classes="dialog")
        page.border_title = "keys"
        yield page
        yield KeyLine("help")

    def action_close(self) -> None:
        """Back."""
        self.dismiss()


def _page() -> Content:
    lines: list[Content] = []
    for heading, keys in help_of():
        lines.append(Content.styled(heading, "bold $primary"))
        lines += [
            Content.assemble((f"  {shown:<{_KEY_WIDTH}}", "bold"), (meaning, "$foreground"))
            for shown, meaning in keys
        ]
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])
