"""The charts of a result, one above the other over the same dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.bot.history import Traded
from tui.figures import axis_value, decimals, minute, unlogged
from tui.store import CoinView
from tui.widgets.chart import Curve, DateAxis, percent_of_scale
from tui.widgets.chart_values import moment, values, within
from tui.widgets.marked_chart import Mark, MarkedChart
from tui.widgets.regime_band import RegimeBand
from tui.widgets.time_window import TimeWindow
from tui.widgets.trade_marks import counted, kind_of, told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FINEST = 400
"""Columns and rows between which marks are told apart: of thousands of trades few are drawn."""


class ResultCharts(Vertical, can_focus=True):
    """Equity, drawdown, price with the trades, regimes; values under a cursor below.

    A portfolio has neither price nor regimes.
    """

    def __init__(self) -> None:
        super().__init__(id="charts")
        self._equity = MarkedChart("equity")
        self._drawdown = MarkedChart("drawdown")
        self._drawdown.unit = percent_of_scale
        self._price = MarkedChart("price")
        self._regimes = RegimeBand()
        self._axis = DateAxis()
        self._kinds = Static(id="marks")
        self._line = Static(id="values")
        self._view: CoinView | None = None
        self._peak: npt.NDArray[np.float64] | None = None
        self._fills: npt.NDArray[Any] | None = None  # in the order of time
        self._window = TimeWindow(length_ms=None)
        self._span = (0, 1)
        self._cursor: int | None = None
        self._logarithmic = False

    def compose(self) -> ComposeResult:
        """Their widths are equal, so that a moment is in the same column everywhere."""
        yield self._equity
        yield self._drawdown
        yield self._price
        yield self._regimes
        yield self._axis
        yield self._kinds
        yield self._line

    def show(self, view: CoinView) -> None:
        """One coin of a run, or its portfolio; of another span all of it, without a cursor."""
        import numpy as np  # with a result it is loaded already

        before = self._view
        if before is None or _ends(before) != _ends(view):
            self._window, self._cursor = TimeWindow(length_ms=None), None
        self._view = view
        self._peak = np.maximum.accumulate(view.equity)
        fills = view.fills
        self._fills = None if fills is None else fills[np.argsort(fills["time"], kind="stable")]
        self._draw()

    def next_window(self) -> None:
        """1, 7, 30 days, everything."""
        self._window.next_usual()
        self._draw()

    def zoom(self, step: int) -> None:
        """Half as much time, around the cursor if there is one, or twice."""
        if self._view is not None:
            time = self._view.time
            bar_ms = int(time[1] - time[0])
            cursor = self._cursor
            around = None if cursor is None else moment(self._span, cursor + 0.5, self.columns)
            self._window.zoom(step, *_ends(self._view), bar_ms, around)
            self._draw()

    def pan(self, step: int) -> None:
        """Half a window back, or on."""
        if self._view is not None:
            self._window.pan(step, *_ends(self._view))
            self._draw()

    def change_scale(self) -> None:
        """Logarithmic scales, or linear ones."""
        self._logarithmic = not self._logarithmic
        self._draw()

    def point(self, column: int | None) -> None:
        """The cursor in a column of the charts, None for none; the values there."""
        if column is not None and self.columns:  # of another view there are none
            column = max(0, min(self.columns - 1, column))
        self._cursor = column
        for chart in (self._equity, self._drawdown, self._price):
            chart.point(self._cursor)
        self._kinds.update(self._trades_told())
        self._line.update(self._values())

    def move(self, step: int) -> None:
        """The cursor to the right or to the left; it begins at the newest bar."""
        at = self.columns if self._cursor is None else self._cursor
        self.point(at + step if self._cursor is not None or step < 0 else self.columns - 1)

    @property
    def columns(self) -> int:
        """Cells across of the charts."""
        return self._equity.columns

    @property
    def cursor(self) -> int | None:
        """The column of the cursor."""
        return self._cursor

    @property
    def words(self) -> str:
        """Which part of the time is shown, and how; "" for all of it as it comes."""
        parts = []
        if self._view is not None and self._window.length_ms is not None:
            parts.append(self._window.words(*_ends(self._view)))
        if self._logarithmic:
            parts.append("logarithmic")
        return ", ".join(parts)

    def on_resize(self) -> None:
        """The cursor stays within."""
        if self._view is not None:
            self.call_after_refresh(self.point, self._cursor)

    def _draw(self) -> None:
        view = self._view
        if view is None:
            return
        import numpy as np

        from tui.series import drawdown_pct

        span = self._span = self._window.span(*_ends(view))
        part = slice(*np.searchsorted(view.time, (span[0], span[1] + 1)).tolist())
        time = view.time[part]
        logarithmic = self._logarithmic and float(view.equity.min()) > 0.0
        unit = unlogged if logarithmic else axis_value

        def scaled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.log(values) if logarithmic else values

        whole = self._window.length_ms is None and not logarithmic
        level = view.metrics["initial_capital"] if whole else None
        equity = Curve(time, scaled(view.equity[part]))
        self._equity.unit = unit
        self._equity.plot([equity], span, level)
        fall = Curve(time, drawdown_pct(view.equity)[part], "pnl-negative", fill=True)
        self._drawdown.plot([fall], span)
        if view.close is not None and view.regime is not None:
            self._price.unit = unit
            self._price.plot([Curve(time, scaled(view.close[part]), "curve-price")], span)
            self._price.mark(self._marks(logarithmic))
            self._regimes.show(time, view.regime[part], span)
        self._axis.show(span)
        self.point(self._cursor)

    def _within(self, start_ms: int, end_ms: int) -> npt.NDArray[Any]:
        """The fills from one moment on and before another one."""
        import numpy as np

        assert self._fills is not None
        return self._fills[slice(*np.searchsorted(self._fills["time"], (start_ms, end_ms)))]

    def _marks(self, logarithmic: bool) -> list[Mark]:
        """One for all fills of a label that would stand in the same place."""
        import numpy as np

        from engine.trades import LABELS

        start, end = self._span
        fills = self._within(start, end + 1)
        fills = fills[fills["price"] > 0]
        if not len(fills):
            return []
        share = (fills["time"] - start) / max(1, end - start)
        height = np.log(fills["price"]) if logarithmic else fills["price"]
        low, high = float(height.min()), float(height.max())
        row = np.rint((height - low) / (high - low or 1.0) * _FINEST).astype(np.int64)
        place = np.rint(share * _FINEST).astype(np.int64) * (_FINEST + 1) + row
        _, first = np.unique(place * len(LABELS) + fills["label"], return_index=True)
        marks = []
        for i in first.tolist():
            kind = kind_of(LABELS[int(fills["label"][i])])
            marks.append(
                Mark(float(share[i]), float(height[i]), kind.shape, kind.token, kind.order)
            )
        return marks

    def _trades_told(self) -> Content:
        """The trades under the cursor; else what the marks mean, and how many there are of each."""
        view = self._view
        if view is None or self._fills is None:
            return Content()
        import numpy as np

        from engine.trades import LABELS

        start, end = self._span
        if self._cursor is not None:
            here = self._within(*within(self._span, self._cursor, self.columns))
            if len(here):
                rows = here[["time", "price", "label", "pnl"]].tolist()
                trades = [
                    Traded(time, price, LABELS[label], pnl) for time, price, label, pnl in rows
                ]
                return told(trades, _decimals(view))
        codes, numbers = np.unique(self._within(start, end + 1)["label"], return_counts=True)
        return counted(
            {LABELS[c]: n for c, n in zip(codes.tolist(), numbers.tolist(), strict=True)}
        )

    def _values(self) -> Content:
        """What is at the cursor; without one, at the end."""
        view, peak = self._view, self._peak
        if view is None or peak is None:
            return Content()
        import numpy as np

        start, end = self._span
        after = end + 1
        if self._cursor is not None:
            _, after = within(self._span, self._cursor, self.columns)
        at = max(0, int(np.searchsorted(view.time, after)) - 1)
        first = min(at, int(np.searchsorted(view.time, start)))
        return values(
            minute(int(view.time[at])),
            float(view.equity[at]),
            float(view.equity[first]),
            float(peak[at]),
            None if view.close is None else (float(view.close[at]), _decimals(view)),
            None if view.regime is None else int(view.regime[at]),
        )


def _ends(view: CoinView) -> tuple[int, int]:
    return int(view.time[0]), int(view.time[-1])


def _decimals(view: CoinView) -> int:
    return decimals(view.result["market"].tick)
