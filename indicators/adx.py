"""Wilder's average directional index: how strongly the price trends, whichever way."""

import numpy as np
from numpy.typing import ArrayLike

from indicators.compiled import compiled
from indicators.series import Column, checked_period, checked_series


def calculate_adx(highs: ArrayLike, lows: ArrayLike, closes: ArrayLike, period: int = 14) -> Column:
    """Average directional index, 0 to 100; equal to TA-Lib's ADX.

    Source: Wilder, New Concepts in Technical Trading Systems. `DX = 100 * abs(+DM - -DM) /
    (+DM + -DM)` over Wilder's moving sums of the directional movements; ADX is the mean of the
    first `period` DX, then `adx += (DX - adx) / period`. It stays where it is while nothing moves.

    highs, lows, closes: prices, shape (n,). Returns shape (n,), NaN for `2 * period - 1` bars.
    Raises ValueError if the arrays are not 1-D floats of one length, or the period is under 1.
    """
    highs, lows, _ = checked_series(highs=highs, lows=lows, closes=closes)
    return adx_column(highs, lows, checked_period("period", period))


@compiled
def adx_column(high: Column, low: Column, period: int) -> Column:
    """Compiled `calculate_adx`; closes enter only by the true range, which DX divides out."""
    adx = np.full(high.size, np.nan)
    share = 1.0 / period
    plus = 0.0
    minus = 0.0
    level = 0.0
    for t in range(1, high.size):
        rise = high[t] - high[t - 1]
        fall = low[t - 1] - low[t]
        if t >= period:
            plus -= plus * share
            minus -= minus * share
        if rise > fall and rise > 0.0:
            plus += rise
        elif fall > rise and fall > 0.0:
            minus += fall
        moved = plus + minus
        dx = 100.0 * abs(plus - minus) / moved if moved > 0.0 else np.nan
        if t >= 2 * period:
            if moved > 0.0:
                level += (dx - level) * share
        elif t >= period and moved > 0.0:
            level += dx * share
        if t >= 2 * period - 1:
            adx[t] = level
    return adx
