"""The application: theme, screens, one clock; everything else is in its screens."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App
from textual.binding import BindingType

from tui.keys import PLACES, bindings
from tui.screens.backtest import BacktestScreen
from tui.screens.frame import FramedScreen
from tui.screens.names import SCREENS
from tui.theme import DARK, TOKENS

if TYPE_CHECKING:
    from tui.store import Store

_DRAINS_A_SECOND = 10
_SAVING_S = 10.0


def run_app(data_dir: Path | None = None) -> int:
    """Open the screens and stay until the user leaves; returns the exit code.

    `data_dir`: where cache, output and charts lie (None: as the command line has it).
    """
    gc.disable()  # until the first paint, of which collecting is a tenth
    app = GridTui(data_dir)

    async def stay() -> None:
        await app.run_async()
        await _saved(app.store)
        if app.store is not None and app.store.busy:
            # the terminal is restored and nothing is being written, but a thread that compiles
            # cannot be interrupted: waiting for it would hold the shell up for some 20 s
            sys.stdout.flush()
            os._exit(app.return_code or 0)

    asyncio.run(stay())
    return app.return_code or 0


async def _saved(store: Store | None) -> None:
    """Wait, for a bounded time, until a download that was given up has written what had arrived."""
    deadline = monotonic() + _SAVING_S
    while store is not None and store.data.busy and monotonic() < deadline:
        await asyncio.sleep(0.05)


class GridTui(App[None]):
    """The terminal application."""

    TITLE = "gridtui"
    CSS_PATH = "gridtui.tcss"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = BacktestScreen.NUMBER
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    store: Store | None = None  # there after the first paint

    def __init__(
        self,
        data_dir: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._clock = clock
        self._data_dir = data_dir
        self._backtest = BacktestScreen(data_dir)
        self._screens: dict[str, FramedScreen] = {self._backtest.NUMBER: self._backtest}
        self.add_mode(self._backtest.NUMBER, lambda: self._backtest)
        self._leaving = False
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Own colours, for themes that do not bring them."""
        return TOKENS

    def on_mount(self) -> None:
        """Heavy libraries load once the first screen is painted."""
        self._backtest.call_after_refresh(self._painted)

    async def _painted(self) -> None:
        from tui.store import Store  # with the engine's events 10 ms

        self.store = Store()
        await self._backtest.furnish(self.store)
        if not gc.isenabled():
            gc.enable()
            gc.freeze()  # what is here now stays: no collection needs to look at it again
        self.set_interval(1 / _DRAINS_A_SECOND, self._drain)
        self._drain()
        self._warm_up()

    def _drain(self) -> None:
        store = self.store
        assert store is not None
        running = store.progress is not None
        finished = store.drain()
        outcome = store.data.drain()
        if running and store.progress is None:
            self._backtest.take_in(finished)
        shown = next(iter(self.screen_stack), None)  # none while the application ends
        for screen in self._screens.values():
            if outcome is not None:
                screen.take_outcome(outcome)
            if screen is shown:
                screen.refresh_from_store(self._clock())

    async def action_screen(self, number: str) -> None:
        """Another screen, made when it is wanted first; each stays as it was left."""
        if self.store is None:
            return
        if number in self._screens:
            await self.switch_mode(number)
        else:
            screen = next(one for one in SCREENS if one.number == number).make(self._data_dir)
            self.add_mode(number, lambda: screen)
            await self.switch_mode(number)
            await screen.furnish(self.store)
            self._screens[number] = screen
        self._drain()

    @work(thread=True, group="warm-up", exit_on_error=False)
    def _warm_up(self) -> None:
        """Load what the first run needs, so that it starts at once: 1.5 s that nobody waits for."""
        for module in ("engine.simulator", "engine.summary", "tui.series", "plotext"):
            import_module(module)

    def action_help(self) -> None:
        """All keys of the screen that is shown."""
        from tui.screens.help import HelpScreen

        shown = self.screen_stack[0]
        places = shown.KEY_PLACES if isinstance(shown, FramedScreen) else tuple(PLACES)
        self.push_screen(HelpScreen({place: PLACES[place] for place in places}))

    async def action_quit(self) -> None:
        """Leave; ask first while anything is under way."""
        store = self.store
        if store is None or not store.activities:
            self.exit()
            return
        if self._leaving:
            return
        from tui.screens.question import Question

        def answered(yes: bool | None) -> None:
            self._leaving = False
            if yes:
                store.cancel()
                store.data.cancel()
                self.exit()

        self._leaving = True
        question = " ".join(f"{a.name} is under way. {a.loses}" for a in store.activities)
        self.push_screen(Question(question, yes="Leave", no="Stay"), answered)
