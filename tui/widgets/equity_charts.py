"""Equity, drawdown, price with the trades, regimes: of the bot that is watched, over one window."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tui.bot.history import Columns, Traded
from tui.figures import axis_value, percent, stamp, unlogged
from tui.widgets.chart import Curve
from tui.widgets.marked_chart import Mark, MarkedChart
from tui.widgets.stacked_charts import StackedCharts
from tui.widgets.trade_marks import kind_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Overlay(NamedTuple):
    """A backtest to compare with: `gain_pct` since its first bar that counts."""

    name: str
    time: npt.NDArray[np.int64]
    gain_pct: npt.NDArray[np.float64]


class EquityCharts(StackedCharts):
    """The charts of a bot, any of them alone, with a backtest's equity beside its own."""

    def __init__(self) -> None:
        super().__init__("equity-charts", "panel")
        self._bars: Columns | None = None
        self._trades: Sequence[Traded] = ()
        self._digits = 2
        self._alone: MarkedChart | None = None
        self._overlay: Overlay | None = None

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
        self._drawdown.plot([Curve(time, fall, "pnl-negative", fill=True)], span_ms)
        self._draw_price(time, close, logarithmic)
        self._regimes.show(time, bars.regime[part], span_ms)
        self._axis.show(span_ms)
        self.point(self._cursor)

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

    @property
    def _shown(self) -> Columns | None:
        return self._bars

    @property
    def _price_digits(self) -> int:
        return self._digits

    def _moment(self, time_ms: int) -> str:
        return stamp(time_ms)[:-3]

    def _traded(self, start_ms: int, end_ms: int) -> Sequence[Traded]:
        return [trade for trade in self._trades if start_ms <= trade.time_ms < end_ms]

    def _labels(self) -> Mapping[str, int]:
        return Counter(trade.label for trade in self._trades)
