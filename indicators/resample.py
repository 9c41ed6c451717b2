"""Candles of a higher timeframe, made of base candles and seen only once they are closed."""

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.series import Column

Integers = NDArray[np.int64]


@compiled
def buckets(
    time: Integers, high: Column, low: Column, close: Column, timeframe_ms: int, span_ms: int
) -> tuple[Integers, Column, Column, Column]:
    """Closed buckets `[k * span_ms, (k + 1) * span_ms)` by UTC.

    time: open of each base bar, int64 ms, increasing; high, low, close: prices; all of shape (n,).
    Returns (seen, high, low, close), one entry a bucket: `seen` is the index of the base bar at
    whose close the bucket is complete. A bar closes at the next bar's open, the last one
    `timeframe_ms` after its own. A bucket inside which the data begin is left out; a gap in time
    leaves a bucket with fewer bars, or without any, and then there is no such bucket.
    """
    n = time.size
    seen = np.empty(n, np.int64)
    highs, lows, closes = np.empty(n), np.empty(n), np.empty(n)
    count = 0
    start = first_whole_bucket(time, span_ms)
    top, bottom = -np.inf, np.inf
    end = (time[start] // span_ms + 1) * span_ms if start < n else 0
    for t in range(start, n):
        top = max(top, high[t])
        bottom = min(bottom, low[t])
        closed_at = time[t + 1] if t + 1 < n else time[t] + timeframe_ms
        if closed_at >= end:
            seen[count] = t
            highs[count], lows[count], closes[count] = top, bottom, close[t]
            count += 1
            top, bottom = -np.inf, np.inf
            end = (closed_at // span_ms + 1) * span_ms
    return seen[:count], highs[:count], lows[:count], closes[:count]


@compiled
def first_whole_bucket(time: Integers, span_ms: int) -> int:
    """Index of the base bar with which the first complete bucket starts; `time.size` if none."""
    start = 0
    if time.size > 0:
        boundary = -(-time[0] // span_ms) * span_ms
        while start < time.size and time[start] < boundary:
            start += 1
    return start


@compiled
def carried_forward(seen: Integers, codes: Integers, n: int) -> Integers:
    """`codes[b]` from base bar `seen[b]` until the next one, 0 before the first; shape (n,)."""
    carried = np.zeros(n, np.int64)
    for b in range(seen.size):
        carried[seen[b] : seen[b + 1] if b + 1 < seen.size else n] = codes[b]
    return carried
