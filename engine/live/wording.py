"""What a live run tells, as the lines that its console, its log and its watchers show.

    [2024-01-15 14:30:00] SELL_CLOSE_LONG | BTC/USDT
      Price: $43,250.00 | Qty: 0.023 | PnL: +$12.45 (+0.57%)
      Hold: 2.5h | R: +1.23 | Regime: NOISE

Times are the exchange's, UTC.
"""

import logging
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.wording import BADGES
from exchange.client_ids import ClientId
from exchange.timeframe import timeframe_ms
from indicators.regime import REGIME_NAMES

SIMULATED = "SIMULATED"

_LATE_MS, _HEALTH_MS = 60_000, 2_000
"""What happened so long ago, beyond what passes between two health readings, was learned late."""

_LOUD = frozenset({"STOP_LONG", "STOP_SHORT", "LIQUIDATION", "CIRCUIT_BREAKER_HALT"})
"""Trades that an operator must not overlook."""

_CENTS = 2
_FIGURES = 6
_LEVELS = {"ok": logging.INFO, "warning": logging.WARNING, "bad": logging.ERROR}


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was told: its level as in `logging`, and one or more lines."""

    level: int
    text: str


class LiveText:
    """Puts a run's events into words; remembers which health readings were not well, and the time.

    Args:
        about: of the run, as in its snapshot; what changes in it later is seen.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._about = about
        self._states: dict[str, str] = {}
        self._orders: object = None
        self._now_ms = 0

    def say(self, kind: str, payload: Mapping[str, Any]) -> list[Said]:
        """What is to be said of an event (`engine.live.view`); nothing of most quotes."""
        if kind not in ("trade", "bar", "grid"):  # these have the time of what happened
            self._now_ms = max(self._now_ms, int(payload.get("time_ms", 0)))
        match kind:
            case "trade":
                level = logging.WARNING if payload["label"] in _LOUD else logging.INFO
                return [Said(level, self._trade(payload))]
            case "bar":
                return [Said(logging.INFO, self._equity(payload))]
            case "alarm":
                return [self._alarm(payload)]
            case "note":
                level = logging.WARNING if payload["warning"] else logging.INFO
                return [Said(level, f"{stamp(payload['time_ms'])} NOTE | {payload['text']}")]
            case "health":
                return self._health(payload)
            case "grid":
                return [self._grid(payload)]
            case "order sent":
                return [Said(logging.DEBUG, _order_sent(payload))]
            case "order answered":
                return [Said(logging.DEBUG, _order_answered(payload))]
            case "compiling":
                words = "compiling for the first time on this machine, about 25 s"
                return [Said(logging.INFO, words)]
            case _:
                return []

    def badge(self) -> str:
        """`LIVE`, `PAPER SIMULATED`, ..: what the money is."""
        mode = BADGES.get(str(self._about.get("mode")), "?")
        return f"{mode} {SIMULATED}" if self._about.get("simulated") else mode

    def _trade(self, row: Mapping[str, Any]) -> str:
        figures = [f"Price: {price_text(row['price'])}", f"Qty: {_plain(row['qty'])}"]
        late = self._late(row["timestamp"])
        lines = [f"{stamp(row['timestamp'])} {row['label']} | {self._about['symbol']}{late}"]
        regime = f"Regime: {row['regime']}"
        entry = row.get("entry_price")
        if entry is None:
            return "\n".join([*lines, f"  {' | '.join([*figures, regime])}"])
        share = row["pnl"] / (entry * row["qty"]) if row["qty"] else 0.0
        figures.append(f"PnL: {signed_dollars(row['pnl'])} ({signed_share(share)})")
        multiple = "n/a" if row["r"] is None else f"{row['r']:+.2f}"
        held = [f"Hold: {row['hold_hours']:.1f}h", f"R: {multiple}", regime]
        return "\n".join([*lines, f"  {' | '.join(figures)}", f"  {' | '.join(held)}"])

    def _equity(self, bar: Mapping[str, Any]) -> str:
        closed_ms = bar["time_ms"] + timeframe_ms(self._about["timeframe"])
        long, short = bar["unrealised"]
        text = (
            f"{stamp(closed_ms)} EQUITY | {_dollars(bar['equity'])} | "
            f"Wallet: {_dollars(bar['wallet'])}{self._late(closed_ms)}\n"
            f"  UPnL_L: {signed_dollars(long)} | UPnL_S: {signed_dollars(short)} | "
            f"Regime: {REGIME_NAMES[bar['regime']]}"
        )
        if not bar.get("decided", True):
            opened = datetime.fromtimestamp(bar["time_ms"] / 1000, UTC)
            text += f"\n  Bar {opened:%H:%M} was not decided: the orders of the bar before stayed"
        return text

    def _late(self, happened_ms: int) -> str:
        """When it was learned, where that was not at once."""
        usual_ms = _LATE_MS + _HEALTH_MS * float(self._about.get("speed", 1.0))
        if self._now_ms - happened_ms < usual_ms:
            return ""
        return f" | learned {stamp(self._now_ms)[1:-1]}"

    def _alarm(self, alarm: Mapping[str, Any]) -> Said:
        if alarm["over"]:
            return Said(logging.INFO, f"{stamp(alarm['time_ms'])} OVER | {alarm['key']}")
        # a stop may be hit while nobody is there: its alarm has the time at which it was
        late = self._late(alarm["time_ms"])
        return Said(logging.WARNING, f"{stamp(alarm['time_ms'])} ALARM | {alarm['text']}{late}")

    def _grid(self, grid: Mapping[str, Any]) -> Said:
        """What should rest; worth a line at INFO where it is not what was wanted before."""
        roles = Counter(role.split()[-1] for role, _, _ in grid["orders"])
        words = ", ".join(f"{count} {role}" for role, count in roles.items()) or "no orders"
        halted = " | HALTED" if grid["halted"] else ""
        # a stop moves with every bar: that alone is not worth a line
        orders = [list(order) for order in grid["orders"] if order[0] != "stop"]
        level = logging.DEBUG if orders == self._orders else logging.INFO
        self._orders = orders
        return Said(level, f"{stamp(grid['time_ms'])} GRID | {words}{halted}")

    def _health(self, read: Mapping[str, Any]) -> list[Said]:
        """A reading is worth a line when its state changes."""
        said = []
        for reading in read["readings"]:
            name, state = reading["name"], reading["state"]
            if state != self._states.get(name, "ok"):
                words = f"{name} {state}: {reading['value']} (limit {reading['limit']})"
                said.append(Said(_LEVELS[state], f"{stamp(read['time_ms'])} HEALTH | {words}"))
            self._states[name] = state
        return said


def stamp(time_ms: float) -> str:
    """`[2024-01-15 14:30:00]`, UTC."""
    return f"[{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}]"


def price_text(price: float) -> str:
    """`$43,250.00`; of cheap coins six figures, `$0.0912345`."""
    digits = _CENTS
    if price > 0:
        digits = max(_CENTS, _FIGURES - 1 - math.floor(math.log10(price)))
    whole, _, part = f"{price:,.{digits}f}".partition(".")
    return f"${whole}.{part.rstrip('0'):0<{_CENTS}}"


def signed_dollars(value: float) -> str:
    """`+$12.45`, `-$3.00`."""
    cents = round(value, _CENTS) + 0.0
    return f"{'-' if cents < 0 else '+'}${abs(cents):,.{_CENTS}f}"


def signed_share(share: float) -> str:
    """`+0.57%`; never `-0.00%`."""
    return f"{round(share, _CENTS + 2) + 0.0:+.2%}"


def _dollars(value: float) -> str:
    return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"


def _plain(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _order_sent(sent: Mapping[str, Any]) -> str:
    at = f" at {sent['price']}" if sent["price"] else ""
    order = ClientId.parse(sent["client_id"])
    what = f"{order.side} {order.role}" if order else "order"
    # what older versions recorded has nobody
    by = f" | by {sent['by']}" if sent.get("by") else ""
    return (
        f"{stamp(sent['time_ms'])} SENT | {sent['verb']} {what} {sent['qty']}{at} "
        f"({sent['client_id']}){by}"
    )


def _order_answered(answer: Mapping[str, Any]) -> str:
    code = "" if answer["code"] is None else f" ({answer['code']})"
    words = f"{answer['client_id']}: {answer['answer']}{code}"
    return f"{stamp(answer['time_ms'])} ANSWER | {words}"
