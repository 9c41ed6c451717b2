"""What comes in through the door for candles, and what does not. Costs 1 s."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.checks import CANDLE_COLUMNS, Gap, check_candles, require_enough
from exchange.errors import DataError

QUARTER_MS = 900_000
FIRST_MS = 1_704_067_200_000


def candles(count: int = 6) -> pd.DataFrame:
    """A quiet market, one candle a quarter of an hour."""
    close = 100.0 + np.arange(count)
    return pd.DataFrame(
        {
            "timestamp": FIRST_MS + QUARTER_MS * np.arange(count),
            "open": close - 0.5,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": np.full(count, 7.0),
        }
    )


def complaint(df: pd.DataFrame, **options: int) -> str:
    with pytest.raises(DataError) as refusal:
        check_candles(df, QUARTER_MS, "x.csv", **options)
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("x.csv: ")
    return message


def test_good_candles_come_out_as_they_are_with_a_clean_index_and_no_gap() -> None:
    df = candles().set_index(pd.Index([9, 8, 7, 6, 5, 4])).assign(note="spare")
    df.attrs["source"] = "a script"
    checked = check_candles(df, QUARTER_MS, "a script")
    assert tuple(checked.frame.columns) == CANDLE_COLUMNS
    assert isinstance(checked.frame.index, pd.RangeIndex)
    assert [str(kind) for kind in checked.frame.dtypes] == ["int64"] + ["float64"] * 5
    assert checked.frame.attrs == {"source": "a script"}
    assert checked.gaps == ()
    pd.testing.assert_frame_equal(checked.frame, candles(), check_index_type=False)


def test_the_frame_that_is_passed_in_is_not_changed() -> None:
    df = candles().astype({"timestamp": "float64", "volume": "int64"})
    before = df.copy(deep=True)
    out = check_candles(df, QUARTER_MS, "a script").frame
    out.loc[0, "close"] = 1.0
    pd.testing.assert_frame_equal(df, before)


def test_missing_columns_are_named_with_what_must_be_and_what_was_found() -> None:
    message = complaint(candles().drop(columns=["close", "volume"]).assign(price=1.0))
    assert "no column 'close' and 'volume'" in message
    assert "must have columns timestamp, open, high, low, close, volume" in message
    assert "found: timestamp, open, high, low, price" in message


def test_no_rows_are_no_candles() -> None:
    assert "there are no candles" in complaint(candles(0))


@pytest.mark.parametrize("unit", [1_000, 1, 1 / 1_000, 1 / 1_000_000])
def test_seconds_milliseconds_microseconds_and_nanoseconds_are_told_apart(unit: float) -> None:
    df = candles()
    factor = round(1 / unit) if unit < 1 else 1
    df["timestamp"] = df["timestamp"] // max(int(unit), 1) * factor
    checked = check_candles(df, QUARTER_MS, "x.csv").frame
    assert checked["timestamp"].tolist() == candles()["timestamp"].tolist()


@given(st.lists(st.sampled_from([1, 1_000, 1_000_000]), min_size=6, max_size=6))
def test_the_unit_of_a_stamp_is_told_apart_row_by_row(factors: list[int]) -> None:
    df = candles()
    df["timestamp"] = df["timestamp"] * np.array(factors)
    checked = check_candles(df, QUARTER_MS, "x.csv").frame
    assert checked["timestamp"].tolist() == candles()["timestamp"].tolist()


@pytest.mark.parametrize("form", ["naive", "utc", "berlin", "text", "digits", "float"])
def test_times_may_be_datetimes_or_text(form: str) -> None:
    df = candles()
    utc = pd.to_datetime(df["timestamp"], unit="ms", utc=True)
    df["timestamp"] = {
        "naive": utc.dt.tz_localize(None),
        "utc": utc,
        "berlin": utc.dt.tz_convert("Europe/Berlin"),
        "text": utc.dt.strftime("%Y-%m-%d %H:%M:%S"),
        "digits": df["timestamp"].astype(str),
        "float": df["timestamp"].astype("float64"),
    }[form]
    checked = check_candles(df, QUARTER_MS, "x.csv").frame
    assert checked["timestamp"].tolist() == candles()["timestamp"].tolist()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("timestamp", -5, "timestamp -5 is not a time"),
        ("timestamp", FIRST_MS + 0.5, "timestamp 1704067200000.5 is not a time"),
        ("timestamp", FIRST_MS + 1, "is not the open of a candle of 15 minutes"),
        ("timestamp", FIRST_MS + QUARTER_MS, "(2024-01-01 00:15 UTC) occurs twice"),
        ("timestamp", FIRST_MS - QUARTER_MS, "rows must be in the order of time"),
        ("open", 0.0, "open 0.0 is not above 0"),
        ("close", -3.0, "close -3.0 is not above 0"),
        ("high", 101.5, "high 101.5 is below close 102.0"),
        ("high", 1.0, "high 1.0 is below low 101.0"),
        ("low", 101.75, "low 101.75 is above open 101.5"),
        ("low", np.nan, "low nan is not a number"),
        ("close", np.inf, "close inf is not a number"),
        ("volume", -0.1, "volume -0.1 is below 0"),
        ("volume", np.nan, "volume nan is not a number"),
    ],
)
def test_an_impossible_row_is_named_with_its_number_and_value(
    column: str, value: float, said: str
) -> None:
    df = candles()
    if isinstance(value, float):
        df[column] = df[column].astype("float64")
    df.loc[2, column] = value
    message = complaint(df)
    assert "row 2: " in message
    assert said in message


def test_text_among_the_numbers_is_named_as_it_is_written() -> None:
    df = candles().astype({"close": object, "timestamp": object})
    df.loc[1, "close"] = "1,5"
    df.loc[3, "timestamp"] = "noon"
    message = complaint(df)
    assert "row 1: close 1,5 is not a number" in message
    assert "row 3: timestamp noon is not a time" in message


def test_all_problems_are_counted_and_the_first_few_are_told_in_the_order_of_rows() -> None:
    df = candles(200)
    df.loc[150:, "volume"] = -1.0
    df.loc[3, "low"] = 500.0
    df.loc[1, "close"] = np.nan
    message = complaint(df)
    assert message.index("row 1: close") < message.index("row 3: low") < message.index("row 150:")
    assert message.count("row ") == 5
    # 54 in all: one NaN, one low above open, close and high, fifty volumes
    assert "; and 49 more. Correct these rows" in message


def test_the_first_rows_of_one_kind_of_problem_are_told_and_the_rest_counted() -> None:
    df = candles(50)
    df["volume"] = -1.0 - df.index
    message = complaint(df)
    for row in range(5):
        assert f"row {row}: volume {-1.0 - row} is below 0" in message
    assert "; and 45 more" in message


def test_rows_are_counted_as_their_reader_counts_them() -> None:
    df = candles()
    df.loc[0, "volume"] = -1.0
    assert "row 2: volume" in complaint(df, first_row=2)


def test_gaps_are_listed_and_not_filled() -> None:
    df = candles(20).drop(index=[4, 5, 6, 11]).reset_index(drop=True)
    checked = check_candles(df, QUARTER_MS, "x.csv")
    assert checked.gaps == (
        Gap(FIRST_MS + 4 * QUARTER_MS, 3),
        Gap(FIRST_MS + 11 * QUARTER_MS, 1),
    )
    assert len(checked.frame) == 16


@given(st.sets(st.integers(0, 59), min_size=2))
def test_candles_and_gaps_together_make_up_the_whole_time(kept: set[int]) -> None:
    rows = sorted(kept)
    checked = check_candles(candles(60).iloc[rows], QUARTER_MS, "x.csv")
    missing = [
        gap.first_missing_ms + QUARTER_MS * bar for gap in checked.gaps for bar in range(gap.bars)
    ]
    times = sorted([*checked.frame["timestamp"].tolist(), *missing])
    assert times == [FIRST_MS + QUARTER_MS * bar for bar in range(rows[0], rows[-1] + 1)]


def test_a_funding_column_is_kept_where_it_is_known_and_refused_where_it_is_no_number() -> None:
    df = candles().assign(funding_rate=[0.0001, None, np.nan, -0.0002, None, None])
    kept = check_candles(df, QUARTER_MS, "x.csv").frame["funding_rate"]
    assert kept.dtype == np.float64
    assert kept.dropna().to_dict() == {0: 0.0001, 3: -0.0002}
    df = df.astype({"funding_rate": object})
    df.loc[4, "funding_rate"] = "much"
    assert "row 4: funding_rate much is not a number" in complaint(df)


def test_fewer_than_a_hundred_candles_are_refused_in_the_guides_words() -> None:
    require_enough(candles(100), "BTC")
    with pytest.raises(
        DataError,
        match=r"^Insufficient data for BTC/USDT: 57 candles, at least 100 are needed \(.+\)$",
    ):
        require_enough(candles(57), "BTC")


def test_two_and_a_half_years_of_candles_are_checked_in_a_fraction_of_a_second() -> None:
    df = candles(87_552)
    began = time.perf_counter()
    check_candles(df, QUARTER_MS, "x.csv")
    assert time.perf_counter() - began < 0.5
