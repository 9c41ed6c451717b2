"""Charts of one account, one above the other over the same dates, with a cursor through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.widgets.chart import DateAxis, percent_of_scale
from tui.widgets.chart_values import moment, values, within
from tui.widgets.marked_chart import MarkedChart
from tui.widgets.regime_band import RegimeBand
from tui.widgets.trade_marks import counted, told

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.bot.history import Columns, Traded
    from tui.store import CoinView


class StackedCharts(Vertical, can_focus=True):
    """Equity, drawdown, price with the trades, regimes; values under a cursor below.

    A subclass draws them, and says what they are of. A portfolio has neither price nor regimes.
    """

    def __init__(self, name: str, classes: str | None = None) -> None:
        super().__init__(id=name, classes=classes)
        self._equity = MarkedChart("equity")
        self._drawdown = MarkedChart("drawdown")
        self._drawdown.unit = percent_of_scale
        self._price = MarkedChart("price")
        self._regimes = RegimeBand()
        self._axis = DateAxis()
        self._kinds = Static(id="marks")
        self._line = Static(id="values")
        self._peak: npt.NDArray[np.float64] | None = None
        self._span = (0, 1)
        self._cursor: int | None = None

    def compose(self) -> ComposeResult:
        """Their widths are equal, so that a moment is in the same column everywhere."""
        yield self._equity
        yield self._drawdown
        yield self._price
        yield self._regimes
        yield self._axis
        yield self._kinds
        yield self._line

    @property
    def _shown(self) -> Columns | CoinView | None:
        """What they are of; None before there is anything."""
        raise NotImplementedError

    @property
    def _price_digits(self) -> int:
        """Decimals of a price."""
        raise NotImplementedError

    def _moment(self, time_ms: int) -> str:
        """A bar's time as it is written below the charts."""
        raise NotImplementedError

    def _traded(self, start_ms: int, end_ms: int) -> Sequence[Traded]:
        """The trades from one moment on and before another one."""
        raise NotImplementedError

    def _labels(self) -> Mapping[str, int]:
        """How many trades of each label the charts show."""
        raise NotImplementedError

    def point(self, column: int | None) -> None:
        """The cursor in a column of the charts, None for none; the values there."""
        if column is not None and self.columns:  # while they are not seen there are none
            column = max(0, min(self.columns - 1, column))
        self._cursor = column
        for chart in (self._equity, self._drawdown, self._price):
            chart.point(self._cursor)
        width = self._kinds.size.width
        legend = counted(self._labels(), width) if self._has_trades else []
        # where there is little room the charts need it more; a cursor changes no height
        two = len(legend) > 1 and width > 0 and self.screen.has_class("-tall")
        self._kinds.set_class(two, "-two")
        # their heights are the style sheet's: nothing else has to be laid out again for a word
        kinds = self._trades_told(Content("\n" if two else "  ").join(legend))
        self._kinds.update(kinds, layout=False)
        self._line.update(self._values(), layout=False)

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
    def cursor_ms(self) -> int | None:
        """The moment under the cursor."""
        if self._cursor is None:
            return None
        return moment(self._span, self._cursor + 0.5, self.columns)

    def on_resize(self) -> None:
        """The cursor stays within."""
        if self._shown is not None:
            self.call_after_refresh(self.point, self._cursor)

    @property
    def _has_trades(self) -> bool:
        """Whether there are any to tell of."""
        return self._shown is not None

    def _trades_told(self, legend: Content) -> Content:
        """The trades under the cursor; else what the marks mean, and how many there are of each."""
        if self._cursor is not None:
            here = self._traded(*within(self._span, self._cursor, self.columns))
            if here:
                return told(here, self._price_digits)
        return legend

    def _values(self) -> Content:
        """What is at the cursor; without one, at the end."""
        bars, peak = self._shown, self._peak
        if bars is None or peak is None:
            return Content()
        import numpy as np  # with what is drawn it is loaded already

        start, end = self._span
        after = end + 1
        if self._cursor is not None:
            _, after = within(self._span, self._cursor, self.columns)
        at = max(0, int(np.searchsorted(bars.time, after)) - 1)
        first = min(at, int(np.searchsorted(bars.time, start)))
        return values(
            self._moment(int(bars.time[at])),
            float(bars.equity[at]),
            float(bars.equity[first]),
            float(peak[at]),
            None if bars.close is None else (float(bars.close[at]), self._price_digits),
            None if bars.regime is None else int(bars.regime[at]),
        )
