"""Stops that were hit, as alarms: one for each stop and bar, however many trades closed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.events import Alarm
from engine.trades import LABELS, STOP_LONG, STOP_SHORT
from engine.wording import amount

_STOPS = (LABELS[STOP_LONG], LABELS[STOP_SHORT])


@dataclass(slots=True)
class _Hit:
    """What a stop has closed in one bar. `cost`: price times quantity, USDT."""

    side: str
    bar: int
    at_ms: int = 0
    qty: float = 0.0
    cost: float = 0.0
    pnl: float = 0.0


class Hits:
    """Adds up the rows of the trade log that stops have written."""

    def __init__(self) -> None:
        self._hits: dict[str, _Hit] = {}
        self._new: set[str] = set()

    def take(self, row: Mapping[str, Any]) -> None:
        """Look at a row of the trade log (`engine.live.run`)."""
        if row["label"] not in _STOPS or not row["qty"]:
            return
        side, bar = str(row["side"]), int(row["bar"])
        for key in [key for key, hit in self._hits.items() if hit.bar != bar]:
            if key not in self._new:
                del self._hits[key]
        key = f"stop {side}, bar {bar}"
        hit = self._hits.setdefault(key, _Hit(side, bar))
        hit.at_ms = int(row["timestamp"])
        hit.qty += row["qty"]
        hit.cost += row["price"] * row["qty"]
        hit.pnl += row["pnl"]
        self._new.add(key)

    def alarms(self, tick: Decimal) -> list[Alarm]:
        """Of each stop that has closed something since the last call, all that it has closed in
        its bar; prices have the decimals of `tick`. Its time is that of its last trade."""
        alarms = [
            Alarm(hit.at_ms, key, _words(hit, tick))
            for key, hit in self._hits.items()
            if key in self._new
        ]
        self._new.clear()
        return alarms


def _words(hit: _Hit, tick: Decimal) -> str:
    digits = max(0, -int(tick.normalize().as_tuple().exponent))
    qty = f"{hit.qty:.10f}".rstrip("0").rstrip(".")
    price = f"{hit.cost / hit.qty:,.{digits}f}"
    return f"stop {hit.side}: {qty} closed at {price}, {amount(hit.pnl, signed=True)} USDT"
