"""Everything that is known of one fill of a backtest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from textual.content import Content

from engine.wording import amount
from tui.figures import price, tone
from tui.store import CoinFills

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LABEL = 14


def details(fills: npt.NDArray[Any], i: np.intp, coin: CoinFills) -> tuple[str, Content, str]:
    """(title, text, the row as JSON) of row `i` of fills (layout TRADE), which is one of a coin."""
    from engine.trades import trade_dicts  # with a result, numpy is loaded already
    from indicators.regime import REGIME_NAMES

    (row,) = trade_dicts(fills[i : i + 1], REGIME_NAMES)
    born = int(fills[i]["born"])
    lines = [
        ("time", f"{row['datetime'].replace('T', ' ')} UTC", ""),
        ("coin", coin.coin, ""),
        ("side", row["side"] or "neither", ""),
        ("price", price(row["price"], coin.price_decimals), ""),
        ("quantity", price(row["qty"], coin.qty_decimals), ""),
        ("worth", f"{amount(row['price'] * row['qty'])} USDT", ""),
        ("pnl", f"{amount(row['pnl'], signed=True)} USDT", tone(row["pnl"])),
        ("fee", f"{row['fee']:,.6f} USDT", ""),
        ("funding", f"{row['funding']:+,.6f} USDT", ""),
        ("regime", row["regime"].lower().replace("_", " "), ""),
        ("bar", f"{row['bar']}; its order is of bar {born}", ""),
    ]
    text = Content("\n").join(
        Content.assemble((f"{label:<{_LABEL}}", "$quiet"), (value, style or "$foreground"))
        for label, value, style in lines
    )
    return row["label"], text, json.dumps(row)
