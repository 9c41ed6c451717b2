"""Which market it is: breakout, trend or noise, read once per closed bucket of base bars."""

import numpy as np

from tests.oracle.features import (
    Candles,
    Column,
    adaptive_average,
    average_true_range,
    efficiency_ratio,
)
from tests.oracle.gmm import mixture_readings
from tests.oracle.params import Params


def regimes_of(candles: Candles, adx: Column, params: Params) -> list[int]:
    """The regime after each base bar: -2 ... +2, breakouts +-2, trends +-1, noise 0."""
    if params.use_ml_regime:
        readings = mixture_readings(candles)
    else:
        readings = bucket_readings(candles, params)
    held = hysteresis(readings, params.regime_hysteresis_bars)
    return [
        0 if abs(regime) == 1 and strength < params.adx_trend_threshold else regime
        for regime, strength in zip(held, adx.tolist(), strict=True)
    ]


def hysteresis(readings: list[list[int]], needed: int) -> list[int]:
    """The regime held after each bar, given the readings that become known with that bar."""
    held, run, last = 0, 0, None
    regimes = []
    for new in readings:
        for reading in new:
            run = run + 1 if reading == last else 1
            last = reading
            if abs(reading) == 2 or run >= needed:
                held = reading
        regimes.append(held)
    return regimes


def bucket_readings(candles: Candles, params: Params) -> list[list[int]]:
    """For each base bar, the readings of the buckets whose end its close reaches first."""
    known: list[list[int]] = [[] for _ in range(len(candles))]
    length = params.regime_timeframe_mult * candles.timeframe
    buckets = Buckets(candles, length)
    er = efficiency_ratio(buckets.close, params.kama_period)
    kama = adaptive_average(
        buckets.close, er, params.kama_period, params.kama_fast, params.kama_slow
    )
    atr = average_true_range(buckets.high, buckets.low, buckets.close, params.atr_period)
    closes_at = candles.closes_at
    seen_by = np.searchsorted(closes_at, buckets.start + length)
    for k in range(max(params.kama_period + 1, params.atr_period), len(atr)):
        if seen_by[k] < len(candles):
            slope = (kama[k] - kama[k - 1]) / atr[k] if atr[k] > 0.0 else 0.0
            known[seen_by[k]].append(classify(slope, er[k], params))
    return known


def classify(slope: float, er: float, params: Params) -> int:
    """The reading of one bucket: `slope` is the step of its KAMA in ATRs."""
    if abs(slope) > 2.0 * params.regime_threshold:
        return 2 if slope > 0.0 else -2
    if er > params.er_trend_threshold and abs(slope) > params.regime_threshold:
        return 1 if slope > 0.0 else -1
    return 0


class Buckets:
    """Candles of `length` ms by UTC. The first is left out if the data begin inside it."""

    def __init__(self, candles: Candles, length: int) -> None:
        self.dropped_bars = dropped_bars(candles, length)
        time = candles.time[self.dropped_bars :]
        number = time // length
        first = np.flatnonzero(np.diff(number, prepend=-1))
        self.start = number[first] * length
        if len(first):
            self.high = np.maximum.reduceat(candles.high[self.dropped_bars :], first)
            self.low = np.minimum.reduceat(candles.low[self.dropped_bars :], first)
        else:
            self.high = self.low = np.empty(0)
        last = np.append(first[1:], len(time)) - 1 if len(first) else first
        self.close = candles.close[self.dropped_bars :][last]


def dropped_bars(candles: Candles, length: int) -> int:
    """How many bars lie in a first bucket that had begun before the data."""
    if len(candles) == 0 or candles.time[0] % length == 0:
        return 0
    return int(np.count_nonzero(candles.time // length == candles.time[0] // length))


def warmup(candles: Candles, params: Params) -> int:
    """Index of the first bar that is decided."""
    mult = params.regime_timeframe_mult
    longest = max(
        params.kama_period + 1,
        params.atr_period + 1,
        2 * params.adx_period,
        20,
        mult * max(params.atr_period + 1, params.kama_period + 2),
    )
    return 1 + longest + dropped_bars(candles, mult * candles.timeframe)
