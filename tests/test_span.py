"""Times and timeframes as people write them. Costs 0.3 s."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import DataError
from exchange.span import Span, moment_ms, moment_text
from exchange.timeframe import DAY_MS, TIMEFRAMES, bars_per_day, timeframe_ms

NEW_YEAR_2024 = 1_704_067_200_000


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-01",
        " 2024-01-01 ",
        "2024-01-01T00:00",
        "2024-01-01 00:00:00",
        "2024-01-01T00:00Z",
        "2024-01-01T02:00+02:00",
        NEW_YEAR_2024,
        np.int64(NEW_YEAR_2024),
        date(2024, 1, 1),
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_moment_may_be_given_in_any_common_form_and_is_utc_unless_it_says_otherwise(
    moment: object,
) -> None:
    assert moment_ms(moment) == NEW_YEAR_2024  # type: ignore[arg-type]
    assert type(moment_ms(moment)) is int  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment", ["2024-13-01", "yesterday", "", "2024", 20240101, 1_704_067_200, True, 1.7e12, None]
)
def test_what_is_no_moment_is_refused_in_one_line(moment: object) -> None:
    with pytest.raises(DataError, match="is not a time: write 2024-01-31") as refusal:
        moment_ms(moment)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1)))
def test_a_moment_comes_back_from_its_text_to_the_second(moment: datetime) -> None:
    ms = moment_ms(moment.replace(microsecond=0))
    assert moment_ms(moment_text(ms).removesuffix(" UTC")) == ms


def test_a_span_cannot_end_before_it_starts() -> None:
    for end in (NEW_YEAR_2024, NEW_YEAR_2024 - 1):
        with pytest.raises(DataError, match="later than the start"):
            Span(NEW_YEAR_2024, end)


@given(
    st.integers(10**12, 2 * 10**12),
    st.integers(1, 10**10),
    st.sampled_from(sorted(TIMEFRAMES.values())),
)
def test_whole_candles_of_a_span_lie_inside_it_and_no_other_would_fit(
    start: int, length: int, step: int
) -> None:
    span = Span(start, start + length)
    try:
        whole = span.whole(step)
    except DataError:
        first_open = -(-start // step) * step
        assert first_open + step > span.end_ms
        return
    assert whole.start_ms % step == 0
    assert whole.end_ms % step == 0
    assert span.start_ms <= whole.start_ms < span.start_ms + step
    assert span.end_ms - step < whole.end_ms <= span.end_ms


def test_every_timeframe_divides_a_day() -> None:
    assert timeframe_ms("1m") == 60_000
    assert timeframe_ms("1d") == DAY_MS
    assert bars_per_day("15m") == 96
    for name, length in TIMEFRAMES.items():
        assert bars_per_day(name) * length == DAY_MS


@pytest.mark.parametrize("timeframe", ["7m", "15", "1w", "", None, ["15m"]])
def test_an_unknown_timeframe_is_refused_with_the_list_of_known_ones(timeframe: object) -> None:
    with pytest.raises(DataError, match="use one of 1m, 3m, 5m, 15m"):
        timeframe_ms(timeframe)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", 2**63 - 1, 9999999999999999, "12345"],
)
def test_a_time_far_outside_of_this_age_is_refused(moment: object) -> None:
    with pytest.raises(DataError, match="is not a time"):
        moment_ms(moment)


def test_digits_are_milliseconds_as_the_complaint_says() -> None:
    assert moment_ms("1704067200000") == moment_ms(1704067200000) == moment_ms("2024-01-01")
