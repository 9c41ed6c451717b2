"""The three tables of the Orders screen: what rests, what was traded, what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.wording import amount
from tui.bot.audit import Audit, Request
from tui.bot.view import BotView
from tui.figures import age, away, price, stamp, tone
from tui.widgets.columns import Cell
from tui.widgets.row_table import Field

VIEWS = ("resting", "trades", "audit")
"""In the order of the key that goes from one to the next."""

_LONGEST = 40
_ASKED = {"operator": "bold $foreground", "shutdown": "bold $foreground", "guard": "$warning"}
_ANSWERS = {"filled": "bold $foreground", "open": "$success", "cancelled": "$quiet"}


@dataclass(frozen=True, slots=True)
class Table:
    """What a table needs to know of its rows.

    `kinds`: the events after which it has other rows; `text`: what a word is looked for in.
    """

    title: str
    fields: Sequence[Field]
    cells: Callable[[Any], Sequence[Cell]]
    name: Callable[[Any], Hashable]
    rows: Callable[[], Sequence[Any]]
    text: Callable[[Any], str]
    kinds: tuple[str, ...]
    empty: str

    def matching(self, rows: Sequence[Any], word: str) -> Sequence[Any]:
        """Those whose text has a word; of `!word` those that have it not."""
        wanted, hide = word.lstrip("!").lower(), word.startswith("!")
        if not wanted:
            return rows
        return [row for row in rows if (wanted in self.text(row).lower()) != hide]

    def ordered(self, rows: Sequence[Any], title: str, falling: bool) -> Sequence[Any]:
        """By a column; rows without a value there come last."""
        by = next(field.by for field in self.fields if field.title == title)
        known = [row for row in rows if by(row) not in (None, "")]
        rest = [row for row in rows if by(row) in (None, "")]
        return [*sorted(known, key=by, reverse=falling), *rest]


def tables(view: BotView, audit: Audit) -> dict[str, Table]:
    """The tables of a bot, by their names in `VIEWS`."""
    return {"resting": _resting(view), "trades": _trades(view), "audit": _audit(view, audit)}


def _resting(view: BotView) -> Table:
    fields = (
        Field("price", 9, lambda order: _float(order["price"])),
        Field("away", 7, lambda order: _float(order["price"])),
        Field("side", 5, lambda order: order["side"], right=False),
        Field("for", 16, lambda order: order["role"], right=False),
        Field("qty", 7, lambda order: float(order["qty"])),
        Field("status", 7, lambda order: order["status"], right=False),
        # whole on a narrow terminal, too: ids differ at their ends
        Field("id", 20, lambda order: order["id"], right=False),
        Field("worth", 9, lambda order: _worth(order)),
    )

    def cells(order: dict[str, Any]) -> list[Cell]:
        level = _float(order["price"])
        now = view.quote.get("price")
        written = "market" if level is None else price(level, view.price_digits)
        worth, status = _worth(order), order["status"]
        if view.link == "ended" and status == "resting":
            status = "rested"
        return [
            (written, "bold $foreground"),
            ("" if level is None else away(level, now), "$quiet"),
            (order["side"], _SIDES.get(order["side"], "")),
            (_for(order), ""),
            (price(float(order["qty"]), view.qty_digits), ""),
            (status, "" if order["status"] == "resting" else "bold $warning"),
            (order["id"], "$quiet"),
            ("" if worth is None else amount(worth), "$quiet"),
        ]

    return Table(
        "resting orders",
        fields,
        cells,
        lambda order: order["id"],
        lambda: view.resting,
        lambda order: " ".join(map(str, order.values())),
        ("account", "quote"),
        "no order rests at the exchange",
    )


def _trades(view: BotView) -> Table:
    fields = (
        Field("time", 14, lambda trade: trade["timestamp"], right=False),
        Field("label", 17, lambda trade: trade["label"], right=False),
        Field("price", 9, lambda trade: trade["price"]),
        Field("qty", 6, lambda trade: trade["qty"]),
        Field("pnl", 8, lambda trade: trade["pnl"] if _closing(trade) else None),
        Field("R", 6, lambda trade: trade["r"]),
        Field("held", 6, lambda trade: trade["hold_hours"]),
        Field("fee", 6, lambda trade: trade["fee"]),
        Field("funding", 7, lambda trade: trade["funding"]),
        Field("entry", 9, lambda trade: trade["entry_price"]),
        Field("regime", 8, lambda trade: trade["regime"], right=False),
        Field("id", 20, lambda trade: trade["client_id"], right=False),
    )

    def cells(trade: dict[str, Any]) -> list[Cell]:
        pnl = trade["pnl"] if _closing(trade) else None
        multiple, held, entry = trade["r"], trade["hold_hours"], trade["entry_price"]
        return [
            (stamp(trade["timestamp"]), "$quiet"),
            (trade["label"], ""),
            (price(trade["price"], view.price_digits), ""),
            (price(trade["qty"], view.qty_digits) if trade["qty"] else "", ""),
            ("" if pnl is None else amount(pnl, signed=True), tone(pnl)),
            ("" if multiple is None else f"{multiple:+.2f}", "$quiet"),
            ("" if held is None else f"{held:.1f}h", "$quiet"),
            (amount(trade["fee"]), "$quiet"),
            (f"{trade['funding']:+,.3f}" if trade["funding"] else "", "$quiet"),
            ("" if entry is None else price(entry, view.price_digits), "$quiet"),
            (trade["regime"].lower().replace("_", " "), "$quiet"),
            (trade["client_id"] or "", "$quiet"),
        ]

    return Table(
        "trades",
        fields,
        cells,
        lambda trade: (trade["timestamp"], trade["trade_id"], trade["label"], trade["price"]),
        lambda: list(reversed(view.trades)),
        lambda trade: f"{trade['label']} {trade['side']} {trade['regime']} {trade['client_id']}",
        ("trade",),
        "nothing was traded yet",
    )


def _audit(view: BotView, audit: Audit) -> Table:
    fields = (
        Field("time", 14, lambda request: request.time_ms, right=False),
        Field("what", 6, lambda request: request.verb, right=False),
        Field("order", 16, lambda request: request.about, right=False),
        Field("by", 8, lambda request: request.who, right=False),
        # before all that the answer is about: on a narrow terminal the rest is out of sight
        Field("answer", 9, lambda request: request.answer, right=False),
        Field("price", 9, lambda request: _float(request.price)),
        Field("qty", 6, lambda request: _float(request.qty)),
        Field("code", 5, lambda request: request.code),
        Field("took", 6, lambda request: request.took_ms),
        Field("id", 20, lambda request: request.client_id, right=False),
    )

    speed = float(view.about.get("speed", 1.0))  # of the clock that both moments were told by

    def cells(request: Request) -> list[Cell]:
        level, took, code = _float(request.price), request.took_ms, request.code
        said = _shortly(request.answer)
        return [
            (stamp(request.time_ms), "$quiet"),
            (request.verb, ""),
            (request.about, ""),
            (request.who or "-", _ASKED.get(request.who, "$quiet")),
            (said or "...", "bold $error" if request.failed else _ANSWERS.get(said, "$quiet")),
            ("" if level is None else price(level, view.price_digits), ""),
            (price(float(request.qty), view.qty_digits) if request.qty else "", ""),
            ("" if code is None else str(code), "bold $error"),
            ("" if took is None else _took(round(took / speed)), "$quiet"),
            (request.client_id, "$quiet"),
        ]

    return Table(
        "requests sent",
        fields,
        cells,
        lambda request: (request.time_ms, request.client_id, request.verb),
        lambda: list(reversed(audit.requests)),
        lambda request: (
            f"{request.verb} {request.about} {request.by} {request.client_id} {request.code or ''} "
            + " ".join(words for _, words, _ in request.answers)
        ),
        ("order sent", "order answered"),
        "no request was sent yet",
    )


_SIDES = {"long": "$trend-up", "short": "$trend-down"}


def _for(order: dict[str, Any]) -> str:
    """`entry 2`, `stop`."""
    return f"entry {order['level']}" if order["role"] == "entry" else str(order["role"])


def _closing(trade: dict[str, Any]) -> bool:
    return trade["entry_price"] is not None or bool(trade["pnl"])


def _worth(order: dict[str, Any]) -> float | None:
    level = _float(order["price"])
    return None if level is None else level * float(order["qty"])


def _float(text: str | None) -> float | None:
    return float(text) if text else None


def _shortly(answer: str) -> str:
    """A failure's reason without what it is called and what is done; details have all of it."""
    reason = answer.partition("; ")[0]
    reason = reason.partition(": ")[2] or reason
    return reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 1]}…"


def _took(ms: int) -> str:
    return f"{ms}ms" if -1000 < ms < 10_000 else age(ms)
