"""Equity, drawdown, price with the trades, regimes: of the bot that is watched, over one window."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.bot.history import Columns, Traded
from tui.figures import axis_value, percent, share, stamp, unlogged
from tui.widgets.chart import Curve, DateAxis
from tui.widgets.chart_values import moment, values, within
from tui.widgets.marked_chart import Mark, MarkedChart
from tui.widgets.regime_band import RegimeBand
from tui.widgets.trade_marks import counted, kind_of, told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Overlay(NamedTuple):
    """A backtest to compare with: `gain_pct` since its first bar that counts."""

    name: str
    time: npt.NDArray[np.int64]
    gain_pct: npt.NDArray[np.float64]


class EquityCharts(Vertical, can_focus=True):
    """The charts, one above the other over the same dates; values under a cursor below."""

    def __init__(self) -> None:
        super().__init__(id="equity-charts", classes="panel")
        self._equity = MarkedChart("equity")
        self._drawdown = MarkedChart("drawdown")
        self._price = MarkedChart("price")
        self._regimes = RegimeBand()
        self._axis = DateAxis()
        self._kinds = Static(id="marks")
        self._line = Static(id="values")
        self._bars: Columns | None = None
        self._peak: npt.NDArray[np.float64] | None = None
        self._trades: Sequence[Traded] = ()
        self._span = (0, 1)
        self._digits = 2
        self._cursor: int | None = None
        self._alone: MarkedChart | None = None
        self._overlay: Overlay | None = None

    def compose(self) -> ComposeResult:
        """Their widths are equal, so that a moment is in the same column everywhere."""
        yield self._equity
        yield self._drawdown
        yield self._price
        yield self._regimes
        yield self._axis
        yield self._kinds
        yield self._line

    def show(
        self,
        bars: Columns,
        trades: Sequence[Traded],
        span_ms: tuple[int, int],
        *,
        digits: int,
        logarithmic: bool,
        overlay: Overlay | None,
    ) -> None:
        """Draw a span of the bars, of which at least two lie in it.

        Args:
            digits: decimals of a price.
            logarithmic: the scales of equity and price; not of gains in percent.
            overlay: drawn beside the equity, both in percent.
        """
        # numpy costs 0.1 s, so it waits for the first picture
        import numpy as np

        self._bars, self._span, self._digits, self._overlay = bars, span_ms, digits, overlay
        self._peak = np.maximum.accumulate(bars.equity)
        self._trades = [t for t in trades if span_ms[0] <= t.time_ms <= span_ms[1]]
        part = slice(*np.searchsorted(bars.time, (span_ms[0], span_ms[1] + 1)).tolist())
        time, equity, close = bars.time[part], bars.equity[part], bars.close[part]
        self._draw_equity(time, equity, logarithmic and overlay is None)
        fall = 100.0 * (equity / self._peak[part] - 1.0)
        self._drawdown.unit = lambda value, _step: share(value)
        self._drawdown.plot([Curve(time, fall, "pnl-negative", fill=True)], span_ms)
        self._draw_price(time, close, logarithmic)
        self._regimes.show(time, bars.regime[part], span_ms)
        self._axis.show(span_ms)
        self.point(self._cursor)

    def point(self, column: int | None) -> None:
        """The cursor in a column of the charts, None for none; the values there."""
        columns = self.columns
        self._cursor = None if column is None else max(0, min(columns - 1, column))
        for chart in (self._equity, self._drawdown, self._price):
            chart.point(self._cursor)
        self._line.update(self._values())
        self._kinds.update(self._trades_told())

    def enlarge(self) -> None:
        """The next chart alone; after the last all of them."""
        order = (None, self._equity, self._price, self._drawdown)
        self._alone = order[(order.index(self._alone) + 1) % len(order)]
        for chart in order[1:]:
            chart.display = self._alone in (None, chart)

    @property
    def columns(self) -> int:
        """Cells across of the charts."""
        return (self._alone or self._price).columns

    @property
    def cursor(self) -> int | None:
        """The column of the cursor."""
        return self._cursor

    @property
    def cursor_ms(self) -> int | None:
        """The moment under the cursor."""
        if self._cursor is None:
            return None
        return moment(self._span, self._cursor + 0.5, self.columns)

    def on_resize(self) -> None:
        """The cursor stays within."""
        if self._bars is not None:
            self.call_after_refresh(self.point, self._cursor)

    def _draw_equity(
        self, time: npt.NDArray[np.int64], equity: npt.NDArray[np.float64], logarithmic: bool
    ) -> None:
        import numpy as np

        chart, overlay = self._equity, self._overlay
        if overlay is not None:
            gain = 100.0 * (equity / equity[0] - 1.0)
            chart.unit = lambda value, _step: percent(value)
            part = slice(
                *np.searchsorted(overlay.time, (self._span[0], self._span[1] + 1)).tolist()
            )
            curves = [Curve(time, gain, mark="bot ")]
            if part.stop > part.start:
                dots = "hd" if self.app.no_color else "braille"
                other = Curve(
                    overlay.time[part], overlay.gain_pct[part], "curve-other", "run ", dots=dots
                )
                curves.insert(0, other)
            chart.plot(curves, self._span, level=0.0)
            return
        chart.unit = unlogged if logarithmic else axis_value
        chart.plot([Curve(time, np.log(equity) if logarithmic else equity)], self._span)

    def _draw_price(
        self, time: npt.NDArray[np.int64], close: npt.NDArray[np.float64], logarithmic: bool
    ) -> None:
        import numpy as np

        chart = self._price
        chart.unit = unlogged if logarithmic else axis_value
        shown = np.log(close) if logarithmic else close
        chart.plot([Curve(time, shown, "curve-price")], self._span)
        start, end = self._span
        length = max(1, end - start)
        chart.mark(
            [
                Mark(
                    (trade.time_ms - start) / length,
                    math.log(trade.price) if logarithmic else trade.price,
                    kind.shape,
                    kind.token,
                    kind.order,
                )
                for trade in self._trades
                if trade.price > 0
                for kind in (kind_of(trade.label),)
            ]
        )

    def _trades_told(self) -> Content:
        """The trades under the cursor; else what the marks mean, and how many there are of each."""
        if self._cursor is not None:
            start, after = within(self._span, self._cursor, self.columns)
            here = [trade for trade in self._trades if start <= trade.time_ms < after]
            if here:
                return told(here, self._digits)
        return counted(Counter(trade.label for trade in self._trades))

    def _values(self) -> Content:
        """What is at the cursor; without one, at the end."""
        import numpy as np

        bars, peak = self._bars, self._peak
        if bars is None or peak is None:
            return Content()
        after = self._span[1] + 1
        if self._cursor is not None:
            _, after = within(self._span, self._cursor, self.columns)
        found = int(np.searchsorted(bars.time, after, "left")) - 1
        at = max(0, min(len(bars.time) - 1, found))
        opening = int(np.searchsorted(bars.time, self._span[0]))
        first = float(bars.equity[min(opening, at)])
        return values(
            stamp(int(bars.time[at]))[:-3],
            float(bars.equity[at]),
            first,
            float(peak[at]),
            (float(bars.close[at]), self._digits),
            int(bars.regime[at]),
        )
