"""A bot that nobody watches has crashed: said on whatever screen is shown, until it runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.wording import BADGES
from exchange.symbol import Symbol
from tui.keys import key_of
from tui.operator_app import OperatorApp
from tui.widgets.bot_lines import left_by_a_crash

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.bot.fleet import Crash


def tell_crash(screen: Screen[Any], crash: Crash) -> None:
    """With the bell; the words stay until they were acknowledged, or the bot runs again."""
    assert isinstance(screen.app, OperatorApp)
    mode, symbol = crash.bot.holder.mode, Symbol.parse(crash.bot.holder.symbol_id)
    again = f"{key_of('screen_0')} lists it, {key_of('go_on')} there"
    screen.app.attention.ring()
    screen.app.say_of(
        crash.bot.name,
        left_by_a_crash(mode, crash.left, again),
        title=f"{symbol.pair} ({BADGES.get(mode, mode)}) has crashed",
    )
