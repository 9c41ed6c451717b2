"""How fast requests may go: slower before the limit is reached, not at all after a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from exchange.binance.errors import TOO_MANY_ORDERS
from exchange.outcomes import Throttled

_SLOW_FROM = 0.75
"""Share of a limit from which on the rest of its window is spread over the rest of the limit."""

_PAST_END_S = 0.1
"""The exchange's clock is known to some ms: what waits for a new window must not come before it."""


_IN_FLIGHT_S = 0.05
"""How often one looks whether an answer has made room."""

_USUAL_WEIGHT = 5
"""What a request is taken to weigh until its answer says what it did: more than most of ours do."""


@dataclass(slots=True)
class _Window:
    """A limit of requests (or their weight) in a window of the exchange's clock.

    `used` is what the answers say, `flying` what is on its way. What was sent before the window
    and is on its way still counts: it may arrive in this one.
    """

    header: str
    length_ms: int
    limit: int
    used: int = 0
    ends_ms: int = 0
    flying: int = 0

    def begin(self, amount: int) -> None:
        self.flying += amount

    def end(self, amount: int, now_ms: int, *, told: bool) -> None:
        """It is no longer on its way; what no answer tells of is taken to have been counted."""
        self.flying -= amount
        if not told:
            used = self.used if now_ms < self.ends_ms else 0
            self._set(used + amount, now_ms)

    def note(self, headers: Mapping[str, str], sent_ms: int, now_ms: int) -> bool:
        """Learn from an answer; says whether it tells of this limit."""
        try:
            count = int(headers[self.header])
        except (KeyError, ValueError):
            return False
        began_ms = now_ms // self.length_ms * self.length_ms
        if sent_ms < began_ms and self._is_past(count, headers, began_ms, sent_ms, now_ms):
            return True
        if now_ms < self.ends_ms:
            count = max(count, self.used)  # answers overtake one another
        self._set(count, now_ms)
        return True

    def delay_s(self, now_ms: int) -> float:
        """Seconds by which a request waits for the sake of those that follow it."""
        share = self._share(now_ms)
        if share >= 1:
            return self.full_s(now_ms)
        slowed = max(0.0, share - _SLOW_FROM) / (1 - _SLOW_FROM)
        return self._left_ms(now_ms) / 1000 * slowed

    def full_s(self, now_ms: int) -> float:
        """Seconds after which it is worth asking again whether there is room; 0 while there is."""
        if self._share(now_ms) < 1:
            return 0.0
        if now_ms < self.ends_ms and self.used >= self.limit:
            return self._left_ms(now_ms) / 1000 + _PAST_END_S
        return _IN_FLIGHT_S

    def _share(self, now_ms: int) -> float:
        used = self.used if now_ms < self.ends_ms else 0
        return (used + self.flying) / self.limit

    def _left_ms(self, now_ms: int) -> int:
        return self.length_ms - now_ms % self.length_ms

    def _set(self, used: int, now_ms: int) -> None:
        self.used = used
        self.ends_ms = now_ms // self.length_ms * self.length_ms + self.length_ms

    def _is_past(
        self, count: int, headers: Mapping[str, str], began_ms: int, sent_ms: int, now_ms: int
    ) -> bool:
        """Whether an answer to what was sent in an earlier window was given in it too.

        Its date says so, if it is of the exchange's clock; else its count: in a window that has
        just begun it is lower than it was in the one before.
        """
        try:
            given_ms = parsedate_to_datetime(headers["date"]).timestamp() * 1000
        except (KeyError, ValueError, TypeError, OverflowError):
            given_ms = -1.0
        if sent_ms - 2000 <= given_ms <= now_ms + 1000:
            return given_ms < began_ms
        return self.ends_ms == began_ms and count >= self.used


class Pace:
    """Keeps a client under Binance's limits, by what the answers' headers say.

    The limits are those of USDT futures until `set_limits` says otherwise: a weight of 2400 a
    minute per address; 300 orders in 10 s and 1200 a minute per account. New orders have no
    weight, other requests are no orders.
    """

    def __init__(self) -> None:
        self._weight = _Window("x-mbx-used-weight-1m", 60_000, 2400)
        self._orders = (
            _Window("x-mbx-order-count-10s", 10_000, 300),
            _Window("x-mbx-order-count-1m", 60_000, 1200),
        )
        self._shut: Throttled | None = None
        self._orders_shut: Throttled | None = None

    def require_open(self, now_ms: int, *, order: bool) -> None:
        """Let nothing out while the exchange has asked for silence.

        Raises:
            Throttled: it has, and the time is not over; nothing was sent.
        """
        for shut in (self._shut, self._orders_shut if order else None):
            if shut is None or now_ms >= shut.until_ms:
                continue
            raise Throttled(
                f"{shut.reason} (not sent)",
                until_ms=shut.until_ms,
                banned=shut.banned,
                code=shut.code,
                action=shut.action,
            )

    def delay_s(self, now_ms: int, *, order: bool) -> float:
        """Seconds to wait before the next request: 0 far from the limits."""
        return max(window.delay_s(now_ms) for window in self._windows(order))

    def full_s(self, now_ms: int, *, order: bool) -> float:
        """Seconds to wait while a limit is used up by what was answered and what is on its way."""
        return max(window.full_s(now_ms) for window in self._windows(order))

    def begin(self, *, order: bool) -> None:
        """A request goes out: it counts until `end`."""
        for window in self._windows(order):
            window.begin(1 if order else _USUAL_WEIGHT)

    def end(self, told: bool, now_ms: int, *, order: bool) -> None:
        """It was answered, or given up; `told`: an answer said what is used now."""
        for window in self._windows(order):
            window.end(1 if order else _USUAL_WEIGHT, now_ms, told=told or not order)

    @property
    def weight(self) -> tuple[int, int]:
        """Weight used in the minute of the last answer, and its limit."""
        return self._weight.used, self._weight.limit

    def note(self, headers: Mapping[str, str], now_ms: int, sent_ms: int | None = None) -> bool:
        """Learn from an answer's headers (names in lower case).

        Args:
            now_ms: when it came; it is booked to the window in which it was given, as far as that
                can be told.
            sent_ms: when the request went out; None: just now.

        Returns:
            Whether it tells how many orders were sent.
        """
        sent_ms = now_ms if sent_ms is None else sent_ms
        told = True
        for window in self._orders:
            told &= window.note(headers, sent_ms, now_ms)
        self._weight.note(headers, sent_ms, now_ms)
        return told

    def shut(self, throttled: Throttled) -> None:
        """Send nothing more until the time that the exchange named; after too many orders, no
        more orders."""
        if throttled.code == TOO_MANY_ORDERS:
            self._orders_shut = _later(self._orders_shut, throttled)
        else:
            self._shut = _later(self._shut, throttled)

    def quiet_s(self, now_ms: int) -> float:
        """Seconds that everything must still be silent; 0 mostly."""
        return 0.0 if self._shut is None else max(0.0, (self._shut.until_ms - now_ms) / 1000)

    def _windows(self, order: bool) -> tuple[_Window, ...]:
        return self._orders if order else (self._weight,)

    def set_limits(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the limits from `rateLimits` of exchangeInfo; rows of other kinds are left out."""
        for row in rows:
            unit = {"SECOND": 1_000, "MINUTE": 60_000}.get(str(row.get("interval")), 0)
            length_ms = unit * int(row.get("intervalNum", 0))
            limit = int(row.get("limit", 0))
            kind = row.get("rateLimitType")
            windows = {"REQUEST_WEIGHT": (self._weight,), "ORDERS": self._orders}.get(str(kind), ())
            for window in windows:
                if window.length_ms == length_ms and limit > 0:
                    window.limit = limit


def _later(one: Throttled | None, other: Throttled) -> Throttled:
    return other if one is None or other.until_ms > one.until_ms else one
