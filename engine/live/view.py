"""What a bot shows of itself: events as plain mappings, and a snapshot for whoever joins late."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engine.events import (
    AccountSeen,
    Alarm,
    BarClosed,
    CompilingKernel,
    GridLaid,
    HealthRead,
    LiveEvent,
    Noted,
    OrderAnswered,
    OrderSent,
    Quoted,
    TradeBooked,
)
from engine.live.run import Run
from engine.live.standing import account_of

_TRADES, _EQUITY, _REQUESTS, _ALARMS, _OVER = 200, 3_000, 300, 100, 20

_KINDS: Mapping[type, str] = {
    OrderSent: "order sent",
    OrderAnswered: "order answered",
    BarClosed: "bar",
    GridLaid: "grid",
    TradeBooked: "trade",
    Alarm: "alarm",
    Noted: "note",
    HealthRead: "health",
    Quoted: "quote",
    AccountSeen: "account",
    CompilingKernel: "compiling",
}
_LOSSLESS = frozenset({"trade", "alarm", "note", "order sent", "order answered", "bar"})


def kind_of(event: LiveEvent) -> tuple[str, bool]:
    """The event's name for clients, and whether none of it may be lost."""
    kind = _KINDS[type(event)]
    return kind, kind in _LOSSLESS


def payload_of(event: LiveEvent) -> dict[str, Any]:
    """The event as a mapping fit for JSON."""
    if isinstance(event, TradeBooked):
        return event.row
    return event.account if isinstance(event, AccountSeen) else asdict(event)


class View:
    """Remembers the last of everything, in bounded memory.

    Args:
        about: what is said of the bot: symbol, mode, timeframe, parameters; it may change.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.about = dict(about)
        self._trades: deque[dict[str, Any]] = deque(maxlen=_TRADES)
        self._bars: deque[dict[str, Any]] = deque(maxlen=_EQUITY)
        self._requests: deque[dict[str, Any]] = deque(maxlen=_REQUESTS)
        self._alarms: dict[str, dict[str, Any]] = {}
        self._over: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, int] = {}
        self._latest: dict[str, dict[str, Any]] = {}

    def recall(
        self, trades: Iterable[Mapping[str, Any]], bars: Iterable[Sequence[float | None]]
    ) -> None:
        """Know of a run that goes on what it had told before; for a view that knows nothing yet.

        Args:
            trades: rows of its trade log.
            bars: rows of `engine.live.store.EQUITY_COLUMNS`; of each only these are known, neither
                its number nor the open result of each side.
        """
        for row in trades:
            self._trades.append({name: value for name, value in row.items() if name != "n"})
        for time_ms, equity, wallet, regime, close, decided, _paused in bars:
            bar = {"time_ms": time_ms, "close": close, "equity": equity, "wallet": wallet}
            self._bars.append({**bar, "regime": int(regime or 0), "decided": bool(decided)})

    def take(self, event: LiveEvent) -> None:
        """Remember an event."""
        payload = payload_of(event)
        if isinstance(event, AccountSeen):
            return  # a snapshot looks for itself
        if isinstance(event, TradeBooked):
            self._trades.append(payload)
        elif isinstance(event, BarClosed):
            self._bars.append(payload)
        elif isinstance(event, OrderSent | OrderAnswered):
            self._requests.append({"kind": kind_of(event)[0], **payload})
        elif isinstance(event, Alarm):
            self._take_alarm(event, payload)
        else:
            self._latest[kind_of(event)[0]] = payload

    def _take_alarm(self, alarm: Alarm, payload: dict[str, Any]) -> None:
        """What is over is kept with the time and the words with which it began: who was not there
        is to learn of it."""
        known = self._alarms.pop(alarm.key, None)
        seen_ms = self._seen.pop(alarm.key, None)
        if not alarm.over:
            self._over.pop(alarm.key, None)
            self._alarms[alarm.key] = payload
        elif known is not None and known["time_ms"] != seen_ms:
            self._over[alarm.key] = {**known, "over": True}
        for alarms, most in ((self._alarms, _ALARMS), (self._over, _OVER)):
            while len(alarms) > most:
                del alarms[next(iter(alarms))]

    def acknowledge(self, key: str, time_ms: int) -> None:
        """An operator has seen an alarm: nobody who comes later is told of it once it is over."""
        over = self._over.get(key)
        if over is not None and over["time_ms"] == time_ms:
            del self._over[key]
        if key in self._alarms:
            self._seen[key] = time_ms

    def snapshot(self, run: Run | None) -> dict[str, Any]:
        """Everything that a screen needs to draw itself; fit for JSON."""
        return {
            "about": self.about,
            "account": None if run is None else account_of(run),
            "trades": list(self._trades),
            "bars": list(self._bars),
            "requests": list(self._requests),
            "alarms": sorted(
                [*self._over.values(), *self._alarms.values()], key=lambda told: told["time_ms"]
            ),
            "quote": self._latest.get("quote"),
            "health": self._latest.get("health"),
            "grid": self._latest.get("grid"),
        }
