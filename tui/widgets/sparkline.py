"""A line in braille dots: small enough to be drawn without any library."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.figures import axis_value

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_LEAST_COLUMNS = 4


class Sparkline(Widget):
    """Values from left to right; the highest and the lowest stand at the left."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name, classes="panel")
        self._values: Sequence[float] = ()
        self._drawn: tuple[tuple[int, int], list[tuple[str, str]]] | None = None

    def plot(self, values: Sequence[float]) -> None:
        """Other values, the newest last."""
        self._values = values
        self._drawn = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A row of the picture, which is made once for a size."""
        width, height = self.size
        if self._drawn is None or self._drawn[0] != (width, height):
            self._drawn = ((width, height), picture(self._values, width, height))
        rows = self._drawn[1]
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        label, dots = rows[y]
        strip = Strip([Segment(label, self._style("quiet")), Segment(dots, self._style("curve"))])
        return strip.adjust_cell_length(width, self.rich_style)

    def _style(self, token: str) -> Style:
        return (self.visual_style + self.app.stylesheet.parse_style(f"${token}")).rich_style


def picture(values: Sequence[float], width: int, height: int) -> list[tuple[str, str]]:
    """(scale, dots) of each row; none where there are too few values or cells."""
    if len(values) < 2 or height < 1:
        return []
    low, high = min(values), max(values)
    if high - low <= 1e-12 * max(abs(high), 1.0):
        low, high = low - 1.0, high + 1.0
    step = (high - low) / height
    top, bottom = axis_value(high, step), axis_value(low, step)
    margin = max(len(top), len(bottom)) + 1
    columns = width - margin
    if columns < _LEAST_COLUMNS:
        return []
    cells = _cells(values, columns, height, low, high)
    rows = []
    for row, codes in enumerate(cells):
        label = top if row == 0 else bottom if row == height - 1 else ""
        rows.append((f"{label:>{margin - 1}} ", "".join(chr(_BLANK + code) for code in codes)))
    return rows


def _cells(
    values: Sequence[float], columns: int, height: int, low: float, high: float
) -> list[list[int]]:
    """Dots of each cell: from the lowest to the highest value of each half of a column."""
    cells = [[0] * columns for _ in range(height)]
    places, most = min(2 * columns, len(values)), 4 * height - 1
    wide = 2 * columns / places  # where there are fewer values, each takes several halves

    def line(value: float) -> int:
        return round((high - value) / (high - low) * most)

    before = line(values[0])
    for place in range(places):
        part = values[place * len(values) // places : (place + 1) * len(values) // places]
        lines = [before, line(max(part)), line(min(part))]
        before = line(part[-1])
        across = range(int(place * wide), int((place + 1) * wide))
        for number, x in enumerate(across):
            reach = lines if number == 0 else lines[1:]
            for y in range(min(reach), max(reach) + 1):
                cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    return cells
