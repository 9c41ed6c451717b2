"""Candles -> one column per feature, each value from its own bar and the bars before it.

Arrays are float64, one value per bar, NaN where the feature does not exist yet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.oracle.params import Params

Column = NDArray[np.float64]
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Candles:
    """Equally long columns; `time` is the open of each bar in ms, `timeframe` its length."""

    time: NDArray[np.int64]
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    timeframe: int

    @classmethod
    def of(cls, source: object, timeframe: int) -> "Candles":
        """From a dict or any object with the columns timestamp, open, high, low, close, volume."""

        def column(name: str) -> object:
            return source[name] if isinstance(source, dict) else getattr(source, name)

        prices = (
            np.asarray(column(name), dtype=np.float64)
            for name in ("open", "high", "low", "close", "volume")
        )
        return cls(np.asarray(column("timestamp"), dtype=np.int64), *prices, timeframe)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def closes_at(self) -> NDArray[np.int64]:
        """A bar closes when the next one opens."""
        return np.append(self.time[1:], self.time[-1:] + self.timeframe)

    @property
    def bars_per_day(self) -> int:
        return DAY_MS // self.timeframe


@dataclass(frozen=True, slots=True)
class Features:
    """The features of base bars that depend on prices and volume alone."""

    er: Column
    kama: Column
    atr: Column
    adx: Column
    z: Column
    sigma: Column
    volume_ratio: Column


def features_of(candles: Candles, params: Params) -> Features:
    high, low, close = candles.high, candles.low, candles.close
    er = efficiency_ratio(close, params.kama_period)
    atr = average_true_range(high, low, close, params.atr_period)
    return Features(
        er=er,
        kama=adaptive_average(close, er, params.kama_period, params.kama_fast, params.kama_slow),
        atr=atr,
        adx=directional_index(high, low, close, params.adx_period),
        z=z_score(close, atr),
        sigma=volatility(close),
        volume_ratio=volume_ratio(candles.volume, 7 * candles.bars_per_day),
    )


def efficiency_ratio(close: Column, period: int) -> Column:
    """Net move over the path walked in `period` bars; 0 where the path is 0."""
    er = np.full(len(close), np.nan)
    if len(close) > period:
        path = sliding_window_view(np.abs(np.diff(close)), period).sum(axis=1)
        move = np.abs(close[period:] - close[:-period])
        er[period:] = np.divide(move, path, out=np.zeros_like(path), where=path > 0.0)
    return er


def adaptive_average(close: Column, er: Column, period: int, fast: int, slow: int) -> Column:
    """Kaufman's average, started at the close before the first efficiency ratio."""
    quick, lazy = 2.0 / (fast + 1), 2.0 / (slow + 1)
    kama = [np.nan] * len(close)
    prices, ratios = close.tolist(), er.tolist()
    value = prices[period - 1] if len(prices) >= period else np.nan
    for t in range(period, len(prices)):
        smoothing = (ratios[t] * (quick - lazy) + lazy) ** 2
        value += smoothing * (prices[t] - value)
        kama[t] = value
    return np.array(kama)


def true_range(high: Column, low: Column, close: Column) -> Column:
    """From the second bar on, since it needs a close before."""
    before = close[:-1]
    spread = np.maximum(high[1:] - low[1:], np.abs(high[1:] - before))
    return np.concatenate(([np.nan], np.maximum(spread, np.abs(low[1:] - before))))


def average_true_range(high: Column, low: Column, close: Column, period: int) -> Column:
    """Wilder's average, seeded by the mean of the first `period` true ranges."""
    ranges = true_range(high, low, close).tolist()
    atr = [np.nan] * len(ranges)
    if len(ranges) > period:
        value = sum(ranges[1 : period + 1]) / period
        atr[period] = value
        for t in range(period + 1, len(ranges)):
            value = (value * (period - 1) + ranges[t]) / period
            atr[t] = value
    return np.array(atr)


def directional_index(high: Column, low: Column, close: Column, period: int) -> Column:
    """Wilder's ADX: sums of the first `period - 1` moves, then smoothed; the mean of the first
    `period` DX, then smoothed. A bar without any directional movement leaves the ADX as it is."""
    ranges, highs, lows = true_range(high, low, close).tolist(), high.tolist(), low.tolist()
    adx = [np.nan] * len(ranges)
    plus = minus = span = dx_sum = value = 0.0
    for t in range(1, len(ranges)):
        rise, fall = highs[t] - highs[t - 1], lows[t - 1] - lows[t]
        keep = 1.0 if t < period else 1.0 - 1.0 / period
        plus = plus * keep + (rise if rise > 0.0 and rise > fall else 0.0)
        minus = minus * keep + (fall if fall > 0.0 and fall > rise else 0.0)
        span = span * keep + ranges[t]
        if t < period:
            continue
        defined = span > 0.0 and plus + minus > 0.0
        dx = 100.0 * abs(plus - minus) / (plus + minus) if defined else 0.0
        if t < 2 * period:
            dx_sum += dx
            value = dx_sum / period
        elif defined:
            value = (value * (period - 1) + dx) / period
        if t >= 2 * period - 1:
            adx[t] = value
    return np.array(adx)


def z_score(close: Column, atr: Column, period: int = 20) -> Column:
    """Distance from the simple average of `period` closes in ATRs; 0 where the ATR is 0."""
    distance = close - trailing_mean(close, period)
    return np.divide(distance, atr, out=np.where(np.isnan(atr), np.nan, 0.0), where=atr > 0.0)


def volatility(close: Column, period: int = 14) -> Column:
    """Population standard deviation of the last `period` log returns, per bar."""
    sigma = np.full(len(close), np.nan)
    if len(close) > period:
        sigma[period:] = sliding_window_view(np.diff(np.log(close)), period).std(axis=1)
    return sigma


def volume_ratio(volume: Column, period: int) -> Column:
    """Volume over the mean of the `period` bars before it; 1 where that does not exist or is 0."""
    before = np.concatenate(([np.nan], trailing_mean(volume, period)[:-1]))
    return np.divide(volume, before, out=np.ones(len(volume)), where=before > 0.0)


def trailing_mean(values: Column, period: int) -> Column:
    """Mean of the last `period` values, this one included."""
    mean = np.full(len(values), np.nan)
    if len(values) >= period:
        mean[period - 1 :] = sliding_window_view(values, period).mean(axis=1)
    return mean
