"""The Grid screen: everything that has a price, in the order of prices."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from tui.bot.moments import moment
from tui.keys import bindings
from tui.screens.bot_screen import BotScreen
from tui.widgets.bot_lines import standing_lines
from tui.widgets.ladder import ZOOMS, Ladder
from tui.widgets.line_list import LineList
from tui.widgets.rungs import rungs, sides_without

if TYPE_CHECKING:
    from pathlib import Path

    from tui.bot.view import BotView

_FLASH_MS = 3_000


class GridScreen(BotScreen):
    """The ladder, and below it what no price can tell."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../live.tcss"]
    NUMBER = "2"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bot"), *bindings("grid")]
    KEYS = "grid"
    KEY_PLACES = ("app", "bot", "replay", "grid", "lines")

    _shown: object = None

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(data_dir)
        self._ladder = Ladder()
        self._standing = LineList("standing")

    def panels(self) -> Iterable[Widget]:
        """The ladder and the reasons that hold for a whole side."""
        yield self._ladder
        yield self._standing

    def show(self, view: BotView) -> None:
        """Draw what has changed."""
        ladder = self._ladder
        fresh = _traded_just_now(view)
        # nothing flashes where nothing is to move
        moves = self.app.animation_level != "none"
        lit = tuple(trade["price"] for trade in fresh) if moves else ()
        state = (
            id(view),
            dict(view.counts),
            (view.link, view.attempt, view.stale),
            view.now_ms // 1000,
            (ladder.room, ladder.zoom, lit, len(fresh)),
        )
        if state == self._shown:
            return
        self._shown = state
        levels = rungs(view, fresh)
        ladder.lay(levels, view.price_digits, view.qty_digits, lit)
        resting = sum(rung.kind == "entry" for rung in levels)
        missing = sum(rung.kind == "absent" for rung in levels)
        absent = f", {missing} not placed" if missing else ""
        rest = f"{resting} entries rest{absent}"
        if view.link == "ended":
            rest = f"as of {moment(view, view.now_ms)}: {resting} entries"
        words = f"{view.symbol}  {rest}  {ladder.zoom_name}"
        ladder.entitle(Content(words if levels else "grid"))
        whys = [] if view.link == "ended" else sides_without(view)
        lines = [Content.styled(why, "$warning") for why in whys]
        lines += standing_lines(view, self._standing.room[0])
        self._standing.show(lines)
        self._standing.styles.height = max(1, len(lines))

    def action_zoom(self, step: int) -> None:
        """Closer or farther."""
        ladder = self._ladder
        ladder.zoom = max(0, min(len(ZOOMS) - 1, ladder.zoom + step))
        if self.view is not None:  # a key does not wait for the next tick of the clock
            self.show(self._as_held(self.view))
        ladder.centre()

    def action_centre(self) -> None:
        """The market in the middle."""
        self._ladder.centre()


def _traded_just_now(view: BotView) -> list[dict[str, Any]]:
    """The trades of the last seconds, the newest first."""
    since = view.now_ms - _FLASH_MS * float(view.about.get("speed", 1.0))
    return list(takewhile(lambda trade: trade["timestamp"] >= since, reversed(view.trades)))
