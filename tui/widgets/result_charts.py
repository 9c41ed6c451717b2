"""The charts of a result, one above the other over the same dates."""

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.store import CoinView
from tui.widgets.chart import Chart, Curve, DateAxis, percent_of_scale
from tui.widgets.regime_band import RegimeBand


class ResultCharts(Vertical, can_focus=True):
    """Equity, drawdown, price and regimes; a portfolio has neither price nor regimes."""

    def __init__(self) -> None:
        super().__init__(id="charts")

    def compose(self) -> ComposeResult:
        """Their widths are equal, so that a moment is in the same column everywhere."""
        yield Chart("equity")
        yield Chart("drawdown", unit=percent_of_scale)
        yield Chart("price")
        yield RegimeBand()
        yield DateAxis()

    def show(self, view: CoinView) -> None:
        """One coin of a run, or its portfolio."""
        from tui.series import drawdown_pct  # with a result, numpy is loaded already

        span = (int(view.time[0]), int(view.time[-1]))
        equity = Curve(view.time, view.equity)
        self.query_one("#equity", Chart).plot([equity], span, view.metrics["initial_capital"])
        fall = Curve(view.time, drawdown_pct(view.equity), "pnl-negative", fill=True)
        self.query_one("#drawdown", Chart).plot([fall], span)
        if view.close is not None and view.regime is not None:
            price = Curve(view.time, view.close, "curve-price")
            self.query_one("#price", Chart).plot([price], span)
            self.query_one(RegimeBand).show(view.time, view.regime, span)
        self.query_one(DateAxis).show(span)
