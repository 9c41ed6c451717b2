"""The bot that is watched, in one line: mode, price, regime, equity, open result and risk, link."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from engine.wording import BADGES, amount
from tui.activity import Activity
from tui.bot.link import MOST_ATTEMPTS
from tui.bot.moments import began
from tui.bot.view import BotView, alarm_name
from tui.figures import age, percent, price, tone
from tui.keys import key_of

_TREND = {
    "UPTREND": "$trend-up",
    "DOWNTREND": "$trend-down",
    "BREAKOUT_UP": "$breakout-up",
    "BREAKOUT_DOWN": "$breakout-down",
}
_SHORT = {
    "UPTREND": "UP",
    "DOWNTREND": "DOWN",
    "BREAKOUT_UP": "BRK UP",
    "BREAKOUT_DOWN": "BRK DN",
}
_GAP = "  "
_OF_DAY = ("%H:%M:%SZ", "%H:%MZ")
_MOMENTS = tuple(f"%m-%d {form}" for form in _OF_DAY)
_SIMULATED = (
    Content.styled("SIMULATED", "bold $simulated"),
    Content.styled("SIM", "bold $simulated"),
)
_NOTHING = Content()
_GIVES_WAY = (
    *("busy", "change", "old", "equity", "simulated", "used", "coin", "link", "busy", "open"),
    *("mode", "clock", "equity", "regime", "risk", "open", "link", "busy", "equity"),
)
"""What takes its next shorter form where there is too little room, in this order."""

_GREATEST_WITH_CENTS = 10.0
_LONG_STALE_S = 60.0
_CALL = " ! "


def bot_line(
    view: BotView, now: datetime, width: int, activities: Sequence[Activity] = ()
) -> Content:
    """As much as `width` cells have room for; mode, [RO], SIM, coin, price, regime, NO STOP, PAUSED
    and the state of the connection stay. `activities`: what else is under way, in words as long as
    they fit."""
    parts = {"busy": _busy(activities), "clock": _clock(view, now)} | _parts(view)
    for name in ("", *_GIVES_WAY):
        if name in parts:
            parts[name] = parts[name][1:] or parts[name]
        forms = [each[0] for part, each in parts.items() if part not in ("busy", "clock")]
        line = Content(_GAP).join(form for form in forms if form.plain)
        busy, clock = parts["busy"][0], parts["clock"][0]
        left = max(0, width - clock.cell_length - 2 - busy.cell_length)
        if line.cell_length <= left:
            break
    return Content.assemble(line.truncate(left, ellipsis=True, pad=True), " ", clock, " ", busy)


def _clock(view: BotView, now: datetime) -> Sequence[Content]:
    """The time of day, of a record the moment that is shown; with its seconds or without."""
    moment = now if view.replay is None else view.replay.moment
    forms = _OF_DAY if view.replay is None else _MOMENTS
    return [Content.styled(moment.strftime(form), "$quiet") for form in forms]


def _busy(activities: Sequence[Activity]) -> Sequence[Content]:
    """` 34% BTC: bar 12,000 of 35,040 `, ` backtest 34% `, ` 34% `, nothing."""
    quiet = "$quiet"
    long = [(f" {each.share:.0%} ", (f"{each.words} ", quiet)) for each in activities]
    named = [((f" {each.noun} ", quiet), f"{each.share:.0%} ") for each in activities]
    bare = [f" {each.share:.0%} " for each in activities]
    return (
        Content.assemble(*(part for parts in long for part in parts)),
        Content.assemble(*(part for parts in named for part in parts)),
        Content.assemble(*bare),
        _NOTHING,
    )


def badge(view: BotView) -> Sequence[Content]:
    """` PAPER `: what the money is; ` REPLAY LIVE x60 paused `: what it was, then ` REPLAY LIVE
    paused `."""
    words = [BADGES.get(view.mode, "...")]
    if view.replay is not None:
        was = BADGES.get(view.about.get("recorded", ""), "")
        pace, _, state = view.replay.words.partition(" ")
        words = [" ".join(filter(None, (*words, was, *each, state))) for each in ((pace,), ())]
    style = f"reverse bold $mode-{view.mode or 'none'}"
    return [Content.styled(f" {each} ", style) for each in words]


def connection(view: BotView) -> Sequence[Content]:
    """`ok 38ms 0.4s`, `STALE 12s`, `LOST, try 3/10 in 8s`, `ENDED`; of a record how much of it has
    passed: `ok 34%`, where no bot ran `silent 34%`, where nothing of its health is known `34%`.
    Then, where there is one, a shorter form: `ok 0.4s`, `LOST 3/10`, `ok`. One whose process runs
    is tried for ever: `LOST 3`."""
    if view.starting:
        return [Content.styled("starting", "bold $warning")]
    if view.link == "lost":
        tries = f"{view.attempt}" + ("" if view.fate == "lives" else f"/{MOST_ATTEMPTS}")
        long, short = f"LOST, try {tries} in {view.again_in_s:.0f}s", f"LOST {tries}"
        # shortened at the second call only: open result and risk, which are old by now, go before
        return [Content.styled(each, "reverse bold $error") for each in (long, long, short)]
    if view.crashed:
        return [Content.styled(" CRASHED ", "reverse bold $error")]
    if view.link == "ended":
        return [Content.styled(" ENDED ", "reverse bold $warning")]
    if view.link == "connecting" or (not view.quote and view.replay is None):
        return [Content.styled("starting" if view.about else "connecting", "bold $warning")]
    if view.stale:
        level = "$error" if view.silence_s > _LONG_STALE_S else "$warning"
        return [Content.styled(f"STALE {view.silence_s:.0f}s", f"reverse bold {level}")]
    states = {reading["state"] for reading in view.judged}
    word, style = "ok", "$success"
    if "warning" in states:
        word, style = "WARN", "bold $warning"
    if "bad" in states:
        word, style = "BAD", "bold $error"
    if view.replay is not None:
        if not view.readings:
            return [Content.styled(f"{view.replay.share:.0%}", "$quiet")]
        if view.unread_s is not None:
            word, style = "silent", "bold $warning"
        passed = (f" {view.replay.share:.0%}", "$quiet")
        return [Content.assemble((word, style), passed), Content.styled(word, style)]
    latency, since = f" {view.quote['latency_ms']:.0f}ms", f" {view.price_age_s:.1f}s"
    return [Content.assemble((word, style), (each, "$quiet")) for each in (latency + since, since)]


def _parts(view: BotView) -> dict[str, Sequence[Content]]:
    """Each part's forms, the longest first, from left to right."""
    quote = view.quote
    parts: dict[str, Sequence[Content]] = {"mode": badge(view)}
    if view.watch_only:
        parts["watch only"] = [Content.styled("[RO]", "bold $warning")]
    if view.about.get("simulated"):
        parts["simulated"] = _SIMULATED
    if not quote:
        symbol = Content.styled(view.symbol, "bold")
        return parts | {"coin": [symbol], "link": connection(view)}
    loud = "$stale" if view.stale else "$foreground"
    open_result = sum(quote["unrealised"])
    regime = view.account.get("regime", "")
    trend = f"bold {loud if view.stale else _TREND.get(regime, loud)}"
    change = view.change_of_day
    gain = _toned("" if change is None else percent(100 * change), change or 0.0, view)
    equity = Content.styled(amount(quote["equity"]), f"bold {loud}")
    whole = equity  # in a replay the cents outlive the open result: nothing is at stake any more
    if view.replay is None:
        whole = Content.styled(f"{quote['equity']:,.0f}", f"bold {loud}")
    result = _toned(amount(open_result, signed=True), open_result, view)
    parts |= {
        "coin": [Content.styled(name, loud) for name in (view.symbol, view.coin)],
        "price": [Content.styled(price(quote["price"], view.price_digits), f"bold {loud}")],
        "change": [gain, _NOTHING],
        "regime": [Content.styled(word, trend) for word in (regime, _SHORT.get(regime, regime))],
        "equity": [Content.assemble(("equity ", "$quiet"), equity), equity, whole, _NOTHING],
        "open": [Content.assemble(("uPnL ", "$quiet"), result), result, _NOTHING],
        "used": _used(view, loud),
        "risk": _risk(view),
    }
    if quote["paused"] and view.link != "ended":
        parts["paused"] = [Content.styled("PAUSED", "reverse bold $warning")]
    if view.replay is not None:
        old = f"price {age(1000 * view.price_age_s)} old"
        parts["old"] = [Content.styled(old, "$quiet"), _NOTHING]
    return parts | {"link": connection(view)}


def _used(view: BotView, loud: str) -> Sequence[Content]:
    """`used 29/70%`: of the fuller side, and its cap."""
    share, cap = f"{view.used:.0%}", view.side_cap
    if cap is not None:
        share = f"{100 * view.used:.0f}/{cap:.0%}"
    return [Content.assemble(("used ", "$quiet"), (share, loud)), _NOTHING]


def _risk(view: BotView) -> Sequence[Content]:
    """`risk -76`: what the stops would cost; `NO STOP`, which stays, where a position has none."""
    if not any(side["qty"] for side in view.account.get("sides", {}).values()):
        return [_NOTHING]
    loss = view.open_risk
    if loss is None:
        return [Content.styled("NO STOP", "bold $error")]
    cents = abs(loss) < _GREATEST_WITH_CENTS
    words = amount(loss, signed=True) if cents else f"{loss:+,.0f}"
    return [Content.assemble(("risk ", "$quiet"), _toned(words, loss, view)), _NOTHING]


def _toned(text: str, value: float, view: BotView) -> Content:
    return Content.styled(text, "$stale" if view.stale else tone(value))


class AlarmLine(Static):
    """`! 2 alarms: positions differ ...   ! acknowledge`; a second line where the words need it,
    for amount and reason stand at their end; away while there is none."""

    def __init__(self) -> None:
        super().__init__(id="alarms")
        self._shown: object = None

    def show(self, view: BotView | None) -> None:
        """The newest alarm that was not acknowledged, and how many there are; of one that is over
        when it began."""
        alarms = view.unseen if view is not None else []
        if view is not None and alarms:
            view.shown_alarm = alarm_name(alarms[-1])
        state = ([(*alarm_name(a), a["text"], a["over"]) for a in alarms], self.size.width)
        if state == self._shown:
            return
        self._shown = state
        self.display = bool(alarms)
        if view is None or not alarms:
            return
        newest = alarms[-1]
        more = f"{len(alarms)} alarms, the newest: " if len(alarms) > 1 else ""
        over = f" {began(view, newest['time_ms'])} (over)" if newest["over"] else ""
        self.update(_alarm(f"{more}{newest['text']}", over, self.size.width))


def _alarm(text: str, over: str, width: int) -> Content:
    """In one line if there is room, else in two; `over`, which is never cut, ends them."""
    hint = f"  {key_of('acknowledge')} acknowledge "
    room = max(0, width - len(hint))
    words = " ".join(text.split())
    line = Content(f"{_CALL}{words}{over}")
    if line.cell_length <= room:
        return Content.assemble(line.truncate(room, pad=True), (hint, "bold"))
    first = next(iter(textwrap.wrap(words, max(1, room - len(_CALL)))), "")
    rest = Content(f"{' ' * len(_CALL)}{words[len(first) :].strip()}")
    rest = rest.truncate(max(0, width - 1 - len(over)), ellipsis=True)
    top = Content(f"{_CALL}{first}").truncate(room, ellipsis=True, pad=True)
    return Content.assemble(top, (hint, "bold"), "\n", rest, over)
