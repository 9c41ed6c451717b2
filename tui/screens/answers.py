"""What a bot answers to what it was told, said on the screen whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import time
from typing import TYPE_CHECKING, Any

from tui.figures import clock

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from tui.bot.telling import Told

_PROMPTLY_S, _AGAIN_S = 1.0, 10.0


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
        waiting, sent_ms = asyncio.create_task(tell()), round(1000 * time())
        try:
            done, _ = await asyncio.wait([waiting], timeout=_PROMPTLY_S)
            while not done:
                words = f"{command}: sent {clock(sent_ms)}Z, the bot has not answered yet"
                screen.app.notify(words, timeout=_AGAIN_S, markup=False)
                done, _ = await asyncio.wait([waiting], timeout=_AGAIN_S)
            told = await waiting
        finally:
            waiting.cancel()
        severity: SeverityLevel = "information" if told.done else "error"
        if told.noted:
            severity = "warning"
        screen.app.notify(told.words, severity=severity, markup=False)
        then()

    screen.run_worker(say(), group="commands", exit_on_error=False)
