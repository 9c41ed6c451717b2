"""The Grid screen: everything that has a price, in the order of prices."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

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
        lit = self._lit(view)
        state = (
            id(view),
            dict(view.counts),
            (view.link, view.attempt, view.stale),
            view.now_ms // 1000,
            (ladder.room, ladder.zoom, lit),
        )
        if state == self._shown:
            return
        self._shown = state
        levels = rungs(view)
        ladder.lay(levels, view.price_digits, view.qty_digits, lit)
        resting = sum(rung.kind == "entry" for rung in levels)
        missing = sum(rung.kind == "absent" for rung in levels)
        absent = f", {missing} not placed" if missing else ""
        words = f"{view.symbol}  {resting} entries rest{absent}  {ladder.zoom_name}"
        ladder.entitle(Content(words if levels else "grid"))
        lines = [Content.styled(why, "$warning") for why in sides_without(view)]
        lines += standing_lines(view, self._standing.room[0])
        self._standing.show(lines)
        self._standing.styles.height = max(1, len(lines))

    def _lit(self, view: BotView) -> tuple[float, ...]:
        """Prices of the trades of the last seconds; none where nothing is to move."""
        if self.app.animation_level == "none" or not view.trades:
            return ()
        speed = float(view.about.get("speed", 1.0))
        since = view.now_ms - _FLASH_MS * speed
        lit = []
        for trade in reversed(view.trades):
            if trade["timestamp"] < since:
                break
            lit.append(trade["price"])
        return tuple(lit)

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
