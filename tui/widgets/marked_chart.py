"""A chart that keys move: marks on it, a cursor through it, its lines in braille within 1 ms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.figures import axis_value
from tui.widgets.chart import NAME_WIDTH, SCALE_WIDTH, Chart, Row

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

    @property
    def columns(self) -> int:
        """Cells across of the picture itself."""
        return max(0, self.size.width - NAME_WIDTH - SCALE_WIDTH)

    def mark(self, marks: Sequence[Mark]) -> None:
        """Other marks."""
        self._marks, self._made_for = marks, None
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
        """A row of the picture with its marks, which are drawn once, and the cursor."""
        strip = super().render_line(y)
        if self._cursor is None or y >= len(self._strips):
            return strip
        at = NAME_WIDTH + self._cursor
        turned = Strip([Segment(strip.crop(at, at + 1).text, self.rich_style + _TURNED)])
        return Strip.join([strip.crop(0, at), turned, strip.crop(at + 1)])

    def _canvas(
        self,
        lines: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
        columns: int,
        height: int,
        low: float,
        high: float,
    ) -> list[Row]:
        """As plotext's, which takes 10 to 20 ms: too long for a key that is held down."""
        from tui.widgets.braille import Canvas, Line

        canvas = Canvas(columns, height, low, high)
        styles = [self._style(curve.token) for curve in self._curves]
        if self._level is not None:
            canvas.level(self._level, len(styles))
            styles.append(self._style("level"))
        for owner, (curve, points) in enumerate(zip(self._curves, lines, strict=True)):
            line = Line(*points, curve.fill, curve.dots != "braille")
            canvas.draw(line, owner) if curve.joined else canvas.scatter(line, owner)
        owners: dict[str, int] = {}
        for mark in sorted(self._marks, key=lambda mark: mark.order):
            if mark.token not in owners:
                owners[mark.token] = len(styles)
                styles.append(self._style(mark.token, bold=True))
            column = min(columns - 1, max(0, int(mark.share * columns)))
            canvas.put(column, self._row(mark.value, height), mark.shape, owners[mark.token])
        styles.append(Style())
        return [[(dots, styles[owner]) for dots, owner in row] for row in canvas.rows()]

    def _row(self, value: float, rows: int) -> int:
        low, high = self.ends
        return min(rows - 1, max(0, int((high - value) / (high - low) * rows)))


_TURNED = Style(reverse=True)
