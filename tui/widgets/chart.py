"""Lines over time, drawn by plotext on a bare canvas; scale and dates are the widget's own.

plotext 6 has one figure for the whole process: it is used from the screens' thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from tui.figures import axis_value, share
from tui.round_times import axis_dates

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NAME_WIDTH = 10
SCALE_WIDTH = 11

Row = list[tuple[str, Style]]
"""Texts side by side."""

_PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: `time` ms UTC and `values`, shape (n,); `token`: its colour; `mark`: at its end.

    `dots` is plotext's marker: "braille" is fine, "hd" is coarse, which tells two curves apart
    without colours. `fill` fills the way to zero; not `joined`: dots alone, without a line.
    """

    time: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    token: str = "curve"
    mark: str = ""
    fill: bool = False
    dots: str = "braille"
    joined: bool = True


class Chart(Widget):
    """Curves over one span of time, name at the left, scale and last value at the right."""

    def __init__(self, name: str, *, unit: Callable[[float, float], str] = axis_value) -> None:
        """`unit` writes a value of the scale, given how far apart two rows are."""
        super().__init__(id=name)
        self._label = name
        self._unit = unit
        self._curves: Sequence[Curve] = ()
        self._span = (0, 1)
        self._level: float | None = None
        self._strips: list[Strip] = []
        self._made_for: object = None  # None: to be drawn anew
        self.legend: Sequence[tuple[str, str]] = ()
        """(words, token) of the rows below the name, at most NAME_WIDTH wide; the last one stands
        in the last row."""
        self.ends = (0.0, 1.0)
        """Lowest and highest value of the scale, once it is drawn."""

    def plot(
        self,
        curves: Sequence[Curve],
        span_ms: tuple[int, int],
        level: float | None = None,
        unit: Callable[[float, float], str] | None = None,
    ) -> None:
        """Show curves between two times; `level` is drawn as a thin line, `unit` is another one."""
        self._unit = unit or self._unit
        self._curves, self._span, self._level = curves, span_ms, level
        self._made_for = None
        self.refresh()

    def notify_style_update(self) -> None:
        """It is drawn in the styles as they are now."""
        super().notify_style_update()
        self._made_for = None

    def render_line(self, y: int) -> Strip:
        """A row of the picture, which is drawn once for a size and a theme."""
        made_for = (self.size, self.app.theme)
        if self._made_for != made_for:
            self._strips = self._picture(*self.size)
            self._made_for = made_for
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _picture(self, width: int, height: int) -> list[Strip]:
        columns = width - NAME_WIDTH - SCALE_WIDTH
        if not self._curves or columns < 4 or height < 2:
            return []
        # numpy and plotext cost 0.2 s, so they wait for the first picture
        from tui.series import lowest_highest

        lines = [lowest_highest(c.time, c.values, *self._span, 2 * columns) for c in self._curves]
        low = min(float(values.min()) for _, values in lines)
        high = max(float(values.max()) for _, values in lines)
        if self._level is not None:
            low, high = min(low, self._level), max(high, self._level)
        if any(curve.fill for curve in self._curves):
            low, high = min(low, 0.0), max(high, 0.0)
        flat = high - low <= 1e-12 * max(abs(high), abs(low), 1.0)
        if flat:
            low, high = low - 1.0, high + 1.0
        self.ends = (low, high)
        base = self.rich_style
        last = [float(c.values[-1]) for c in self._curves]
        scale = self._scale(height, low, high, last, {} if flat else {0: high, height - 1: low})
        names = self._names(height)
        strips = []
        for row, cells in enumerate(self._canvas(lines, columns, height, low, high)):
            name, token = names.get(row, ("", "quiet"))
            parts = [(f"{name:<{NAME_WIDTH}}", self._style(token)), *cells, scale[row]]
            strip = Strip([Segment(text, base + style) for text, style in parts])
            strips.append(strip.adjust_cell_length(width, base))
        return strips

    def _names(self, height: int) -> dict[int, tuple[str, str]]:
        """What stands at the left of each row: the name on top, below it the legend."""
        *upper, last = self.legend or [("", "quiet")]
        rows = dict(enumerate(upper, 1))
        rows[max(len(rows) + 1, height - 1)] = last
        return {**rows, 0: (self._label, "quiet")}

    def _canvas(
        self,
        lines: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
        columns: int,
        height: int,
        low: float,
        high: float,
    ) -> list[Row]:
        """plotext's picture of exactly columns x height cells."""
        import plotext

        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear()
        figure.plot_size(columns, height)
        figure.canvas("default")
        figure.axes(False)
        figure.ruler("x").ticks([], []).lim(0, columns).alignment(lim="edge")
        figure.ruler("y").ticks([], []).lim(low, high).alignment(lim="edge")
        if self._level is not None:
            across = [c / 2 + 0.25 for c in range(0, 2 * columns, 3)]
            dots = plotext.marker("braille", self._rgb("level"))
            figure.draw(figure.signal(across, [self._level] * len(across), marker=dots))
        for curve, (bucket, values) in zip(self._curves, lines, strict=True):
            dots = plotext.marker(curve.dots, self._rgb(curve.token))
            signal = figure.signal((bucket / 2 + 0.25).tolist(), values.tolist(), marker=dots)
            figure.draw(signal.lines(curve.joined).fillx(curve.fill))
        console = self.app.console
        rows = [Text.from_ansi(row) for row in figure.build().string().split("\n")[:height]]
        return [[(s.text, s.style or _PLAIN) for s in row.render(console, end="")] for row in rows]

    def _scale(
        self, height: int, low: float, high: float, last: list[float], limits: dict[int, float]
    ) -> Row:
        """`limits`, the values of the first and the last row, and the curves' ends in bold.

        An end in the place of a limit would be read as the highest or lowest value: it stands in
        the nearest row that is free, and without one it gives way, unless it says whose it is.
        """
        step = (high - low) / height
        rows = [(" " * SCALE_WIDTH, _PLAIN)] * height
        for row, value in limits.items():
            rows[row] = (f"{self._unit(value, step):>{SCALE_WIDTH}}", self._style("quiet"))
        free = set(range(height)) - limits.keys()
        for curve, value in zip(self._curves, last, strict=True):
            text = self._unit(value, step)
            row = min(height - 1, max(0, round((high - value) / (high - low) * (height - 1))))
            if row not in limits or text != self._unit(limits[row], step):
                if free:
                    row = min(free, key=lambda each: (abs(each - row), each))
                elif not curve.mark:
                    continue
            free.discard(row)
            rows[row] = (f"{curve.mark + text:>{SCALE_WIDTH}}", self._style(curve.token, bold=True))
        return rows

    def _style(self, token: str, *, bold: bool = False) -> Style:
        return Style(color=self.app.theme_variables[token], bold=bold or None)

    def _rgb(self, token: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[token]).rgb


class DateAxis(Widget):
    """The dates below charts of the same width."""

    def __init__(self) -> None:
        super().__init__()
        self._span = (0, 1)

    def show(self, span_ms: tuple[int, int]) -> None:
        """The span that the charts above show."""
        self._span = span_ms
        self.refresh()

    def render(self) -> Text:
        """Round dates at equal distances, each beginning at its moment."""
        columns = self.size.width - NAME_WIDTH - SCALE_WIDTH
        first, last = self._span
        line = [" "] * max(0, self.size.width)
        for at, label in axis_dates(first, last, columns):
            column = NAME_WIDTH + (at - first) * columns // max(last - first, 1)
            line[column : column + len(label)] = label
        return Text("".join(line), self.app.theme_variables["quiet"], no_wrap=True, end="")


def percent_of_scale(value: float, step: float) -> str:  # noqa: ARG001  (a unit is given both)
    """A percentage on an axis: `-2.77%`."""
    return share(value)
