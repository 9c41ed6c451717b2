"""Moments of a bot in words, from which it can be seen by whose clock they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.figures import clock, day

if TYPE_CHECKING:
    from tui.bot.view import BotView

_MINUTES = 5


def moment(view: BotView, time_ms: int) -> str:
    """`12:40:58Z`. The clock of a paper exchange runs at its own speed and may be years from ours,
    so that its moments are named and have their day: `market 01-31 12:40:58Z`."""
    if view.mode != "paper":
        return f"{clock(time_ms)}Z"
    return f"market {day(time_ms)[5:]} {clock(time_ms)}Z"


def began(view: BotView, time_ms: int) -> str:
    """To the minute, with its day where that is not the bot's: `03:12Z`, `11-22 03:12Z`, `market
    11-22 03:12Z`."""
    minute = f"{clock(time_ms)[:_MINUTES]}Z"
    if view.mode == "paper":
        return f"market {day(time_ms)[5:]} {minute}"
    return minute if day(time_ms) == day(view.now_ms) else f"{day(time_ms)[5:]} {minute}"
