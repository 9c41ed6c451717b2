"""Everything that is known of one order, trade or request."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from textual.content import Content

from engine.live.aftermath import aftermath
from engine.wording import amount
from exchange.client_ids import ClientId
from exchange.meanings import meaning
from tui.bot.audit import Audit, Request, purpose
from tui.figures import away, price, stamp, tone

if TYPE_CHECKING:
    from tui.bot.view import BotView

_LABEL = 14
_MOST_REQUESTS = 20


def details(view: BotView, audit: Audit, row: Any) -> tuple[str, Content, str]:
    """(title, text, the row as JSON) of a row of `tui.widgets.order_tables`."""
    if isinstance(row, Request):
        return f"{row.verb} {row.about}", _of_request(view, audit, row), json.dumps(asdict(row))
    if "label" in row:
        return row["label"], _of_trade(view, audit, row), json.dumps(row)
    return purpose(row["id"]), _of_order(view, audit, row), json.dumps(row)


def _of_order(view: BotView, audit: Audit, order: dict[str, Any]) -> Content:
    lines = [
        _line("side", order["side"]),
        _line("for", purpose(order["id"])),
        _line("quantity", order["qty"]),
        _line("status", order["status"]),
    ]
    if order["price"]:
        level = float(order["price"])
        now = view.quote.get("price")
        lines[2:2] = [
            _line("price", f"{price(level, view.price_digits)}  {away(level, now)} from the market")
        ]
        lines.insert(4, _line("worth", f"{amount(level * float(order['qty']))} USDT"))
    return _page([*lines, _line("client id", order["id"])], view, audit.about(order["id"]))


def _of_trade(view: BotView, audit: Audit, trade: dict[str, Any]) -> Content:
    digits = view.price_digits
    lines = [
        _line("time", f"{trade['datetime'].replace('T', ' ')} UTC"),
        _line("price", price(trade["price"], digits)),
        _line("quantity", price(trade["qty"], view.qty_digits)),
        _line("worth", f"{amount(trade['price'] * trade['qty'])} USDT"),
    ]
    if trade["entry_price"] is not None:
        multiple = "not known" if trade["r"] is None else f"{trade['r']:+.2f}"
        pnl = trade["pnl"]
        lines += [
            _line("entered at", price(trade["entry_price"], digits)),
            _line("held", f"{trade['hold_hours']:.2f} h"),
            _line("pnl", f"{amount(pnl, signed=True)} USDT, net of the closing fee", tone(pnl)),
            _line("R", multiple),
        ]
    lines += [
        _line("fee", f"{trade['fee']:,.6f} USDT"),
        _line("funding", f"{trade['funding']:+,.6f} USDT"),
        _line("regime", trade["regime"].lower().replace("_", " ")),
        _line("bar", f"{trade['bar']}, opened {stamp(trade['bar_time'])}"),
        _line("trade id", str(trade["trade_id"] or "none: nothing was traded")),
        _line("client id", trade["client_id"] or "none: no order of ours"),
    ]
    return _page(lines, view, audit.about(trade["client_id"] or ""))


def _of_request(view: BotView, audit: Audit, request: Request) -> Content:
    lines = [
        _line("sent", stamp(request.time_ms)),
        _line("asked for by", request.by or "not recorded"),
        _line("what", f"{request.verb} {request.about}"),
    ]
    if request.price:
        lines.append(_line("price", price(float(request.price), view.price_digits)))
    if request.qty:
        lines.append(_line("quantity", request.qty))
    lines.append(_line("client id", request.client_id))
    parsed = ClientId.parse(request.client_id)
    role = parsed.role if parsed else None
    for time_ms, words, code in request.answers:
        lines += [Content(), _line("answer", f"{stamp(time_ms)}  {words}")]
        if code is not None:
            lines.append(_line(f"{code}", meaning(code), "$warning"))
        done = aftermath(words, role, cancel=request.verb == "cancel")
        if done:
            lines.append(_line("then", done))
    if not request.answers:
        lines.append(_line("answer", "none yet", "$warning"))
    others = [one for one in audit.about(request.client_id) if one is not request]
    return _page(lines, view, others)


def _page(lines: list[Content], view: BotView, requests: list[Request]) -> Content:
    """Lines, and under them the requests about the same order."""
    if requests:
        lines = [*lines, Content(), Content.styled("requests about this order", "bold")]
        skipped = len(requests) - _MOST_REQUESTS
        if skipped > 0:
            lines.append(Content.styled(f"{skipped} earlier ones are in the audit", "$quiet"))
    for request in requests[-_MOST_REQUESTS:]:
        at = f" at {price(float(request.price), view.price_digits)}" if request.price else ""
        said = request.answer or "no answer yet"
        style = "$error" if request.failed else "$foreground"
        lines.append(
            Content.assemble(
                (f"{stamp(request.time_ms)}  ", "$quiet"),
                f"{request.verb} {request.qty}{at}: ",
                (said, style),
                (f"  by {request.by}" if request.by else "", "$quiet"),
            )
        )
    return Content("\n").join(lines)


def _line(label: str, value: str, style: str = "$foreground") -> Content:
    return Content.assemble((f"{label:<{_LABEL}}", "$quiet"), (value, style))
