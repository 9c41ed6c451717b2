"""Kaufman's efficiency ratio and adaptive moving average (Kaufman, Trading Systems and Methods).

`detect_regime` and `REGIME_NAMES`, which read the market's regime from them, live in
`indicators.regime` and can be imported from here as well.
"""

import numpy as np
from numpy.typing import ArrayLike

from indicators.compiled import compiled
from indicators.regime import REGIME_NAMES, detect_regime
from indicators.rolling import rolling_sum
from indicators.series import Column, checked_period, checked_series

__all__ = ["REGIME_NAMES", "calculate_er", "calculate_kama", "detect_regime"]


def calculate_er(closes: ArrayLike, period: int = 10) -> Column:
    """Efficiency ratio, 0 (noise) to 1 (straight line): net change over the path walked.

    `abs(c[t] - c[t-n]) / sum(abs(c[i] - c[i-1]), i = t-n+1..t)`, 0 where the path is 0.

    closes: prices, shape (n,). Returns shape (n,), NaN for the first `period` bars.
    Raises ValueError for anything but a 1-D float array and a period of at least 1.
    """
    (closes,) = checked_series(closes=closes)
    return er_column(closes, checked_period("period", period))


def calculate_kama(
    closes: ArrayLike, er: ArrayLike, fast_period: int = 2, slow_period: int = 30
) -> Column:
    """Kaufman's adaptive moving average: `k += sc * (c - k)`.

    `sc = (ER * (2/(fast+1) - 2/(slow+1)) + 2/(slow+1))**2`. It starts from the close before the
    first efficiency ratio, as TA-Lib's KAMA does.

    closes: prices, er: from `calculate_er`, both of shape (n,). Returns shape (n,) in price units,
    NaN while `er` is NaN.
    Raises ValueError if the arrays are not 1-D floats of one length, or a period is under 1.
    """
    closes, er = checked_series(closes=closes, er=er)
    fast = checked_period("fast_period", fast_period)
    return kama_column(closes, er, fast, checked_period("slow_period", slow_period))


@compiled
def er_column(close: Column, period: int) -> Column:
    """Compiled `calculate_er`."""
    er = np.full(close.size, np.nan)
    if close.size > period:
        steps = np.empty(close.size - 1)
        for t in range(1, close.size):
            steps[t - 1] = abs(close[t] - close[t - 1])
        path = rolling_sum(steps, period)
        for t in range(period, close.size):
            walked = path[t - 1]
            # the two sums of a straight line round differently: never above 1
            er[t] = min(1.0, abs(close[t] - close[t - period]) / walked) if walked > 0.0 else 0.0
    return er


@compiled
def kama_column(close: Column, er: Column, fast: int, slow: int) -> Column:
    """Compiled `calculate_kama`."""
    kama = np.full(close.size, np.nan)
    slowest = 2.0 / (slow + 1)
    reach = 2.0 / (fast + 1) - slowest
    started = False
    level = np.nan
    for t in range(close.size):
        if not started and not np.isnan(er[t]):
            started = True
            level = close[max(t - 1, 0)]
        if started:
            constant = er[t] * reach + slowest
            level += constant * constant * (close[t] - level)
            kama[t] = level
    return kama
