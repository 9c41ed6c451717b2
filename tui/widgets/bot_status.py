"""The bot that is watched, in one line: mode, price, regime, equity, open result, connection."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from engine.wording import amount
from tui.bot.link import MOST_ATTEMPTS
from tui.bot.view import BotView
from tui.figures import percent, price, tone

BADGES = {
    "live": "LIVE",
    "demo": "TESTNET",
    "paper": "PAPER",
    "dry-run": "DRY",
    "replay": "REPLAY",
}
_TREND = {
    "UPTREND": "$trend-up",
    "DOWNTREND": "$trend-down",
    "BREAKOUT_UP": "$breakout-up",
    "BREAKOUT_DOWN": "$breakout-down",
}
_GAP = "  "


def bot_line(view: BotView, now: datetime, width: int) -> Content:
    """As much as `width` cells have room for; mode, price, regime, equity and connection stay."""
    clock = now.strftime("%H:%M:%SZ")
    room = width - len(clock) - 2
    parts = _parts(view)
    for most in sorted({place for place, _ in parts}, reverse=True):
        line = Content(_GAP).join(text for _, text in parts)
        if line.cell_length <= room:
            break
        parts = [(place, text) for place, text in parts if place < most]
    else:
        line = Content(_GAP).join(text for _, text in parts)
    return Content.assemble(
        line.truncate(room, ellipsis=True, pad=True), " ", (clock, "$quiet"), " "
    )


def badge(view: BotView) -> Content:
    """` PAPER `: what the money is."""
    style = f"reverse bold $mode-{view.mode or 'none'}"
    return Content.styled(f" {BADGES.get(view.mode, '...')} ", style)


def connection(view: BotView) -> Content:
    """`ok 38ms 0.4s`, `STALE 12s`, `LOST, try 3/10 in 8s`, `ENDED`."""
    if view.link == "lost":
        words = f"LOST, try {view.attempt}/{MOST_ATTEMPTS} in {view.again_in_s:.0f}s"
        return Content.styled(words, "reverse bold $error")
    if view.link == "ended":
        return Content.styled(" ENDED ", "reverse bold $warning")
    if view.link == "connecting" or not view.quote:
        return Content.styled("starting" if view.about else "connecting", "bold $warning")
    if view.stale:
        return Content.styled(f"STALE {view.silence_s:.0f}s", "reverse bold $warning")
    states = {reading["state"] for reading in view.readings}
    word, style = "ok", "$success"
    if "warning" in states:
        word, style = "WARN", "bold $warning"
    if "bad" in states:
        word, style = "BAD", "bold $error"
    latency = f" {view.quote['latency_ms']:.0f}ms {view.price_age_s:.1f}s"
    return Content.assemble((word, style), (latency, "$quiet"))


def _parts(view: BotView) -> list[tuple[int, Content]]:
    """(how early it gives way, 0 never; text), from left to right."""
    quote = view.quote
    marked = [(0, badge(view))]
    if view.about.get("simulated"):
        marked.append((3, Content.styled("SIMULATED", "bold $simulated")))
    if not quote:
        return [*marked, (0, Content.styled(view.symbol, "bold")), (0, connection(view))]
    loud = "$stale" if view.stale else "$foreground"
    open_result = sum(quote["unrealised"])
    regime = view.account.get("regime", "")
    change = view.change_of_day
    parts = [
        *marked,
        (1, Content.styled(view.symbol, loud)),
        (0, Content.styled(price(quote["price"], view.price_digits), f"bold {loud}")),
        (6, _toned("" if change is None else percent(100 * change), change or 0.0, view)),
        (0, Content.styled(regime, f"bold {loud if view.stale else _TREND.get(regime, loud)}")),
        (4, Content.styled("equity", "$quiet")),
        (0, Content.styled(amount(quote["equity"]), f"bold {loud}")),
        (2, Content.styled("uPnL", "$quiet")),
        (2, _toned(amount(open_result, signed=True), open_result, view)),
        (5, Content.styled(f"used {view.used:.0%}", loud)),
    ]
    if quote["paused"]:
        parts.append((0, Content.styled("PAUSED", "reverse bold $warning")))
    return [part for part in [*parts, (0, connection(view))] if part[1].plain]


def _toned(text: str, value: float, view: BotView) -> Content:
    return Content.styled(text, "$stale" if view.stale else tone(value))


class AlarmLine(Static):
    """`! 2 alarms: positions differ ...   ! acknowledge`; away while there is none."""

    def __init__(self) -> None:
        super().__init__(id="alarms")
        self._shown: object = None

    def show(self, view: BotView | None) -> None:
        """The newest alarm that was not acknowledged, and how many there are."""
        alarms = view.unseen if view is not None else []
        state = ([(a["key"], a["text"], a["over"]) for a in alarms], self.size.width)
        if state == self._shown:
            return
        self._shown = state
        self.display = bool(alarms)
        if not alarms:
            return
        newest = alarms[-1]
        more = f"{len(alarms)} alarms, the newest: " if len(alarms) > 1 else ""
        over = " (over)" if newest["over"] else ""
        hint = "  ! acknowledge "
        text = Content(f" ! {more}{newest['text']}{over}")
        room = max(0, self.size.width - len(hint))
        self.update(Content.assemble(text.truncate(room, ellipsis=True, pad=True), (hint, "bold")))
