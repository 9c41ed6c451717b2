"""What a bot tells of its health, its trades and its day, in lines."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from textual.content import Content

from engine.wording import amount
from exchange.timeframe import DAY_MS, timeframe_ms
from tui.bot.moments import moment
from tui.bot.view import BotView
from tui.figures import age, clock, countdown, day, percent, price, stamp, tone
from tui.keys import key_of
from tui.widgets.columns import Cell, Column, flow, in_columns

if TYPE_CHECKING:
    from tui.bot.census import Standing

_STATES = {"ok": "$success", "warning": "bold $warning", "bad": "bold $error"}
_GRAVEST = ("bad", "warning", "ok")
_HEALTH = (
    Column("reading", right=False),
    Column("state", right=False),
    Column("value", right=False),
    Column("limit", worth=1, right=False),
)
_TRADES = (
    Column("day", worth=3, right=False),
    Column("time", right=False),
    Column("label", right=False),
    Column("price"),
    Column("qty", worth=1),
    Column("pnl"),
    Column("R", worth=2),
    Column("held", worth=4),
    Column("fee", worth=5),
    Column("funding", worth=6),
    Column("regime", worth=7, right=False),
)
_TERSE, _TERSE_LABEL = 48, 15
"""Cells under which a trade's seconds and the end of a long label give way."""

_IN_SECONDS = 100.0
"""Up to here what is old has its age in seconds alone."""

_OF_NOW_MS = 10_000
"""A reading of a record that is no older is of the moment that is shown."""

_MOST_MORE = 3
"""Further lines of a reason that is long."""

_TRADES_KEPT = 512
_TOLD = (
    *("timestamp", "label", "price", "qty", "entry_price", "pnl", "r", "hold_hours"),
    *("fee", "funding", "regime"),
)

_PAUSED = {
    "operator": "by the operator; {pause} goes on",
    "positions": "positions differ from the exchange's",
    "errors": "requests have failed in a row",
    "stopping": "the bot is stopping",
    "flattening": "everything is being closed",
}


def health_title(view: BotView) -> Content:
    """`health`, with whose time it is told in, or how old it is; of a record also when it was read,
    which is when a state changed."""
    if view.readings and view.unread_s is not None:
        ended = f" of {moment(view, view.read_ms)}"
        old = ended if view.link == "ended" else f", {_old(view)}"
        return Content.assemble("health", (old, "$warning"))
    if view.replay is None or not view.readings:
        speed = float(view.about.get("speed", 1.0))
        return Content("health" if speed == 1.0 else f"health, in the bot's time (x{speed:g})")
    return Content(f"health, read {stamp(view.read_ms)}")


def health_lines(view: BotView, room: tuple[int, int]) -> list[Content]:
    """A line a reading: value, limit, state; of one that is old how old, for it may be well no
    more. What is not well comes first where they do not all fit."""
    width, height = room
    old = view.unread_s is not None
    readings = list(view.judged)
    if len(readings) >= height:  # the heading has a line, too
        readings.sort(key=lambda reading: _GRAVEST.index(reading["state"]))
    rows = [
        [
            (reading["name"], "$quiet"),
            _was(reading["state"], view) if old else _is(reading, view),
            (reading["value"], "$stale" if old or _age_ms(reading, view) else ""),
            (reading["limit"], "$quiet"),
        ]
        for reading in readings
    ]
    if not rows:
        return [Content("" if view.replay is None else "none of it was recorded up to here")]
    return in_columns(_HEALTH, rows, width)


def _is(reading: Mapping[str, Any], view: BotView) -> Cell:
    """`ok`; of a record `ok 2d04 ago`: no state has changed since, but values have."""
    state, age_ms = reading["state"], _age_ms(reading, view)
    return f"{state} {age(age_ms)} ago" if age_ms else state, _STATES[state]


def _age_ms(reading: Mapping[str, Any], view: BotView) -> int:
    """By the clock of a replay; 0 where it is of the moment that is shown, as a bot's is."""
    if view.replay is None:
        return 0
    age_ms = view.now_ms - int(reading.get("time_ms", view.read_ms))
    return age_ms if age_ms > _OF_NOW_MS else 0


def _was(state: str, view: BotView) -> Cell:
    """`stale 42 s`, `at the end`; what was not well stays said: `was bad`."""
    if state != "ok":
        return f"was {state}", _STATES[state]
    return "at the end" if view.link == "ended" else _old(view), "$stale"


def _old(view: BotView) -> str:
    seconds = view.unread_s or 0.0
    return "stale " + (f"{seconds:.0f} s" if seconds < _IN_SECONDS else age(1000 * seconds))


def trade_lines(view: BotView, width: int, most: int) -> list[Content]:
    """The last trades, the newest first."""
    terse = width < _TERSE
    digits = view.price_digits, view.qty_digits
    newest = islice(reversed(view.trades), most)
    rows = [_trade(tuple(map(trade.get, _TOLD)), *digits, terse) for trade in newest]
    if not rows:
        return [Content.styled("no trades yet" if view.account else "", "$quiet")]
    return in_columns(_TRADES, rows, width)


def standing_lines(view: BotView, width: int) -> list[Content]:
    """What holds entries back or is still awaited, and the day so far."""
    lines = []
    for word, reason in _troubles(view):
        style = "$error" if view.crashed else "$warning"
        first, *more = textwrap.wrap(reason, max(20, width - len(word) - 3)) or [""]
        lines.append(Content.assemble((f" {word} ", f"reverse bold {style}"), (f" {first}", style)))
        indent = " " * (len(word) + 3)
        lines += [Content.styled(f"{indent}{line}", style) for line in more[:_MOST_MORE]]
    if elsewhere := _elsewhere(view):
        lines.append(Content.styled(f" {elsewhere}", "bold $warning"))
    if not view.quote or not view.account:
        return lines
    result = result_of_day(view)
    account = view.account
    orders = view.quote["orders"]
    now: list[tuple[int, Content]] = [
        (0, _fact("next candle", next_candle(view))),
        (0, _fact("resting", str(orders))),
    ]
    if view.link == "ended":
        now = [(0, _fact("as of", moment(view, view.now_ms), "$warning"))]
        if not view.exchange_ended:
            now.append((0, _fact("rested then", str(orders))))
    parts: list[tuple[int, Content]] = [
        *now,
        (0, _fact("today", percent(100 * result), tone(result))),
        (1, _fact("funding", amount(account["funding"], signed=True))),
        (2, _fact("fees", amount(account["fees"]))),
        (4, _fact("wallet", amount(view.quote["wallet"]))),
        (3, _fact("since the start", percent(100 * _since_start(view)))),
    ]
    return [*lines, flow(parts, width)]


def _elsewhere(view: BotView) -> str:
    """Where orders go, if the mode says otherwise: to an address that stands in for Binance's."""
    source = str(view.about.get("source", ""))
    if view.mode not in ("live", "demo") or "://" not in source:
        return ""
    return f"at {source.partition('://')[2].rstrip('/')} in place of Binance"


def next_candle(view: BotView) -> str:
    """In how long; unknown where nothing is heard of the bot's clock any more."""
    return "-" if view.stale else countdown(view.candle_left_s)


def result_of_day(view: BotView) -> float:
    """The equity against that at 00:00 UTC, or at the start where that was later; a fraction."""
    midnight = view.now_ms // DAY_MS * DAY_MS
    length = timeframe_ms(view.about["timeframe"])
    before = next(
        (bar["equity"] for bar in reversed(view.bars) if bar["time_ms"] + length <= midnight),
        view.account["capital"],
    )
    return float(view.quote["equity"] / before - 1) if before > 0 else 0.0


def _since_start(view: BotView) -> float:
    capital = view.account["capital"]
    return float(view.quote["equity"] / capital - 1) if capital > 0 else 0.0


def _troubles(view: BotView) -> list[tuple[str, str]]:
    if view.starting:
        return [("STARTING", "it runs, and does not listen yet")]
    if view.link == "lost":
        goes_on = "; the bot goes on by itself" if view.fate == "lives" else ""
        return [("LOST", f"{view.trouble}{goes_on}")]
    if view.crashed:
        left = left_by_a_crash(view.mode, view.left, key_of("resume_bot"))
        return [("CRASHED", f"{view.trouble}; {left}")]
    if view.link == "ended":
        return [("ENDED", view.trouble)]
    if view.replay is not None and view.awaited:
        return [("WAITS", f"{view.awaited}; the replay is at {stamp(view.now_ms)}Z")]
    if not view.account:
        newest = view.lines[-1][1].split("\n")[0] if view.lines else "its indicators warm up"
        return [("STARTING", newest)]
    troubles = []
    if view.account["halted"]:
        troubles.append(("HALTED", "circuit breaker: no new entries until the fall has ended"))
    paused = view.quote.get("paused") or view.account["paused"]
    if paused:
        reasons = "; ".join(_PAUSED.get(reason, reason) for reason in paused)
        reasons = reasons.replace("{pause}", key_of("pause"))
        troubles.append(("PAUSED", f"no new entries: {reasons}"))
    return troubles


def left_by_a_crash(mode: str, left: Standing | None, again: str) -> str:
    """What is where, by its state, and what can be done; `again`: what is pressed for that."""
    if mode == "paper":
        return f"a paper exchange ends with its bot: {again} starts one like it"
    if left is None:
        return "it has written no state"
    if left.trouble:
        return left.trouble
    where = "are in its state" if mode == "dry-run" else "stay at the exchange"
    bare = ", entries without a stop" if left.entries else ""
    return f"{left.left} {where}{bare}. {again} goes on"


def _fact(name: str, value: str, style: str = "$foreground") -> Content:
    return Content.assemble((f"{name} ", "$quiet"), (value, style))


@lru_cache(_TRADES_KEPT)
def _trade(
    told: tuple[Any, ...], price_digits: int, qty_digits: int, terse: bool
) -> tuple[Cell, ...]:
    """Cells of a trade; most have been shown before, a moment ago."""
    trade = dict(zip(_TOLD, told, strict=True))
    moment, label = clock(trade["timestamp"]), trade["label"]
    if terse:
        moment = moment[:5]
        label = label if len(label) <= _TERSE_LABEL else f"{label[: _TERSE_LABEL - 1]}…"
    closing = trade["entry_price"] is not None
    pnl = trade["pnl"] if closing else None
    multiple, held = trade["r"], trade["hold_hours"]
    return (
        (day(trade["timestamp"])[5:], "$quiet"),
        (moment, "$quiet"),
        (label, ""),
        (price(trade["price"], price_digits), ""),
        (price(trade["qty"], qty_digits) if trade["qty"] else "", ""),
        ("" if pnl is None else amount(pnl, signed=True), tone(pnl)),
        ("" if multiple is None else f"{multiple:+.2f}", "$quiet"),
        ("" if held is None else f"{held:.1f}h", "$quiet"),
        (amount(trade["fee"]), "$quiet"),
        (f"{trade['funding']:+,.3f}" if trade["funding"] else "", "$quiet"),
        (trade["regime"].lower().replace("_", " "), "$quiet"),
    )
