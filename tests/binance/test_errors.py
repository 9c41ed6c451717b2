"""The table of Binance's refusals, row by row, for a read and for a request that changes something.

Costs under 1 s.
"""

import json

import ccxt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.binance.errors import CODES, STATUSES, Answer, failure_in, failure_without_answer
from exchange.outcomes import (
    Action,
    ClockSkew,
    Failure,
    NotAuthorised,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)

NOW_MS = 1_780_000_000_000
SIX = (Refused, UnknownOutcome, Throttled, NotAuthorised, ClockSkew, Unreachable)


def coded(code: int, status: int = 400, text: str = "made up", **headers: str) -> Answer:
    return Answer(status, headers, json.dumps({"code": code, "msg": text}))


def both(answer: Answer) -> tuple[Failure, Failure]:
    """The failure of a read and of an order."""
    return (
        failure_in(answer, write=False, now_ms=NOW_MS),
        failure_in(answer, write=True, now_ms=NOW_MS),
    )


# Binance's documentation and the record of what went wrong for others, not a copy of the table
UNKNOWN = [-1000, -1001, -1006, -1007]
NO_KEYS = [-1002, -1022, -2008, -2014, -2015]
DEFECTS = [-1013, -1102, -1106, -1111, -1121, -1130, -4003, -4004, -4005, -4014, -4015, -4023]
DEFECTS += [-4028, -4060, -4062, -4111, -4120, -4164]
ACTIONS = {
    Action.SHRINK: [-2018, -2019, -2025, -2027, -2028, -4045],
    Action.REPRICE: [-4016, -4024, -4131, -5021, -5022],
    Action.RECONCILE: [-2010, -2011, -2013, -2021, -2022],
    Action.STOP_OPENING: [-4087, -4088, -4192, -4400, -4401],
    Action.HALT: [-2023, -4047, -4048, -4061, -4067, -4068, -4531],
    Action.NOTHING: [-4046, -4059],
    Action.ASK: [-4116],
    Action.REPORT: DEFECTS,
}
REFUSED = {code: action for action, codes in ACTIONS.items() for code in codes}


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("code", UNKNOWN)
def test_a_code_that_may_hide_an_execution_is_unknown_for_an_order_only(
    code: int, status: int
) -> None:
    read, order = both(coded(code, status))
    assert type(read) is Unreachable
    assert type(order) is UnknownOutcome
    assert order.action is Action.ASK


@pytest.mark.parametrize("code", NO_KEYS)
def test_a_code_about_keys_is_not_authorised(code: int) -> None:
    for failure in both(coded(code, 401)):
        assert type(failure) is NotAuthorised
        assert failure.action is Action.HALT
        assert failure.code == code


@pytest.mark.parametrize(("code", "action"), REFUSED.items())
def test_a_definite_refusal_says_what_to_do(code: int, action: Action) -> None:
    for failure in both(coded(code)):
        assert type(failure) is Refused
        assert (failure.code, failure.action) == (code, action)


@pytest.mark.parametrize("code", [-1021, -5028])
def test_a_code_about_time_is_clock_skew(code: int) -> None:
    assert [type(failure) for failure in both(coded(code))] == [ClockSkew, ClockSkew]


@pytest.mark.parametrize(("code", "status"), [(-1003, 400), (-1003, 429), (-1015, 400)])
def test_a_code_about_too_many_requests_is_throttled(code: int, status: int) -> None:
    for failure in both(coded(code, status)):
        assert type(failure) is Throttled
        assert failure.action is Action.WAIT
        assert not failure.banned


def test_overload_throttles_a_read_and_leaves_an_order_unknown() -> None:
    read, order = both(coded(-1008, 503))
    assert isinstance(read, Throttled)
    assert read.until_ms == NOW_MS + 1000
    assert type(order) is UnknownOutcome


def test_no_row_of_the_table_is_untested() -> None:
    tested = {*UNKNOWN, *NO_KEYS, *REFUSED, -1021, -5028, -1003, -1015, -1008}
    assert tested == set(CODES)
    assert set(STATUSES) == {400, 401, 403, 404, 408, 418, 429, 451}


@pytest.mark.parametrize(
    ("status", "body", "read", "order"),
    [
        (400, "<html>Bad Request</html>", Unreachable, Unreachable),
        (401, "", NotAuthorised, NotAuthorised),
        (403, "<html>WAF</html>", Unreachable, Unreachable),
        (404, "", Unreachable, Unreachable),
        (408, "", Unreachable, UnknownOutcome),
        (418, "", Throttled, Throttled),
        (429, "", Throttled, Throttled),
        (451, "", NotAuthorised, NotAuthorised),
        (500, "oops", Unreachable, UnknownOutcome),
        (502, "<html>Bad Gateway</html>", Unreachable, UnknownOutcome),
        (503, "Service Unavailable.", Unreachable, Unreachable),
        (503, '{"msg": "Service Unavailable."}', Unreachable, Unreachable),
        (503, "<h1>503 Service Unavailable</h1>", Unreachable, UnknownOutcome),
        (503, "Unknown error, please check your request or try again later.", Unreachable,
         UnknownOutcome),
        (503, "Internal error; unable to process your request. Please try again.", Unreachable,
         UnknownOutcome),
        (504, "", Unreachable, UnknownOutcome),
        (520, "", Unreachable, UnknownOutcome),
        (409, "", Unreachable, UnknownOutcome),
    ],
)  # fmt: skip
def test_a_status_without_a_code(
    status: int, body: str, read: type[Failure], order: type[Failure]
) -> None:
    kinds = [type(failure) for failure in both(Answer(status, {}, body))]
    assert kinds == [read, order]


def test_an_answer_without_words_is_told_by_its_status_and_markup_is_left_out() -> None:
    silent = both(Answer(502, {}, ""))[0]
    assert silent.reason == "HTTP 502"
    html = both(Answer(502, {}, "<html><h1>Bad\n Gateway</h1></html>"))[0]
    assert html.reason == "Bad Gateway"
    assert both(coded(-2019, text="Margin is insufficient."))[0].reason == "Margin is insufficient."


def test_an_unlisted_code_is_a_refusal_unless_the_server_failed() -> None:
    assert [type(failure) for failure in both(coded(-9999, 400))] == [Refused, Refused]
    assert [type(failure) for failure in both(coded(-9999, 500))] == [Unreachable, UnknownOutcome]


@pytest.mark.parametrize(
    ("answer", "wait_s", "banned"),
    [
        (coded(-1003, 429, **{"retry-after": "7"}), 7, False),
        (coded(-1003, 429), 60, False),
        (coded(-1015, 400), 10, False),
        (coded(-1015, 429, **{"retry-after": "3"}), 3, False),
        (coded(-1003, 418, **{"retry-after": "180"}), 180, True),
        (Answer(418, {}, ""), 120, True),
        (coded(-1003, 418, f"Way too many requests; IP(1.2.3.4) banned until {NOW_MS + 300_000}."),
         300, True),
        (coded(-1003, 429, f"banned until {NOW_MS - 5}"), 0, True),
        (coded(-1003, 429, **{"retry-after": "soon"}), 60, False),
        (coded(-1003, 429, **{"retry-after": "inf"}), 60, False),
        (coded(-1003, 418, **{"retry-after": "1e400"}), 120, True),
        (coded(-1003, 429, **{"retry-after": "nan"}), 60, False),
    ],
)  # fmt: skip
def test_how_long_to_be_silent_is_read_from_the_answer(
    answer: Answer, wait_s: int, banned: bool
) -> None:
    for failure in both(answer):
        assert isinstance(failure, Throttled)
        assert failure.until_ms == NOW_MS + wait_s * 1000
        assert failure.banned == banned
        assert failure.action is (Action.HALT if banned else Action.WAIT)


@given(
    st.integers(400, 599),
    st.one_of(
        st.text(max_size=300),
        st.builds(lambda c, m: json.dumps({"code": c, "msg": m}), st.integers(), st.text()),
        st.builds(json.dumps, st.recursive(st.none() | st.integers() | st.text(), st.lists)),
    ),
    st.dictionaries(st.just("retry-after"), st.text(max_size=4)),
    st.booleans(),
)
@example(400, '{"code": Infinity}', {}, True)
@example(503, "[" * 100_000, {}, True)
@example(429, "", {"retry-after": "inf"}, True)
def test_every_answer_means_exactly_one_of_six_in_one_line(
    status: int, body: str, headers: dict[str, str], write: bool
) -> None:
    failure = failure_in(Answer(status, headers, body), write=write, now_ms=NOW_MS)
    assert type(failure) in SIX
    assert "\n" not in str(failure)
    assert len(str(failure)) < 500
    if type(failure) is UnknownOutcome:
        assert write


@given(st.sampled_from(sorted(CODES)), st.integers(400, 599))
def test_a_code_counts_whatever_the_status(code: int, status: int) -> None:
    expected = Throttled if status in (418, 429) else CODES[code].write
    failure = failure_in(coded(code, status), write=True, now_ms=NOW_MS)
    assert type(failure) is expected


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (OSError("Cannot connect to host x:443 ssl:default [Name or service not known]"),
         "Name or service not known"),
        (OSError("Cannot connect to host x:1 ssl:default [Connect call failed ('127.0.0.1', 1)]"),
         "Connect call failed"),
        (OSError("[Errno 104] Connection reset by peer"), "Connection reset by peer"),
        (OSError("Server disconnected"), "Server disconnected"),
        (OSError(), "OSError"),
        (None, "ExchangeNotAvailable"),
    ],
)  # fmt: skip
def test_a_broken_connection_is_told_by_its_cause_and_never_by_the_signed_address(
    cause: Exception | None, words: str
) -> None:
    error = ccxt.ExchangeNotAvailable("binanceusdm GET https://x/fapi?signature=abc")
    error.__cause__ = cause
    failure = failure_without_answer(error, "x:443", 10.0, write=True)
    assert type(failure) is UnknownOutcome
    assert failure.reason == f"x:443: the connection failed ({words})"


def test_mode_changes_that_are_blocked_say_what_to_do() -> None:
    text = str(both(coded(-4067, text="Position side cannot be changed"))[1])
    assert "cancel every open order" in text
    assert "(-4067)" in text
