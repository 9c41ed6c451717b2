"""Sums, means and deviations over a moving window: O(1) a bar, causal, and without drift.

A running sum that adds the new value and subtracts the old one keeps the rounding errors of the
whole past: a window of zeros ends up at 1e-12. Here time is cut into blocks of one window length.
A window is the tail of the last complete block plus the head of the present one. Both are fresh
sums, so a result depends on the values inside its window alone.
"""

import math

import numpy as np

from indicators.compiled import compiled
from indicators.series import Column


@compiled
def rolling_sum(values: Column, period: int) -> Column:
    """Sum of the last `period` values, this one included; NaN for the first `period - 1`."""
    sums = np.full(values.size, np.nan)
    tail = np.zeros(period + 1)
    head = 0.0
    filled = 0
    for t in range(values.size):
        head += values[t]
        filled += 1
        if filled == period:
            head = 0.0
            filled = 0
            for i in range(period):
                tail[period - 1 - i] = tail[period - i] + values[t - i]
        if t >= period - 1:
            sums[t] = tail[filled] + head
    return sums


@compiled
def deviation_and_std(values: Column, period: int) -> tuple[Column, Column]:
    """`values[t]` minus the mean of the last `period` values, and their population std.

    NaN for the first `period - 1`; both are exactly 0 where the window is flat. Everything is
    summed relative to a value inside the window: then the mean's square, which is taken from the
    mean of the squares, is at most `period` times the variance and eats no digits.
    """
    deviation = np.full(values.size, np.nan)
    std = np.full(values.size, np.nan)
    tail = np.zeros((period + 1, 2))
    head = 0.0
    head_squares = 0.0
    reference = 0.0
    filled = 0
    share = 1.0 / period
    for t in range(values.size):
        distance = values[t] - reference
        head += distance
        head_squares += distance * distance
        filled += 1
        if filled == period:
            head = 0.0
            head_squares = 0.0
            reference = values[t]
            for i in range(period):
                distance = values[t - i] - reference
                head += distance
                head_squares += distance * distance
                tail[period - 1 - i, 0] = head
                tail[period - 1 - i, 1] = head_squares
            head = 0.0
            head_squares = 0.0
            filled = 0
        if t >= period - 1:
            mean = (tail[filled, 0] + head) * share
            mean_square = (tail[filled, 1] + head_squares) * share
            deviation[t] = values[t] - reference - mean
            std[t] = math.sqrt(max(0.0, mean_square - mean * mean))
    return deviation, std
