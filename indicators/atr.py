"""Measures of how far the price moves: true range, ATR, Z-score, rolling volatility.

Sources: Wilder, New Concepts in Technical Trading Systems (true range, ATR); the Z-score is the
distance from a simple moving average in units of ATR.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from indicators.compiled import compiled
from indicators.rolling import deviation_and_std
from indicators.series import Column, checked_period, checked_series


def calculate_atr(highs: ArrayLike, lows: ArrayLike, closes: ArrayLike, period: int = 14) -> Column:
    """Wilder's average true range, in price units; equal to TA-Lib's ATR.

    The mean of the first `period` true ranges, then `atr += (TR - atr) / period`.

    highs, lows, closes: prices, shape (n,). Returns shape (n,), NaN for the first `period` bars
    (the first bar has no close before it and so no true range).
    Raises ValueError if the arrays are not 1-D floats of one length, or the period is under 1.
    """
    highs, lows, closes = checked_series(highs=highs, lows=lows, closes=closes)
    return atr_column(highs, lows, closes, checked_period("period", period))


def calculate_z_score(closes: ArrayLike, atr: ArrayLike, period: int = 20) -> Column:
    """Distance of the close from its simple moving average, in ATRs; 0 where the ATR is 0.

    closes: prices, atr: from `calculate_atr`, both of shape (n,). Returns shape (n,), NaN until
    `period` closes and the ATR exist.
    Raises ValueError if the arrays are not 1-D floats of one length, or the period is under 1.
    """
    closes, atr = checked_series(closes=closes, atr=atr)
    return z_column(closes, atr, checked_period("period", period))


def calculate_rolling_volatility(closes: ArrayLike, period: int = 14) -> Column:
    """Population standard deviation of the last `period` log returns: per bar, not annualised.

    closes: prices above 0, shape (n,). Returns shape (n,), NaN for the first `period` bars.
    Raises ValueError for anything but a 1-D float array and a period of at least 1.
    """
    (closes,) = checked_series(closes=closes)
    return sigma_column(closes, checked_period("period", period))


def true_range(highs: ArrayLike, lows: ArrayLike, closes: ArrayLike) -> Column:
    """Wilder's true range `max(h - l, abs(h - c1), abs(l - c1))`, c1 = the close before.

    highs, lows, closes: prices, shape (n,). Returns shape (n,) in price units; the first is NaN.
    Raises ValueError if the arrays are not 1-D floats of one length.
    """
    highs, lows, closes = checked_series(highs=highs, lows=lows, closes=closes)
    return true_range_column(highs, lows, closes)


@compiled
def true_range_column(high: Column, low: Column, close: Column) -> Column:
    """Compiled `true_range`."""
    ranges = np.full(close.size, np.nan)
    for t in range(1, close.size):
        ranges[t] = range_of_bar(high[t], low[t], close[t - 1])
    return ranges


@compiled
def range_of_bar(high: float, low: float, close_before: float) -> float:
    """True range of one bar, price units."""
    return max(high - low, abs(high - close_before), abs(low - close_before))


@compiled
def atr_column(high: Column, low: Column, close: Column, period: int) -> Column:
    """Compiled `calculate_atr`."""
    atr = np.full(close.size, np.nan)
    share = 1.0 / period
    level = 0.0
    for t in range(1, close.size):
        reach = range_of_bar(high[t], low[t], close[t - 1])
        level += reach * share if t <= period else (reach - level) * share
        if t >= period:
            atr[t] = level
    return atr


@compiled
def z_column(close: Column, atr: Column, period: int) -> Column:
    """Compiled `calculate_z_score`."""
    z, _ = deviation_and_std(close, period)
    for t in range(close.size):
        # times 0, not 0: a mean that does not exist yet stays NaN
        z[t] = z[t] / atr[t] if atr[t] != 0.0 else z[t] * 0.0
    return z


@compiled
def sigma_column(close: Column, period: int) -> Column:
    """Compiled `calculate_rolling_volatility`."""
    sigma = np.full(close.size, np.nan)
    if close.size > period:
        returns = np.empty(close.size - 1)
        for t in range(1, close.size):
            returns[t - 1] = math.log(close[t] / close[t - 1])
        _, std = deviation_and_std(returns, period)
        for t in range(period, close.size):
            sigma[t] = std[t - 1]
    return sigma
