"""The bots that run on this machine, and the one that the screens show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tui.bot.link import BotLink
from tui.bot.starts import Starts
from tui.bot.view import BotView
from tui.bots import MODES, RunningBot, bots


class Fleet:
    """Knows who runs; follows one of them.

    Args:
        clock: monotonic seconds.

    Attributes:
        running: as they were when `look` was called last.
        watched: what the bot that is followed tells; None where none is.
        starts: bots on their way.
        awaited: a sentence about a bot that will be, once it has started; else "".
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._link: BotLink | None = None
        self._followed: Path | None = None
        self._started = ""
        self._left: set[str] = set()
        self.running: list[RunningBot] = []
        self.watched: BotView | None = None
        self.starts = Starts()
        self.awaited = ""

    async def look(self) -> None:
        """See who runs; follow the one whose money matters most where nobody is followed."""
        self.running = await asyncio.to_thread(bots)
        self.running.sort(key=lambda bot: [*MODES, bot.holder.mode].index(bot.holder.mode))
        ended = self.watched is not None and self.watched.link == "ended"
        for bot in self.running:
            again = bot.socket == self._followed and bot.holder.started != self._started
            new = bot.holder.started not in self._left
            if (self.watched is None and new) or (ended and again):
                await self.follow(bot)
                return

    async def follow(self, bot: RunningBot) -> None:
        """Show this one from now on."""
        await self._hang_up()
        self.watched = BotView(self._clock)
        self._followed, self._started = bot.socket, bot.holder.started
        self._link = BotLink(bot.socket, self.watched, self._clock)
        self._link.start()

    @property
    def followed(self) -> RunningBot | None:
        """Who is watched, if it runs on."""
        return next((bot for bot in self.running if bot.socket == self._followed), None)

    async def leave(self) -> None:
        """Show none; the bot goes on. Of those that run now none is followed by itself again."""
        self._left |= {self._started, *(bot.holder.started for bot in self.running)}
        await self._hang_up()
        self.watched = None

    async def command(self, name: str) -> str:
        """Tell the bot that is shown something; the answer is a sentence, whatever it is."""
        if self._link is None:
            return f"{name}: no bot is shown"
        return await self._link.command(name)

    async def close(self) -> None:
        """Hang up; every bot goes on."""
        await self._hang_up()

    async def _hang_up(self) -> None:
        if self._link is not None:
            await self._link.close()
            self._link = None
