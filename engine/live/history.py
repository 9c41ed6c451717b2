"""Every candle that a live run has seen, from its first on, and the features made of them.

All of them are kept, so that the features are those of a backtest of the same candles, to the bit:
a year of 15-minute candles is 2 MB, and all features of it are built in 2 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.features import Bars, Features, LastSettlement, build
from engine.params import StrategyParams
from exchange.broker import FundingRate
from exchange.checks import CANDLE_COLUMNS, find_gaps
from exchange.funding_rates import SHORTEST_FUNDING_MS, lay_funding
from indicators.gmm import Fits

_ROOM = 4096


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of candles that came in: new ones, those that say something else now, and runs
    of missing ones (open of the first in ms, how many)."""

    new: int
    revised: tuple[int, ...]
    missing: tuple[tuple[int, int], ...]


class History:
    """Candles in order of time, of one symbol and timeframe."""

    def __init__(self, params: StrategyParams, timeframe_ms: int) -> None:
        self.timeframe_ms = timeframe_ms
        self._params = params
        self._count = 0
        self._time = np.zeros(_ROOM, np.int64)
        self._columns = np.zeros((len(CANDLE_COLUMNS) - 1, _ROOM))
        self._rates: dict[int, float] = {}
        self._fits: Fits = {}

    def __len__(self) -> int:
        return self._count

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """Opens, ms UTC, shape (n,)."""
        return self._time[: self._count]

    def close_at(self, row: int) -> float:
        """Close of candle `row`."""
        return float(self._columns[3, : self._count][row])

    def rows(self, first: int = 0, last: int | None = None) -> list[tuple[float, ...]]:
        """Candles from `first` on, before `last`, as (time, open, high, low, close, volume)."""
        columns = [self.time[first:last].tolist()]
        columns += [column[: self._count][first:last].tolist() for column in self._columns]
        return list(zip(*columns, strict=True))

    def revised(self, times: Sequence[int]) -> list[tuple[float, ...]]:
        """The candles of these opens as they are now, those that are known; as `rows`."""
        places = np.searchsorted(self.time, times)
        return [
            row
            for at, time in zip(places.tolist(), times, strict=True)
            for row in self.rows(at, at + 1)
            if row[0] == time
        ]

    def holes_before(self, candles: pd.DataFrame) -> bool:
        """Whether candles are missing between the last one and these, or among these."""
        times = np.append(self.time[-1:], candles["timestamp"].to_numpy(np.int64))
        return bool(find_gaps(np.unique(times), self.timeframe_ms))

    def take(self, candles: pd.DataFrame) -> Taken:
        """Add closed candles (`CANDLE_COLUMNS`, in order of time); known ones may be among them."""
        revised = []
        new = 0
        before = self._count
        rows = np.column_stack([candles[name].to_numpy(np.float64) for name in CANDLE_COLUMNS[1:]])
        for time, values in zip(candles["timestamp"].tolist(), rows, strict=True):
            last = int(self._time[self._count - 1]) if self._count else -1
            if time > last:
                self._append(time, values)
                new += 1
                continue
            at = int(np.searchsorted(self.time, time))
            if self._time[at] != time or not np.array_equal(self._columns[:, at], values):
                if self._time[at] == time:
                    self._columns[:, at] = values
                    self._fits = {}
                revised.append(time)
        gaps = find_gaps(self.time[max(before - 1, 0) :], self.timeframe_ms)
        return Taken(new, tuple(revised), tuple((gap.first_missing_ms, gap.bars) for gap in gaps))

    def cut(self, count: int) -> None:
        """Keep the first `count` candles."""
        self._count = min(self._count, count)

    def take_rates(self, rates: list[FundingRate]) -> list[FundingRate]:
        """Add settlements; known ones may be among them. Returns those that were not."""
        named = {rate.time_ms // 60_000 * 60_000: rate for rate in rates}
        fresh = [rate for at, rate in named.items() if self._rates.get(at) != float(rate.rate)]
        self._rates |= {at: float(rate.rate) for at, rate in named.items()}
        return fresh

    def features(self) -> Features:
        """All features; the last row is what a decision after the last candle may know."""
        time = self.time
        rates = None
        if self._rates:
            table = sorted(self._rates.items())
            rates = pd.DataFrame(table, columns=["timestamp", "funding_rate"])
        laid = lay_funding(time, self.timeframe_ms, rates)
        opened, high, low, close, volume = (row[: self._count] for row in self._columns)
        bars = Bars(time, opened, high, low, close, volume, laid.column)
        settled = None
        if self.timeframe_ms > SHORTEST_FUNDING_MS or find_gaps(time, self.timeframe_ms):
            settled = LastSettlement(laid.last, laid.last_ms)
        return build(bars, self._params, self.timeframe_ms, settled, self._fits)

    def _append(self, time: int, values: npt.NDArray[np.float64]) -> None:
        if self._count == len(self._time):
            self._time = np.concatenate([self._time, np.zeros(_ROOM, np.int64)])
            more = np.zeros((len(self._columns), _ROOM))
            self._columns = np.concatenate([self._columns, more], axis=1)
        self._time[self._count] = time
        self._columns[:, self._count] = values
        self._count += 1
