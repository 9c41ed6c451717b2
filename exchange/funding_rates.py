"""Funding settlements: checked, and laid onto the candles in which they fall."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.checks import Problems, read_numbers, read_timestamps
from exchange.errors import DataError
from exchange.span import moment_text
from exchange.timeframe import HOUR_MS, MINUTE_MS

SETTLEMENT_MS = 8 * HOUR_MS
"""Longest time between two settlements: 00, 08 and 16 UTC. Some symbols settle more often."""

SHORTEST_FUNDING_MS = HOUR_MS
"""Shortest time between two settlements: a candle up to this long holds one at most."""

FUNDING_COLUMNS = ("timestamp", "funding_rate")


@dataclass(frozen=True, slots=True)
class LaidFunding:
    """Funding as the candles see it.

    `column`: float64, shape (candles,): the rate where a settlement falls, the sum if several
    do, NaN elsewhere. `last` and `last_ms`, of the same shape: rate and time (ms UTC) of the last
    settlement in the candle, NaN elsewhere. `label`: "real", "real with holes" or "synthetic"
    (not one is known). `holes`: runs of 00/08/16 UTC without a settlement in the 8 h up to them,
    as (first of them in ms UTC, how many).
    """

    column: NDArray[np.float64]
    last: NDArray[np.float64]
    last_ms: NDArray[np.float64]
    label: str
    holes: tuple[tuple[int, int], ...]


def lay_funding(
    candle_ms: NDArray[np.int64], timeframe_ms: int, rates: pd.DataFrame | None
) -> LaidFunding:
    """Put settlements onto candles: each into the last candle that opened at or before it.

    Args:
        candle_ms: opens of the candles, ascending, at least one.
        timeframe_ms: length of a candle; settlements after the last candle's close are left out.
        rates: as from `check_funding`; None where none are known.
    """
    column, last, last_ms = np.full((3, len(candle_ms)), np.nan)
    end = int(candle_ms[-1]) + timeframe_ms
    due = np.arange(-(-int(candle_ms[0]) // SETTLEMENT_MS) * SETTLEMENT_MS, end, SETTLEMENT_MS)
    if rates is None or rates.empty:
        return LaidFunding(column, last, last_ms, "synthetic", _runs(due))
    settled = rates["timestamp"].to_numpy(dtype=np.int64)
    inside = (settled >= candle_ms[0]) & (settled < end)
    if not inside.any():
        return LaidFunding(column, last, last_ms, "synthetic", _runs(due))
    bars = np.searchsorted(candle_ms, settled[inside], side="right") - 1
    known = rates["funding_rate"].to_numpy()[inside]
    column[bars] = np.bincount(bars, known, len(candle_ms))[bars]
    final = np.append(bars[1:] != bars[:-1], True)
    last[bars[final]] = known[final]
    last_ms[bars[final]] = settled[inside][final]
    until = np.searchsorted(settled, due, side="right")
    before = np.searchsorted(settled, due - SETTLEMENT_MS, side="right")
    holes = _runs(due[until == before])
    return LaidFunding(column, last, last_ms, "real with holes" if holes else "real", holes)


def check_funding(df: pd.DataFrame, where: str, first_row: int = 0) -> pd.DataFrame:
    """Check settlements and bring them into one form: `FUNDING_COLUMNS`, int64 ms and float64.

    Times are cut to the whole minute: the exchange stamps a settlement some milliseconds late.

    Raises:
        DataError: a column is missing, or a row is impossible, out of order or there twice;
            names row and value.
    """
    missing = [name for name in FUNDING_COLUMNS if name not in df.columns]
    if missing:
        found = ", ".join(str(name) for name in df.columns[:12]) or "none"
        raise DataError(
            f"{where}: no column {' and '.join(repr(name) for name in missing)}. Funding needs "
            f"columns {' and '.join(FUNDING_COLUMNS)}; found: {found}"
        )
    problems = Problems(where, first_row)
    stamps = read_timestamps(df["timestamp"], problems)
    stamps -= stamps % MINUTE_MS
    rate = read_numbers(df["funding_rate"], problems)
    problems.add(
        np.abs(rate) >= 1,
        lambda row: f"funding_rate {rate[row]!s} is not a fraction of the position",
    )
    late = np.diff(stamps, prepend=stamps[:1] - 1) <= 0
    problems.add(
        late & (stamps > 0),
        lambda row: (
            f"timestamp {stamps[row]} ({moment_text(int(stamps[row]))}) does not come after "
            f"{stamps[row - 1]}"
        ),
    )
    problems.raise_any()
    return pd.DataFrame({"timestamp": stamps, "funding_rate": rate})


def _runs(missing: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    if not len(missing):
        return ()
    steps = np.diff(missing, prepend=missing[:1] - 2 * SETTLEMENT_MS)
    first = np.flatnonzero(steps > SETTLEMENT_MS)
    counts = np.diff(first, append=len(missing))
    return tuple((int(missing[i]), int(n)) for i, n in zip(first, counts, strict=True))
