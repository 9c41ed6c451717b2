"""A chart that keys move: marks on it, a cursor through it, its lines in braille within 1 ms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip

from tui.figures import axis_value
from tui.widgets.chart import NAME_WIDTH, SCALE_WIDTH, Chart

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Mark(NamedTuple):
    """`share` of the way from left to right, 0 to 1; `value` on the scale; of marks in one cell
    that of the highest `order` is seen."""

    share: float
    value: float
    shape: str
    token: str
    order: int = 0


class MarkedChart(Chart):
    """A `Chart` whose unit may change."""

    def __init__(self, name: str) -> None:
        super().__init__(name, unit=lambda value, step: self.unit(value, step))
        self.unit: Callable[[float, float], str] = axis_value
        self._marks: Sequence[Mark] = ()
        self._cursor: int | None = None
        self._strips: list[Strip] = []
        self._made_of: tuple[Text, Style] | None = None

    @property
    def columns(self) -> int:
        """Cells across of the picture itself."""
        return max(0, self.size.width - NAME_WIDTH - SCALE_WIDTH)

    def mark(self, marks: Sequence[Mark]) -> None:
        """Other marks."""
        self._marks, self._made_of = marks, None
        self.refresh()

    def point(self, column: int | None) -> None:
        """A line through one column, or none; nothing else is drawn again."""
        before, self._cursor = self._cursor, column
        if column != before:
            height = self.size.height
            for changed in (before, column):
                if changed is not None:
                    self.refresh(Region(NAME_WIDTH + changed, 0, 1, height))

    def render_line(self, y: int) -> Strip:
        """A row of the picture with its marks, which are made once, and the cursor."""
        picture, base, width = self.render(), self.rich_style, self.size.width
        if self._made_of is None or self._made_of[0] is not picture or self._made_of[1] != base:
            self._made_of = (picture, base)
            self._strips = self._rows(picture, base)
        if y >= len(self._strips):
            return Strip.blank(width, base)
        strip = self._strips[y]
        if self._cursor is None:
            return strip
        at = NAME_WIDTH + self._cursor
        turned = Strip([Segment(strip.crop(at, at + 1).text, base + _TURNED)])
        return Strip.join([strip.crop(0, at), turned, strip.crop(at + 1, width)])

    def _canvas(
        self,
        lines: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
        columns: int,
        height: int,
        low: float,
        high: float,
    ) -> str:
        """As plotext's, which takes 10 to 20 ms: too long for a key that is held down."""
        from tui.widgets.braille import Canvas, Line

        canvas = Canvas(columns, height, low, high)
        if self._level is not None:
            canvas.level(self._level, len(lines))
        for owner, (curve, points) in enumerate(zip(self._curves, lines, strict=True)):
            line = Line(*points, curve.fill, curve.dots != "braille")
            canvas.draw(line, owner) if curve.joined else canvas.scatter(line, owner)
        codes = [_code(self._rgb(curve.token)) for curve in self._curves]
        codes += [_code(self._rgb("level")), ""]
        return "\n".join(
            "".join(f"{codes[owner]}{dots}" for dots, owner in row) for row in canvas.rows()
        )

    def _rows(self, picture: Text, base: Style) -> list[Strip]:
        if not picture.plain:
            return []
        lines = picture.split("\n")
        colours, columns = self.app.theme_variables, self.columns
        seen: dict[tuple[int, int], Mark] = {}
        for mark in sorted(self._marks, key=lambda mark: mark.order):
            column = NAME_WIDTH + min(columns - 1, max(0, int(mark.share * columns)))
            seen[self._row(mark.value, len(lines)), column] = mark
        for (row, at), mark in seen.items():
            line = lines[row]
            line.plain = f"{line.plain[:at]}{mark.shape}{line.plain[at + 1 :]}"
            line.stylize(f"bold {colours[mark.token]}", at, at + 1)
        console, width = self.app.console, self.size.width
        strips = []
        for line in lines:
            strip = Strip(list(line.render(console, end="")))
            strips.append(strip.apply_style(base).adjust_cell_length(width, base))
        return strips

    def _row(self, value: float, rows: int) -> int:
        low, high = self.ends
        return min(rows - 1, max(0, int((high - value) / (high - low) * rows)))


def _code(rgb: tuple[int, int, int]) -> str:
    """What switches a terminal to a colour."""
    return "\x1b[38;2;{};{};{}m".format(*rgb)


_TURNED = Style(reverse=True)
