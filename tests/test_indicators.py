"""The indicators against TA-Lib, against hand-computed examples, and against time (about 2 s)."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-v"]))
import talib

from indicators.adx import calculate_adx
from indicators.atr import (
    calculate_atr,
    calculate_rolling_volatility,
    calculate_z_score,
    true_range,
)
from indicators.kama import REGIME_NAMES, calculate_er, calculate_kama, detect_regime, er_column
from indicators.regime import with_hysteresis, with_veto
from indicators.rolling import deviation_and_std, rolling_sum
from indicators.volume import volume_ratio_column
from tests.bars import random_bars, recorded_bars

NAN = math.nan


def floats(*values: float) -> np.ndarray:
    return np.array(values, float)


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


# --- TA-Lib ---------------------------------------------------------------------------------


def assert_equal_to_talib(high, low, close, kama=10, atr=14, adx=14) -> None:
    pairs = (
        (calculate_kama(close, calculate_er(close, kama)), talib.KAMA(close, kama)),
        (calculate_atr(high, low, close, atr), talib.ATR(high, low, close, atr)),
        (calculate_adx(high, low, close, adx), talib.ADX(high, low, close, adx)),
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, equal_nan=True)


@pytest.mark.market_data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_kama_atr_and_adx_equal_talib_on_recorded_candles(market_data: Path, coin: str) -> None:
    bars = recorded_bars(market_data, coin)
    high, low, close = (np.array(column) for column in (bars.high, bars.low, bars.close))
    assert close.size == 87_552
    assert_equal_to_talib(high, low, close)


@pytest.mark.parametrize(("kama", "atr", "adx"), [(10, 14, 14), (2, 1, 2), (37, 50, 29)])
@pytest.mark.parametrize("seed", range(5))
def test_kama_atr_and_adx_equal_talib_on_random_walks(seed, kama, atr, adx) -> None:
    bars = random_bars(600, seed)
    assert_equal_to_talib(bars.high, bars.low, bars.close, kama, atr, adx)


def test_z_score_is_the_distance_from_talibs_sma_in_talibs_atrs() -> None:
    bars = random_bars(600, 1)
    atr = talib.ATR(bars.high, bars.low, bars.close, 14)
    expected = (bars.close - talib.SMA(bars.close, 20)) / atr
    ours = calculate_z_score(bars.close, calculate_atr(bars.high, bars.low, bars.close))
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


# --- Causality ------------------------------------------------------------------------------

CAUSAL = {
    "er": lambda b: calculate_er(b.close),
    "kama": lambda b: calculate_kama(b.close, calculate_er(b.close)),
    "true range": lambda b: true_range(b.high, b.low, b.close),
    "atr": lambda b: calculate_atr(b.high, b.low, b.close),
    "adx": lambda b: calculate_adx(b.high, b.low, b.close),
    "z": lambda b: calculate_z_score(b.close, calculate_atr(b.high, b.low, b.close)),
    "sigma": lambda b: calculate_rolling_volatility(b.close),
    "volume ratio": lambda b: volume_ratio_column(b.volume, 30),
    "regime": lambda b: detect_regime(
        calculate_kama(b.close, calculate_er(b.close)),
        calculate_er(b.close),
        calculate_atr(b.high, b.low, b.close),
    ),
}


@pytest.mark.parametrize("name", CAUSAL)
def test_every_prefix_gives_the_same_bits_as_the_whole_series(name: str) -> None:
    bars = random_bars(180, 2)
    indicator = CAUSAL[name]
    whole = indicator(bars)
    assert np.isfinite(whole).any()
    for cut in range(len(whole) + 1):
        prefix = indicator(type(bars)(*(column[:cut] for column in bars)))
        assert np.array_equal(prefix, whole[:cut], equal_nan=True), f"prefix of {cut} bars"


# --- Rolling sums ---------------------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 2, 7, 100])
def test_rolling_sum_is_a_fresh_sum_after_any_past(period: int) -> None:
    values = np.random.default_rng(3).lognormal(0, 8, 5_000)
    sums = rolling_sum(values, period)
    assert np.isnan(sums[: period - 1]).all()
    for t in range(period - 1, values.size):
        assert sums[t] == pytest.approx(math.fsum(values[t - period + 1 : t + 1]), rel=1e-13)


@pytest.mark.parametrize("period", [1, 2, 7, 100])
def test_mean_and_std_are_those_of_the_window_alone(period: int) -> None:
    values = 1e6 + np.random.default_rng(4).normal(0, 1, 3_000)
    values[1_000:1_005] += 1e9
    deviation, std = deviation_and_std(values, period)
    for t in range(period - 1, values.size):
        window = values[t - period + 1 : t + 1]
        assert deviation[t] == pytest.approx(values[t] - window.mean(), rel=1e-9, abs=1e-6)
        assert std[t] == pytest.approx(window.std(), rel=1e-9)


@pytest.mark.parametrize("period", [2, 10, 14, 20])
@pytest.mark.parametrize("offset", range(5))
def test_a_flat_stretch_after_a_storm_reads_exactly_zero(period: int, offset: int) -> None:
    storm = 1e5 * np.random.default_rng(5).random(3 * period + offset)
    closes = np.concatenate((storm, np.full(5 * period, 0.1234567)))
    settled = slice(storm.size + period, None)
    assert (calculate_er(closes, period)[settled] == 0).all()
    assert (calculate_rolling_volatility(closes, period)[settled] == 0).all()
    assert (calculate_z_score(closes, np.full(closes.size, 1e-9), period)[settled] == 0).all()


# --- Flat and straight prices ---------------------------------------------------------------


def test_a_price_that_never_moves_is_noise_without_range() -> None:
    flat = np.full(120, 0.1 + 0.2)
    er, atr = calculate_er(flat), calculate_atr(flat, flat, flat)
    kama = calculate_kama(flat, er)
    assert (er[10:] == 0).all()
    assert (atr[14:] == 0).all()
    assert (kama[10:] == flat[0]).all()
    assert (calculate_adx(flat, flat, flat)[27:] == 0).all()
    assert (calculate_z_score(flat, atr)[19:] == 0).all()
    assert (calculate_rolling_volatility(flat)[14:] == 0).all()
    assert (detect_regime(kama, er, atr) == 0).all()


def test_a_straight_line_is_fully_efficient_and_fully_directed() -> None:
    line = np.linspace(100, 200, 101) / 3
    assert (calculate_er(line)[10:] <= 1).all()
    assert calculate_er(line)[10:] == pytest.approx(1)
    assert calculate_adx(line + 1, line - 1, line)[27:] == pytest.approx(100)


def test_rounding_never_lifts_the_efficiency_ratio_above_one() -> None:
    for seed in range(20):
        rising = np.cumsum(np.random.default_rng(seed).random(200))
        assert calculate_er(rising)[10:].max() <= 1
        assert calculate_er(rising)[10:].min() == pytest.approx(1)


def test_zero_volume_gives_a_ratio_of_one_only_when_the_whole_past_is_zero() -> None:
    volume = floats(0, 0, 0, 5, 0, 10, 0, 0, 0, 7)
    assert volume_ratio_column(volume, 3).tolist() == [1, 1, 1, 1, 0, 6, 0, 0, 0, 1]


# --- Hand-computed examples -----------------------------------------------------------------


def test_efficiency_ratio_is_net_change_over_path() -> None:
    er = calculate_er(floats(1, 2, 3, 2, 4, 4), period=4)
    assert np.isnan(er[:4]).all()
    assert er[4:] == pytest.approx([3 / 5, 2 / 4])


def test_kama_moves_by_the_squared_smoothing_constant() -> None:
    kama = calculate_kama(floats(10, 11, 9), floats(NAN, 1, 0), fast_period=2, slow_period=30)
    first = 10 + (2 / 3) ** 2 * 1
    assert kama[1:] == pytest.approx([first, first + (2 / 31) ** 2 * (9 - first)])
    assert np.isnan(kama[0])


def test_true_range_and_atr_count_the_gap_to_the_close_before() -> None:
    high, low, close = floats(10, 12, 20, 9), floats(8, 11, 18, 5), floats(9, 11, 19, 6)
    assert true_range(high, low, close)[1:].tolist() == [3, 9, 14]
    assert calculate_atr(high, low, close, period=2)[2:].tolist() == [6, 10]


def test_z_score_counts_atrs_from_the_mean_and_is_zero_without_range() -> None:
    z = calculate_z_score(floats(1, 2, 6, 6), floats(NAN, 2, 2, 0), period=3)
    assert np.isnan(z[:2]).all()
    assert z[2:].tolist() == [1.5, 0]


def test_z_score_needs_the_atr_as_well() -> None:
    assert np.isnan(calculate_z_score(floats(1, 2, 3), floats(NAN, NAN, NAN), period=2)).all()


def test_z_score_needs_the_mean_as_well() -> None:
    assert np.isnan(calculate_z_score(floats(1, 2, 3), floats(0, 0, 0), period=4)).all()


def test_volatility_is_the_population_deviation_of_log_returns() -> None:
    sigma = calculate_rolling_volatility(floats(1, math.e, 1, 1), period=2)
    assert np.isnan(sigma[:2]).all()
    assert sigma[2:] == pytest.approx([1, 0.5])


def test_adx_of_alternating_days_by_hand() -> None:
    # movements: +2, -1, +3, -1; Wilder's sums over 2 days: (2, 0), (1, 1), (3.5, 0.5), (1.75, 1.25)
    high, low = floats(10, 12, 12, 15, 15), floats(9, 11, 10, 14, 13)
    adx = calculate_adx(high, low, low, period=2)
    dx = [0, 100 * 3 / 4, 100 * 0.5 / 3]
    assert np.isnan(adx[:3]).all()
    assert adx[3:] == pytest.approx([(dx[0] + dx[1]) / 2, ((dx[0] + dx[1]) / 2 + dx[2]) / 2])


@pytest.mark.parametrize(
    ("step", "er", "atr", "expected"),
    [
        (0.5, 0.0, 1.0, 2),
        (-0.5, 0.0, 1.0, -2),
        (0.4, 0.9, 1.0, 1),  # twice the threshold is not yet a breakout
        (0.3, 0.6, 1.0, 1),
        (-0.3, 0.6, 1.0, -1),
        (0.3, 0.5, 1.0, 0),  # not efficient enough
        (0.2, 0.9, 1.0, 0),  # at the threshold, not beyond
        (0.3, 0.9, 2.0, 0),  # small in ATRs
        (0.5, 0.9, 0.0, 0),  # no range: no slope
        (0.5, 0.9, NAN, 0),  # no ATR yet
    ],
)
def test_a_reading_follows_from_slope_and_efficiency(step, er, atr, expected) -> None:
    kama = floats(NAN, 0.0, step)
    readings = detect_regime(
        kama, floats(NAN, 1, er), floats(NAN, 1, atr), threshold=0.2, er_trend_thresh=0.5
    )
    assert readings.tolist() == [0, 0, expected]


@pytest.mark.parametrize(
    ("bars", "readings", "held"),
    [
        (2, [1, 1, 1], [0, 1, 1]),
        (2, [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]),
        (2, [1, -1, 1, 1, -1, -1], [0, 0, 0, 1, 1, -1]),
        (2, [2, 0, 0], [2, 2, 0]),  # a breakout at once; leaving it takes the full count
        (2, [2, 0, 1, 1], [2, 2, 2, 1]),
        (3, [2, -2, 2, 1, 1, 1], [2, -2, 2, 2, 2, 1]),
        (3, [1, 2, 1, 1, 1], [0, 2, 2, 2, 1]),
        (1, [1, 0, -1], [1, 0, -1]),
        (2, [], []),
    ],
)
def test_a_regime_holds_after_equal_readings_in_a_row(bars, readings, held) -> None:
    assert with_hysteresis(codes(*readings), bars).tolist() == held


def test_weak_adx_vetoes_trends_but_not_breakouts() -> None:
    regime = codes(1, -1, 2, -2, 0, 1, -1, 1)
    adx = floats(24.9, 24.9, 0, 0, 0, 25, 30, NAN)
    assert with_veto(regime, adx, 25.0).tolist() == [0, 0, 2, -2, 0, 1, -1, 0]


# --- The public functions -------------------------------------------------------------------


def test_the_guides_calls_run_as_written() -> None:
    bars = random_bars(300, 6)
    df = pd.DataFrame({"close": bars.close, "high": bars.high, "low": bars.low})
    closes = df["close"].values.astype(np.float64)
    highs = df["high"].values.astype(np.float64)
    lows = df["low"].values.astype(np.float64)

    er = calculate_er(closes, period=10)
    kama = calculate_kama(closes, er, fast_period=2, slow_period=30)
    atr = calculate_atr(highs, lows, closes, period=14)
    z = calculate_z_score(closes, atr, period=20)
    vol = calculate_rolling_volatility(closes, period=14)
    regime = detect_regime(kama, er, atr, threshold=0.15, er_trend_thresh=0.5)

    assert np.array_equal(er, calculate_er(closes), equal_nan=True)
    assert np.array_equal(kama, calculate_kama(closes, er), equal_nan=True)
    assert np.array_equal(atr, calculate_atr(highs, lows, closes), equal_nan=True)
    assert np.array_equal(z, calculate_z_score(closes, atr), equal_nan=True)
    assert np.array_equal(vol, calculate_rolling_volatility(closes), equal_nan=True)
    assert np.array_equal(regime, detect_regime(kama, er, atr))
    assert {REGIME_NAMES[code] for code in regime} <= set(REGIME_NAMES.values())
    assert len(set(regime)) > 1


def test_regime_codes_have_the_guides_names() -> None:
    assert REGIME_NAMES == {
        0: "NOISE",
        1: "UPTREND",
        -1: "DOWNTREND",
        2: "BREAKOUT_UP",
        -2: "BREAKOUT_DOWN",
    }


def test_any_memory_layout_runs_the_same_compiled_code() -> None:
    closes = random_bars(100, 7).close
    read_only = closes.copy()
    read_only.flags.writeable = False
    strided = np.repeat(closes, 2)[::2]
    for same in (read_only, strided, pd.Series(closes), closes.tolist()):
        assert np.array_equal(calculate_er(same), calculate_er(closes), equal_nan=True)
    assert len(er_column.signatures) == 1


@pytest.mark.parametrize("length", [0, 1, 10, 11, 14, 15, 28])
def test_a_series_that_is_too_short_gives_nan_not_an_error(length: int) -> None:
    bars = random_bars(length + 1, 8)
    high, low, close = bars.high[:length], bars.low[:length], bars.close[:length]
    er, atr = calculate_er(close), calculate_atr(high, low, close)
    assert np.isfinite(er).sum() == max(0, length - 10)
    assert np.isfinite(calculate_kama(close, er)).sum() == max(0, length - 10)
    assert np.isfinite(atr).sum() == max(0, length - 14)
    assert np.isfinite(calculate_adx(high, low, close)).sum() == max(0, length - 27)
    assert np.isfinite(calculate_z_score(close, atr)).sum() == max(0, length - 19)
    assert np.isfinite(calculate_rolling_volatility(close)).sum() == max(0, length - 14)
    assert np.isfinite(true_range(high, low, close)).sum() == max(0, length - 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: calculate_er(c, 0), "period must be at least 1, not 0"),
        (lambda c: calculate_er(c, 2.5), "period must be a whole number of bars, not 2.5"),
        (lambda c: calculate_kama(c, c, slow_period=-3), "slow_period must be at least 1, not -3"),
        (lambda c: calculate_er(c.astype(int)), "closes must be a 1-D array of floats, not int64"),
        (lambda c: calculate_er(c.reshape(2, -1)), "not float64 of shape (2, 10)"),
        (lambda c: calculate_er(c.astype(str)), "closes must be a 1-D array of floats"),
        (
            lambda c: calculate_atr(c, c[:-1], c),
            "arrays must have the same length: highs 20, lows 19, closes 20",
        ),
        (lambda c: calculate_z_score(c, c[1:]), "same length: closes 20, atr 19"),
        (lambda c: detect_regime(c, c, c[1:]), "same length: kama 20, er 20, atr 19"),
        (lambda c: calculate_adx(c, c, c, 0), "period must be at least 1"),
        (lambda c: calculate_rolling_volatility(c[:, None]), "closes must be a 1-D array"),
        (lambda c: true_range(c, c, c[:3]), "closes 3"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(call, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        call(random_bars(20, 9).close)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
