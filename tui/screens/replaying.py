"""What every screen of a bot does while a record is shown in a bot's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from tui.keys import bindings, key_of
from tui.screens.frame import FramedScreen

if TYPE_CHECKING:
    from tui.bot.replay import Replay
    from tui.store import Store

_ACTIONS = ("play", "bar", "speed", "seek", "end_replay")


class ReplayingScreen(FramedScreen):
    """A screen whose keys move the replay, where one is shown."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("replay")

    _store: Store | None = None

    @property
    def replay(self) -> Replay | None:
        """What plays the record that is shown; None of a bot that runs."""
        return None if self._store is None else self._store.fleet.replay

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a replay are none where none is shown."""
        if action in _ACTIONS and self.replay is None:
            return False
        return super().check_action(action, parameters)

    def show_keys(self, context: str) -> None:
        """The keys of a context; those of the replay in the place of the screen's own."""
        replaying = self.replay is not None and context == self.KEYS
        self.key_line.show("replay" if replaying else context)

    def action_play(self) -> None:
        """Hold the time, or let it go on."""
        if self.replay is not None:
            self.replay.toggle()

    def action_bar(self, step: int) -> None:
        """To the end of the next bar, or of the one before."""
        if self.replay is not None:
            self.replay.step(step)

    def action_speed(self, step: int) -> None:
        """Faster or slower; while it is held, the line on top may have no room for the speed."""
        replay = self.replay
        if replay is not None:
            replay.change_speed(step)
            if replay.paused:
                self.notify(f"held; it goes on at x{replay.speed:.10g}", timeout=2)

    def action_seek(self) -> None:
        """Ask for a moment to go to."""
        if self.replay is not None:
            from tui.screens.seek import SeekDialog

            self.app.push_screen(SeekDialog(self.replay))

    async def action_end_replay(self) -> None:
        """Show the bots that run again, if any does."""
        if self._store is not None:
            await self._store.fleet.end_replay()
            self.show_keys(self.KEYS)
            self.notify(f"the replay has ended; {key_of('screen_0')} shows the bots")
