"""Settlements laid onto candles. Costs 0.3 s."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import DataError
from exchange.funding_rates import SETTLEMENT_MS, check_funding, lay_funding
from exchange.timeframe import HOUR_MS, MINUTE_MS

QUARTER_MS = 900_000
FIRST_MS = 1_704_067_200_000


def rates(*settlements: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": np.array([time for time, _ in settlements], dtype=np.int64),
            "funding_rate": np.array([rate for _, rate in settlements]),
        }
    )


def opens(count: int, step: int = QUARTER_MS) -> np.ndarray:
    return FIRST_MS + step * np.arange(count)


def test_a_settlement_lies_on_the_candle_that_is_open_then_and_nowhere_else() -> None:
    known = rates((FIRST_MS, 0.0001), (FIRST_MS + SETTLEMENT_MS, -0.0002))
    laid = lay_funding(opens(48), QUARTER_MS, known)
    assert np.flatnonzero(np.isfinite(laid.column)).tolist() == [0, 32]
    assert laid.column[[0, 32]].tolist() == [0.0001, -0.0002]
    assert (laid.label, laid.holes) == ("real", ())


def test_several_settlements_in_one_candle_add_up() -> None:
    known = rates(*((FIRST_MS + hour * HOUR_MS, 0.001 * hour) for hour in range(24)))
    laid = lay_funding(opens(2, 12 * HOUR_MS), 12 * HOUR_MS, known)
    assert laid.column == pytest.approx([0.066, 0.210])


def test_a_settlement_inside_a_gap_lies_on_the_candle_before_the_gap() -> None:
    known = rates((FIRST_MS, 0.0001), (FIRST_MS + SETTLEMENT_MS, 0.0003))
    laid = lay_funding(np.delete(opens(48), range(20, 40)), QUARTER_MS, known)
    assert laid.column[19] == 0.0003
    assert np.isfinite(laid.column).sum() == 2


def test_settlements_outside_the_candles_are_left_out() -> None:
    known = rates((FIRST_MS - 1, 9.0), (FIRST_MS, 0.0001), (FIRST_MS + 32 * QUARTER_MS, 9.0))
    laid = lay_funding(opens(32), QUARTER_MS, known)
    assert laid.column[0] == 0.0001
    assert np.isfinite(laid.column).sum() == 1


def test_without_rates_funding_is_synthetic_and_everything_is_a_hole() -> None:
    far = rates((FIRST_MS - 10**10, 0.0001))
    for known in (None, rates(), far):
        laid = lay_funding(opens(96), QUARTER_MS, known)
        assert np.isnan(laid.column).all()
        assert (laid.label, laid.holes) == ("synthetic", ((FIRST_MS, 3),))


def test_holes_are_runs_of_settlements_that_were_due() -> None:
    days = 5
    every = [(FIRST_MS + i * SETTLEMENT_MS, 0.0001) for i in range(3 * days)]
    known = rates(*(every[:4] + every[9:13]))
    laid = lay_funding(opens(96 * days), QUARTER_MS, known)
    assert laid.label == "real with holes"
    assert laid.holes == ((every[4][0], 5), (every[13][0], 2))


def test_more_frequent_settlements_are_no_hole() -> None:
    known = rates(*((FIRST_MS + hour * HOUR_MS, 0.0001) for hour in range(0, 48, 4)))
    assert lay_funding(opens(192), QUARTER_MS, known).label == "real"


@given(
    st.sets(st.integers(0, 200), min_size=1),
    st.lists(st.tuples(st.integers(0, 200), st.integers(-50, 50)), max_size=40),
)
def test_no_payment_is_lost_or_made_up(kept: set[int], settlements: list[tuple[int, int]]) -> None:
    candle_ms = opens(201)[sorted(kept)]
    by_time = {FIRST_MS + bar * QUARTER_MS: rate * 2.0**-10 for bar, rate in settlements}
    known = rates(*sorted(by_time.items()))
    laid = lay_funding(candle_ms, QUARTER_MS, known)
    end = int(candle_ms[-1]) + QUARTER_MS
    due = sum(rate for time, rate in by_time.items() if candle_ms[0] <= time < end)
    assert np.nansum(laid.column) == due


def test_times_are_cut_to_the_minute_and_units_are_told_apart() -> None:
    late = rates((FIRST_MS + 7, 0.1), ((FIRST_MS + SETTLEMENT_MS + 59_999) * 1000, 0.2))
    assert check_funding(late, "x.csv")["timestamp"].tolist() == [
        FIRST_MS,
        FIRST_MS + SETTLEMENT_MS,
    ]


@pytest.mark.parametrize(
    ("settlements", "said"),
    [
        ([(FIRST_MS, 0.1), (FIRST_MS + 5, 0.1)], "row 1: timestamp 1704067200000 (2024-01-01"),
        ([(FIRST_MS, 0.1), (FIRST_MS - HOUR_MS, 0.1)], "does not come after 1704067200000"),
        ([(FIRST_MS, np.nan)], "row 0: funding_rate nan is not a number"),
        ([(FIRST_MS, 1.0)], "funding_rate 1.0 is not a fraction of the position"),
        ([(-MINUTE_MS, 0.1)], "timestamp -60000 is not a time"),
    ],
)
def test_impossible_settlements_are_named(settlements: list[tuple[int, float]], said: str) -> None:
    with pytest.raises(DataError) as refusal:
        check_funding(rates(*settlements), "x.csv")
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("x.csv: row ")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match=r"x.csv: no column 'funding_rate'.*found: timestamp, rate"):
        check_funding(rates((FIRST_MS, 0.1)).rename(columns={"funding_rate": "rate"}), "x.csv")
