"""One side of a bot's account in lines: lots, stop, liquidation, take-profits, entries."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from engine.wording import amount
from tui.bot.view import BotView
from tui.figures import age, away, price, tone
from tui.keys import key_of
from tui.widgets.columns import Cell, Column, flow, in_columns, wrapped
from tui.widgets.lot_fill import held_ms

FAR = 10
"""A liquidation at more than so many times the price is none that anybody waits for."""

_LOTS = (
    Column("lot"),
    Column("qty"),
    Column("entry"),
    Column("pnl"),
    Column("", worth=4),
    Column("age", worth=2),
    Column("funding", worth=3),
    Column("fee", worth=5),
)


def side_title(view: BotView, name: str) -> Content:
    """`LONG 0.046 @ 64,703.1  +5.02`."""
    side = _side(view, name)
    word = name.upper()
    if side is None:
        return Content(word)
    if not side["qty"]:
        return Content.assemble((word, "bold"), (" flat", "$quiet"))
    held = f" {price(side['qty'], view.qty_digits)} @ {price(side['entry'], view.price_digits)}"
    parts: list[str | Cell] = [(f"{word}{held}", "bold")]
    if view.quote:
        result = view.quote["unrealised"][name == "short"]
        parts.append((f"  {amount(result, signed=True)}", f"bold {tone(result)}"))
    return Content.assemble(*parts)


def side_lines(view: BotView, name: str, width: int) -> list[Content]:
    """All there is to say of a side; "" where nothing is known yet."""
    side = _side(view, name)
    if side is None:
        return [Content()]
    lines: list[Content] = []
    if side["lots"]:
        rows = [_lot(view, name, number, lot) for number, lot in enumerate(side["lots"], 1)]
        lines += in_columns(_LOTS, rows, width)
        lines += _guards(view, name, side, width)
        if not view.exchange_ended:
            lines += _take_profits(view, name, side, width)
    if view.exchange_ended:
        lines.append(Content.styled("nothing rests: its exchange has ended", "$quiet"))
    else:
        lines.append(_entries(view, name))
    if float(side["not_ours"]):
        words = f"{side['not_ours']} more at the exchange is not ours and is left alone"
        lines.append(Content.styled(words, "$warning"))
    return lines


def stop_rests(view: BotView, name: str) -> str:
    """`on exchange`, `NOT on exchange`, or how much of the position its stop is for."""
    side = view.account["sides"][name]
    resting = [
        float(order["qty"])
        for order in view.account["orders"]
        if (order["side"], order["role"], order["status"]) == (name, "stop", "resting")
    ]
    covered = max(resting, default=0.0)
    if covered >= side["qty"] - float(view.account["step"]) / 2:
        return "on exchange"
    if not covered:
        return "NOT on exchange"
    return f"only {price(covered, view.qty_digits)} on exchange"


def _side(view: BotView, name: str) -> dict[str, Any] | None:
    side: dict[str, Any] | None = view.account.get("sides", {}).get(name)
    return side


def _lot(view: BotView, name: str, number: int, lot: dict[str, Any]) -> list[Cell]:
    digits = view.price_digits
    now = view.quote.get("price")
    sign = 1 if name == "long" else -1
    result = None if now is None else sign * (now - lot["price"]) * lot["qty"]
    share = None if now is None else sign * (now / lot["price"] - 1)
    return [
        (str(number), "$quiet"),
        (price(lot["qty"], view.qty_digits), ""),
        (price(lot["price"], digits), ""),
        (amount(result, signed=True), tone(result)),
        ("" if share is None else f"{share:+.2%}", tone(share)),
        (age(held_ms(view, name, lot)), "$quiet"),
        (f"{lot['funding']:+,.3f}", "$quiet"),
        (amount(lot["fee"]), "$quiet"),
    ]


def _guards(view: BotView, name: str, side: dict[str, Any], width: int) -> list[Content]:
    """Stop and liquidation, in one line where there is room."""
    digits, now = view.price_digits, view.quote.get("price")
    if side["stop"] is None:
        stop = Content.styled("no stop", "bold $error")
    else:
        stop = Content.assemble(
            ("stop ", "$quiet"),
            price(side["stop"], digits),
            (f" {away(side['stop'], now)} ", "$quiet"),
            _rests(view, name),
        )
    if view.exchange_ended:
        return [stop]
    below, above = view.account["liquidation"]
    at = below if name == "long" else above
    if at is None:
        words = "none"
    elif now and at > FAR * now:
        words = f"beyond {FAR} times the price"
    else:
        words = f"{price(at, digits)} {away(at, now)}"
    liquidation = Content.assemble(("liq ", "$quiet"), words)
    both = flow([(0, stop), (0, liquidation)], width)
    return [both] if both.cell_length <= width else [stop, liquidation]


def _rests(view: BotView, name: str) -> Cell:
    """Whether its stop does; of a bot that has ended, whether it did."""
    if view.exchange_ended:
        return "rests no more", "$stale"
    words = stop_rests(view, name)
    if words != "on exchange":
        return (f"was {words}" if view.link == "ended" else words), "bold $error"
    return ("was on exchange", "$stale") if view.link == "ended" else (words, "$success")


def _take_profits(view: BotView, name: str, side: dict[str, Any], width: int) -> list[Content]:
    digits = view.price_digits
    resting = {
        round(float(order["price"]), digits)
        for order in view.account["orders"]
        if order["side"] == name and "take-profit" in order["role"] and order["status"] == "resting"
    }
    wanted = sorted(
        (lot[f"{part}_price"], lot[f"{part}_qty"])
        for lot in side["lots"]
        for part in ("near", "far")
        if lot[f"{part}_qty"] > 0
    )
    if name == "short":
        wanted.reverse()
    parts = []
    for at, qty in wanted:
        there = round(at, digits) in resting
        parts.append(
            Content.assemble(
                price(at, digits),
                (f" x{price(qty, view.qty_digits)}", "$quiet"),
                ("" if there else " not there", "bold $warning"),
            )
        )
    ended = view.link == "ended"
    if not parts:
        words = "no take-profits were laid" if ended else "take-profits are laid at the next candle"
        return [Content.styled(words, "$quiet")]
    lead = "take-profits then" if ended else "take-profits"
    return wrapped(Content.styled(lead, "$quiet"), parts, width)


def _entries(view: BotView, name: str) -> Content:
    digits, now = view.price_digits, view.quote.get("price")
    sign = 1 if name == "long" else -1
    at = sorted(
        (
            float(order["price"])
            for order in view.account["orders"]
            if (order["side"], order["role"], order["status"]) == (name, "entry", "resting")
        ),
        key=lambda level: -sign * level,
    )
    ended = view.link == "ended"
    if not at:
        why = "" if ended else f"  ({key_of('screen_2')} says why)"
        return Content.styled(f"no entry rests{why}", "$quiet")
    words = "1 entry at " if len(at) == 1 else f"{len(at)} entries, the nearest "
    if ended:
        words = "1 entry then, at " if len(at) == 1 else f"{len(at)} entries then, from "
    return Content.assemble(
        (words, "$quiet"),
        price(at[0], digits),
        (f" {away(at[0], now)}", "$quiet"),
    )
