"""The Bots screen: every bot on this machine; watch, start, resume, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget

from engine.wording import BADGES
from exchange.symbol import Symbol
from state.control_client import ControlClient
from state.errors import StateError
from tui.bot.census import Census, KnownBot
from tui.bot.data_folders import remembered
from tui.bot.pulse import Pulse
from tui.bot.telling import SCREENS, Told, tell
from tui.bot.view import BotView
from tui.folders import data_folder, demo_folder
from tui.keys import bindings, key_of
from tui.last_lines import last_lines
from tui.screens.answers import say_answer
from tui.screens.ending import (
    close_question,
    close_question_of_files,
    named,
    stop_question,
    stop_question_of_files,
)
from tui.screens.frame import FramedScreen
from tui.screens.names import LIVE
from tui.screens.starting import Starter
from tui.widgets.bot_rows import FIELDS, about_lines, launch_lines, row_cells
from tui.widgets.line_list import LineList
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from tui.bot.record import Record
    from tui.bots import RunningBot
    from tui.store import Store
    from tui.widgets.columns import Cell

_LOOKING_S = 2.0
_SHOWING_S = 2.0
"""For a bot to say what it has, before it is asked whether that is to be closed."""

_MOST_LINES = 100


class BotsScreen(FramedScreen):
    """A table of bots, and what is known of the chosen one."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../bots.tcss"]
    NUMBER = "0"
    OF_BOTS: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("bots")
    KEYS = "bots"
    KEY_PLACES = ("app", "bots", "list", "lines")

    _store: Store

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-bots")
        self._folder = data_folder(data_dir)
        self._table = RowTable("bots", follow_first=True)
        self._about = LineList("about")
        self._census = Census()
        self._looked_at = 0.0
        self._log: tuple[object, list[str]] = (None, [])
        self._starter = Starter(self, self._folder)
        self._listed: object = None
        self._bots: list[KnownBot] | None = None
        self._missed: object = None  # the chosen one, where the last census did not find it
        self._reading: object = None  # whose log is on its way
        self._led_to: object = None  # a bot that the cursor was put on
        self._moves = 0  # of the table, when it was looked at last
        self._told: object = None

    def body(self) -> Iterable[Widget]:
        """The table over the lines."""
        yield self._table
        yield self._about

    async def furnish(self, store: Store) -> None:
        """Count the bots."""
        self._store = store
        self._starter.furnish(store)
        self._table.furnish(FIELDS, self._cells, lambda bot: bot.name)
        self._table.border_title = "bots"
        self._furnished = True
        self._table.focus()
        self._look()

    def refresh_from_store(self, now: datetime) -> None:
        """Count them again now and then; the chosen one's lines follow the cursor."""
        self._store.fleet.crashes.clear()
        self.show_status(self._store, now, "NONE", f"bots with files in {self._folder}")
        if self._bots is not None:
            pulses = self._store.fleet.others.pulses
            pulses.ask(bot.reachable for bot in self._bots if bot.reachable)
        self._list()
        chosen = self._chosen
        name = None if chosen is None else chosen.name
        if monotonic() - self._looked_at > _LOOKING_S:
            self._look()
        elif name not in (self._log[0], self._reading):
            self._read_log()
        if self._bots is not None:
            self.key_line.show(_keys_for(chosen))
        self._tell()

    async def action_attach(self) -> None:
        """Watch the chosen one, on the Live screen; ask whether to go on with one that has stopped
        or crashed."""
        bot = self._chosen
        running = None if bot is None else bot.reachable
        if running is not None:
            await self._starter.watch(running)
        elif bot is not None and bot.condition in ("crashed", "stopped"):
            self._starter.go_on(bot)
        else:
            self._refuse(bot, "shown")

    async def action_detach(self) -> None:
        """Forget what was not started; watch none: the bot goes on."""
        if self._store.fleet.starts.forget_failed():
            return
        view = self._store.fleet.watched
        if view is None:
            self.notify(f"no bot is shown: {key_of('attach')} shows the chosen one")
            return
        if self._store.fleet.replay is not None:
            await self._store.fleet.end_replay()
            self.notify("the replay has ended")
            return
        await self._store.fleet.leave()
        self._look()
        ended = view.link == "ended"
        self.notify(
            "no bot is shown" if ended else f"{view.symbol or 'the bot'} goes on, unwatched"
        )

    @work(exclusive=True, group="replay", exit_on_error=False)
    async def action_replay(self) -> None:
        """Play what the chosen one recorded, on the Live screen."""
        bot = self._chosen
        if bot is None:
            self.notify(f"there is no bot here: {key_of('new_bot')} starts one", severity="warning")
            return
        from tui.app import GridTui
        from tui.bot.record import Record
        from tui.bot.replay import Replay

        assert isinstance(self.app, GridTui)
        reading = asyncio.ensure_future(asyncio.to_thread(Record, bot.record_file, bot.mode))
        try:
            record = await asyncio.shield(reading)
        except asyncio.CancelledError:
            reading.add_done_callback(_close)  # a thread cannot be interrupted: it opens files yet
            raise
        except StateError as error:
            self.notify(f"not replayed: {error}", severity="error", markup=False)
            return
        await self.app.play(Replay(record))
        await self.app.action_screen(LIVE)

    def action_start(self) -> None:
        """Ask what a new one is to do, and start it."""
        self._starter.ask()

    def action_go_on(self) -> None:
        """Resume the chosen one; one that was on paper begins anew."""
        bot = self._chosen
        if bot is None or bot.condition in ("running", "starting"):
            words = f"{key_of('go_on')} is for a bot that has stopped or crashed"
            self.notify(words, severity="warning")
        else:
            self._starter.go_on(bot)

    def action_end(self) -> None:
        """Stop the chosen one gracefully, once that was confirmed."""
        self._ask("stop", "stopped")

    def action_flatten(self) -> None:
        """End the chosen one with everything closed, once the word for it was typed."""
        self._ask("flatten", "closed")

    def _ask(self, command: str, what: str) -> None:
        bot = self._chosen
        running = None if bot is None else bot.reachable
        if bot is None or running is None:
            self._refuse(bot, what)
        else:
            self._ask_about(bot, running, command)

    @work(exclusive=True, group="questions", exit_on_error=False)
    async def _ask_about(self, bot: KnownBot, running: RunningBot, command: str) -> None:
        """With what the bot says that it has; if it does not answer, with what it has written."""
        view = await _seen(running)
        if not self.is_current:
            return
        stop = command == "stop"
        question: Screen[bool]
        if view is not None:
            question = stop_question(view) if stop else close_question(view)
        else:
            question = stop_question_of_files(bot) if stop else close_question_of_files(bot)
        self.app.push_screen(question, lambda yes: self._say(running, command) if yes else None)

    def _say(self, bot: RunningBot, command: str) -> None:
        title = named(Symbol.parse(bot.holder.symbol_id).pair, bot.holder.mode)

        async def told() -> Told:
            told = await tell(command, bot.socket, bot.holder)
            return told._replace(words=f"{title}: {told.words}")

        say_answer(self, f"{title}: {command}", told, then=self._look)

    @work(exclusive=True, group="census", exit_on_error=False)
    async def _look(self) -> None:
        self._looked_at = monotonic()
        bots = await asyncio.to_thread(self._take, self._all_folders, self._store.fleet.folders)
        chosen = self._chosen
        names = {bot.name for bot in bots}
        if chosen is not None and chosen.name not in names and self._missed != chosen.name:
            # between two files of one that starts or ends: no other one is chosen by that
            self._missed = chosen.name
            return
        self._missed = None
        self._bots = bots
        self._list()
        self._read_log()

    def _take(self, own: Iterable[Path], seen: set[Path]) -> list[KnownBot]:
        return self._census.take(own, {*seen, *remembered()})

    @work(exclusive=True, group="log", exit_on_error=False)
    async def _read_log(self) -> None:
        chosen = self._chosen
        if chosen is None:
            self._log = (None, [])
            return
        self._reading = chosen.name
        lines = await asyncio.to_thread(last_lines, chosen.log_file, _MOST_LINES)
        self._log = (chosen.name, lines)

    def _list(self) -> None:
        bots = self._bots
        if bots is None:
            return
        fleet = self._store.fleet
        followed = fleet.followed if fleet.watched is not None else None
        state = (bots, followed, [self._pulse(bot) for bot in bots])
        if state != self._listed:
            self._listed = state
            none = f"no bot has run on this machine: {key_of('new_bot')} starts one"
            self._table.show(bots, ("", False), f"{none}; gridtui demo is one to look at")
            running = sum(bot.condition == "running" for bot in bots)
            self._table.border_title = f"bots {len(bots)}, running {running}"
        self._lead_to_watched()

    def _lead_to_watched(self) -> None:
        """The cursor begins on the bot that is watched, whether it still runs or not; it stays
        where the user has put it since."""
        subject, moves = self._store.fleet.subject, self._table.moves
        if subject is not None and subject.name != self._led_to:
            if moves == self._moves and not self._table.choose(subject.name):
                return
            self._led_to = subject.name
        self._moves = moves

    def _tell(self) -> None:
        about = self._about
        chosen = self._chosen
        starts = self._store.fleet.starts
        launches = [(each.pid, int(each.seconds), each.code) for each in starts.launches]
        pulse = None if chosen is None else self._pulse(chosen)
        told = (chosen, pulse, self._log, launches, dict(starts.words), about.room)
        if told == self._told:
            return
        self._told = told
        lines = []
        for launch in starts.launches:
            lines += launch_lines(launch, starts.words.get(launch.pid, ""), about.room[0])
        if chosen is not None:
            log = self._log[1] if self._log[0] == chosen.name else []
            room = (about.room[0], about.room[1] - len(lines))
            lines += about_lines(chosen, log, room, pulse)
            about.border_title = f"{chosen.symbol.pair}, {BADGES[chosen.mode]}"
        about.show(lines)

    def _cells(self, bot: KnownBot) -> Sequence[Cell]:
        fleet, running = self._store.fleet, bot.reachable
        followed = fleet.followed if fleet.watched is not None else None
        same = running is not None and followed is not None and followed.socket == running.socket
        return row_cells(bot, self._pulse(bot), watched=same)

    def _pulse(self, bot: KnownBot) -> Pulse | None:
        """Of one that runs."""
        running = bot.reachable
        return None if running is None else self._store.fleet.others.pulses.of(running)

    def _refuse(self, bot: KnownBot | None, what: str) -> None:
        if bot is None:
            reason = f"there is no bot here: {key_of('new_bot')} starts one"
        elif bot.condition == "starting":
            reason = f"{bot.symbol.pair} is starting: it cannot be reached yet"
        else:
            key = key_of("go_on")
            later = "starts a new one like it" if bot.mode == "paper" else "goes on with it"
            reason = f"{bot.symbol.pair} does not run, so it cannot be {what}: {key} {later}"
        self.notify(reason, severity="warning")

    @property
    def _all_folders(self) -> tuple[Path, ...]:
        return (self._folder, demo_folder(self._folder), *self._store.fleet.starts.folders)

    @property
    def _chosen(self) -> KnownBot | None:
        return self._table.chosen


def _keys_for(bot: KnownBot | None) -> str:
    """Which keys the line at the bottom offers: those that do something with this bot."""
    if bot is None:
        return "bots none"
    condition = "left" if bot.condition in ("crashed", "stopped") else bot.condition
    return f"bots {condition}" + (" recorded" if bot.recorded else "")


async def _seen(bot: RunningBot) -> BotView | None:
    """What it shows of itself now; None where it does not answer."""
    view = BotView(monotonic)
    try:
        connecting = ControlClient.connect(bot.socket, origin=SCREENS, timeout_s=_SHOWING_S)
        async with await connecting as client:
            view.begin(client.snapshot.document)
    except (StateError, LookupError, TypeError, ValueError):
        return None
    return view if view.account else None


def _close(reading: asyncio.Future[Record]) -> None:
    if reading.exception() is None:
        reading.result().close()
