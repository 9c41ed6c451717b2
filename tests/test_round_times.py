"""Times on an axis: round, equally distant, as many as there is room for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.span import moment_ms, moment_text
from tui.round_times import axis_dates, round_times


@pytest.mark.parametrize(
    ("first", "last", "most", "shown"),
    [
        ("2025-01-30T12:52", "2025-02-06T12:52", 7, ["2025-01-31 00:00", "2025-02-01 00:00"]),
        ("2025-01-30T12:52", "2025-01-30T15:10", 3, ["2025-01-30 13:00", "2025-01-30 14:00"]),
        ("2025-01-01", "2025-03-01", 5, ["2025-01-06 00:00", "2025-01-20 00:00"]),
        ("2024-01-01", "2025-01-01", 7, ["2024-01-01 00:00", "2024-03-01 00:00"]),
        ("2019-09-08", "2026-01-01", 8, ["2020-01-01 00:00", "2021-01-01 00:00"]),
    ],
)
def test_hours_midnights_mondays_and_firsts_of_months_are_shown(
    first: str, last: str, most: int, shown: list[str]
) -> None:
    found = round_times(moment_ms(first), moment_ms(last), most)
    assert [moment_text(at) for at in found[:2]] == [f"{text} UTC" for text in shown]


@given(
    st.integers(moment_ms("2010-01-01"), moment_ms("2030-01-01")),
    st.integers(0, 40 * 365 * 86_400_000),
    st.integers(1, 20),
)
def test_there_is_always_one_and_never_more_than_there_is_room_for(
    first: int, length: int, most: int
) -> None:
    found = round_times(first, first + length, most)
    assert 1 <= len(found) <= most
    assert all(first <= at <= first + length for at in found)
    gaps = [after - before for before, after in pairwise(found)]
    assert not gaps or max(gaps) < 1.2 * min(gaps)


@pytest.mark.parametrize(
    ("first", "last", "columns", "shown"),
    [
        ("2025-01-30T12:52", "2025-02-06T12:52", 95, "01-31 02-01 02-02 02-03 02-04 02-05 02-06"),
        ("2025-01-30T12:52", "2025-02-02T12:52", 60, "01-31 02-01 02-02"),
        (
            "2025-02-05T12:52",
            "2025-02-06T12:52",
            60,
            "02-05 18:00 02-06 00:00 02-06 06:00 02-06 12:00",
        ),
        ("2024-01-01", "2024-07-01", 63, "24-01-01 24-03-01 24-05-01 24-07-01"),
        ("2022-01-01", "2024-07-01", 63, "2022-01 2023-01 2024-01"),
    ],
)
def test_labels_name_the_hour_only_where_it_is_not_midnight(
    first: str, last: str, columns: int, shown: str
) -> None:
    labels = [label for _, label in axis_dates(moment_ms(first), moment_ms(last), columns)]
    assert " ".join(labels) == shown
