"""The feature table: causal columns, buckets, funding, warm-up (about 2 s)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.features import Bars, Features, bars_per_day, build, warmup_bars
from engine.params import StrategyParams
from indicators.adx import calculate_adx
from indicators.atr import calculate_atr, calculate_rolling_volatility, calculate_z_score
from indicators.kama import calculate_er, calculate_kama, detect_regime
from indicators.regime import with_hysteresis, with_veto
from indicators.resample import buckets
from tests.bars import HOUR_MS, NEW_YEAR_2022_MS, QUARTER_MS, random_bars, recorded_bars

DEFAULTS = StrategyParams()
DAY_MS = 24 * HOUR_MS
NAN = np.nan


def cut(bars: Bars, part: slice) -> Bars:
    return Bars(*(column[part] for column in bars))


def differing(ours: Features, theirs: Features, rows: int) -> list[str]:
    """Columns that are not the same bits in the first `rows` rows."""
    pairs = zip(Features._fields, ours, theirs, strict=True)
    return [
        name
        for name, a, b in pairs
        if not np.array_equal(a[:rows], b[:rows], equal_nan=a.dtype.kind == "f")
    ]


# --- Causality ------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_a_prefix_of_the_bars_gives_the_prefix_of_the_table(gaps: float) -> None:
    bars = random_bars(260, 1, gaps)
    whole = build(bars, DEFAULTS, QUARTER_MS)
    assert len(set(whole.regime)) > 1
    assert whole.synthetic.any()
    for n in range(len(bars.time)):
        table = build(cut(bars, slice(n)), DEFAULTS, QUARTER_MS)
        # the last row closes at the next open: across a gap that is later than the prefix knows
        gap_follows = n > 0 and bars.time[n] > bars.time[n - 1] + QUARTER_MS
        assert differing(table, whole, n - gap_follows) == [], f"prefix of {n} bars"


def test_what_comes_after_a_bar_changes_nothing_up_to_it() -> None:
    bars = random_bars(3_000, 2, gaps=0.01)
    whole = build(bars, DEFAULTS, QUARTER_MS)
    other = random_bars(3_000, 3)
    for k in (100, 777, 2_000):
        mixed = [np.concatenate((a[:k], b[k:])) for a, b in zip(bars[1:], other[1:], strict=True)]
        assert differing(build(Bars(bars.time, *mixed), DEFAULTS, QUARTER_MS), whole, k) == []


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_table_of_hardly_any_bars_has_as_many_rows(n: int) -> None:
    table = build(cut(random_bars(5, 4), slice(n)), DEFAULTS, QUARTER_MS)
    assert all(column.shape == (n,) for column in table)


# --- Columns --------------------------------------------------------------------------------


def test_each_indicator_column_is_the_public_function_of_the_bars() -> None:
    bars = random_bars(1_000, 5)
    params = StrategyParams(kama_period=7, kama_fast=3, kama_slow=20, atr_period=9)
    table = build(bars, params, QUARTER_MS)
    er = calculate_er(bars.close, 7)
    atr = calculate_atr(bars.high, bars.low, bars.close, 9)
    expected = {
        "er": er,
        "kama": calculate_kama(bars.close, er, 3, 20),
        "atr": atr,
        "z": calculate_z_score(bars.close, atr, 20),
        "sigma": calculate_rolling_volatility(bars.close, 14),
        "close": bars.close,
        "open": bars.open,
    }
    for name, column in expected.items():
        assert np.array_equal(getattr(table, name), column, equal_nan=True), name


def test_columns_have_one_layout_whatever_the_bars_came_in() -> None:
    bars = random_bars(200, 6)
    frame = pd.DataFrame(bars._asdict())
    table = build(Bars(*(frame[name] for name in frame)), DEFAULTS, QUARTER_MS)
    assert differing(table, build(bars, DEFAULTS, QUARTER_MS), 200) == []
    kinds = {name: column.dtype for name, column in table._asdict().items()}
    assert kinds.pop("time") == kinds.pop("regime") == np.int64
    assert kinds.pop("synthetic") == np.bool_
    assert set(kinds.values()) == {np.dtype(np.float64)}
    assert all(column.flags.c_contiguous and column.flags.writeable for column in table)


def test_volume_ratio_compares_with_the_seven_days_before() -> None:
    bars = random_bars(30, 7)._replace(time=NEW_YEAR_2022_MS + 12 * HOUR_MS * np.arange(30))
    table = build(bars, DEFAULTS, 12 * HOUR_MS)
    assert (table.volume_ratio[:14] == 1).all()
    for t in range(14, 30):
        mean = bars.volume[t - 14 : t].mean()
        assert table.volume_ratio[t] == pytest.approx(bars.volume[t] / mean)


def test_volume_ratio_is_one_while_nothing_was_traded_for_seven_days() -> None:
    bars = random_bars(30, 7)._replace(time=NEW_YEAR_2022_MS + DAY_MS * np.arange(30))
    volume = np.where(np.arange(30) < 10, 0.0, 8.0)
    table = build(bars._replace(volume=volume), DEFAULTS, DAY_MS)
    assert (table.volume_ratio[:11] == 1).all()
    assert table.volume_ratio[11] == pytest.approx(7)


@pytest.mark.parametrize(
    ("timeframe_ms", "bars"), [(60_000, 1440), (QUARTER_MS, 96), (DAY_MS, 1), (3 * DAY_MS, 1)]
)
def test_a_day_has_at_least_one_bar(timeframe_ms: int, bars: int) -> None:
    assert bars_per_day(timeframe_ms) == bars


# --- Regime ---------------------------------------------------------------------------------


def slots(*quarters: int) -> np.ndarray:
    return NEW_YEAR_2022_MS + QUARTER_MS * np.array(quarters, np.int64)


def bucketed(time: np.ndarray) -> list[tuple[float, ...]]:
    number = np.arange(time.size, dtype=float)
    return list(zip(*buckets(time, 10 + number, -number, number, QUARTER_MS, HOUR_MS), strict=True))


def test_a_bucket_is_seen_by_the_bar_that_closes_with_it() -> None:
    assert bucketed(slots(0, 1, 2, 3, 4, 5, 6, 7)) == [(3, 13, -3, 3), (7, 17, -7, 7)]


def test_an_open_bucket_is_not_seen() -> None:
    assert bucketed(slots(0, 1, 2, 3, 4, 5, 6)) == [(3, 13, -3, 3)]


def test_a_bucket_inside_which_the_data_begin_is_left_out() -> None:
    assert bucketed(slots(1, 2, 3, 4, 5, 6, 7)) == [(6, 16, -6, 6)]
    assert bucketed(slots(1, 2)) == []


def test_a_gap_leaves_a_bucket_with_fewer_bars_and_skips_empty_ones() -> None:
    # one bar of the first bucket, none of the second, the last of the third, all of the fourth
    assert bucketed(slots(0, 11, 12, 13, 14, 15)) == [(0, 10, 0, 0), (1, 11, -1, 1), (5, 15, -5, 5)]


def test_a_bucket_that_ends_inside_a_gap_is_seen_by_the_bar_before_the_gap() -> None:
    assert bucketed(slots(0, 1, 6)) == [(1, 11, -1, 1)]
    assert bucketed(slots(0, 1)) == []


@pytest.mark.parametrize("first", range(4))
def test_the_regime_is_that_of_the_last_closed_hour_after_the_veto(first: int) -> None:
    bars = random_bars(4_000, 8, start=NEW_YEAR_2022_MS + first * QUARTER_MS)
    skipped = -first % 4
    hours = (4_000 - skipped) // 4
    by_hour = [column[skipped : skipped + 4 * hours].reshape(hours, 4) for column in bars]
    high, low, close = by_hour[2].max(axis=1), by_hour[3].min(axis=1), by_hour[4][:, -1].copy()
    er, atr = calculate_er(close), calculate_atr(high, low, close)
    held = with_hysteresis(detect_regime(calculate_kama(close, er), er, atr, 0.25, 0.4), 2)
    seen = np.concatenate((np.zeros(skipped + 3, np.int64), np.repeat(held, 4)))[:4_000]
    expected = with_veto(seen, calculate_adx(bars.high, bars.low, bars.close), 25.0)
    assert set(expected) == {-2, -1, 0, 1, 2}
    assert np.array_equal(build(bars, DEFAULTS, QUARTER_MS).regime, expected)


def test_a_higher_adx_threshold_leaves_breakouts_alone() -> None:
    bars = random_bars(2_000, 8)
    free = build(bars, StrategyParams(adx_trend_threshold=0), QUARTER_MS).regime
    strict = build(bars, StrategyParams(adx_trend_threshold=100), QUARTER_MS).regime
    assert (np.abs(free) == 1).any()
    assert np.array_equal(strict, np.where(np.abs(free) == 1, 0, free))


@pytest.mark.golden
@pytest.mark.market_data
@pytest.mark.parametrize(
    ("run", "coin", "first", "last"),
    [
        ("btc_2022", "BTC", "2022-01-01", "2022-04-04 17:45"),
        ("eth_2022", "ETH", "2022-01-01", "2022-04-04 17:45"),
        ("sol_2022", "SOL", "2022-01-01", "2022-04-04 17:45"),
        ("sol_ftx", "SOL", "2022-10-25", "2022-11-24 23:45"),
    ],
)
def test_regimes_equal_those_of_the_reference_results(
    market_data: Path, golden: Path, run: str, coin: str, first: str, last: str
) -> None:
    reference = pd.read_parquet(golden / f"{run}_defaults_equity.parquet")
    bars = recorded_bars(market_data, coin)
    start, end = (pd.Timestamp(day, tz="UTC").value // 1_000_000 for day in (first, last))
    bars = cut(bars, slice(*np.searchsorted(bars.time, (start, end + 1))))
    assert np.array_equal(bars.time, reference["timestamp"])
    regime = build(bars, DEFAULTS, QUARTER_MS).regime
    decided = warmup_bars(bars.time, DEFAULTS, QUARTER_MS)
    assert np.array_equal(regime[decided - 1 : -1], reference["regime"][decided:])


# --- Warm-up --------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "index"), [(0, 61), (1, 64), (2, 63), (3, 62)])
def test_the_first_decided_bar_waits_for_a_dropped_bucket(first: int, index: int) -> None:
    bars = random_bars(200, 9, start=NEW_YEAR_2022_MS + first * QUARTER_MS)
    assert warmup_bars(bars.time, DEFAULTS, QUARTER_MS) == index


@pytest.mark.parametrize(
    ("changes", "index"),
    [
        ({"regime_timeframe_mult": 1}, 29),
        ({"regime_timeframe_mult": 1, "adx_period": 2, "atr_period": 2, "kama_period": 2}, 21),
        ({"kama_period": 40}, 1 + 4 * 42),
        ({"atr_period": 50, "regime_timeframe_mult": 8}, 1 + 8 * 51),
        ({"adx_period": 100}, 201),
    ],
)
def test_warm_up_follows_the_longest_indicator(changes: dict[str, int], index: int) -> None:
    bars = random_bars(600, 10)
    params = StrategyParams(**changes)
    assert warmup_bars(bars.time, params, QUARTER_MS) == index
    known = [column[index - 1 :] for column in build(bars, params, QUARTER_MS)[:12]]
    assert all(np.isfinite(column).all() for column in known)


def test_warm_up_of_no_bars_is_that_of_aligned_bars() -> None:
    assert warmup_bars(np.empty(0, np.int64), DEFAULTS, QUARTER_MS) == 61


# --- Errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": slots(0, 1, 1, 2, 3)}, "bar 2 is not later than the bar before it"),
        ({"time": slots(0, 1)}, "there are 2 times and 5 bars"),
        ({"time": np.arange(5.0)}, "time must be a 1-D array of int64 ms, not float64"),
        ({"volume": np.ones(4)}, "arrays must have the same length"),
        ({"close": np.ones(5, int)}, "close must be a 1-D array of floats"),
    ],
)
def test_bars_that_cannot_be_are_refused_in_one_line(change, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        build(random_bars(5, 11)._replace(**change), DEFAULTS, QUARTER_MS)
    assert message in str(caught.value)
