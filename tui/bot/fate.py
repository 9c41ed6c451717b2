"""What has become of a bot that does not answer: by its lock, which the system gives back when its
process ends, however it ends, and by its state where another bot has taken the lock since."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from state.lock import running_bots
from tui.bot.census import standing_of

if TYPE_CHECKING:
    from state.lock import Holder

Fate = Literal["lives", "crashed", "unknown"]


def fate_of(holder: Holder) -> Fate:
    """`crashed`: its process has gone, and the lock still has its name or its state is not the one
    of a stop; `unknown`: neither, or another process goes on with its files. Reads files."""
    locks = running_bots()
    for lock in locks:
        if lock.holder == holder:
            return "lives" if lock.held else "crashed"
    if any(lock.holder is not None and _place(lock.holder) == _place(holder) for lock in locks):
        return "unknown"
    standing = standing_of(holder)
    if standing is None or standing.stopped is not False or standing.written is None:
        return "unknown"
    return "crashed" if standing.written >= datetime.fromisoformat(holder.started) else "unknown"


def _place(holder: Holder) -> tuple[str, str, str]:
    return holder.symbol_id, holder.mode, holder.data_folder
