"""How fast requests may go: slower before the limit is reached, not at all after a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange.binance.errors import TOO_MANY_ORDERS
from exchange.outcomes import Throttled

_SLOW_FROM = 0.75
"""Share of a limit from which on the rest of its window is spread over the rest of the limit."""


@dataclass(slots=True)
class _Window:
    """A limit of requests (or their weight) in a window of the exchange's clock."""

    header: str
    length_ms: int
    limit: int
    used: int = 0
    ends_ms: int = 0

    def note(self, headers: Mapping[str, str], now_ms: int) -> None:
        try:
            self.used = int(headers[self.header])
        except (KeyError, ValueError):
            return
        self.ends_ms = now_ms // self.length_ms * self.length_ms + self.length_ms

    def delay_s(self, now_ms: int) -> float:
        left_ms = self.ends_ms - now_ms
        share = self.used / self.limit
        if left_ms <= 0 or share < _SLOW_FROM:
            return 0.0
        return left_ms / 1000 * min(1.0, (share - _SLOW_FROM) / (1 - _SLOW_FROM))


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
        windows = self._orders if order else (self._weight,)
        return max(window.delay_s(now_ms) for window in windows)

    @property
    def weight(self) -> tuple[int, int]:
        """Weight used in the minute of the last answer, and its limit."""
        return self._weight.used, self._weight.limit

    def note(self, headers: Mapping[str, str], now_ms: int) -> None:
        """Learn from an answer's headers (names in lower case)."""
        for window in (self._weight, *self._orders):
            window.note(headers, now_ms)

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
