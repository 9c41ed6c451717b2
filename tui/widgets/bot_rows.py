"""The table of bots, and the lines about one of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from textual.content import Content

from engine.wording import BADGES, amount, plural
from tui.bot.census import KnownBot
from tui.bot.launch import Launch
from tui.bot.pulse import Pulse
from tui.figures import age
from tui.keys import key_of
from tui.widgets.columns import Cell
from tui.widgets.row_table import Field

WATCHED = "▶"
_MOST_LEFT = 4

_SIGNS = {"running": "●", "starting": "◌", "crashed": "✗", "stopped": "■", "ended": "·"}
_TONES = {
    "running": "bold $success",
    "starting": "bold $warning",
    "crashed": "bold $error",
    "stopped": "$warning",
    "ended": "$quiet",
}
_DOING = {
    "running": ("running", "bold $success"),
    "starting": ("starting", "bold $warning"),
    "paused": ("PAUSED", "bold $warning"),
    "halted": ("halted", "bold $error"),
    "stopping": ("stopping", "bold $warning"),
}
FIELDS = (
    Field(" ", 1, id, right=False),
    Field("coin", 5, id, right=False),
    Field("mode", 7, id, right=False),
    Field("state", 10, id, right=False),
    Field("since", 11, id, right=False),
    Field("equity", 11, id),
    Field("lots", 4, id),
    Field("orders", 6, id),
    Field("data folder", 12, id, right=False),
)


def row_cells(bot: KnownBot, pulse: Pulse | None = None, *, watched: bool) -> Sequence[Cell]:
    """A cell for each of FIELDS; `pulse`: of one that can be reached."""
    bot = _as_told(bot, pulse)
    standing = bot.standing
    known = standing is not None and not standing.trouble
    loud = "$foreground" if bot.condition == "running" else "$quiet"
    counts = (standing.lots, standing.orders) if standing and known else (None, None)
    return (
        _mark(pulse, watched=watched),
        (bot.symbol.coin, f"bold {loud}"),
        (BADGES[bot.mode], f"bold $mode-{bot.mode}"),
        _state(bot, pulse),
        (f"{bot.since:%m-%d %H:%M}", loud),
        (amount(standing.equity) if standing and known else "-", loud),
        *((f"{number}" if number is not None else "-", loud) for number in counts),
        (str(bot.data_folder), "$quiet"),
    )


def _mark(pulse: Pulse | None, *, watched: bool) -> Cell:
    """The alarms of one that is watched are on every screen."""
    if watched:
        return WATCHED, "bold $primary"
    alarms = 0 if pulse is None else len(pulse.alarms)
    return (f"!{alarms if alarms < 10 else '+'}" if alarms else ""), "bold $error"


def _as_told(bot: KnownBot, pulse: Pulse | None) -> KnownBot:
    """With what it has told of itself, if it answers: its state file is as old as its last bar. A
    paper exchange ends with its bot: what rested there does no longer."""
    if bot.mode == "paper" and bot.condition in ("crashed", "ended") and bot.standing is not None:
        return replace(bot, standing=replace(bot.standing, orders=0, entries=0))
    told = pulse is not None and pulse.silent_s is None
    return replace(bot, standing=pulse.standing) if told and pulse and pulse.standing else bot


def _state(bot: KnownBot, pulse: Pulse | None) -> Cell:
    if pulse is None:
        return f"{_SIGNS[bot.condition]} {bot.condition}", _TONES[bot.condition]
    if pulse.silent_s is not None:
        return f"silent {age(1000 * pulse.silent_s)}", "reverse bold $error"
    words, tone = _DOING[pulse.doing]
    return f"{_SIGNS[bot.condition]} {words}", tone


def about_lines(
    bot: KnownBot, log: Sequence[str], room: tuple[int, int], pulse: Pulse | None = None
) -> list[Content]:
    """What it is, what can be done with it, and what its log said last; `pulse`: of one that can
    be reached."""
    width, height = room
    bot = _as_told(bot, pulse)
    lines = [Content.styled(line, "$quiet") for line in _where(bot)]
    for text in _meaning(bot, pulse):
        lines += [Content(line) for line in textwrap.wrap(text, max(20, width))]
    left = max(1, height - len(lines) - 1)
    said = _without_bars(log)
    if said:
        lines += [Content(""), *(Content.styled(line, "$quiet") for line in said[-left:])]
    return lines


def left_lines(bots: Sequence[KnownBot]) -> list[Content]:
    """Bots that could go on, a line each, the gravest first."""
    lines = []
    for bot in bots[:_MOST_LEFT]:
        standing = bot.standing
        left = "nothing known"
        if standing is not None:
            lots, orders = plural(standing.lots, "lot"), plural(standing.orders, "order")
            left = standing.trouble or f"{lots}, {orders}"
        where = "" if bot.mode == "dry-run" else " at the exchange"
        goes_on = f"{key_of('go_on')} in {key_of('screen_0')} goes on"
        if len(bots) == 1:
            goes_on = f"{key_of('resume_bot')} goes on"
        name = f"{bot.symbol.coin} {BADGES[bot.mode]} {bot.condition} {bot.since:%m-%d %H:%M}"
        lines.append(Content.styled(f"\n{name}: {left}{where}; {goes_on}", _TONES[bot.condition]))
    if len(bots) > _MOST_LEFT:
        lines.append(Content(f"\nand {len(bots) - _MOST_LEFT} more"))
    return [*lines, Content("\n")] if lines else []


def _without_bars(log: Sequence[str]) -> list[str]:
    """What a log says but for the equity of each bar, in which the rest would be lost."""
    kept, of_a_bar = [], False
    for line in log:
        if not line.startswith(" "):
            of_a_bar = "] EQUITY | " in line
        if not of_a_bar:
            kept.append(line)
    return kept


def launch_lines(launch: Launch, words: str, width: int) -> list[Content]:
    """How far a bot is that was started from here."""
    order = launch.order
    title = f"{order.symbol.pair} ({BADGES[order.mode]})"
    if launch.code:
        head = Content.styled(f"{title} was not started", "bold $error")
    else:
        head = Content.styled(f"{title} is starting: {launch.seconds:.0f} s", "bold $warning")
    said = textwrap.wrap(words or "nothing said yet", max(20, width))
    return [head, *map(Content, said), Content.styled(order.typed, "$quiet"), Content("")]


def _where(bot: KnownBot) -> list[str]:
    lines = [f"data in {bot.data_folder}"]
    if bot.holder is not None:
        began = f"began {bot.holder.started}"
        lines.append(f"process {bot.holder.pid}, account {bot.holder.account}, {began}")
    return lines


def _meaning(bot: KnownBot, pulse: Pulse | None) -> list[str]:
    standing = bot.standing
    texts = [f"! {standing.trouble}"] if standing is not None and standing.trouble else []
    left = standing.left if standing is not None and not standing.trouble else "nothing known"
    if standing is not None and standing.written is not None and bot.condition == "running":
        left += f" as of {standing.written:%H:%M}Z"
    if pulse is not None and pulse.alarms:
        texts.append(f"! {plural(len(pulse.alarms), 'alarm')}, the newest: {pulse.alarms[-1]}")
    match bot.condition:
        case "running":
            shows, ends, closes = map(key_of, ("attach", "end_chosen", "flatten_chosen"))
            can = f"{shows} shows it, {ends} stops it, {closes} closes all of it"
            texts += _silence(bot, pulse)
            texts.append(f"{_runs(pulse)}, with {left}. {can}.")
        case "starting":
            texts.append("It is starting: it cannot be reached yet.")
        case "crashed":
            heard = f" It was last heard of {_moment(bot.wrote)}." if bot.wrote else ""
            without = "giving its lock back or cancelling its entries"
            if bot.holder is None and not (standing is not None and standing.entries):
                without = "having been stopped"
            texts.append(f"It ended without {without}.{heard}")
    if bot.condition in ("crashed", "stopped", "ended"):
        key = key_of("go_on")
        if bot.mode == "live":
            texts.append(
                f"Its state has {left}: {key} looks at the account and asks before it goes on "
                "with it."
            )
        elif bot.mode == "paper":
            texts.append(f"A paper exchange ends with its bot: {key} starts a new one like it.")
        elif bot.condition == "crashed" or (standing is not None and standing.orders):
            texts.append(f"Its state has {left} at the exchange: {key} goes on with it.")
        else:
            texts.append(f"Its state has {left}: {key} goes on with it.")
    return texts


def _runs(pulse: Pulse | None) -> str:
    if pulse is None or pulse.doing == "running" or pulse.silent_s is not None:
        return "It runs"
    match pulse.doing:
        case "paused":
            return f"It runs PAUSED, without new entries ({pulse.why})"
        case "halted":
            return "It is halted by the circuit breaker, without new entries"
        case "stopping":
            return "It is stopping"
        case _:
            return "It is starting"


def _silence(bot: KnownBot, pulse: Pulse | None) -> list[str]:
    if pulse is None or pulse.silent_s is None or pulse.silent_since is None:
        return []
    wrote = f"; its files were written last {_moment(bot.wrote)}" if bot.wrote else ""
    return [
        f"! It has not answered since {_moment(pulse.silent_since)}{wrote}. Its process is there, "
        "but held or hanging: nothing of it follows the market."
    ]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
