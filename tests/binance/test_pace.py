"""Requests slow down before a limit and stop after a refusal. Under 1 s."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.binance.pace import Pace
from exchange.outcomes import Throttled
from tests.binance.server import exchange_info

MINUTE = 1_780_000_020_000 // 60_000 * 60_000


def used(weight: int = 0, ten_s: int = 0, minute: int = 0) -> dict[str, str]:
    return {
        "x-mbx-used-weight-1m": str(weight),
        "x-mbx-order-count-10s": str(ten_s),
        "x-mbx-order-count-1m": str(minute),
    }


def test_far_from_the_limits_nothing_waits() -> None:
    pace = Pace()
    pace.note(used(1799, 224, 899), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 0
    assert pace.delay_s(MINUTE, order=True) == 0


@pytest.mark.parametrize(
    ("headers", "order", "delay_s"),
    [
        (used(weight=2100), False, 22.5),
        (used(weight=2399), False, 44.925),
        (used(weight=2400), False, 45.1),
        (used(weight=2500), False, 45.1),
        (used(weight=2400), True, 0.0),
        (used(ten_s=300), True, 5.1),
        (used(minute=1200), True, 45.1),
        (used(ten_s=300), False, 0.0),
    ],
)
def test_near_a_limit_the_rest_of_the_window_is_spread(
    headers: dict[str, str], order: bool, delay_s: float
) -> None:
    pace = Pace()
    pace.note(headers, MINUTE + 15_000)
    assert pace.delay_s(MINUTE + 15_000, order=order) == pytest.approx(delay_s)


def test_a_new_window_begins_empty() -> None:
    pace = Pace()
    pace.note(used(2400, 300, 1200), MINUTE)
    assert pace.delay_s(MINUTE + 10_000, order=True) == 50.1
    assert pace.delay_s(MINUTE + 60_000, order=True) == 0
    assert pace.delay_s(MINUTE + 60_000, order=False) == 0


def test_answers_without_the_headers_change_nothing() -> None:
    pace = Pace()
    pace.note(used(2400), MINUTE)
    pace.note({"content-type": "text/html", "x-mbx-used-weight-1m": "many"}, MINUTE + 1000)
    assert pace.delay_s(MINUTE + 1000, order=False) == 59.1


def test_the_limits_are_those_that_the_exchange_lists() -> None:
    pace = Pace()
    rows = exchange_info()["rateLimits"] + [{"rateLimitType": "RAW_REQUESTS", "limit": 1}]
    rows[0] = rows[0] | {"limit": 6000}
    pace.set_limits(rows)
    pace.note(used(2400), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 0
    pace.note(used(6000), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 60.1
    rows[1], rows[2] = rows[1] | {"limit": 600}, rows[2] | {"limit": 2400}
    pace.set_limits(rows)
    pace.note(used(0, 300, 1200), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 0
    pace.note(used(0, 600, 0), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 10.1
    pace.note(used(0, 0, 2400), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 60.1


def test_a_limit_that_cannot_be_one_is_left_out() -> None:
    pace = Pace()
    rows = [row | {"limit": 0} for row in exchange_info()["rateLimits"]]
    pace.set_limits([*rows, {"rateLimitType": "ORDERS", "interval": "DAY", "limit": 1}])
    pace.note(used(2400, 300, 1200), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 60.1
    assert pace.delay_s(MINUTE, order=True) == 60.1
    pace.note(used(1000, 100, 400), MINUTE + 60_000)
    assert pace.delay_s(MINUTE + 60_000, order=True) == 0


def test_after_a_refusal_nothing_goes_out_until_the_time_that_was_named() -> None:
    pace = Pace()
    for order in (False, True):
        pace.require_open(MINUTE, order=order)
    assert pace.quiet_s(MINUTE) == 0
    pace.shut(Throttled("slow", until_ms=MINUTE + 500, banned=True, code=-1003))
    pace.shut(Throttled("slow", until_ms=MINUTE + 200))
    assert pace.quiet_s(MINUTE) == 0.5
    for order in (False, True):
        with pytest.raises(Throttled) as caught:
            pace.require_open(MINUTE + 499, order=order)
        assert caught.value.until_ms == MINUTE + 500
        assert caught.value.banned
        pace.require_open(MINUTE + 500, order=order)
    assert pace.quiet_s(MINUTE + 501) == 0


def test_after_too_many_orders_only_orders_wait() -> None:
    pace = Pace()
    pace.shut(Throttled("slow", until_ms=MINUTE + 500, code=-1015))
    pace.require_open(MINUTE, order=False)
    assert pace.quiet_s(MINUTE) == 0
    with pytest.raises(Throttled):
        pace.require_open(MINUTE, order=True)
    pace.require_open(MINUTE + 500, order=True)


def test_what_is_on_its_way_counts_until_it_is_answered() -> None:
    pace = Pace()
    for _ in range(300):
        assert pace.full_s(MINUTE, order=True) == 0
        pace.begin(order=True)
    assert 0 < pace.full_s(MINUTE, order=True) < 0.1
    assert pace.delay_s(MINUTE, order=True) < 0.1
    assert pace.delay_s(MINUTE, order=False) == 0
    told = pace.note(used(1, 1, 1), MINUTE + 100, MINUTE)
    for _ in range(300):
        pace.end(told, MINUTE + 100, order=True)
    assert pace.delay_s(MINUTE + 100, order=True) == 0


def test_an_order_whose_answer_tells_nothing_stays_counted_for_its_window() -> None:
    pace = Pace()
    for _ in range(300):
        pace.begin(order=True)
        pace.end(False, MINUTE, order=True)
    assert pace.full_s(MINUTE, order=True) == 10.1
    assert pace.full_s(MINUTE + 10_000, order=True) == 0


def test_an_answer_that_was_overtaken_does_not_lower_the_count() -> None:
    pace = Pace()
    pace.note(used(ten_s=300, minute=300), MINUTE, MINUTE)
    pace.note(used(ten_s=299, minute=299), MINUTE + 10, MINUTE)
    assert pace.full_s(MINUTE + 10, order=True) == pytest.approx(10.09)


@pytest.mark.parametrize(
    ("given_s", "waits_s"), [(59, 0.0), (60, 59.6)], ids=["in its minute", "in the next"]
)
def test_an_answer_that_crosses_the_minute_is_booked_by_its_date(
    given_s: int, waits_s: float
) -> None:
    pace = Pace()
    date = formatdate(MINUTE / 1000 + given_s, usegmt=True)
    pace.note(used(2400) | {"date": date}, MINUTE + 60_500, sent_ms=MINUTE + 59_900)
    assert pace.delay_s(MINUTE + 60_500, order=False) == waits_s


@pytest.mark.parametrize("date", ["Mon, 01 Jan 2024 00:00:00 GMT", "soon"])
def test_without_a_date_of_the_exchange_s_clock_its_count_tells(date: str) -> None:
    for count, waits in ((2400, False), (40, False), (2350, True)):
        pace = Pace()
        pace.note(used(2390 if count != 2350 else 2380), MINUTE + 59_000)
        late = used(count) | {"date": date}
        pace.note(late, MINUTE + 60_500, sent_ms=MINUTE + 59_900)
        assert (pace.delay_s(MINUTE + 60_500, order=False) > 0) == waits


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 120_000)), min_size=1))
def test_no_wait_goes_beyond_the_first_moments_of_the_next_window(
    notes: list[tuple[int, int]],
) -> None:
    pace, now_ms = Pace(), MINUTE
    for weight, later_ms in notes:
        now_ms += later_ms
        pace.note(used(weight, weight, weight), now_ms)
        for order in (False, True):
            assert 0 <= pace.delay_s(now_ms, order=order) <= 60.101 - now_ms % 60_000 / 1000
