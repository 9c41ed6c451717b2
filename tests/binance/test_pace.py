"""Requests slow down before a limit and stop after a refusal. Under 1 s."""

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
        (used(weight=2400), False, 45.0),
        (used(weight=2500), False, 45.0),
        (used(weight=2400), True, 0.0),
        (used(ten_s=300), True, 5.0),
        (used(minute=1200), True, 45.0),
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
    assert pace.delay_s(MINUTE + 10_000, order=True) == 50
    assert pace.delay_s(MINUTE + 60_000, order=True) == 0
    assert pace.delay_s(MINUTE + 60_000, order=False) == 0


def test_answers_without_the_headers_change_nothing() -> None:
    pace = Pace()
    pace.note(used(2400), MINUTE)
    pace.note({"content-type": "text/html", "x-mbx-used-weight-1m": "many"}, MINUTE + 1000)
    assert pace.delay_s(MINUTE + 1000, order=False) == 59


def test_the_limits_are_those_that_the_exchange_lists() -> None:
    pace = Pace()
    rows = exchange_info()["rateLimits"] + [{"rateLimitType": "RAW_REQUESTS", "limit": 1}]
    rows[0] = rows[0] | {"limit": 6000}
    pace.set_limits(rows)
    pace.note(used(2400), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 0
    pace.note(used(6000), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 60
    rows[1], rows[2] = rows[1] | {"limit": 600}, rows[2] | {"limit": 2400}
    pace.set_limits(rows)
    pace.note(used(0, 300, 1200), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 0
    pace.note(used(0, 600, 0), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 10
    pace.note(used(0, 0, 2400), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 60


def test_a_limit_that_cannot_be_one_is_left_out() -> None:
    pace = Pace()
    rows = [row | {"limit": 0} for row in exchange_info()["rateLimits"]]
    pace.set_limits([*rows, {"rateLimitType": "ORDERS", "interval": "DAY", "limit": 1}])
    pace.note(used(2400, 300, 1200), MINUTE)
    assert pace.delay_s(MINUTE, order=False) == 60
    assert pace.delay_s(MINUTE, order=True) == 60
    pace.note(used(1000, 100, 400), MINUTE)
    assert pace.delay_s(MINUTE, order=True) == 0


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


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 120_000)), min_size=1))
def test_no_wait_is_longer_than_what_is_left_of_the_window(notes: list[tuple[int, int]]) -> None:
    pace, now_ms = Pace(), MINUTE
    for weight, later_ms in notes:
        now_ms += later_ms
        pace.note(used(weight, weight, weight), now_ms)
        for order in (False, True):
            assert 0 <= pace.delay_s(now_ms, order=order) <= 60.001 - now_ms % 60_000 / 1000
