"""What Binance's answers mean when they are not success: the table, and how it is read.

Codes are read from the answer itself, never from a client's exception class: those depend on the
host's name and mix what is safe to repeat with what is not.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

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

TOO_MANY_ORDERS = -1015
OVERLOADED = -1008
POST_ONLY_REFUSED = -5022
DUPLICATE_ID = -4116
NOT_OPEN = -2011
NO_SUCH_ORDER = -2013
ONE_WAY_MODE = -4061
ALREADY_HEDGED = -4059
ALREADY_CROSS = -4046

_BAD_PARAMETER = -1102
_NO_SUCH_ORDER = re.compile(r"\border\b.*\b(?:not exist|not found)\b|\bunknown[ _]order\b", re.I)
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_SHORTEST_BAN_S = 120.0
_WINDOW_S = 60.0
_USUAL_WAIT_S: Mapping[int | None, float] = {TOO_MANY_ORDERS: 10.0, OVERLOADED: 1.0}
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Row:
    """What a code or a status means: for a read, for a request that changes something, and next.

    `advice` is for people, said beside the exchange's own words; "" where those are enough.
    """

    read: type[Failure]
    write: type[Failure]
    action: Action | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


def _refused(action: Action, advice: str = "") -> Row:
    return Row(Refused, Refused, action, advice)


_UNKNOWN = Row(Unreachable, UnknownOutcome)
_THROTTLED = Row(Throttled, Throttled)
_KEYS = Row(NotAuthorised, NotAuthorised)
_SKEW = Row(ClockSkew, ClockSkew)
_NOT_DONE = Row(Unreachable, Unreachable)
_DEFECT = _refused(Action.REPORT)
_RESTRICTED = _refused(Action.STOP_OPENING, "Binance restricts trading on this account")
_BUSY_MARGIN = _refused(
    Action.HALT, "cancel the open orders and close the positions of this symbol, then start again"
)
_BUSY_MODE = _refused(
    Action.HALT,
    "hedge mode is for the whole account: cancel every open order and close every position on "
    "USDT futures, then start again",
)

CODES: Mapping[int, Row] = {
    -1000: _UNKNOWN,
    -1001: _UNKNOWN,
    -1002: _KEYS,
    -1003: _THROTTLED,
    -1006: _UNKNOWN,
    -1007: _UNKNOWN,
    # documented as a definite failure, but orders were seen to exist after it; asking costs little
    OVERLOADED: Row(Throttled, UnknownOutcome),
    -1013: _DEFECT,
    TOO_MANY_ORDERS: _THROTTLED,
    -1021: _SKEW,
    -1022: _KEYS,
    -1102: _DEFECT,
    -1106: _DEFECT,
    -1111: _DEFECT,
    -1121: _DEFECT,
    -1130: _DEFECT,
    -2008: Row(NotAuthorised, NotAuthorised, None, "keys of demo trading work only there"),
    -2010: _refused(Action.RECONCILE),
    NOT_OPEN: _refused(Action.RECONCILE),
    NO_SUCH_ORDER: _refused(Action.RECONCILE),
    -2014: _KEYS,
    -2015: Row(NotAuthorised, NotAuthorised, None, "check key, IP list and futures permission"),
    -2018: _refused(Action.SHRINK),
    -2019: _refused(Action.SHRINK),
    -2021: _refused(Action.RECONCILE, "the price is past the trigger already"),
    -2022: _refused(Action.RECONCILE, "it would close more than the position"),
    -2023: _refused(Action.HALT),
    -2025: _refused(Action.SHRINK),
    -2027: _refused(Action.SHRINK),
    -2028: _refused(Action.SHRINK),
    -4003: _DEFECT,
    -4004: _DEFECT,
    -4005: _DEFECT,
    -4014: _DEFECT,
    -4015: _DEFECT,
    -4016: _refused(Action.REPRICE),
    -4023: _DEFECT,
    -4024: _refused(Action.REPRICE),
    -4028: _DEFECT,
    -4045: _refused(Action.SHRINK, "the account has as many stops as it may"),
    ALREADY_CROSS: _refused(Action.NOTHING),
    -4047: _BUSY_MARGIN,
    -4048: _BUSY_MARGIN,
    ALREADY_HEDGED: _refused(Action.NOTHING),
    -4060: _DEFECT,
    ONE_WAY_MODE: _refused(Action.HALT, "the account is not in hedge mode any more"),
    -4062: _DEFECT,
    -4067: _BUSY_MODE,
    -4068: _BUSY_MODE,
    -4087: _RESTRICTED,
    -4088: _RESTRICTED,
    -4111: _DEFECT,
    DUPLICATE_ID: _refused(Action.ASK, "an order of this client id is open"),
    -4120: _DEFECT,
    -4131: _refused(Action.REPRICE, "the book is too thin for a market order"),
    -4164: _DEFECT,
    -4192: _RESTRICTED,
    -4400: _RESTRICTED,
    -4401: _RESTRICTED,
    -4531: _refused(Action.HALT, "COIN-M positions or orders block hedge mode"),
    -5021: _refused(Action.REPRICE),
    POST_ONLY_REFUSED: _refused(Action.REPRICE, "a post-only order would have taken"),
    -5028: _SKEW,
}
"""By code, whatever the HTTP status."""

STATUSES: Mapping[int, Row] = {
    400: _NOT_DONE,
    401: _KEYS,
    403: _NOT_DONE,
    404: _NOT_DONE,
    408: _UNKNOWN,
    418: _THROTTLED,
    429: _THROTTLED,
    451: Row(NotAuthorised, NotAuthorised, None, "Binance does not serve this region"),
}
"""By HTTP status, where the answer holds no code of the table; any 5xx is an unknown outcome."""

SERVICE_UNAVAILABLE = "Service Unavailable."
"""The one body of an HTTP 503 that means: certainly not executed."""


def says_no_such_order(refusal: Refused) -> bool:
    """Whether a question for an order was refused because there is no such order.

    Endpoints differ in the code: -2011 and -1102 have other meanings too, so their text must say
    it. What is not certain is no answer: an order that is taken for missing is sent again.
    """
    if refusal.code in (NOT_OPEN, _BAD_PARAMETER):
        return _NO_SUCH_ORDER.search(refusal.reason) is not None
    return refusal.code == NO_SUCH_ORDER


def failure_in(answer: Answer, *, write: bool, now_ms: int) -> Failure:
    """The failure that an answer means.

    Args:
        write: the request would have changed something (an order, a cancel, a setting).
        now_ms: ms UTC by the exchange's clock, to turn Retry-After into a moment.
    """
    code, text = _code_and_text(answer.body)
    row = _row(answer.status, code, text)
    kind = row.write if write else row.read
    words = "; ".join(part for part in (text or f"HTTP {answer.status}", row.advice) if part)
    if kind is Throttled:
        banned = answer.status == 418 or _BANNED_UNTIL.search(text) is not None
        until_ms = now_ms + round(_wait_s(answer, code, text, now_ms) * 1000)
        action = Action.HALT if banned else row.action
        return Throttled(words, until_ms=until_ms, banned=banned, code=code, action=action)
    return kind(words, code=code, action=row.action)


def _row(status: int, code: int | None, text: str) -> Row:
    if status in (418, 429):
        return _THROTTLED
    if status == 503 and text == SERVICE_UNAVAILABLE:
        return _NOT_DONE
    if code is not None and code in CODES:
        return CODES[code]
    if status >= 500:
        return _UNKNOWN
    if code is not None:
        return _DEFECT
    return STATUSES.get(status, _UNKNOWN)


def _code_and_text(body: str) -> tuple[int | None, str]:
    """Code and message of Binance's own answers; of any other the text without markup."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if isinstance(parsed, dict) and "code" in parsed:
        try:
            return int(parsed["code"]), _one_line(str(parsed.get("msg", "")))
        except (TypeError, ValueError, OverflowError):
            pass
    if isinstance(parsed, dict) and isinstance(parsed.get("msg"), str):
        return None, _one_line(parsed["msg"])
    return None, _one_line(re.sub(r"<[^>]*>", " ", body))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT]


def _wait_s(answer: Answer, code: int | None, text: str, now_ms: int) -> float:
    until = _BANNED_UNTIL.search(text)
    if until:
        return max(0.0, (int(until[1]) - now_ms) / 1000)
    try:
        asked = float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        asked = math.nan
    if math.isfinite(asked):
        return max(0.0, asked)
    if answer.status == 418:
        return _SHORTEST_BAN_S
    return _USUAL_WAIT_S.get(code, _WINDOW_S)


def failure_without_answer(
    error: Exception, host: str, timeout_s: float, *, write: bool
) -> Failure:
    """The failure that a client's exception means when no answer came from `host`.

    Here alone the exception's class counts: a client that lacks a key raises before it sends.
    """
    import ccxt

    if isinstance(error, ccxt.AuthenticationError):
        return NotAuthorised("this request needs an API key and its secret")
    if isinstance(error, ccxt.RequestTimeout):
        words = f"{host}: no answer within {timeout_s:g} s"
    else:
        words = f"{host}: the connection failed ({_innermost(error)})"
    return UnknownOutcome(words) if write else Unreachable(words)


def _innermost(error: BaseException) -> str:
    """The cause of a broken connection; ccxt's own text holds the signed address: not shown."""
    cause = error.__cause__
    if cause is None:
        return type(error).__name__
    system = re.search(r"\[(?:Errno -?\d+\] )?([^)('\"\[\]]+)", str(cause))
    return system[1].strip() if system else _one_line(str(cause)) or type(cause).__name__
