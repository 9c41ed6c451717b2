"""Which screen the application opens with."""

from __future__ import annotations

from pathlib import Path

from engine.live.folders import state_folder
from state.lock import running_bots
from tui.screens.names import BACKTEST, BOTS, LIVE

_AT_EXCHANGE = ("live", "demo")
"""Modes whose lots and orders outlive a crash where a stop has to hold them."""


def first_screen(folder: Path) -> str:
    """The number of Bots where a bot has crashed and left something at an exchange, of Live where
    one runs: whoever comes by ssh wants to see it; else of Backtest. `folder`: of the data."""
    locks = running_bots()
    if any(not lock.held for lock in locks) or _has_states(folder):
        from tui.bot.census import Census  # 5 ms, where there is something to count

        if any(bot.mode in _AT_EXCHANGE and bot.left_by_a_crash for bot in Census().take([folder])):
            return BOTS
    return LIVE if any(lock.held for lock in locks) else BACKTEST


def _has_states(folder: Path) -> bool:
    try:
        return any(any(state_folder(folder, mode).glob("*_state.json")) for mode in _AT_EXCHANGE)
    except OSError:
        return False
