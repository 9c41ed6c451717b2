"""The numbers that are looked at first."""

from textual.content import Content
from textual.widget import Widget

from engine.wording import amount, count, ratio
from tui.figures import percent, share, tone
from tui.store import CoinView

_GAP = 3


class Headline(Widget):
    """Labels above values, as many as the width has room for, the most wanted first."""

    def __init__(self) -> None:
        super().__init__(id="headline")
        self._cells: list[tuple[str, str, str]] = []

    def show(self, view: CoinView) -> None:
        """The numbers of one coin or of the portfolio."""
        m = view.metrics
        gain, holding = m["total_return_pct"], m["buy_hold_return_pct"]
        self._cells = [
            ("return", percent(gain), tone(gain)),
            ("max dd", share(m["max_drawdown_pct"]), ""),
            ("sharpe", ratio(m["sharpe_ratio"]), ""),
            ("calmar", ratio(m["calmar_ratio"]), ""),
            # of closings, before opening fees: it can be above 1 beside a loss
            ("pf pre-fee", ratio(m["profit_factor"]), ""),
            ("fills", count(m["total_trades"]), ""),
            ("buy & hold", percent(holding), tone(holding)),
            ("win rate", share(m["win_rate_pct"]), ""),
            ("final capital", amount(m["final_capital"]), ""),
            ("fees", amount(-m["total_fees"], signed=True), ""),
            ("funding", amount(m["funding_pnl"], signed=True), ""),
        ]
        self.refresh()

    def render(self) -> Content:
        """Two lines."""
        labels: list[tuple[str, str]] = []
        values: list[tuple[str, str]] = []
        used = 0
        for label, value, style in self._cells:
            width = max(len(label), len(value))
            if used + width > self.size.width:
                break
            used += width + _GAP
            labels.append((f"{label:>{width}}" + " " * _GAP, "$quiet"))
            values.append((f"{value:>{width}}" + " " * _GAP, f"bold {style or '$foreground'}"))
        return Content.assemble(*labels, "\n", *values)
