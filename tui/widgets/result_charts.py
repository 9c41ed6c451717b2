"""The charts of a result, one above the other over the same dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.figures import axis_value, unlogged
from tui.store import CoinView
from tui.widgets.chart import Chart, Curve, DateAxis, percent_of_scale
from tui.widgets.regime_band import RegimeBand
from tui.widgets.time_window import TimeWindow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ResultCharts(Vertical, can_focus=True):
    """Equity, drawdown, price and regimes; a portfolio has neither price nor regimes."""

    def __init__(self) -> None:
        super().__init__(id="charts")
        self._view: CoinView | None = None
        self._window = TimeWindow(length_ms=None)
        self._logarithmic = False

    def compose(self) -> ComposeResult:
        """Their widths are equal, so that a moment is in the same column everywhere."""
        yield Chart("equity")
        yield Chart("drawdown", unit=percent_of_scale)
        yield Chart("price")
        yield RegimeBand()
        yield DateAxis()

    def show(self, view: CoinView) -> None:
        """One coin of a run, or its portfolio; of another span all of it."""
        before = self._view
        if before is None or _ends(before) != _ends(view):
            self._window = TimeWindow(length_ms=None)
        self._view = view
        self._draw()

    def next_window(self) -> None:
        """1, 7, 30 days, everything."""
        self._window.next_usual()
        self._draw()

    def zoom(self, step: int) -> None:
        """Half as much time, or twice."""
        if self._view is not None:
            time = self._view.time
            self._window.zoom(step, *_ends(self._view), int(time[1] - time[0]), None)
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

    @property
    def words(self) -> str:
        """Which part of the time is shown, and how; "" for all of it as it comes."""
        parts = []
        if self._view is not None and self._window.length_ms is not None:
            parts.append(self._window.words(*_ends(self._view)))
        if self._logarithmic:
            parts.append("logarithmic")
        return ", ".join(parts)

    def _draw(self) -> None:
        view = self._view
        if view is None:
            return
        import numpy as np

        from tui.series import drawdown_pct  # with a result, numpy is loaded already

        span = self._window.span(*_ends(view))
        part = slice(*np.searchsorted(view.time, (span[0], span[1] + 1)).tolist())
        time = view.time[part]
        logarithmic = self._logarithmic and float(view.equity.min()) > 0.0
        unit = unlogged if logarithmic else axis_value

        def scaled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.log(values) if logarithmic else values

        whole = self._window.length_ms is None and not logarithmic
        level = view.metrics["initial_capital"] if whole else None
        equity = Curve(time, scaled(view.equity[part]))
        self.query_one("#equity", Chart).plot([equity], span, level, unit)
        fall = Curve(time, drawdown_pct(view.equity)[part], "pnl-negative", fill=True)
        self.query_one("#drawdown", Chart).plot([fall], span)
        if view.close is not None and view.regime is not None:
            price = Curve(time, scaled(view.close[part]), "curve-price")
            self.query_one("#price", Chart).plot([price], span, unit=unit)
            self.query_one(RegimeBand).show(time, view.regime[part], span)
        self.query_one(DateAxis).show(span)


def _ends(view: CoinView) -> tuple[int, int]:
    return int(view.time[0]), int(view.time[-1])
