"""What lies at which price: the rungs of the ladder, from the highest to the lowest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.wording import amount
from tui.bot.view import BotView
from tui.figures import age, clock, price, tone
from tui.widgets.bot_lines import next_candle
from tui.widgets.lot_fill import filled_ms, held_ms
from tui.widgets.side_lines import FAR, stop_rests

MARKET = "market"
_WITHOUT_EXCHANGE = (MARKET, "lot", "average", "anchor", "filled")
"""What is left to be shown once a paper exchange has ended with its bot."""


class Rung(NamedTuple):
    """A price and what lies there.

    `kind`: entry, take-profit, lot, average, stop, liquidation, anchor, absent, filled, market;
    `detail` falls away first; `style` repeats what `text` says.
    """

    price: float
    kind: str
    text: str
    qty: float = 0.0
    detail: str = ""
    style: str = ""
    detail_style: str = "$quiet"


def rungs(view: BotView, trades: Sequence[dict[str, Any]] = ()) -> list[Rung]:
    """Everything that has a price, highest first; none before the price is known. `trades`: of the
    last seconds; what has closed a lot has no other rung any more."""
    if not view.account or not view.quote:
        return []
    now = view.quote["price"]
    found = [Rung(now, MARKET, f"market, next candle {next_candle(view)}", style="bold")]
    for number, name in enumerate(("long", "short")):
        side = view.account["sides"][name]
        if side["lots"]:
            found += _position(view, name, side, view.account["liquidation"][number])
    found += _anchors(view)
    found += _filled(view, trades)
    found += [_entry(view, order) for order in view.account["orders"] if _rests(order, "entry")]
    found += [
        Rung(level["price"], "absent", _not_placed(level), style="$quiet")
        for level in view.account["absent"]
        if level["price"] is not None
    ]
    if view.exchange_ended:
        found = [rung for rung in found if rung.kind in _WITHOUT_EXCHANGE]
    return sorted(found, key=lambda rung: -rung.price)


def sides_without(view: BotView) -> list[str]:
    """Why a whole side has no entries, or some of them have no place: no rung can say it."""
    return [
        f"{level['side']}: {level['why']}"
        for level in view.account.get("absent", ())
        if level["price"] is None
    ]


def _position(
    view: BotView, name: str, side: dict[str, Any], liquidation: float | None
) -> list[Rung]:
    digits, now = view.qty_digits, view.quote["price"]
    sign = 1 if name == "long" else -1
    found = []
    resting = {
        round(float(order["price"]), view.price_digits): order
        for order in view.account["orders"]
        if order["side"] == name and _rests(order, "take-profit")
    }
    for number, lot in enumerate(side["lots"], 1):
        result = sign * (now - lot["price"]) * lot["qty"]
        since = _filled_at(view, name, lot)
        words = f"lot {number} {name}  {since}  {amount(result, signed=True)}"
        detail = f"x{price(lot['qty'], digits)}  {age(held_ms(view, name, lot))}"
        found.append(Rung(lot["price"], "lot", words, 0.0, detail, tone(result)))
        for part in ("near", "far"):
            qty, at = lot[f"{part}_qty"], lot[f"{part}_price"]
            if qty > 0:
                order = resting.get(round(at, view.price_digits))
                gain = sign * (at - lot["price"]) * qty
                text = f"TP {name} {number}{_nudge(order, view)}"
                text += "" if order else "  not at the exchange"
                style = "$success" if order else "bold $warning"
                found.append(
                    Rung(at, "take-profit", text, qty, f"{amount(gain, signed=True)}", style)
                )
    held = f"{name} average  {amount(view.quote['unrealised'][sign < 0], signed=True)}"
    total = f"x{price(side['qty'], digits)}"
    found.append(Rung(side["entry"], "average", held, 0.0, total, "bold"))
    loss = view.loss_at_stop(name)
    if loss is not None:
        rests = stop_rests(view, name)
        text = f"stop {name}" + ("" if rests == "on exchange" else f"  {rests}")
        detail = f"{total}  {amount(loss, signed=True)}"
        style = "$warning" if rests == "on exchange" else "bold $error"
        found.append(Rung(side["stop"], "stop", text, 0.0, detail, style))
    if liquidation is not None and liquidation <= FAR * now:
        found.append(Rung(liquidation, "liquidation", f"liquidation {name}", style="bold $error"))
    return found


def _anchors(view: BotView) -> list[Rung]:
    """The centres of both grids, in one rung where they are the same."""
    long, short = (view.account["sides"][name]["anchor"] for name in ("long", "short"))
    named = {long: "of both sides"} if long == short else {long: "long", short: "short"}
    return [
        Rung(at, "anchor", f"anchor {whose}", style="$quiet")
        for at, whose in named.items()
        if at > 0
    ]


def _filled(view: BotView, trades: Sequence[dict[str, Any]]) -> list[Rung]:
    """What has closed lots, where it did; one rung for an order that has closed several."""
    closed: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for trade in trades:
        if trade["entry_price"] is not None:
            closed.setdefault((_what_filled(trade), trade["price"]), []).append(trade)
    found = []
    for (what, at), parts in closed.items():
        pnl = sum(part["pnl"] for part in parts)
        text = f"filled {what}  {amount(pnl, signed=True)}"
        entries = {price(part["entry_price"], view.price_digits) for part in parts}
        detail = f"of the lot at {entries.pop()}" if len(entries) == 1 else f"{len(entries)} lots"
        qty = sum(part["qty"] for part in parts)
        found.append(Rung(at, "filled", text, qty, detail, tone(pnl)))
    return found


def _what_filled(trade: dict[str, Any]) -> str:
    """`TP long`, `stop long`; of what closes at market its label: `prune gap long`."""
    label, side = trade["label"], trade["side"]
    if label in ("STOP_LONG", "STOP_SHORT"):
        return f"stop {side}"
    if label in ("SELL_CLOSE_LONG", "BUY_CLOSE_SHORT"):
        return f"TP {side}"
    return f"{label.lower().replace('_', ' ')} {side}"


def _entry(view: BotView, order: dict[str, Any]) -> Rung:
    at, qty = float(order["price"]), float(order["qty"])
    text = f"entry {order['side']} {order['level']}{_nudge(order, view)}"
    return Rung(at, "entry", text, qty, f"{amount(at * qty)} USDT", "$primary")


def _nudge(order: dict[str, Any] | None, view: BotView) -> str:
    magnet = order["nudged_off"] if order else None
    if magnet is None:
        return ""
    digits = 0 if magnet == int(magnet) else view.price_digits
    return f"  (nudged off {price(magnet, digits)})"


def _not_placed(level: dict[str, Any]) -> str:
    return f"{level['side']} {level['level']} not placed: {level['why']}"


def _filled_at(view: BotView, name: str, lot: dict[str, Any]) -> str:
    """When a lot was bought: of trades the second is known, of older lots the bar."""
    since = filled_ms(view, name, lot)
    return f"filled {clock(lot['time'])[:5] if since is None else clock(since)}"


def _rests(order: dict[str, Any], role: str) -> bool:
    return order["status"] == "resting" and role in order["role"]
