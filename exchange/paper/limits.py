"""Binance's rate limits: request weight by the minute, orders by ten seconds and by the minute.

The clock's minutes count. Who goes on over the limit is banned: 418, for two minutes, then longer
each time, up to three days.
"""

from dataclasses import dataclass

from exchange.paper.errors import RefusalError, refusal
from exchange.timeframe import DAY_MS, MINUTE_MS

_TEN_SECONDS_MS = 10_000
_PATIENCE = 5
_FIRST_BAN_MS = 2 * MINUTE_MS
_LONGEST_BAN_MS = 3 * DAY_MS


@dataclass(frozen=True, slots=True)
class Quota:
    """What is allowed; the defaults are Binance's."""

    weight: int = 2400
    orders_10s: int = 300
    orders_1m: int = 1200

    def __post_init__(self) -> None:
        if min(self.weight, self.orders_10s, self.orders_1m) < 1:
            raise ValueError("every limit must be at least 1")


class Limits:
    """Counts what has been used; `headers` says so with every answer."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.banned_until_ms = 0
        self._weight = _Window(MINUTE_MS)
        self._orders_10s = _Window(_TEN_SECONDS_MS)
        self._orders_1m = _Window(MINUTE_MS)
        self._over = 0
        self._next_ban_ms = _FIRST_BAN_MS

    def count(self, weight: int, orders: int, now_ms: int) -> None:
        """Book a request.

        Raises:
            RefusalError: 418 while banned, 429 over a limit, -1015 for too many orders; each with
                the seconds after which a retry makes sense.
        """
        if now_ms < self.banned_until_ms:
            raise self._banned(now_ms)
        if self._weight.add(weight, now_ms) > self.quota.weight:
            self._over += 1
            if self._over > _PATIENCE:
                self.banned_until_ms = now_ms + self._next_ban_ms
                self._next_ban_ms = min(self._next_ban_ms * 2, _LONGEST_BAN_MS)
                self._over = 0
                raise self._banned(now_ms)
            error = refusal(-1003, self.quota.weight)
            error.retry_after = self._weight.seconds_left(now_ms)
            raise error
        self._over = 0
        if not orders:
            return
        for window, limit, name in (
            (self._orders_10s, self.quota.orders_10s, "TEN_SECONDS"),
            (self._orders_1m, self.quota.orders_1m, "MINUTE"),
        ):
            if window.used(now_ms) + orders > limit:
                error = refusal(-1015, limit, name)
                error.retry_after = window.seconds_left(now_ms)
                raise error
        self._orders_10s.add(orders, now_ms)
        self._orders_1m.add(orders, now_ms)

    def headers(self, now_ms: int, *, orders: bool) -> dict[str, str]:
        """X-MBX-USED-WEIGHT-1M, and in answers to orders X-MBX-ORDER-COUNT-10S and -1M."""
        told = {"X-MBX-USED-WEIGHT-1M": str(self._weight.used(now_ms))}
        if orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self._orders_10s.used(now_ms))
            told["X-MBX-ORDER-COUNT-1M"] = str(self._orders_1m.used(now_ms))
        return told

    def _banned(self, now_ms: int) -> RefusalError:
        text = (
            f"Way too many requests; IP banned until {self.banned_until_ms}. Please use the "
            "websocket for live updates to avoid bans."
        )
        return RefusalError(-1003, 418, text, -(-(self.banned_until_ms - now_ms) // 1000))


class _Window:
    """How much was used in the present window of a fixed length."""

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self._number = -1
        self._used = 0

    def add(self, amount: int, now_ms: int) -> int:
        self._used = self.used(now_ms) + amount
        return self._used

    def used(self, now_ms: int) -> int:
        number = now_ms // self.length_ms
        if number != self._number:
            self._number, self._used = number, 0
        return self._used

    def seconds_left(self, now_ms: int) -> int:
        return -(-(self.length_ms - now_ms % self.length_ms) // 1000)
