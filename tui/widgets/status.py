"""The line on top that never lies: mode, data, what is under way, UTC clock."""

from datetime import datetime

from textual.content import Content
from textual.widgets import Static


class StatusLine(Static):
    """`BACKTEST  SIMULATED market   running 34 % BTC: bar 12 000 of 35 040   12:41:07Z`."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self._shown: tuple[object, ...] = ()

    def show(
        self, mode: str, market: str, simulated: bool, doing: str, done: float | None, now: datetime
    ) -> None:
        """`doing`: what is under way; `done`: the share of it, 0 to 1, None while nothing runs."""
        clock = now.strftime("%H:%M:%SZ")
        state = (mode, market, simulated, doing, done, clock, self.size.width)
        if state == self._shown:
            return
        self._shown = state
        running = done is not None
        left = Content.assemble(
            (f" {mode} ", f"reverse bold $mode-{mode.lower()}"),
            "  ",
            (market, "bold $simulated" if simulated else "$foreground"),
            "  ",
            ("running" if running else "idle", "bold" if running else "$quiet"),
            f" {done:.0%} " if done is not None else " ",
            (doing, "$quiet"),
        )
        room = self.size.width - len(clock) - 2
        left = left.truncate(max(room, 0), ellipsis=True, pad=True)
        self.update(Content.assemble(left, " ", (clock, "$quiet")))
