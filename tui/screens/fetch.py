"""What to get from Binance: coins, timeframes, time, funding."""

from collections.abc import Iterable

from textual.widget import Widget

from tui.data_work import FetchOrder
from tui.screens.fields_dialog import FieldsDialog
from tui.widgets.fields import Switch, TextField

_DATES = r"[0-9 :TZ+-]"


class FetchDialog(FieldsDialog[FetchOrder]):
    """Dismissed with a FetchOrder, or with None."""

    TITLE_TEXT = "fetch from Binance"
    ABOUT = (
        "Perpetual candles and funding. What is on this disk already is not asked for again; "
        "what arrives before an error or a cancel is kept."
    )

    def __init__(self, coins: str, timeframes: str, start: str, end: str) -> None:
        super().__init__()
        self._typed = {"coins": coins, "timeframes": timeframes, "start": start, "end": end}

    def fields(self) -> Iterable[tuple[str, Widget]]:
        """Filled with what was given."""
        funding = Switch("funding", "with the funding rates")
        funding.set_reactive(Switch.value, True)
        rows = (
            ("coins", TextField("coins", placeholder="BTC ETH SOL")),
            ("timeframes", TextField("timeframes", placeholder="15m 1m")),
            ("from", TextField("start", _DATES, "2024-01-01")),
            ("to", TextField("end", _DATES, "now")),
        )
        for _, field in rows:
            field.value = self._typed[str(field.id)]
        return (*rows, ("funding", funding))

    def order(self) -> FetchOrder:
        """Raises FieldError."""
        return FetchOrder.checked(
            self.text("coins"),
            self.text("timeframes"),
            self.text("start"),
            self.text("end"),
            funding=self.switch("funding"),
        )
