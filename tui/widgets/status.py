"""The line on top that never lies: mode, data, what is under way, UTC clock."""

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from tui.activity import Activity
from tui.bot.view import BotView
from tui.widgets.bot_status import bot_line


class StatusLine(Static):
    """`BACKTEST  SIMULATED market  running 34% BTC: bar 12,000 of 35,040   12:41:07Z`."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self._shown: tuple[object, ...] = ()
        self._drawn_of: tuple[object, ...] = ()

    def show(
        self,
        mode: str,
        market: str,
        simulated: bool,
        activities: Sequence[Activity],
        now: datetime,
    ) -> None:
        """`market`: where the data on this screen are from; `activities`: all that is under way."""
        clock = now.strftime("%H:%M:%SZ")
        state = (mode, market, simulated, tuple(activities), clock, self.size.width)
        if state == self._shown:
            return
        self._shown, self._drawn_of = state, ()
        left = Content.assemble(
            (f" {mode} ", f"reverse bold $mode-{mode.lower()}"),
            "  ",
            (market, "bold $simulated" if simulated else "$foreground"),
            "  ",
            ("running" if activities else "idle", "bold" if activities else "$quiet"),
            *(part for activity in activities for part in _words(activity)),
        )
        room = self.size.width - len(clock) - 2
        left = left.truncate(max(room, 0), ellipsis=True, pad=True)
        self.update(Content.assemble(left, " ", (clock, "$quiet")), layout=False)

    def show_bot(self, view: BotView, activities: Sequence[Activity], now: datetime) -> None:
        """The bot that is watched takes the line; what else is under way stands at its end, in few
        words where there is little room."""
        drawn_of = (view, view.known, now.second, tuple(activities), self.size.width)
        if drawn_of == self._drawn_of:
            return
        self._drawn_of = drawn_of
        line = bot_line(view, now, self.size.width, activities)
        state = (line.plain, tuple(line.spans))
        if state != self._shown:
            self._shown = state
            self.update(line, layout=False)


def _words(activity: Activity) -> tuple[str, tuple[str, str]]:
    return f" {activity.share:.0%} ", (f"{activity.words} ", "$quiet")
