"""What the status line of a bot says: the last of everything, and the time to the next candle."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.live.wording import LiveText, price_text, signed_dollars
from engine.wording import plural
from indicators.regime import REGIME_NAMES
from tui.bots import word_to_close

_WORST = ("bad", "warning", "ok")
_SEPARATOR = " | "
_OLD_S = 20.0
"""A price is asked for every ten seconds."""


class LiveStatus:
    """Learns from a snapshot and from events.

    Args:
        about: of the run.
        text: has its badge.

    Attributes:
        silent_since: when the bot was heard last, UTC, where that is too long ago; None else.
    """

    def __init__(self, about: Mapping[str, Any], text: LiveText) -> None:
        self._about = about
        self._text = text
        self._quote: Mapping[str, Any] = {}
        self._health: Mapping[str, Any] = {}
        self._account: Mapping[str, Any] = {}
        self._heard_at = 0.0
        self.silent_since: datetime | None = None

    @property
    def symbol(self) -> str:
        return str(self._about["symbol"])

    @property
    def word_to_close(self) -> str:
        """What is to be typed before everything is closed."""
        return word_to_close(self.symbol, str(self._about["mode"]))

    @property
    def paused(self) -> bool:
        """Whether entries wait at the operator's word."""
        return "operator" in self._quote.get("paused", ())

    def begin(self, snapshot: Mapping[str, Any]) -> None:
        """Take what a snapshot knows."""
        for kind in ("quote", "health", "account"):
            if snapshot.get(kind):
                self.take(kind, snapshot[kind])

    def take(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        if kind == "quote":
            self._quote, self._heard_at = payload, time.monotonic()
        elif kind == "health":
            self._health = payload
        elif kind == "account":
            self._account = payload

    def line(self, width: int | None = None) -> str:
        """One line; what is not known yet is left out.

        Args:
            width: of the terminal; the parts that are wanted least give way until the rest fits.
        """
        head = f"{self._text.badge()} {self.symbol}"
        quote = self._quote
        if not quote:
            return f"{head} | starting"
        # the most wanted first: what is wrong, then what it is about
        parts = [head, self._health_word()]
        if quote["paused"]:
            parts.append(f"PAUSED: {', '.join(quote['paused'])}")
        must = len(parts) + 1
        parts += [
            f"{price_text(quote['price'])}{self._age()}",
            *self._positions(),
            f"uPnL {signed_dollars(sum(quote['unrealised']))}",
            f"Eq ${quote['equity']:,.2f}",
            f"next {self._left()}",
            plural(quote["orders"], "order"),
            REGIME_NAMES[quote["regime"]],
        ]
        while width is not None and len(parts) > must and len(_SEPARATOR.join(parts)) > width:
            parts.pop()
        return _SEPARATOR.join(parts)

    def _positions(self) -> list[str]:
        """`L 0.023 S 0.02`, or `flat`; nothing before it is known."""
        if not self._account:
            return []
        sides = self._account["sides"].items()
        held = [f"{name[0].upper()} {side['qty']:g}" for name, side in sides if side["qty"]]
        return [" ".join(held) or "flat"]

    def _age(self) -> str:
        """` (45 s old)` of a price that is stale."""
        told_ms = self._quote["time_ms"] - self._quote["price_ms"]
        age_s = told_ms / 1000 / float(self._about["speed"]) + time.monotonic() - self._heard_at
        return f" ({age_s:.0f} s old)" if age_s > _OLD_S else ""

    def _left(self) -> str:
        """`mm:ss` until the candle closes, by the exchange's clock."""
        passed_ms = (time.monotonic() - self._heard_at) * 1000 * float(self._about["speed"])
        left_s = (self._quote["bar_end_ms"] - self._quote["time_ms"] - passed_ms) / 1000
        minutes, seconds = divmod(max(0, int(left_s)), 60)
        return f"{minutes:02d}:{seconds:02d}"

    def _health_word(self) -> str:
        if self.silent_since is not None:
            silent_s = (datetime.now(UTC) - self.silent_since).total_seconds()
            return f"SILENT {silent_s:.0f} s, since {self.silent_since:%H:%M:%S}Z"
        readings = self._health.get("readings", ())
        states = {reading["state"] for reading in readings}
        worst = next((state for state in _WORST if state in states), "ok")
        if worst == "ok":
            return "ok"
        names = ", ".join(reading["name"] for reading in readings if reading["state"] == worst)
        return f"{worst.upper()}: {names}"
