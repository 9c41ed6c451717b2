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

from engine.wording import amount, plural
from tui.bot.history import Columns, Traded
from tui.figures import axis_value, percent, price, share, stamp, tone, unlogged
from tui.widgets.chart import Curve, DateAxis
from tui.widgets.marked_chart import Mark, MarkedChart
from tui.widgets.regime_band import RegimeBand

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REGIMES = {0: "noise", 1: "uptrend", -1: "downtrend", 2: "breakout up", -2: "breakout down"}


class _Kind(NamedTuple):
    """How the trades of some labels are marked: an opening is solid, a closing hollow."""

    name: str
    shape: str
    token: str
    order: int


_OTHER = _Kind("closed", "◇", "quiet", 3)
_KINDS = {
    "BUY_OPEN_LONG": _Kind("open long", "▲", "mark-open-long", 4),
    "SELL_CLOSE_LONG": _Kind("close long", "▽", "mark-close-long", 4),
    "SELL_OPEN_SHORT": _Kind("open short", "▼", "mark-open-short", 4),
    "BUY_CLOSE_SHORT": _Kind("close short", "△", "mark-close-short", 4),
    "STOP_LONG": _Kind("stop", "✗", "mark-stop", 6),
    "STOP_SHORT": _Kind("stop", "✗", "mark-stop", 6),
    "LIQUIDATION": _Kind("liquidation", "X", "mark-stop", 7),
    "CIRCUIT_BREAKER_HALT": _Kind("halt", "◆", "mark-halt", 5),
}
_PRUNE = _Kind("prune", "•", "quiet", 3)


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
        return None if self._cursor is None else self._edge(self._cursor + 0.5)

    def on_resize(self) -> None:
        """The cursor stays within."""
        if self._bars is not None:
            self.call_after_refresh(self.point, self._cursor)

    def _edge(self, column: float) -> int:
        start, end = self._span
        return start + round((end - start) * column / max(1, self.columns))

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
        values = np.log(close) if logarithmic else close
        chart.plot([Curve(time, values, "curve-price")], self._span)
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
                for kind in (_kind(trade.label),)
            ]
        )

    def _trades_told(self) -> Content:
        """The trades under the cursor; else what the marks mean, and how many there are of each."""
        if self._cursor is not None:
            start, end = self._edge(self._cursor), self._edge(self._cursor + 1)
            here = [trade for trade in self._trades if start <= trade.time_ms < end]
            if here:
                return _here(here, self._digits)
        numbers = Counter(_kind(trade.label) for trade in self._trades)
        parts: list[str | tuple[str, str]] = []
        for kind, number in sorted(numbers.items(), key=lambda item: -item[1]):
            parts += [(kind.shape, f"bold ${kind.token}"), (f" {kind.name} {number:,}  ", "$quiet")]
        return Content.assemble(*(parts or [("no trades here", "$quiet")]))

    def _values(self) -> Content:
        """What is at the cursor; without one, at the end."""
        import numpy as np

        bars, peak = self._bars, self._peak
        if bars is None or peak is None:
            return Content()
        end = self._span[1] + 1 if self._cursor is None else self._edge(self._cursor + 1)
        found = int(np.searchsorted(bars.time, end, "left")) - 1
        at = max(0, min(len(bars.time) - 1, found))
        opening = int(np.searchsorted(bars.time, self._span[0]))
        first = float(bars.equity[min(opening, at)])
        equity, highest = float(bars.equity[at]), float(peak[at])
        gain = 100.0 * (equity / first - 1.0) if first > 0 else 0.0
        fall = 100.0 * (equity / highest - 1.0) if highest > 0 else 0.0
        return Content.assemble(
            (stamp(int(bars.time[at]))[:-3], "bold $foreground"),
            ("  equity ", "$quiet"),
            amount(equity),
            (f" {percent(gain)}", tone(gain)),
            ("  dd ", "$quiet"),
            share(fall),
            ("  price ", "$quiet"),
            price(float(bars.close[at]), self._digits),
            (f"  {_REGIMES.get(int(bars.regime[at]), '')}", "$quiet"),
        )


def _here(trades: Sequence[Traded], digits: int) -> Content:
    """The trades of a column: how many, their result, and each."""
    result = sum(trade.pnl for trade in trades)
    parts: list[str | tuple[str, str]] = [
        (f"{plural(len(trades), 'trade')} ", "$quiet"),
        (f"{amount(result, signed=True)}  " if result else " ", tone(result)),
    ]
    for trade in trades:
        kind = _kind(trade.label)
        parts += [
            (kind.shape, f"bold ${kind.token}"),
            f" {trade.label} at {price(trade.price, digits)}  ",
        ]
    return Content.assemble(*parts)


def _kind(label: str) -> _Kind:
    return _PRUNE if label.startswith("PRUNE") else _KINDS.get(label, _OTHER)
