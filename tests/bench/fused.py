"""The yardstick: what five indicators cost when nothing but speed counts.

Absolute times say little (the same machine drifts by half); each benchmark therefore prints its
ratio to this pass, measured in the same run: ATR, ADX, ER, KAMA and Z of every bar in one compiled
loop with running sums, about as fast as a bar can be read, worked on and written down here.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

Column = NDArray[np.float64]


@compiled
def fused_pass(high: Column, low: Column, close: Column) -> tuple[Column, ...]:
    """(ATR 14, ADX 14, ER 10, KAMA 10/2/30, Z 20), shape (n,) each, valid from bar 28 on."""
    n = close.size
    atr, adx, er, kama, z = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    mean_range = plus = minus = strength = path = total = 0.0
    level = close[0]
    for t in range(1, n):
        c1 = close[t - 1]
        reach = max(high[t] - low[t], abs(high[t] - c1), abs(low[t] - c1))
        mean_range += (reach - mean_range) / min(t, 14)
        rise = high[t] - high[t - 1]
        fall = low[t - 1] - low[t]
        if t >= 14:
            plus -= plus / 14.0
            minus -= minus / 14.0
        plus += rise if rise > fall and rise > 0.0 else 0.0
        minus += fall if fall > rise and fall > 0.0 else 0.0
        if t >= 14 and plus + minus > 0.0:
            dx = 100.0 * abs(plus - minus) / (plus + minus)
            strength += (dx - strength) / min(t - 13, 14)
        path += abs(close[t] - c1)
        if t > 10:
            path -= abs(close[t - 10] - close[t - 11])
        if t == 10:
            level = c1
        if t >= 10:
            er[t] = abs(close[t] - close[t - 10]) / path if path > 0.0 else 0.0
            constant = er[t] * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0
            level += constant * constant * (close[t] - level)
        total += close[t]
        if t > 20:
            total -= close[t - 20]
        if t >= 28:
            atr[t] = mean_range
            adx[t] = strength
            kama[t] = level
            z[t] = (close[t] - total / 20.0) / mean_range if mean_range > 0.0 else 0.0
    return atr, adx, er, kama, z


def nanoseconds_per_bar(work: Callable[[], object], bars: int, rounds: int = 30) -> float:
    """Best time of `work` over some rounds, per bar: noise only ever adds."""
    work()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter_ns()
        work()
        best = min(best, time.perf_counter_ns() - start)
    return best / bars
