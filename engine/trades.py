"""The trade log: one row per fill, as compiled code writes it and as people read it."""

from typing import Any

import numpy as np
import numpy.typing as npt

LABELS = (
    "BUY_OPEN_LONG",
    "SELL_OPEN_SHORT",
    "SELL_CLOSE_LONG",
    "BUY_CLOSE_SHORT",
    "STOP_LONG",
    "STOP_SHORT",
    "LIQUIDATION",
    "PRUNE_DEVIANCE",
    "PRUNE_OLDEST",
    "PRUNE_GAP",
    "PRUNE_FUNDING",
    "PRUNE_OFFSET",
    "PRUNE_VAR_WARNING",
    "CIRCUIT_BREAKER_HALT",
    "FINAL_CLOSE",
    "EXTERNAL_CLOSE",  # live: not by the strategy
)
(
    BUY_OPEN_LONG,
    SELL_OPEN_SHORT,
    SELL_CLOSE_LONG,
    BUY_CLOSE_SHORT,
    STOP_LONG,
    STOP_SHORT,
    LIQUIDATION,
    PRUNE_DEVIANCE,
    PRUNE_OLDEST,
    PRUNE_GAP,
    PRUNE_FUNDING,
    PRUNE_OFFSET,
    PRUNE_VAR_WARNING,
    CIRCUIT_BREAKER_HALT,
    FINAL_CLOSE,
    EXTERNAL_CLOSE,
) = range(len(LABELS))

TRADE = np.dtype(
    [
        ("bar", "i8"),
        ("time", "i8"),  # open of the bar, ms UTC
        ("side", "i8"),  # 0 long, 1 short, -1 neither (the halt)
        ("label", "i8"),  # index into LABELS
        ("price", "f8"),
        ("qty", "f8"),
        ("pnl", "f8"),  # gross result less the closing fee; 0 in openings
        ("fee", "f8"),
        ("funding", "f8"),  # + received, of the quantity closed
        ("regime", "i8"),  # code in force in the bar
        ("born", "i8"),  # bar in which the filled order went to the exchange
    ]
)

SIDE_OF_CODE = {0: "long", 1: "short", -1: ""}


def trade_dicts(rows: npt.NDArray[Any], regime_names: dict[int, str]) -> list[dict[str, Any]]:
    """The rows (TRADE) as dictionaries with the guide's columns plus side, fee and funding."""
    columns = [
        rows["bar"].tolist(),
        rows["time"].tolist(),
        np.datetime_as_string(rows["time"].astype("M8[ms]"), unit="s").tolist(),
        rows["price"].tolist(),
        rows["qty"].tolist(),
        [LABELS[code] for code in rows["label"].tolist()],
        [regime_names[code] for code in rows["regime"].tolist()],
        rows["pnl"].tolist(),
        [SIDE_OF_CODE[code] for code in rows["side"].tolist()],
        rows["fee"].tolist(),
        rows["funding"].tolist(),
    ]
    return [
        {
            "bar": bar,
            "timestamp": time,
            "datetime": clock,
            "price": price,
            "qty": qty,
            "label": label,
            "regime": regime,
            "pnl": pnl,
            "side": side,
            "fee": fee,
            "funding": funding,
        }
        for bar, time, clock, price, qty, label, regime, pnl, side, fee, funding in zip(
            *columns, strict=True
        )
    ]
