"""Starting and resuming bots, from whichever screen: the form, what is looked at, the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

from engine.wording import BADGES
from exchange.symbol import Symbol
from state.errors import StateError
from tui.bot.begun import form_of
from tui.bot.launch import Launch, StartOrder, StartText
from tui.keys import key_of
from tui.screens.frame import FramedScreen
from tui.screens.names import LIVE
from tui.screens.question import Question

if TYPE_CHECKING:
    from tui.bot.census import KnownBot
    from tui.bot.fleet import Awaited
    from tui.bots import RunningBot
    from tui.store import Store

_WAITING_S = 0.3
_WITH_ACCOUNT = ("live", "demo")
"""Modes whose bots begin only after account, market and state were looked at and shown."""


class Starter:
    """Starts bots for a screen.

    Args:
        screen: asks, and is where the answers are said.
        folder: where the files of new bots lie.
    """

    def __init__(self, screen: FramedScreen, folder: Path) -> None:
        self._screen = screen
        self._folder = folder
        self._store: Store

    def furnish(self, store: Store) -> None:
        """Nothing can be started before."""
        self._store = store

    def ask(self, text: StartText | None = None, folder: Path | None = None) -> None:
        """Ask what a new bot is to do, and start it.

        Args:
            text: what the form holds first.
            folder: where the bot's files will lie, if not where those of new bots do.
        """
        from tui.screens.start_bot import StartDialog

        starts = self._store.fleet.starts

        def answered(order: StartOrder | None) -> None:
            if order is not None:
                starts.last = order.text or starts.last
                self._look_and_begin(order)

        dialog = StartDialog(text or starts.last, folder or self._folder)
        self._screen.app.push_screen(dialog, answered)

    def go_on(self, bot: KnownBot) -> None:
        """Resume a bot; one that was on paper begins anew."""
        if bot.mode == "paper":
            self._begin_anew(bot)
            return
        order = StartOrder.resumed(bot.symbol, bot.mode, bot.data_folder)
        if bot.mode in _WITH_ACCOUNT:
            self._look_and_begin(order)
            return
        left = "" if bot.standing is None else f", with {bot.standing.left}"
        question = f"Go on with {bot.symbol.pair} ({BADGES[bot.mode]}){left}?"
        self._screen.app.push_screen(
            Question(question, yes="Resume"), lambda yes: self._begin(order) if yes else None
        )

    def _begin_anew(self, bot: KnownBot) -> None:
        """The form as that bot was started, as far as it is known."""
        text = self._store.fleet.starts.texts.get(bot.name)
        if text is None:
            text, lacks = form_of(bot)
            fill_in = f"; fill in {lacks}" if lacks else ""
            self._screen.notify(
                f"{bot.symbol.pair} was not started in this session: the form has what its files "
                f"tell, look it over{fill_in}",
                timeout=8,
            )
        self.ask(text, bot.data_folder)

    async def watch(self, running: RunningBot) -> None:
        """Show a bot on the Live screen, if the user is still here. Below a question nothing
        changes: it is about the bot that was shown when it was asked."""
        if len(self._screen.app.screen_stack) > 1:
            self._say_that_it_runs(running)
            return
        await self._store.fleet.follow(running)
        await self._turn_to_live()

    async def _show_started(self, running: RunningBot, shown_before: object) -> None:
        """Show a bot whose start was asked for while `shown_before` was shown, unless the user has
        turned to something else since: whoever steers the bot shown must not steer this one."""
        fleet, current = self._store.fleet, self._screen.app.screen
        if fleet.replay is None and fleet.subject == running:
            await self._turn_to_live()  # it was seen to run before
            return
        stayed = current is self._screen or (
            isinstance(current, FramedScreen)
            and (current.NUMBER == LIVE or (current.OF_BOTS and fleet.watched is None))
        )
        if stayed and fleet.shown == shown_before:
            await self.watch(running)
        elif running not in fleet.announced:
            self._say_that_it_runs(running)

    def _say_that_it_runs(self, running: RunningBot) -> None:
        self._store.fleet.announced.add(running)
        name = _title(Symbol.parse(running.holder.symbol_id), running.holder.mode)
        lists, shows = key_of("screen_0"), key_of("attach")
        self._screen.app.notify(f"{name} runs: {lists} lists it, {shows} there shows it")

    async def _turn_to_live(self) -> None:
        app = self._screen.app
        if self._screen.is_shown and len(app.screen_stack) == 1:
            from tui.app import GridTui

            assert isinstance(app, GridTui)
            await app.action_screen(LIVE)

    def _look_and_begin(self, order: StartOrder) -> None:
        if order.mode not in _WITH_ACCOUNT:
            self._begin(order)
            return
        from tui.screens.preflight import PreflightDialog

        self._screen.app.push_screen(
            PreflightDialog(order), lambda yes: self._begin(order) if yes else None
        )

    def _begin(self, order: StartOrder) -> None:
        try:
            launch = self._store.fleet.starts.begin(order)
        except StateError as error:
            self._screen.notify(f"not started: {error}", severity="error", markup=False)
            return
        except OSError as error:
            reason = f"{error.filename or order.data_folder}: {error.strerror}"
            self._screen.notify(f"not started: {reason}", severity="error", markup=False)
            return
        shown = self._store.fleet.shown
        self._work(lambda: self._attend(launch, shown))

    def _work(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._screen.run_worker(work(), group="launches", exit_on_error=False)

    async def _attend(self, launch: Launch, shown_before: object) -> None:
        """Until it can be reached, which then is watched, or has ended, which is said."""
        fleet = self._store.fleet
        title = _title(launch.order.symbol, launch.order.mode)
        key = key_of("screen_0")
        with fleet.awaiting(f"{title} is starting: {key} shows how far it is.") as awaited:
            running = await self._arrived(launch, awaited)
        if running is not None:
            fleet.starts.arrived(launch)
            await self._show_started(running, shown_before)
            return
        await fleet.forget_unborn()
        words = fleet.starts.words[launch.pid] = await asyncio.to_thread(launch.last_words)
        self._screen.notify(words, title=f"{title} was not started", severity="error", markup=False)

    async def _arrived(self, launch: Launch, awaited: Awaited) -> RunningBot | None:
        """The bot; None where its process has ended instead."""
        while launch.code is None:
            awaited.said = await asyncio.to_thread(launch.last_words)
            self._store.fleet.starts.words[launch.pid] = awaited.said
            running = await asyncio.to_thread(launch.found)
            if running is not None:
                return running
            await asyncio.sleep(_WAITING_S)
        return None


def _title(symbol: Symbol, mode: str) -> str:
    return f"{symbol.pair} ({BADGES[mode]})"
