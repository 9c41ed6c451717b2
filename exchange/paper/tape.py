"""Candles as the market's tape: the path of prices in each, and what may be seen of them when.

The path of a candle is O-L-H-C if it closes at or above its open, else O-H-L-C; its three legs take
a third of its time each. Before it lies the gap from the last close to the open, which takes none.
Where finer candles cover a bar completely, the bar's path is theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.checks import CANDLE_COLUMNS, check_candles
from exchange.errors import DataError
from exchange.paper.numbers import ZERO, exact

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Ohlcv(NamedTuple):
    """A candle: open time in ms, prices in USDT, volume in coins."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Leg:
    """A straight piece of the path of `candle`, which lasts `length_ms`; a gap takes no time.

    `opening`: the gap before the first candle of a bar.
    """

    candle: Ohlcv
    length_ms: int
    start_ms: int
    end_ms: int
    start: Decimal
    end: Decimal
    gap: bool = False
    opening: bool = False

    @property
    def direction(self) -> int:
        return 1 if self.end >= self.start else -1

    def price_at(self, ms: int, tick: Decimal) -> Decimal:
        """Where the path is at `ms`: on the tick, except at the leg's own ends."""
        if ms >= self.end_ms:
            return self.end
        share = Decimal(ms - self.start_ms) / (self.end_ms - self.start_ms)
        exactly = self.start + share * (self.end - self.start)
        return (exactly / tick).to_integral_value() * tick

    def time_at(self, price: Decimal) -> int:
        """When the path is at a price between its ends, in whole ms."""
        if self.end == self.start:
            return self.start_ms
        share = (price - self.start) / (self.end - self.start)
        return self.start_ms + int(share * (self.end_ms - self.start_ms))


class Series:
    """Candles of one length, as columns."""

    def __init__(self, frame: pd.DataFrame, length_ms: int) -> None:
        self.length_ms = length_ms
        self.time: Ints = frame["timestamp"].to_numpy(dtype=np.int64)
        self.columns: dict[str, Floats] = {
            name: frame[name].to_numpy(dtype=np.float64) for name in CANDLE_COLUMNS[1:]
        }

    def __len__(self) -> int:
        return len(self.time)

    def at(self, row: int) -> Ohlcv:
        return Ohlcv(int(self.time[row]), *(exact(c[row]) for c in self.columns.values()))

    def rows(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Rows `first` up to, not including, `last` as (time, o, h, l, c, volume) floats."""
        parts = [self.time[first:last].tolist()]
        parts += [column[first:last].tolist() for column in self.columns.values()]
        return zip(*parts, strict=True)

    def from_time(self, ms: int) -> int:
        """First row that opens at or after `ms`."""
        return int(np.searchsorted(self.time, ms))

    def coarser(self, length_ms: int) -> "Series":
        """Added up to buckets of `length_ms`, counted from 1970 UTC."""
        starts = self.time // length_ms * length_ms
        first = np.flatnonzero(np.diff(starts, prepend=-1))
        columns = self.columns
        last = np.append(first[1:], len(starts)) - 1
        frame = pd.DataFrame(
            {
                "timestamp": starts[first],
                "open": columns["open"][first],
                "high": np.maximum.reduceat(columns["high"], first),
                "low": np.minimum.reduceat(columns["low"], first),
                "close": columns["close"][last],
                "volume": np.add.reduceat(columns["volume"], first),
            }
        )
        return Series(frame, length_ms)


class Tape:
    """One coin's candles, the finer ones if there are any, and its settlements.

    Args:
        bars: as from `exchange.candles.fetch_data`; settlements come from `funding_rate`.
        length_ms: length of a bar.
        detail: finer candles of the same coin; used in the bars that they cover without a hole.
        detail_ms: their length, a part of `length_ms`.

    Raises:
        DataError: candles that cannot be right, or lengths that do not fit.
    """

    def __init__(
        self,
        bars: pd.DataFrame,
        length_ms: int,
        detail: pd.DataFrame | None = None,
        detail_ms: int | None = None,
    ) -> None:
        checked = check_candles(bars, length_ms, "the paper exchange's candles").frame
        self.bars = Series(checked, length_ms)
        self.fine: Series | None = None
        if detail is not None:
            if not detail_ms or length_ms % detail_ms or detail_ms >= length_ms:
                raise DataError(
                    f"candles of {detail_ms} ms are no detail of bars of {length_ms} ms: choose a "
                    "shorter timeframe that divides the bar's"
                )
            fine = check_candles(detail, detail_ms, "the paper exchange's detail candles").frame
            self.fine = Series(fine, detail_ms)
        self.settlements: dict[int, Decimal] = {}
        if "funding_rate" in checked:
            known = checked[["timestamp", "funding_rate"]].dropna()
            self.settlements = {int(ms): exact(rate) for ms, rate in known.itertuples(index=False)}
        self._coarser: dict[int, Series] = {length_ms: self.bars}

    def path(self, row: int) -> list[Leg]:
        """All legs of bar `row`, the gap before it first."""
        legs: list[Leg] = []
        before = exact(self.bars.columns["close"][row - 1]) if row else None
        length = self._finest(row)
        for candle in self._candles(row):
            start = candle.open if before is None else before
            opened, at = candle.open, candle.time
            legs.append(Leg(candle, length, at, at, start, opened, gap=True, opening=not legs))
            rises = candle.close >= candle.open
            turn, far = (candle.low, candle.high) if rises else (candle.high, candle.low)
            third, end = length // 3, at + length - 1
            legs.append(Leg(candle, length, at, at + third, opened, turn))
            legs.append(Leg(candle, length, at + third, at + 2 * third, turn, far))
            legs.append(Leg(candle, length, at + 2 * third, end, far, candle.close))
            before = candle.close
        return legs

    def series(self, length_ms: int) -> Series | None:
        """All candles of a length, future ones included; None if the tape is too coarse."""
        if self.fine is not None and length_ms == self.fine.length_ms:
            return self.fine
        if length_ms % self.bars.length_ms:
            return None
        if length_ms not in self._coarser:
            self._coarser[length_ms] = self.bars.coarser(length_ms)
        return self._coarser[length_ms]

    def bars_since(self, ms: int, row: int) -> list[Ohlcv]:
        """Bars from `ms` up to, not including, bar `row`."""
        return [self.bars.at(i) for i in range(self.bars.from_time(ms), row)]

    def _finest(self, row: int) -> int:
        return self.fine.length_ms if self.fine and self._covered(row) else self.bars.length_ms

    def _covered(self, row: int) -> bool:
        fine = self.fine
        if fine is None:
            return False
        at = int(self.bars.time[row])
        first, last = fine.from_time(at), fine.from_time(at + self.bars.length_ms)
        return last - first == self.bars.length_ms // fine.length_ms

    def _candles(self, row: int) -> list[Ohlcv]:
        """What the path of a bar is made of; the first opens at the bar's open."""
        bar = self.bars.at(row)
        if self.fine is None or not self._covered(row):
            return [bar]
        first = self.fine.from_time(bar.time)
        count = self.bars.length_ms // self.fine.length_ms
        candles = [self.fine.at(i) for i in range(first, first + count)]
        candles[0] = candles[0]._replace(open=bar.open)
        return candles


def added_up(candles: list[Ohlcv], time: int) -> Ohlcv:
    """Consecutive candles as one that opens at `time`; at least one is needed."""
    return Ohlcv(
        time,
        candles[0].open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        candles[-1].close,
        sum((candle.volume for candle in candles), ZERO),
    )
