"""Lines that change often: only those that have changed are drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.keys import bindings, key_of


class LineList(ScrollView, can_focus=True):
    """Lines of text, one below the other; longer ones end in an ellipsis.

    Its frame says how many lines are above and below what is seen.

    Args:
        whole_by: the action whose key, pressed there, shows all of them; the frame names it, too.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("lines")

    def __init__(self, name: str, title: str = "", whole_by: str = "") -> None:
        super().__init__(id=name, classes="panel")
        self._whole_by = whole_by
        self._title = Content(title)
        self.border_title = self._title
        self._lines: list[Content] = []

    @property
    def room(self) -> tuple[int, int]:
        """Cells across, and lines."""
        return self.size.width, self.size.height

    def show(self, lines: Sequence[Content]) -> None:
        """Other lines; those that are as they were are not drawn again."""
        before, self._lines = self._lines, list(lines)
        if len(before) != len(self._lines):
            self._fit()
            self.refresh()
            return
        top = self.scroll_offset.y
        for number, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if not old.is_same(new):
                self.refresh(Region(0, number - top, self.size.width, 1))

    def entitle(self, title: Content) -> None:
        """What the frame says."""
        if not title.is_same(self._title):
            self._title = title
            self.border_title = title

    def render_line(self, y: int) -> Strip:
        """The line that is scrolled to this row."""
        number = self.scroll_offset.y + y
        width = self.size.width
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        content = self._lines[number].truncate(width, ellipsis=True, pad=True)
        base = self.visual_style
        parts = content.render(base, "", self.app.stylesheet.parse_style)
        return Strip([Segment(text, (base + style).rich_style) for text, style in parts], width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say what is out of sight."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_hidden()

    def on_resize(self, _: Resize) -> None:
        """More or fewer of them are out of sight."""
        self._fit()

    def action_line(self, step: int) -> None:
        """Lines up or down."""
        self.scroll_to(y=self.scroll_offset.y + step, animate=False)

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        self.action_line(step * max(1, self.size.height - 1))

    def action_end(self, side: int) -> None:
        """First or last line."""
        self.scroll_to(y=0 if side < 0 else self.max_scroll_y, animate=False)

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._tell_hidden()

    def _tell_hidden(self) -> None:
        above = self.scroll_offset.y
        below = max(0, len(self._lines) - above - self.size.height)
        words = [f"↑ {above}"] if above else []
        words += [f"↓ {below} more"] if below and self.size.height else []
        subtitle = "  ".join(words)
        if words and self._whole_by:
            subtitle += f", {key_of(self._whole_by)} there shows all"
        if subtitle != str(self.border_subtitle or ""):
            self.border_subtitle = Content(subtitle)
