"""What a bot shows of itself: events as plain mappings, and a snapshot for whoever joins late."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.account import SIDE_NAMES
from engine.events import (
    Alarm,
    BarClosed,
    CompilingKernel,
    GridLaid,
    HealthRead,
    LiveEvent,
    OrderAnswered,
    OrderSent,
    Quoted,
    TradeBooked,
)
from engine.live.run import Run
from exchange.broker import plain
from indicators.regime import REGIME_NAMES

_TRADES, _EQUITY, _REQUESTS = 200, 3_000, 300

_KINDS: Mapping[type, str] = {
    OrderSent: "order sent",
    OrderAnswered: "order answered",
    BarClosed: "bar",
    GridLaid: "grid",
    TradeBooked: "trade",
    Alarm: "alarm",
    HealthRead: "health",
    Quoted: "quote",
    CompilingKernel: "compiling",
}
_LOSSLESS = frozenset({"trade", "alarm", "order sent", "order answered", "bar"})


def kind_of(event: LiveEvent) -> tuple[str, bool]:
    """The event's name for clients, and whether none of it may be lost."""
    kind = _KINDS[type(event)]
    return kind, kind in _LOSSLESS


def payload_of(event: LiveEvent) -> dict[str, Any]:
    """The event as a mapping fit for JSON."""
    return event.row if isinstance(event, TradeBooked) else asdict(event)


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

    def take(self, event: LiveEvent) -> None:
        """Remember an event."""
        payload = payload_of(event)
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


def account_of(run: Run) -> dict[str, Any]:
    """Wallet, lots, stops and resting orders of a run, as its kernel and its memory have them."""
    state = run.kernel.state[0]
    sides = {}
    for number, name in enumerate(SIDE_NAMES):
        side = state["sides"][number]
        stop = float(side["stop_price"])
        sides[name] = {
            "qty": float(side["qty"]),
            "entry": float(side["avg_entry"]),
            "stop": stop if stop == stop else None,
            "anchor": float(side["anchor"]),
            "not_ours": plain(run.memory.not_ours[number]),
            "lots": [
                {
                    name: lot[name].item()
                    for name in ("price", "qty", "time", "fee", "funding", "level")
                }
                for lot in side["lots"][: side["lot_count"]]
            ],
        }
    return {
        "bar": run.memory.bar,
        "opened_ms": run.memory.opened_ms,
        "bar_end_ms": run.bar_end_ms,
        "wallet": float(state["wallet"]),
        "equity": float(state["equity"]),
        "peak_equity": run.memory.peak_equity,
        "fees": float(state["fees"]),
        "funding": float(state["funding"]),
        "halted": bool(state["halted"]),
        "regime": REGIME_NAMES[run.kernel.regime],
        "paused": list(run.memory.paused),
        "sides": sides,
        "orders": [
            {
                "id": str(sent.client_id),
                "side": sent.client_id.side,
                "role": sent.purpose.role,
                "price": None if sent.price is None else plain(sent.price),
                "qty": plain(sent.left),
                "status": sent.status,
            }
            for sent in run.memory.alive
        ],
    }
