"""The candles of a search: one span of time that all coins share, as arrays, with a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import ParameterError
from engine.features import Bars, LastSettlement
from engine.optimize.walkforward import Solid, solid_cuts
from engine.strategy import bars_of
from exchange.span import moment_text
from exchange.symbol import Symbol

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class CoinBars:
    """The candles of one coin. `funding`: where its rates are from, as in `fetch_data`."""

    pair: str
    bars: Bars
    settled: LastSettlement | None
    funding: str


@dataclass(frozen=True, slots=True)
class Candles:
    """The candles of all coins of a search.

    Bar k of a plan opens at `first_ms + k * timeframe_ms`; `bars` of them, the last included.
    """

    coins: tuple[CoinBars, ...]
    timeframe: str
    timeframe_ms: int
    first_ms: int
    bars: int
    source: str
    simulated: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def common(cls, tables: Sequence[pd.DataFrame]) -> Candles:
        """The bars from the latest first candle of the `tables` (of `fetch_data`) to the earliest
        last one; another coin's knowledge of the time behind a window would leak otherwise.

        Raises ParameterError: there is no such time.
        """
        read = [bars_of(df) for df in tables]
        step = read[0][2]
        first = max(int(bars.time[0]) for bars, _, _ in read)
        last = min(int(bars.time[-1]) for bars, _, _ in read)
        if last <= first:
            raise ParameterError(
                "the coins have no time in common: choose coins whose candles overlap"
            )
        notes: list[str] = []
        coins = []
        for df, (bars, settled, _) in zip(tables, read, strict=True):
            inside = slice(*np.searchsorted(bars.time, [first, last + 1]).tolist())
            dropped = len(bars.time) - (inside.stop - inside.start)
            symbol = Symbol.parse(df.attrs["symbol"])
            notes += [f"{symbol.coin}: {note}" for note in df.attrs["notes"]]
            if dropped:
                notes.append(
                    f"{symbol.coin}: {dropped:,} candles outside the time that all coins share, "
                    f"{moment_text(first)} to {moment_text(last + step)}, are left out"
                )
            coins.append(
                CoinBars(
                    symbol.pair,
                    Bars._make(column[inside].copy() for column in bars),
                    None
                    if settled is None
                    else LastSettlement._make(c[inside].copy() for c in settled),
                    df.attrs["funding"],
                )
            )
        return cls(
            tuple(coins),
            tables[0].attrs["timeframe"],
            step,
            first,
            (last - first) // step + 1,
            "; ".join(dict.fromkeys(df.attrs["source"] for df in tables)),
            any(df.attrs["simulated"] for df in tables),
            tuple(notes),
        )

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(coin.pair for coin in self.coins)

    @property
    def end_ms(self) -> int:
        """When the last bar closes."""
        return self.first_ms + self.bars * self.timeframe_ms

    @property
    def solid(self) -> Solid:
        """Where the data may be cut, see `solid_cuts`."""
        times = [coin.bars.time for coin in self.coins]
        return solid_cuts(times, self.first_ms, self.bars, self.timeframe_ms)

    @property
    def fingerprint(self) -> str:
        """Hash (16 hex digits) of every number, the coins' names and the timeframe."""
        digest = hashlib.sha256(self.timeframe.encode())
        for coin in sorted(self.coins, key=lambda each: each.pair):
            digest.update(coin.pair.encode() + b"\0")
            for column in (*coin.bars, *(coin.settled or ())):
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()[:16]
