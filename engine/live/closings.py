"""What a closing trade closed: at what price it was entered, for how long it was held, its R."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exchange.timeframe import HOUR_MS

_DUST = 1e-9

Lots = npt.NDArray[Any]
"""LOT of `engine.account`, shape (n,): the lots of one side."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Means over what was closed, weighted by quantity.

    Attributes:
        entry_price: USDT.
        hold_hours: from the open of the bar in which it was entered to that of its closing.
        r: the trade's net result in units of what was risked for it: pnl / sum(qty * stop distance
            at entry). That distance is the stage-1 stop's: `atr_sl_mult` times the ATR that was
            known when the bar of the entry opened. None where there was no such distance.
    """

    entry_price: float
    hold_hours: float
    r: float | None


def side_lots(state: Any, side: int) -> Lots:
    """A copy of the lots of a side of a state record (`engine.account.STATE`, one row)."""
    record = state[0]["sides"][side]
    lots: Lots = record["lots"][: record["lot_count"]].copy()
    return lots


def closing(
    before: Lots, after: Lots, pnl: float, bar_ms: int, stop_distances: npt.NDArray[np.float64]
) -> Closing | None:
    """What became less from `before` to `after` by a trade that made `pnl`; None if nothing did.

    Args:
        bar_ms: open of the bar of the closing.
        stop_distances: the stage-1 distance that ruled in each bar, USDT, shape (bars,).
    """
    left = {_name(lot): float(lot["qty"]) for lot in after}
    closed = np.array([float(lot["qty"]) - left.get(_name(lot), 0.0) for lot in before])
    part = closed > _DUST
    if not part.any():
        return None
    qty, lots = closed[part], before[part]
    total = float(qty.sum())
    entered_ms = float((qty * lots["time"]).sum()) / total
    risk = float((qty * stop_distances[lots["bar"]]).sum())
    return Closing(
        entry_price=float((qty * lots["price"]).sum()) / total,
        hold_hours=(bar_ms - entered_ms) / HOUR_MS,
        r=pnl / risk if risk > 0 else None,
    )


def _name(lot: Any) -> tuple[int, int, int]:
    return int(lot["born"]), int(lot["level"]), int(lot["generation"])
