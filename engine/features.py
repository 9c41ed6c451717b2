"""Candles -> one table of features, each column causal: the only place that calls indicators.

Row k holds what is known when bar k has closed, which is when the next bar opens. A row depends
on the bars up to k and on the open time of bar k+1, never on how many more there are: the table of
a prefix of the data is the prefix of the table. (Right before a gap in time the last row of the
prefix does not know yet how long its bar lasts.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import ParameterError
from engine.params import StrategyParams
from indicators.adx import adx_column
from indicators.atr import atr_column, sigma_column, z_column
from indicators.compiled import compiled
from indicators.gmm import Fits, MissingExtraError, gmm_readings
from indicators.kama import er_column, kama_column
from indicators.regime import Codes, reading_column, with_hysteresis, with_veto
from indicators.resample import Integers, buckets, carried_forward, first_whole_bucket
from indicators.series import Column, checked_series
from indicators.volume import volume_ratio_column

DAY_MS = 86_400_000
FUNDING_MS = DAY_MS // 3
USUAL_RATE = 1e-4
RATE_PER_PERCENT = 0.5e-4
HIGHEST_RATE = 3e-4
Z_BARS = 20
SIGMA_BARS = 14

# glibc hands freed memory back above twice the largest block it ever saw freed, and fresh pages
# cost as much as the arithmetic: this lets it keep what one run frees for the next.
np.empty(24 << 20, np.int8)


class Bars(NamedTuple):
    """Candles in order of time, all arrays of shape (n,)."""

    time: Integers
    """Open of the bar, int64 ms UTC, increasing."""
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    """Base asset."""
    funding_rate: Column
    """Rate (sum of the rates) of the real settlements inside the bar, NaN in bars without."""


class LastSettlement(NamedTuple):
    """The last real settlement inside each bar, arrays of shape (n,), NaN in bars without."""

    rate: Column
    time: Column
    """ms UTC."""


class Features(NamedTuple):
    """What a decision may know at the close of each bar; contiguous arrays of shape (n,).

    Prices, KAMA and ATR are in quote currency, and KAMA, ER and ATR of the base timeframe. NaN
    where an indicator does not exist yet.
    """

    time: Integers
    open: Column
    high: Column
    low: Column
    close: Column
    kama: Column
    er: Column
    atr: Column
    z: Column
    """Distance of the close from its 20-bar mean, in ATRs."""
    sigma: Column
    """Population standard deviation of the last 14 log returns."""
    volume_ratio: Column
    """Volume / mean volume of the 7 days before."""
    funding_rate: Column
    """Last rate settled before the next bar opens."""
    settlement: Column
    """Sum of the rates settled between this bar's open and the next, NaN if none."""
    synthetic: NDArray[np.bool_]
    """Whether this bar's settlement is synthetic."""
    regime: Codes
    """After hysteresis and veto, codes of `indicators.regime.REGIME_NAMES`."""


SIGNAL_PARAMS = (
    "kama_period",
    "kama_fast",
    "kama_slow",
    "atr_period",
    "adx_period",
    "regime_threshold",
    "er_trend_threshold",
    "regime_timeframe_mult",
    "use_ml_regime",
)
"""What `signals` depends on; hysteresis and veto follow in `with_regime`, nothing else matters."""


class Signals(NamedTuple):
    """Everything about the bars that `SIGNAL_PARAMS` decide: the features without their regime."""

    features: Features
    """`regime` is all NOISE."""
    adx: Column
    readings: Codes
    """Regime readings, one a bucket, or one a bar where there are no buckets."""
    seen: Integers | None
    """Which reading each bar sees, shape (n,)."""


def build(
    bars: Bars,
    params: StrategyParams,
    timeframe_ms: int,
    settled: LastSettlement | None = None,
    fits: Fits | None = None,
) -> Features:
    """The features of `bars`: `with_regime` of their `signals`; arguments and errors as there."""
    return with_regime(signals(bars, params, timeframe_ms, settled, fits), params)


def signals(
    bars: Bars,
    params: StrategyParams,
    timeframe_ms: int,
    settled: LastSettlement | None = None,
    fits: Fits | None = None,
) -> Signals:
    """What `SIGNAL_PARAMS` make of `bars`, candles of `timeframe_ms` milliseconds.

    `settled` tells apart the settlements that a long bar, or the gap behind one, adds up; a hole
    between two of the same bar is not seen. Without it a bar holds one settlement, which stands
    for the whole of its candle. `fits`: see `indicators.gmm.gmm_readings`.

    Raises:
        ValueError: the columns are not 1-D arrays of one length, or times do not increase.
        ParameterError: `use_ml_regime` without scikit-learn.
    """
    time = _checked_times(bars.time)
    open_, high, low, close, volume, real = checked_series(
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        funding_rate=bars.funding_rate,
    )
    if time.size != close.size:
        raise ValueError(f"there are {time.size} times and {close.size} bars")
    seen = None
    if params.use_ml_regime:
        readings = _mixture(high, low, close, fits)
    else:
        seen, readings = _bucket_readings(time, high, low, close, params, timeframe_ms)
    adx = adx_column(high, low, params.adx_period)
    er = er_column(close, params.kama_period)
    atr = atr_column(high, low, close, params.atr_period)
    if settled is None:
        opens = np.where(np.isnan(real), np.nan, time.astype(np.float64))
        last = (real, opens, opens + (timeframe_ms - 1))
    else:
        rate, at = checked_series(rate=settled.rate, time=settled.time)
        if rate.size != time.size:
            raise ValueError(f"there are {time.size} times and {rate.size} last settlements")
        last = (rate, at, at)
    funding_rate, settlement, synthetic = _funding_columns(
        time, close, real, *last, timeframe_ms, bars_per_day(timeframe_ms)
    )
    features = Features(
        time=time,
        open=open_,
        high=high,
        low=low,
        close=close,
        kama=kama_column(close, er, params.kama_fast, params.kama_slow),
        er=er,
        atr=atr,
        z=z_column(close, atr, Z_BARS),
        sigma=sigma_column(close, SIGMA_BARS),
        volume_ratio=volume_ratio_column(volume, 7 * bars_per_day(timeframe_ms)),
        funding_rate=funding_rate,
        settlement=settlement,
        synthetic=synthetic,
        regime=np.zeros(time.size, np.int64),
    )
    return Signals(features, adx, readings, seen)


def with_regime(known: Signals, params: StrategyParams) -> Features:
    """The features with the regime that hysteresis and veto of `params` make of the readings."""
    held = with_hysteresis(known.readings, params.regime_hysteresis_bars)
    if known.seen is not None:
        held = carried_forward(known.seen, held, known.adx.size)
    return known.features._replace(regime=with_veto(held, known.adx, params.adx_trend_threshold))


def warmup_bars(bars_time: Integers, params: StrategyParams, timeframe_ms: int) -> int:
    """Index of the first bar that is decided: every indicator of the bar before it exists.

    With the bars of a first bucket of the regime's timeframe that the data do not hold in full.
    """
    span = params.regime_timeframe_mult * timeframe_ms
    needed = max(
        params.kama_period + 1,
        params.atr_period + 1,
        2 * params.adx_period,
        Z_BARS,
        params.regime_timeframe_mult * max(params.atr_period + 1, params.kama_period + 2),
    )
    return 1 + needed + first_whole_bucket(_checked_times(bars_time), span)


def bars_per_day(timeframe_ms: int) -> int:
    """Bars in a day, at least 1."""
    return max(1, DAY_MS // timeframe_ms)


def _checked_times(time: Integers) -> Integers:
    """`time` in the one layout that compiled code knows; ValueError if it does not increase."""
    time = np.asarray(time)
    if time.ndim != 1 or time.dtype.kind != "i":
        raise ValueError(
            f"time must be a 1-D array of int64 ms, not {time.dtype} of shape {time.shape}"
        )
    time = np.require(time, np.int64, ["C", "W"])
    late = np.flatnonzero(time[1:] <= time[:-1])
    if late.size:
        raise ValueError(f"bar {late[0] + 1} is not later than the bar before it")
    return time


def _bucket_readings(
    time: Integers,
    high: Column,
    low: Column,
    close: Column,
    params: StrategyParams,
    timeframe_ms: int,
) -> tuple[Integers, Codes]:
    """Which bucket of the higher timeframe each base bar sees, and the buckets' readings."""
    span = params.regime_timeframe_mult * timeframe_ms
    seen, highs, lows, closes = buckets(time, high, low, close, timeframe_ms, span)
    er = er_column(closes, params.kama_period)
    kama = kama_column(closes, er, params.kama_fast, params.kama_slow)
    atr = atr_column(highs, lows, closes, params.atr_period)
    readings = reading_column(kama, er, atr, params.regime_threshold, params.er_trend_threshold)
    return seen, readings


def _mixture(high: Column, low: Column, close: Column, fits: Fits | None) -> Codes:
    try:
        return gmm_readings(high, low, close, fits)
    except MissingExtraError as missing:
        raise ParameterError(f"use_ml_regime = True: {missing}") from None


@compiled
def _funding_columns(
    time: Integers,
    close: Column,
    real: Column,
    last_rate: Column,
    last_time: Column,
    covered_until: Column,
    timeframe_ms: int,
    day: int,
) -> tuple[Column, Column, NDArray[np.bool_]]:
    """(last known rate, rate settled in the bar, whether it is synthetic).

    At 00, 08 and 16 UTC without a real settlement in the 8 hours up to it a synthetic rate
    settles, made from the closes up to the bar before; the first bar has none before it. No
    synthetic rate falls between a bar's open and `covered_until`. `day` is the bars in a day.
    """
    n = time.size
    known = np.empty(n)
    settlement = np.full(n, np.nan)
    synthetic = np.zeros(n, np.bool_)
    rate = USUAL_RATE
    due = -(-time[0] // FUNDING_MS) * FUNDING_MS if n > 0 else 0
    last_real = float(due - 2 * FUNDING_MS)
    for k in range(n):
        closed_at = time[k + 1] if k + 1 < n else time[k] + timeframe_ms
        if not np.isnan(real[k]):
            last_real = last_time[k]
            rate = last_rate[k]
            settlement[k] = real[k]
        while due < closed_at:
            covered = due <= covered_until[k]  # false for NaN
            if k > 0 and not covered and last_real <= due - FUNDING_MS:
                rate = _synthetic_rate(close, k - 1, day)
                settlement[k] = rate + (0.0 if np.isnan(settlement[k]) else settlement[k])
                synthetic[k] = True
            due += FUNDING_MS
        known[k] = rate
    return known, settlement, synthetic


@compiled
def _synthetic_rate(close: Column, k: int, day: int) -> float:
    """A usual rate, higher the further close k stands above its mean of one day; a fraction."""
    distance = 0.0
    if k >= day - 1:
        # summed as distances from the close: exactly 0 while the price stands still
        for i in range(k - day + 1, k + 1):
            distance += close[i] - close[k]
    percent = 100.0 * (close[k] / (close[k] + distance / day) - 1.0)
    rate: float = USUAL_RATE + RATE_PER_PERCENT * percent
    return min(HIGHEST_RATE, max(-HIGHEST_RATE, rate))
