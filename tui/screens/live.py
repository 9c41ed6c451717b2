"""The Live screen: positions, equity, last trades and health of the bot that is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from exchange.timeframe import DAY_MS
from tui.bot.census import Census, KnownBot
from tui.figures import percent, tone
from tui.folders import data_folder
from tui.keys import bindings, key_of
from tui.screens.bot_screen import BotScreen, no_bot
from tui.screens.starting import Starter
from tui.widgets.bot_lines import health_lines, health_title, standing_lines, trade_lines
from tui.widgets.bot_rows import left_lines
from tui.widgets.line_list import LineList
from tui.widgets.side_lines import side_lines, side_title
from tui.widgets.sparkline import Sparkline

if TYPE_CHECKING:
    from pathlib import Path

    from tui.bot.view import BotView
    from tui.store import Store

_SIDES = ("long", "short")
_EQUITY_DAYS = 7
_MOST_TRADES = 200
_LOOKING_S = 2.0


class LiveScreen(BotScreen):
    """The dashboard."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../live.tcss"]
    NUMBER = "1"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("bot"),
        *bindings("panels"),
        *bindings("live"),
    ]
    KEYS = "live"
    KEY_PLACES = ("app", "bot", "replay", "panels", "live", "lines")

    NO_BOT_KEYS = "live none"

    _shown: object = None  # what each part was drawn of
    _checked: object = None
    _traded: object = None
    _plotted: object = None
    _alone: Widget | None = None

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(data_dir)
        self._starter = Starter(self, data_folder(data_dir))
        self._census = Census()
        self._looked_at = -_LOOKING_S
        self._left: Sequence[KnownBot] = ()
        self._sides = {name: LineList(name, name.upper()) for name in _SIDES}
        self._equity = Sparkline("equity-week")
        self._health = LineList("health", "health", whole_by="enlarge")
        self._trades = LineList("last-trades", "last trades")
        self._standing = LineList("standing")

    async def furnish(self, store: Store) -> None:
        """Bots can be started from here, too."""
        await super().furnish(store)
        self._starter.furnish(store)

    def panels(self) -> Iterable[Widget]:
        """Both sides, equity, health, trades, and what holds for all."""
        yield from self._sides.values()
        yield from (self._equity, self._health, self._trades, self._standing)

    def show(self, view: BotView) -> None:
        """Draw what has changed; times pass though nothing is told."""
        told = (id(view), view.counts.get("snapshot"), view.link, view.attempt)
        lists = (*self._sides.values(), self._standing)
        moment = (view.now_ms // 1000, view.stale)
        state = (told, dict(view.counts), moment, [panel.room for panel in lists])
        if state != self._shown:
            self._shown = state
            for name, side in self._sides.items():
                side.entitle(side_title(view, name))
                side.show(side_lines(view, name, side.room[0]))
            lines = standing_lines(view, self._standing.room[0])
            self._standing.show(lines)
            self._standing.styles.height = max(1, len(lines))
        age_s = view.unread_s
        old = None if age_s is None else int(age_s)
        if view.replay is not None:  # it grows old there, and each bar's end says more of it
            old = view.now_ms // 1000
        health = (told, view.counts.get("health"), old, self._health.room)
        if health != self._checked:
            self._checked = health
            self._health.entitle(health_title(view))
            self._health.show(health_lines(view, self._health.room))
        traded = (told, view.counts.get("trade"), self._trades.room, bool(view.account))
        if traded != self._traded:
            self._traded = traded
            self._trades.show(trade_lines(view, self._trades.room[0], _MOST_TRADES))
        plotted = (told, view.counts.get("bar"))
        if plotted != self._plotted:
            self._plotted = plotted
            self._plot(view)

    def _plot(self, view: BotView) -> None:
        """The equity of the last days, and what it has gained."""
        since = view.now_ms - _EQUITY_DAYS * DAY_MS
        bars = []
        for bar in reversed(view.bars):
            if bar["time_ms"] < since:
                break
            bars.append(bar)
        bars.reverse()
        equity = self._equity
        equity.plot([bar["equity"] for bar in bars])
        if len(bars) < 2:
            equity.border_title = Content("equity")
            return
        days = (bars[-1]["time_ms"] - bars[0]["time_ms"]) / DAY_MS
        gain = 100 * (bars[-1]["equity"] / bars[0]["equity"] - 1) if bars[0]["equity"] else 0.0
        equity.border_title = Content.assemble(
            f"equity, {_EQUITY_DAYS if days > _EQUITY_DAYS - 0.05 else f'{days:.1f}'} days  ",
            (percent(gain), tone(gain)),
        )

    def action_start(self) -> None:
        """Ask what a new bot is to do, and start it."""
        self._starter.ask()

    def refresh_from_store(self, now: datetime) -> None:
        """Where no bot is shown, those that could go on."""
        due = monotonic() - self._looked_at > _LOOKING_S
        if due and self._furnished and self._store.fleet.watched is None:
            self._look_for_left()
        super().refresh_from_store(now)

    @work(exclusive=True, group="left", exit_on_error=False)
    async def _look_for_left(self) -> None:
        self._looked_at = monotonic()
        self._left = [bot for bot in await self._known() if bot.resumable]

    @property
    def no_bot(self) -> Content:
        """The bots that could go on, and the keys for that."""
        can = no_bot(
            "[bold $primary]$new[/] starts one, [bold $primary]$on[/] goes on with one that has "
            "stopped; [bold $primary]$bots[/] lists them all.",
            new="start_bot",
            on="resume_bot",
            bots="screen_0",
        )
        return Content.assemble(*left_lines(self._left), can)

    async def _known(self) -> list[KnownBot]:
        folders = {data_folder(self._data_dir), *self._store.fleet.starts.folders}
        return await asyncio.to_thread(self._census.take, folders)

    @work(exclusive=True, group="resume", exit_on_error=False)
    async def action_go_on(self) -> None:
        """Go on with the bot that is shown, if it has ended; else with the one that has stopped or
        crashed; where there are several, choose."""
        known = await self._known()
        over = [bot for bot in known if bot.condition in ("crashed", "stopped", "ended")]
        view, subject = self.view, self._store.fleet.subject
        if view is not None and view.link == "ended" and subject is not None:
            for bot in over:
                if bot.name == subject.name:
                    self._starter.go_on(bot)
                    return
        resumable = [bot for bot in over if bot.resumable]
        new, lists, again = key_of("start_bot"), key_of("screen_0"), key_of("go_on")
        if len(resumable) == 1:
            self._starter.go_on(resumable[0])
        elif resumable:
            several = f"{len(resumable)} bots could go on"
            self.notify(f"{several}: {lists} lists them, {again} there resumes one")
        elif over:
            self.notify(
                f"a paper exchange ends with its bot, so none can go on: {new} starts a new one, "
                f"{lists} lists those that have ended, {again} there starts one like it"
            )
        else:
            self.notify(f"no bot has stopped with a state to go on with: {new} starts a new one")

    def action_enlarge(self) -> None:
        """The panel that has the focus takes the whole screen, or gives it back."""
        focused = self.focused
        self._alone = None if self._alone else focused if focused in self.panes else None
        if focused is None:
            self.notify(f"{key_of('next_pane')} chooses a panel, {key_of('enlarge')} enlarges it")
        self.set_class(self._alone is not None, "-one")
        for panel in self.panes:
            panel.set_class(panel is self._alone, "-alone")

    @property
    def panes(self) -> list[Widget]:
        """Panels that can have the focus."""
        return [panel for panel in self.query(".panel") if panel.can_focus]
