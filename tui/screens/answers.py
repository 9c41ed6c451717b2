"""What a bot answers to what it was told, said on the screen whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from tui.bot.telling import Told

_PROMPTLY_S = 1.0


def say_answer(
    screen: Screen[Any],
    command: str,
    tell: Callable[[], Coroutine[None, None, Told]],
    then: Callable[[], object] = lambda: None,
) -> None:
    """Tell a bot, wait for its answer beside everything else, and say it; who leaves does not wait.

    Args:
        command: what the bot is told, for whoever reads it.
        tell: tells it.
        then: is called afterwards.
    """

    async def say() -> None:
        waiting = asyncio.create_task(tell())
        try:
            done, _ = await asyncio.wait([waiting], timeout=_PROMPTLY_S)
            if not done:
                words = f"{command}: under way, the exchange has to confirm it"
                screen.notify(words, timeout=3, markup=False)
            told = await waiting
        finally:
            waiting.cancel()
        severity: SeverityLevel = "information" if told.done else "error"
        if told.noted:
            severity = "warning"
        screen.notify(told.words, severity=severity, markup=False)
        then()

    screen.run_worker(say(), group="commands", exit_on_error=False)
