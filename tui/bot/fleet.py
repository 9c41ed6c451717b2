"""The bots that run on this machine, and the one that the screens show."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.live.folders import MODES
from tui.bot.census import Standing, standing_of
from tui.bot.data_folders import remember
from tui.bot.fate import fate_of
from tui.bot.link import BotLink
from tui.bot.others import Others
from tui.bot.starts import Starts
from tui.bot.telling import Told
from tui.bot.view import BotView
from tui.bots import RunningBot, bots

if TYPE_CHECKING:
    from tui.bot.replay import Replay

_DOUBTFUL_S = 10.0
"""After the answer that a pause is not confirmed yet."""


@dataclass(eq=False, slots=True)
class Awaited:
    """A bot on its way, since when, and what it has said last."""

    words: str
    since: float
    said: str = ""

    def told(self, now: float) -> str:
        """With the seconds so far, as soon as there are any."""
        seconds = int(now - self.since)
        counted = f"{self.words}  {seconds} s" if seconds else self.words
        return f"{counted}\n{self.said}" if self.said else counted


class _Shown(NamedTuple):
    """What the screens show of whom: of the last three as of `Fleet._turn_to`."""

    view: BotView
    subject: RunningBot | None
    followed: Path | None
    started: str


class Crash(NamedTuple):
    """A bot whose process has gone without a word, and what its state file says then."""

    bot: RunningBot
    left: Standing | None


class Fleet:
    """Knows who runs; follows one of them.

    Args:
        clock: monotonic seconds.

    Attributes:
        running: as they were when `look` was called last.
        watched: what the bot that is followed tells; None where none is.
        subject: whose bot that is, whether it still runs or not; None where none is.
        starts: bots on their way.
        replay: what plays a record, which is shown in a bot's place; None if nothing does.
        crashes: of bots that nobody watched, until the list of bots is looked at.
        others: what those that are not shown say.
        folders: data folders of bots that ran at some time while this was looked at.
        announced: of whom it was said that they run.
        waiting: who would be followed, where nobody is and it was not to be.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._link: BotLink | None = None
        self._followed: Path | None = None
        self._started = ""
        self._before: tuple[Path, str] | None = None  # what was followed when a replay began
        self._ended: _Shown | None = None  # likewise
        self._earlier: _Shown | None = None  # what was shown before the one that is followed
        self._awaited: list[Awaited] = []
        self._left: set[str] = set()
        self._unconfirmed: tuple[BotView | None, float] = (None, 0.0)
        self._ran: list[RunningBot] = []  # when it was looked last
        self._untold: list[Crash] = []
        self.announced: set[RunningBot] = set()
        self.waiting: RunningBot | None = None
        self.crashes: list[Crash] = []
        self.others = Others(clock)
        self.folders: set[Path] = set()
        self.running: list[RunningBot] = []
        self.watched: BotView | None = None
        self.subject: RunningBot | None = None
        self.starts = Starts()
        self.replay: Replay | None = None

    async def look(self, *, attach: bool = True) -> None:
        """See who runs; follow the one whose money matters most where nobody is followed, if
        `attach`, else let it wait. Another run of the one that is shown is followed either way."""
        self.running = await asyncio.to_thread(bots)
        await self._remember_folders()
        self.running.sort(key=lambda bot: [*MODES, bot.holder.mode].index(bot.holder.mode))
        await self._look_for_crashes()
        self.waiting = None
        await self.forget_unborn()
        if self.replay is not None:
            return
        ended = self.watched is not None and self.watched.link == "ended"
        before, self._before = self._before, None
        if self.watched is None and before is not None:
            for bot in self.running:
                if (bot.socket, bot.holder.started) == before:
                    await self.follow(bot)
                    return
        for bot in self.running:
            again = bot.socket == self._followed and bot.holder.started != self._started
            new = bot.holder.started not in self._left
            if (self.watched is None and new) or (ended and again):
                if attach or ended:
                    await self.follow(bot)
                else:
                    self.waiting = bot
                return

    async def _remember_folders(self) -> None:
        """Where those that run keep their files, which is to be known once they have ended."""
        folders = {Path(bot.holder.data_folder) for bot in self.running}
        if not folders <= self.folders:
            self.folders |= folders
            await asyncio.to_thread(remember, folders)

    async def _look_for_crashes(self) -> None:
        """Of those that ran before; the one that is watched says it itself."""
        gone = [bot for bot in self._ran if bot not in self.running]
        found = await asyncio.to_thread(_crashed, gone) if gone else []
        watched = None if self.watched is None else self.subject
        new = [crash for crash in found if crash.bot in self._ran and crash.bot != watched]
        self._ran = list(self.running)
        self.crashes += new
        self._untold += new

    def untold_crashes(self) -> list[Crash]:
        """Those that were not asked for before."""
        untold, self._untold = self._untold, []
        return untold

    def listen(self, *, ask: bool = True) -> list[str]:
        """Hear those that are not shown; a sentence for each that calls anew."""
        return self.others.listen(self.running, self._shown_bot, ask=ask)

    @property
    def _shown_bot(self) -> RunningBot | None:
        """Whose bot is on the screens; None while a record is."""
        return None if self.watched is None or self.replay is not None else self.subject

    async def follow(self, bot: RunningBot) -> None:
        """Show this one from now on."""
        if self.watched is None or self.replay is not None:
            self._earlier = None
        elif not self._unborn:
            self._earlier = self._shown_now
        view = BotView(self._clock)
        view.anew = bot.socket == self._followed and bot.holder.started != self._started
        link = BotLink(bot.socket, view, self._clock, holder=bot.holder)
        shown_before = self._turn_to(link, view, (bot.socket, bot.holder.started))
        self.subject = bot
        link.start()
        await _close(shown_before)

    async def play(self, replay: Replay) -> None:
        """Show a record from now on, as if its bot were running."""
        followed = self._followed
        before = self._before if followed is None else (followed, self._started)
        if self.replay is None:
            self._ended = None
            if self.watched is not None and self.watched.link == "ended":
                self._ended = self._shown_now
        shown_before = self._turn_to(None, None, None)
        self.replay, self._before = replay, before
        replay.start(self._show)
        await _close(shown_before)

    async def end_replay(self) -> None:
        """Show the bots that run again: the one that was watched, if it goes on; else its end."""
        before = self._before
        over = self._turn_to(None, None, None)
        self._before = before
        await _close(over)
        await self.look()
        ended, self._ended = self._ended, None
        if self.watched is None and ended is not None:
            self._show_again(ended)

    async def forget_unborn(self) -> None:
        """Show again what was shown before a bot that has ended without ever being reached: it
        refused itself, so that there is nothing to see of it. Reads files."""
        subject = self.subject
        if subject is None or not self._unborn:
            return
        fate = await asyncio.to_thread(fate_of, subject.holder)
        if fate != "unknown" or self.subject is not subject or not self._unborn:
            return
        earlier, self._earlier = self._earlier, None
        await _close(self._turn_to(None, None, None))
        if earlier is None or self.watched is not None:
            return
        if earlier.view.link == "ended":
            self._show_again(earlier)
        elif earlier.subject in self.running:
            await self.follow(earlier.subject)

    @property
    def shown(self) -> object:
        """Equal as long as the same run of a bot, record, or nothing is shown."""
        return self.subject, self.replay

    @property
    def followed(self) -> RunningBot | None:
        """Who is watched, if it runs on."""
        return next((bot for bot in self.running if bot.socket == self._followed), None)

    async def leave(self) -> None:
        """Show none; the bot goes on. Of those that run now none is followed by itself again."""
        self._left |= {self._started, *(bot.holder.started for bot in self.running)}
        await _close(self._turn_to(None, None, None))

    async def command(self, name: str, to: BotView | None) -> Told:
        """Tell a bot something, if it is still the one that is shown: while a question is open,
        another may have taken its place."""
        if self._link is None:
            return Told(False, f"{name}: no bot is shown")
        if self.watched is not to:
            return Told(False, f"{name}: not sent, another bot is shown by now")
        if name != "pause":
            return await self._link.command(name)
        self._unconfirmed = (to, math.inf)
        told = await self._link.command(name)
        self._unconfirmed = (None if told.done else to, self._clock() + _DOUBTFUL_S)
        return told

    def pause_unconfirmed(self, view: BotView) -> bool:
        """Whether a pause of this bot was asked for a moment ago and is not known to hold."""
        paused, until = self._unconfirmed
        return paused is view and self._clock() < until

    async def close(self) -> None:
        """Hang up; every bot goes on."""
        await _close(self._turn_to(None, self.watched, None))

    @property
    def awaited(self) -> str:
        """What is said of bots that will be, once they have started; else ""."""
        if self.replay is not None:
            return self.replay.trouble or ("" if self.watched else "The record is being read.")
        return "\n".join(dict.fromkeys(each.told(self._clock()) for each in self._awaited))

    @contextmanager
    def awaiting(self, words: str) -> Iterator[Awaited]:
        """A bot is on its way, which is said where none is shown."""
        one = Awaited(words, self._clock())
        self._awaited.append(one)
        try:
            yield one
        finally:
            self._awaited.remove(one)

    def _show(self, view: BotView) -> None:
        self.watched = view

    @property
    def _unborn(self) -> bool:
        """Whether the bot that is followed has told nothing yet."""
        return self.replay is None and self.watched is not None and not self.watched.about

    @property
    def _shown_now(self) -> _Shown:
        assert self.watched is not None
        return _Shown(self.watched, self.subject, self._followed, self._started)

    def _show_again(self, shown: _Shown) -> None:
        self.watched, self.subject, self._followed, self._started = shown

    def _turn_to(
        self, link: BotLink | None, view: BotView | None, bot: tuple[Path, str] | None
    ) -> list[BotLink | Replay]:
        """Put this in the place of what is shown, with no turn of the loop in between, so that two
        at once leave nothing behind; returns what has to be closed."""
        over = [each for each in (self.replay, self._link) if each is not None]
        self.replay, self._before, self.subject = None, None, None
        self._link, self.watched = link, view
        self._followed, self._started = bot or (None, "")
        return over


async def _close(each: list[BotLink | Replay]) -> None:
    for one in each:
        await one.close()


def _crashed(gone: list[RunningBot]) -> list[Crash]:
    """Those of which nobody has made an end. Reads files."""
    left = [bot for bot in gone if fate_of(bot.holder) == "crashed"]
    return [Crash(bot, standing_of(bot.holder)) for bot in left]
