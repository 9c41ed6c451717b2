"""Which file or folder to take into the cache, and as what."""

from collections.abc import Iterable

from textual.widget import Widget

from tui.data_work import ImportOrder
from tui.screens.fields_dialog import FieldsDialog
from tui.widgets.fields import Choice, Switch, TextField

_MARKETS = {"": "as its name says", "perpetual": "perpetual", "spot": "spot"}


class ImportDialog(FieldsDialog[ImportOrder]):
    """Dismissed with an ImportOrder, or with None."""

    TITLE_TEXT = "import a file or a folder"
    ABOUT = (
        "Parquet, CSV or Binance's zip, candles or funding. A name such as BTCUSDT_15m.csv or "
        "SOLUSDT-spot_1m.parquet says what it holds; the other fields are for names that do not."
    )

    def fields(self) -> Iterable[tuple[str, Widget]]:
        """All empty."""
        return (
            ("path", TextField("path", placeholder="file or folder")),
            ("coin", TextField("coins", placeholder="as its name says")),
            ("timeframe", TextField("timeframe", placeholder="as its name says")),
            ("market", Choice("market", _MARKETS)),
            ("simulated", Switch("simulated", "the prices are made up")),
            ("replace", Switch("replace", "rows on this disk that differ")),
        )

    def order(self) -> ImportOrder:
        """Raises FieldError."""
        return ImportOrder.checked(
            self.text("path"),
            self.text("coins"),
            self.text("timeframe"),
            self.choice("market"),
            replace=self.switch("replace"),
            simulated=self.switch("simulated"),
        )
