"""Long series cut down to the columns of a plot.

Imports numpy, which costs 0.1 s: import this module only where something is drawn.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class RegimeShares(NamedTuple):
    """Shares of bars in a column, 0 to 1, shape (columns,); NaN in columns without bars."""

    up: Values
    down: Values
    breakout_up: Values
    breakout_down: Values


def lowest_highest(
    time: Times, values: Values, first_ms: int, last_ms: int, buckets: int
) -> tuple[Values, Values]:
    """Two points per bucket of time, its lowest and its highest value, in the order they came.

    `time`: ms, rising, shape (n,); returns (bucket number, value), shape (2 * filled buckets,).
    """
    starts, filled = _bucket_starts(time, first_ms, last_ms, buckets)
    low = np.minimum.reduceat(values, starts)
    high = np.maximum.reduceat(values, starts)
    ends = np.append(starts[1:], len(values)) - 1
    rising = values[ends] >= values[starts]
    points = np.empty(2 * len(starts))
    points[0::2] = np.where(rising, low, high)
    points[1::2] = np.where(rising, high, low)
    return np.repeat(filled.astype(np.float64), 2), points


def regime_shares(
    time: Times, regime: npt.NDArray[np.signedinteger], first_ms: int, last_ms: int, columns: int
) -> RegimeShares:
    """How much of each column of time was spent in which kind of regime (codes -2 to 2)."""
    starts, filled = _bucket_starts(time, first_ms, last_ms, columns)
    lengths = np.diff(np.append(starts, len(regime)))
    shares = []
    for there in (regime > 0, regime < 0, regime == 2, regime == -2):
        share = np.full(columns, np.nan)
        share[filled] = np.add.reduceat(there.astype(np.float64), starts) / lengths
        shares.append(share)
    return RegimeShares(*shares)


def drawdown_pct(equity: Values) -> Values:
    """Distance below the highest equity so far, in percent, 0 or negative; same shape."""
    return 100.0 * (equity / np.maximum.accumulate(equity) - 1.0)


def gain_pct(equity: Values, start: float) -> Values:
    """Result since the start, in percent of the starting capital; same shape."""
    return 100.0 * (equity / start - 1.0)


def _bucket_starts(
    time: Times, first_ms: int, last_ms: int, buckets: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Index of the first row of every bucket that has one, and which buckets those are."""
    length = max(last_ms - first_ms, 1)
    bucket = np.minimum((time - first_ms) * buckets // length, buckets - 1)
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    return starts, bucket[starts]
