"""The charts of a result, one above the other over the same dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content

from tui.bot.history import Traded
from tui.figures import axis_value, decimals, minute, unlogged
from tui.store import CoinView
from tui.widgets.chart import Curve
from tui.widgets.marked_chart import Mark
from tui.widgets.stacked_charts import StackedCharts
from tui.widgets.time_window import TimeWindow
from tui.widgets.trade_marks import kind_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FINEST = 400
"""Columns and rows between which marks are told apart: of thousands of trades few are drawn."""


class ResultCharts(StackedCharts):
    """The charts of a coin of a run, or of its portfolio."""

    def __init__(self) -> None:
        super().__init__("charts")
        self._view: CoinView | None = None
        self._fills: npt.NDArray[Any] | None = None  # in the order of time
        self._window = TimeWindow(length_ms=None)
        self._logarithmic = False

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
            self._window.zoom(step, *_ends(self._view), bar_ms, self.cursor_ms)
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

    @property
    def _shown(self) -> CoinView | None:
        return self._view

    @property
    def _price_digits(self) -> int:
        return 2 if self._view is None else decimals(self._view.result["market"].tick)

    def _moment(self, time_ms: int) -> str:
        return minute(time_ms)

    def _traded(self, start_ms: int, end_ms: int) -> Sequence[Traded]:
        from engine.trades import LABELS

        rows = self._within(start_ms, end_ms)[["time", "price", "label", "pnl"]].tolist()
        return [Traded(time, price, LABELS[label], pnl) for time, price, label, pnl in rows]

    def _labels(self) -> Mapping[str, int]:
        import numpy as np

        from engine.trades import LABELS

        start, end = self._span
        codes, numbers = np.unique(self._within(start, end + 1)["label"], return_counts=True)
        return {LABELS[c]: n for c, n in zip(codes.tolist(), numbers.tolist(), strict=True)}

    @property
    def _has_trades(self) -> bool:
        """A portfolio has none of its own."""
        return self._fills is not None

    def _trades_told(self, legend: Content) -> Content:
        return Content() if self._fills is None else super()._trades_told(legend)


def _ends(view: CoinView) -> tuple[int, int]:
    return int(view.time[0]), int(view.time[-1])
