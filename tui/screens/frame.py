"""The frame that all screens share: status line, screen names, body, line of keys."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.widgets.footer import KeyLine
from tui.widgets.status import StatusLine

SCREEN_NAMES = {"6": "Backtest"}
"""Screens by their number, which never changes."""

_SMALLEST = (60, 20)


class FramedScreen(Screen[None]):
    """A screen inside the frame. A subclass gives its body, its number and its first keys."""

    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [
        (0, "-tiny"),
        (_SMALLEST[0], "-narrow"),
        (100, "-wide"),
        (160, "-huge"),
    ]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [
        (0, "-flat"),
        (_SMALLEST[1], "-short"),
        (34, "-tall"),
    ]
    NUMBER = ""
    KEYS = ""

    def __init__(self, classes: str) -> None:
        super().__init__(classes=classes)
        self.status_line = StatusLine()
        self.key_line = KeyLine(self.KEYS)

    def compose(self) -> ComposeResult:
        """Frame and body, and what is shown instead on a terminal that is too small."""
        self._fit(self.app.size)
        yield self.status_line
        yield Static(_names(self.NUMBER), id="names")
        with Vertical(id="body"):
            yield from self.body()
        yield self.key_line
        needs = " x ".join(str(size) for size in _SMALLEST)
        yield Static(f"This terminal is too small:\nat least {needs} is needed.", id="too-small")

    def _fit(self, size: Size) -> None:
        """Textual sets these classes after the first layout: set before it, that one is right."""
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max(b for b in breakpoints or () if b[0] <= length)[1])

    def body(self) -> Iterable[Widget]:
        """The widgets between the line of names and the line of keys."""
        raise NotImplementedError


def _names(current: str) -> Content:
    parts: list[str | tuple[str, str]] = []
    for number, name in SCREEN_NAMES.items():
        parts.append((f" {number} ", "$quiet"))
        parts.append((f"{name} ", "bold $primary" if number == current else "$quiet"))
    return Content.assemble(*parts)
