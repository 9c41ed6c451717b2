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

_TRADES, _EQUITY, _REQUESTS, _ALARMS = 200, 3_000, 300, 100

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
            if event.over:
                self._alarms.pop(event.key, None)
            else:
                self._alarms[event.key] = payload
                while len(self._alarms) > _ALARMS:
                    del self._alarms[next(iter(self._alarms))]
        else:
            self._latest[kind_of(event)[0]] = payload

    def snapshot(self, run: Run | None) -> dict[str, Any]:
        """Everything that a screen needs to draw itself; fit for JSON."""
        return {
            "about": self.about,
            "account": None if run is None else account_of(run),
            "trades": list(self._trades),
            "bars": list(self._bars),
            "requests": list(self._requests),
            "alarms": list(self._alarms.values()),
            "quote": self._latest.get("quote"),
            "health": self._latest.get("health"),
            "grid": self._latest.get("grid"),
        }
