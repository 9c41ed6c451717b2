"""Rows in columns, drawn line by line as they come into view, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.wording import count
from tui.keys import bindings
from tui.widgets.columns import Cell

_WIDEST_GAP = 3


class Field(NamedTuple):
    """A column: its heading, its least width, and what rows are sorted by in it."""

    title: str
    width: int
    by: Callable[[Any], Any]
    right: bool = True


class RowTable(ScrollView, can_focus=True):
    """A heading that stays, and rows under it, one of which is chosen.

    Columns that do not fit are reached by scrolling; the frame names them, and says how many rows
    are out of sight.

    Args:
        follow_first: whether the first row, too, stays chosen once another comes before it. Where
            new rows come on top, who stays there wants to see those.

    Attributes:
        moves: how often the user has chosen a row.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    def __init__(self, name: str, *, follow_first: bool = False) -> None:
        super().__init__(id=name, classes="panel")
        self._follow_first = follow_first
        self.moves = 0
        self._fields: Sequence[Field] = ()
        self._widths: list[int] = []
        self._sorted = ("", False)
        self._rows: Sequence[Any] = ()
        self._cells: Callable[[Any], Sequence[Cell]] = lambda _row: ()
        self._row_name: Callable[[Any], Hashable] = id
        self._cursor = 0
        self._gap = 1
        self._styles: dict[tuple[str, bool], Style] = {}
        self._theme: object = None
        self._empty = ""
        self._in_sight: object = None  # as it was shown last

    def furnish(
        self,
        fields: Sequence[Field],
        cells: Callable[[Any], Sequence[Cell]],
        name: Callable[[Any], Hashable],
    ) -> None:
        """Other columns; the rows for them follow.

        Args:
            cells: what a row shows, a cell for every field.
            name: equal for what is the same row in a later list.
        """
        self._fields, self._cells, self._row_name = fields, cells, name
        self._widths = [max(field.width, len(field.title) + 1) for field in fields]
        self._rows, self._cursor = (), 0
        self._in_sight = None
        self.scroll_to(0, 0, animate=False, immediate=True)

    def show(self, rows: Sequence[Any], sorted_by: tuple[str, bool], empty: str) -> None:
        """Other rows; `sorted_by` is a heading, and whether the highest value comes first; `empty`
        stands where there are none. Nothing is painted where nothing in sight has changed.

        The chosen row stays chosen and where it is on the screen; the first one does so if
        `follow_first`.
        """
        chosen = self.chosen
        before, self._cursor = self._cursor, 0
        self._rows, self._sorted, self._empty = rows, sorted_by, empty
        if (before or self._follow_first) and chosen is not None:
            name = self._row_name(chosen)
            found = (i for i, row in enumerate(rows) if self._row_name(row) == name)
            self._cursor = next(found, min(before, max(0, len(rows) - 1)))
        self._fit()
        if self._cursor != before:
            top = max(0, self.scroll_offset.y + self._cursor - before)
            self.scroll_to(y=top, animate=False, immediate=True)
        self._measure()
        in_sight = (self._cells_in_sight(), sorted_by, empty, self._cursor, self.scroll_offset)
        if in_sight != self._in_sight:
            self._in_sight = in_sight
            self.refresh()

    @property
    def chosen(self) -> Any | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def choose(self, name: Hashable) -> bool:
        """Put the cursor on the row of this name; returns whether there is one."""
        found = (i for i, row in enumerate(self._rows) if self._row_name(row) == name)
        at = next(found, None)
        if at is not None and at != self._cursor:
            self._go_to(at)
        return at is not None

    @property
    def row_count(self) -> int:
        """How many rows there are to see."""
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        """The headings, or the row that is scrolled to this line."""
        scroll_x, scroll_y = self.scroll_offset
        width, row = self.size.width, scroll_y + y - 1
        if y == 0:
            strip = self._headings()
        elif not self._rows and y == 2:
            strip = Strip([Segment(self._empty, self._style("$quiet"))])
        elif row < len(self._rows):
            strip = self._row(row)
        else:
            return Strip.blank(width, self.rich_style)
        return strip.crop_extend(scroll_x, scroll_x + width, self.rich_style)

    def on_resize(self, _: Resize) -> None:
        """Columns stand further apart where there is room."""
        self._fit()
        self._measure()

    def on_click(self, event: Click) -> None:
        """A click chooses."""
        row = self.scroll_offset.y + event.get_content_offset_capture(self).y - 1
        if 0 <= row < len(self._rows):
            self._move_to(row)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say what is out of sight."""
        super().watch_scroll_y(old_value, new_value)
        self._measure()
        self._tell_hidden()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Say what is out of sight."""
        super().watch_scroll_x(old_value, new_value)
        self._tell_hidden()

    def action_cursor(self, step: int) -> None:
        """Lines up or down."""
        self._move_to(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        self._move_to(self._cursor + step * max(1, self.size.height - 2))

    def action_end(self, side: int) -> None:
        """First or last line."""
        self._move_to(0 if side < 0 else len(self._rows) - 1)

    def action_scroll_left(self) -> None:
        """A column to the left."""
        at = self.scroll_offset.x
        self.scroll_to(x=max((x for x in self._edges if x < at), default=0), animate=False)

    def action_scroll_right(self) -> None:
        """A column to the right."""
        at = self.scroll_offset.x
        to = min((x for x in self._edges if x > at), default=at)
        self.scroll_to(x=min(to, self.max_scroll_x), animate=False)

    @property
    def _edges(self) -> list[int]:
        """Where each column begins."""
        return [sum(self._widths[:i]) + i * self._gap for i in range(len(self._widths))]

    def _move_to(self, row: int) -> None:
        self.moves += 1
        self._go_to(row)

    def _go_to(self, row: int) -> None:
        before = self._cursor
        self._cursor = max(0, min(len(self._rows) - 1, row))
        self.scroll_to_region(
            Region(self.scroll_offset.x, self._cursor, 1, 2), animate=False, force=True
        )
        self.refresh_line(before + 1)
        self.refresh_line(self._cursor + 1)

    def _fit(self) -> None:
        columns = sum(self._widths)
        spare = (self.size.width - columns) // max(1, len(self._widths) - 1)
        self._gap = max(1, min(_WIDEST_GAP, spare))
        width = columns + self._gap * max(0, len(self._widths) - 1)
        self.virtual_size = Size(width, len(self._rows) + 1)
        self._tell_hidden()

    def _measure(self) -> None:
        """Columns grow with what is seen, and never shrink: nothing jumps to and fro."""
        widths = list(self._widths)
        for cells in self._cells_in_sight():
            lengths = [len(text) for text, _ in cells]
            widths = [max(pair) for pair in zip(widths, lengths, strict=True)]
        if widths != self._widths:
            self._widths = widths
            self._fit()
            self.refresh()

    def _cells_in_sight(self) -> list[Sequence[Cell]]:
        top = self.scroll_offset.y
        return [self._cells(row) for row in self._rows[top : top + self.size.height]]

    def _tell_hidden(self) -> None:
        above = self.scroll_offset.y
        below = max(0, len(self._rows) + 1 - above - self.size.height)
        words = [f"↑ {count(above)}"] if above else []
        words += [f"↓ {count(below)} more"] if below and self.size.height else []
        right = self.scroll_offset.x + self.size.width
        hidden = [
            field.title
            for field, edge, width in zip(self._fields, self._edges, self._widths, strict=True)
            if edge + width > right
        ]
        words += [f"→ {' '.join(hidden)}"] if hidden and self.size.width else []
        words = ["← " + words[0], *words[1:]] if words and self.scroll_offset.x else words
        subtitle = Content("  ".join(words)).truncate(max(0, self.size.width - 4), ellipsis=True)
        if subtitle.plain != str(self.border_subtitle or ""):
            self.border_subtitle = subtitle

    def _headings(self) -> Strip:
        by, falling = self._sorted
        parts = []
        for field, width in zip(self._fields, self._widths, strict=True):
            mark = ("▼" if falling else "▲") if field.title == by else ""
            title = f"{field.title}{mark}"
            parts.append(f"{title:>{width}}" if field.right else f"{title:<{width}}")
        return Strip([Segment((" " * self._gap).join(parts), self._style("$quiet underline"))])

    def _row(self, number: int) -> Strip:
        row = self._rows[number]
        chosen = number == self._cursor and self.has_focus
        segments = []
        cells = self._cells(row)
        for field, width, (text, style) in zip(self._fields, self._widths, cells, strict=True):
            padded = f"{text:>{width}}" if field.right else f"{text:<{width}}"
            segments.append(Segment(padded + " " * self._gap, self._style(style, chosen)))
        width = max(self.virtual_size.width, self.scroll_offset.x + self.size.width)
        return Strip(segments).adjust_cell_length(width, self._style("", chosen))

    def _style(self, written: str, chosen: bool = False) -> Style:
        """Parsed once; a theme or a dimmed screen has others."""
        base = self.visual_style
        if self._theme != base:
            self._styles.clear()
            self._theme = base
        key = (written, chosen)
        if key not in self._styles:
            style = base + self.app.stylesheet.parse_style(written or "$foreground")
            if chosen:
                plain = " reverse" if self.app.no_color else ""
                style += self.app.stylesheet.parse_style(f"on $block-cursor-background{plain}")
            self._styles[key] = style.rich_style
        return self._styles[key]
