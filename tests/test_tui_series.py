"""Long series cut down to columns, and how screens write numbers. Costs 1 s."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.figures import axis_value, date_label, day, minute, percent, share
from tui.series import drawdown_pct, gain_pct, lowest_highest, regime_shares

MINUTE = 60_000


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(1, 80))
def test_no_extreme_is_lost_when_a_series_is_cut_to_columns(
    series: list[float], buckets: int
) -> None:
    values = np.array(series)
    time = np.arange(len(values), dtype=np.int64) * MINUTE
    bucket, points = lowest_highest(time, values, int(time[0]), int(time[-1]), buckets)
    assert points.min() == values.min()
    assert points.max() == values.max()
    assert len(points) == len(bucket) <= 2 * buckets
    assert (np.diff(bucket) >= 0).all()
    assert 0 <= bucket[0] <= bucket[-1] < buckets


def test_the_two_points_of_a_column_come_in_the_order_of_the_series() -> None:
    time = np.arange(6, dtype=np.int64) * MINUTE
    values = np.array([1.0, 5.0, 9.0, 9.0, 5.0, 1.0])
    _, points = lowest_highest(time, values, 0, int(time[-1]) + 1, 2)
    assert points.tolist() == [1.0, 9.0, 9.0, 1.0]


def test_a_gap_in_the_candles_leaves_its_columns_empty() -> None:
    time = np.array([0, 1, 2, 97, 98, 99], dtype=np.int64) * MINUTE
    bucket, _ = lowest_highest(time, np.ones(6), 0, int(time[-1]), 10)
    assert set(bucket.tolist()) == {0.0, 9.0}


def test_regime_shares_are_those_of_the_bars_in_each_column() -> None:
    time = np.arange(8, dtype=np.int64) * MINUTE
    regime = np.array([0, 0, 1, 2, -1, -2, -2, 0])
    shares = regime_shares(time, regime, 0, int(time[-1]) + MINUTE, 2)
    assert shares.up.tolist() == [0.5, 0.0]
    assert shares.breakout_up.tolist() == [0.25, 0.0]
    assert shares.down.tolist() == [0.0, 0.75]
    assert shares.breakout_down.tolist() == [0.0, 0.5]


def test_drawdown_is_measured_from_the_highest_equity_so_far() -> None:
    equity = np.array([100.0, 120.0, 90.0, 120.0, 132.0])
    assert drawdown_pct(equity).tolist() == pytest.approx([0.0, 0.0, -25.0, 0.0, 0.0])


def test_gain_is_in_percent_of_the_starting_capital() -> None:
    assert gain_pct(np.array([100.0, 150.0]), 100.0).tolist() == [0.0, 50.0]


def test_figures_show_signs_thousands_and_what_is_not_defined() -> None:
    assert percent(12.4) == "+12.40%"
    assert percent(-0.001) == "+0.00%"
    assert percent(None) == "n/a"
    assert share(8.234) == "8.23%"
    assert axis_value(64812.4, 300.0) == "64,812"
    assert axis_value(0.5123, 0.002) == "0.512"


def test_times_are_utc_and_as_short_as_the_span_allows() -> None:
    new_year = 1_704_067_200_000
    assert day(new_year) == "2024-01-01"
    assert minute(new_year) == "24-01-01 00:00"
    assert date_label(new_year, 900 * 86_400_000) == "2024-01"
    assert date_label(new_year, 90 * 86_400_000) == "24-01-01"
    assert date_label(new_year, 3 * 86_400_000) == "01-01 00:00"
