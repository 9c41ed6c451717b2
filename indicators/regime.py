"""The market's regime: readings from KAMA's slope, hysteresis, and ADX's veto."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indicators.compiled import compiled
from indicators.series import Column, checked_series

Codes = NDArray[np.int64]

NOISE: Final = 0
UPTREND: Final = 1
DOWNTREND: Final = -1
BREAKOUT_UP: Final = 2
BREAKOUT_DOWN: Final = -2

REGIME_NAMES: Final = {
    NOISE: "NOISE",
    UPTREND: "UPTREND",
    DOWNTREND: "DOWNTREND",
    BREAKOUT_UP: "BREAKOUT_UP",
    BREAKOUT_DOWN: "BREAKOUT_DOWN",
}


def detect_regime(
    kama: ArrayLike,
    er: ArrayLike,
    atr: ArrayLike,
    threshold: float = 0.15,
    er_trend_thresh: float = 0.5,
) -> Codes:
    """One regime reading per bar (codes of `REGIME_NAMES`), without hysteresis or veto.

    `slope = (kama - kama before) / atr`, 0 where the ATR is 0. A slope beyond twice the threshold
    is a breakout; else beyond the threshold with `er > er_trend_thresh` a trend; else noise.

    kama, atr: price units, er: 0 to 1, all of shape (n,). Returns int64 of shape (n,), NOISE
    until two KAMAs and the ATR exist.
    Raises ValueError if the arrays are not 1-D floats of one length.
    """
    kama, er, atr = checked_series(kama=kama, er=er, atr=atr)
    return reading_column(kama, er, atr, float(threshold), float(er_trend_thresh))


@compiled
def reading_column(
    kama: Column, er: Column, atr: Column, threshold: float, er_trend: float
) -> Codes:
    """Compiled `detect_regime`."""
    readings = np.zeros(kama.size, np.int64)
    for t in range(1, kama.size):
        slope = (kama[t] - kama[t - 1]) / atr[t] if atr[t] > 0.0 else 0.0
        if abs(slope) > 2.0 * threshold:
            readings[t] = BREAKOUT_UP if slope > 0.0 else BREAKOUT_DOWN
        elif abs(slope) > threshold and er[t] > er_trend:
            readings[t] = UPTREND if slope > 0.0 else DOWNTREND
    return readings


@compiled
def with_hysteresis(readings: Codes, bars: int) -> Codes:
    """The regime in force after each reading, NOISE at first.

    A new regime holds after `bars` equal readings in a row; a breakout holds at once.
    """
    held = np.empty(readings.size, np.int64)
    regime = NOISE
    run = 0
    for t in range(readings.size):
        reading = readings[t]
        run = run + 1 if t > 0 and reading == readings[t - 1] else 1
        if run >= bars or abs(reading) == BREAKOUT_UP:
            regime = reading
        held[t] = regime
    return held


@compiled
def with_veto(regime: Codes, adx: Column, threshold: float) -> Codes:
    """`regime` with trends (not breakouts) turned into NOISE unless ADX is at least `threshold`."""
    allowed = regime.copy()
    for t in range(regime.size):
        if abs(regime[t]) == UPTREND and not adx[t] >= threshold:
            allowed[t] = NOISE
    return allowed
