"""Fills of a run and of a backtest in one form, and which of them are the same decision."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import LONG, SIDE_NAMES
from engine.live.parity_run import OPENINGS, LiveTrade
from engine.trades import LABELS

_RELATIVE = 1e-9
_CENT = 0.005


@dataclass(frozen=True, slots=True)
class Fill:
    """What one order traded in one bar; price in USDT, qty in coins, the rest in USDT."""

    bar: int
    side: int
    label: int
    price: float
    qty: float
    fee: float
    pnl: float
    funding: float

    @property
    def direction(self) -> int:
        """+1: coins were bought."""
        return 1 if (self.side == LONG) == (self.label in OPENINGS) else -1

    def worth(self, close: float) -> float:
        """What it did to the equity at `close`, USDT."""
        return self.direction * self.qty * (close - self.price) - self.fee

    @property
    def words(self) -> str:
        """`long BUY_OPEN_LONG 0.012 at 41230.1`."""
        if self.side < 0:
            return f"{LABELS[self.label]} at {self.price:.8g}"
        return f"{SIDE_NAMES[self.side]} {LABELS[self.label]} {self.qty:.8g} at {self.price:.8g}"


class Pair(NamedTuple):
    """The same decision here and there; None where it did not come to a fill."""

    live: Fill | None
    backtest: Fill | None


def fills_of(trades: Iterable[LiveTrade]) -> list[Fill]:
    """The run's trades; parts of one order in one bar are taken together, at their mean price."""
    parts: dict[Any, list[LiveTrade]] = defaultdict(list)
    for number, trade in enumerate(trades):
        parts[(trade.bar, trade.client_id) if trade.purpose else number].append(trade)
    return [_whole(group) for group in parts.values()]


def fills_of_rows(rows: npt.NDArray[Any]) -> list[Fill]:
    """The backtest's trades (TRADE)."""
    names = ("bar", "side", "label", "price", "qty", "fee", "pnl", "funding")
    columns = [rows[name].tolist() for name in names]
    return [Fill(*values) for values in zip(*columns, strict=True)]


def pairs(live: Sequence[Fill], backtest: Sequence[Fill]) -> list[Pair]:
    """Fills of one bar with equal side and label, the nearest prices first, then those left."""
    found: list[Pair] = []
    free_live, free_backtest = list(live), list(backtest)
    candidates = [
        (abs(a.price - b.price), i, k)
        for i, a in enumerate(live)
        for k, b in enumerate(backtest)
        if (a.side, a.label) == (b.side, b.label)
    ]
    for _, i, k in sorted(candidates):
        if live[i] in free_live and backtest[k] in free_backtest:
            free_live.remove(live[i])
            free_backtest.remove(backtest[k])
            found.append(Pair(live[i], backtest[k]))
    found += [Pair(fill, None) for fill in free_live]
    found += [Pair(None, fill) for fill in free_backtest]
    return found


def is_same(pair: Pair, tolerance: float) -> bool:
    """Whether price, quantity and fee (within `tolerance` USDT) are the same."""
    live, backtest = pair
    if live is None or backtest is None:
        return False
    return (
        bool(np.isclose(live.price, backtest.price, rtol=_RELATIVE, atol=0))
        and bool(np.isclose(live.qty, backtest.qty, rtol=_RELATIVE, atol=0))
        and abs(live.fee - backtest.fee) <= tolerance
    )


def count_equal(live: Sequence[Fill], backtest: Sequence[Fill], tolerance: float) -> int:
    """Fills that are the same in two logs: bar, order, price, quantity, fee; result to the cent."""
    there: dict[int, list[Fill]] = defaultdict(list)
    here: dict[int, list[Fill]] = defaultdict(list)
    for fills, by_bar in ((live, here), (backtest, there)):
        for fill in fills:
            by_bar[fill.bar].append(fill)
    return sum(
        is_same(pair, tolerance) and _same_result(pair)
        for bar in here
        for pair in pairs(here[bar], there[bar])
    )


def _same_result(pair: Pair) -> bool:
    live, backtest = pair
    return (
        live is not None
        and backtest is not None
        and abs(live.pnl - backtest.pnl) < _CENT
        and abs(live.funding - backtest.funding) < _CENT
    )


def _whole(parts: Sequence[LiveTrade]) -> Fill:
    qty = sum(part.qty for part in parts)
    first = parts[0]
    price = first.price if len(parts) == 1 else sum(p.price * p.qty for p in parts) / qty
    sums = (sum(getattr(part, name) for part in parts) for name in ("fee", "pnl", "funding"))
    return Fill(first.bar, first.side, first.label, price, qty, *sums)
