"""A run's bars and trades as columns: what the bot has told, and before that what lies on disk."""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from state.durable import lines_of, read_file
from state.errors import StateError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.bot.view import BotView

MOST_BARS = 500_000
"""Fourteen years of quarters of an hour."""

MOST_TRADES = 50_000


class Traded(NamedTuple):
    """A row of the trade log, as far as it is drawn."""

    time_ms: int
    price: float
    label: str
    pnl: float


class Columns(NamedTuple):
    """Equal lengths; time ms UTC of the bars' opens, rising; equity and close in USDT."""

    time: npt.NDArray[np.int64]
    equity: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    regime: npt.NDArray[np.int64]


@dataclass(slots=True)
class Earlier:
    """Bars, as growing columns, and trades: of what a run has written, and of what it has told."""

    time: array[int] = field(default_factory=lambda: array("q"))
    equity: array[float] = field(default_factory=lambda: array("d"))
    close: array[float] = field(default_factory=lambda: array("d"))
    regime: array[int] = field(default_factory=lambda: array("b"))
    trades: list[Traded] = field(default_factory=list)

    def add(self, time_ms: int, equity: float, close: float, regime: int) -> None:
        """One more bar."""
        self.time.append(time_ms)
        self.equity.append(equity)
        self.close.append(close)
        self.regime.append(regime)

    def cut(self, keep: slice) -> None:
        """Only some of the bars."""
        for name in ("time", "equity", "close", "regime"):
            setattr(self, name, getattr(self, name)[keep])


class History:
    """Grows with a view; `put_before` gives it what the view is too young for."""

    def __init__(self) -> None:
        self._bars = Earlier()
        self._seen: tuple[int, ...] = ()
        self._of: BotView | None = None

    def take(self, view: BotView) -> bool:
        """Read what is new in a view; True if there was anything."""
        counts = view.counts
        seen = tuple(counts.get(kind, 0) for kind in ("snapshot", "bar", "trade"))
        if view is self._of and seen == self._seen:
            return False
        if view is not self._of:
            self._bars, self._of, self._seen = Earlier(), view, ()
        if not self._seen or self._seen[0] != seen[0]:
            self._join(view)
        else:
            self._append(view)
            self._add_trades(view, seen[2] - self._seen[2])
        self._seen = seen
        return True

    def put_before(self, earlier: Earlier) -> None:
        """Bars and trades before the first that are known."""
        bars = self._bars
        if bars.time:
            keep = sum(1 for _ in takewhile(lambda time: time < bars.time[0], earlier.time))
            earlier.cut(slice(0, keep))
        first = bars.trades[0].time_ms if bars.trades else None
        trades = [trade for trade in earlier.trades if first is None or trade.time_ms < first]
        earlier.trades = trades + bars.trades
        for row in zip(bars.time, bars.equity, bars.close, bars.regime, strict=True):
            earlier.add(*row)
        earlier.cut(slice(-MOST_BARS, None))
        del earlier.trades[:-MOST_TRADES]
        self._bars = earlier

    @property
    def trades(self) -> list[Traded]:
        """The oldest first."""
        return self._bars.trades

    def columns(self) -> Columns:
        """The bars; costs as much as copying them."""
        import numpy as np

        bars = self._bars
        return Columns(
            np.array(bars.time, np.int64),
            np.array(bars.equity),
            np.array(bars.close),
            np.array(bars.regime, np.int64),
        )

    def _join(self, view: BotView) -> None:
        """A snapshot may know better what happened since its first bar."""
        if view.bars:
            first = view.bars[0]["time_ms"]
            known = sum(1 for _ in takewhile(lambda time: time < first, self._bars.time))
            self._bars.cut(slice(0, known))
        self._append(view)
        self._read_trades(view)

    def _append(self, view: BotView) -> None:
        bars = self._bars
        last = bars.time[-1] if bars.time else -1
        new = list(takewhile(lambda bar: bar["time_ms"] > last, reversed(view.bars)))
        for bar in reversed(new):
            bars.add(bar["time_ms"], bar["equity"], bar["close"], bar["regime"])
        if len(bars.time) > 2 * MOST_BARS:
            bars.cut(slice(-MOST_BARS, None))

    def _add_trades(self, view: BotView, new: int) -> None:
        """Those that were told since; of thousands nothing is read again."""
        trades = self._bars.trades
        trades += [_traded(row) for row in islice(reversed(view.trades), new)][::-1]
        if len(trades) > 2 * MOST_TRADES:
            del trades[:-MOST_TRADES]

    def _read_trades(self, view: BotView) -> None:
        told = [_traded(trade) for trade in view.trades]
        first = told[0].time_ms if told else None
        before = [t for t in self._bars.trades if first is None or t.time_ms < first]
        self._bars.trades = before + told


def read_earlier(folder: Path, symbol_id: str) -> Earlier:
    """What a run has written so far; whatever cannot be read is left out.

    It reads beside the run that writes: the last line may not be whole yet.
    """
    earlier = Earlier()
    for row in csv.DictReader(_lines(folder / f"{symbol_id}_equity.csv")):
        try:
            time_ms, regime = int(row["time"]), int(float(row["regime"]))
            values = float(row["equity"]), float(row["close"])
        except (KeyError, TypeError, ValueError):
            continue
        if not earlier.time or time_ms > earlier.time[-1]:
            earlier.add(time_ms, *values, regime)
    earlier.cut(slice(-MOST_BARS, None))
    for line in _lines(folder / f"{symbol_id}_trades.jsonl"):
        try:
            earlier.trades.append(_traded(json.loads(line)))
        except (KeyError, TypeError, ValueError):
            continue
    del earlier.trades[:-MOST_TRADES]
    return earlier


def _traded(row: Mapping[str, Any]) -> Traded:
    """Raises KeyError, TypeError, ValueError where it is none."""
    return Traded(int(row["timestamp"]), float(row["price"]), str(row["label"]), float(row["pnl"]))


def _lines(path: Path) -> Iterator[str]:
    try:
        lines: Iterable[bytes] = lines_of(read_file(path))
    except StateError:
        return
    for line in lines:
        yield line.decode("ascii", "replace")
