"""The page of all keys, made from the table of keys."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine import __version__
from tui.keys import PLACES, bindings, help_of
from tui.widgets.footer import KeyLine

_KEY_WIDTH = 7


class HelpScreen(ModalScreen[None]):
    """Every key by the place where it works."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("dialog"),
        ("question_mark,f1", "close", "close"),
    ]

    def __init__(self, places: Mapping[str, str] = PLACES) -> None:
        super().__init__()
        self._places = places

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        page = VerticalScroll(Static(_page(self._places)), id="page", classes="dialog")
        page.border_title = f"keys of gridtui {__version__}"
        yield page
        yield KeyLine("help")

    def action_close(self) -> None:
        """Back."""
        self.dismiss()


def _page(places: Mapping[str, str]) -> Content:
    lines: list[Content] = []
    for heading, keys in help_of(places):
        lines.append(Content.styled(heading, "bold $primary"))
        lines += [
            Content.assemble((f"  {shown:<{_KEY_WIDTH}} ", "bold"), (meaning, "$foreground"))
            for shown, meaning in keys
        ]
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])
