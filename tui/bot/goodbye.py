"""What is said on the terminal of bots that go on once the screens are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.bot.fleet import Fleet
    from tui.bots import RunningBot

_MOST_IN_FULL = 3


def who_goes_on(fleet: Fleet, without: RunningBot | None = None) -> str:
    """A sentence with all bots that run on this machine; "" where none does.

    `without`: a bot of which something else is said.
    """
    view = fleet.watched
    ended = None if view is None or view.link != "ended" else fleet.subject
    running = [bot for bot in fleet.running if bot not in (ended, without)]
    if len(running) > _MOST_IN_FULL:
        coins = ", ".join(bot.pair.partition("/")[0] for bot in running)
        return f"{len(running)} bots go on: {coins}."
    names = [f"{bot.pair} ({bot.holder.mode})" for bot in running]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"{listed} {'go' if len(names) > 1 else 'goes'} on." if names else ""
