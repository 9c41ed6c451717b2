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
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import App
from textual.binding import BindingType

from tui.keys import bindings
from tui.screens.backtest import BacktestScreen
from tui.theme import DARK, TOKENS

if TYPE_CHECKING:
    from tui.store import Store

_DRAINS_A_SECOND = 10


def run_app(data_dir: Path | None = None) -> int:
    """Open the screens and stay until the user leaves; returns the exit code.

    `data_dir`: where cache, output and charts lie (None: as the command line has it).
    """
    gc.disable()  # until the first paint, of which collecting is a tenth
    app = GridTui(data_dir)

    async def stay() -> None:
        await app.run_async()
        if app.store is not None and app.store.busy:
            # the terminal is restored and nothing is being written, but a thread that compiles
            # cannot be interrupted: waiting for it would hold the shell up for some 20 s
            sys.stdout.flush()
            os._exit(app.return_code or 0)

    asyncio.run(stay())
    return app.return_code or 0


class GridTui(App[None]):
    """The terminal application."""

    TITLE = "gridtui"
    CSS_PATH = "gridtui.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    store: Store | None = None  # there after the first paint

    def __init__(
        self,
        data_dir: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._clock = clock
        self._backtest = BacktestScreen(data_dir)
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Own colours, for themes that do not bring them."""
        return TOKENS

    def get_default_screen(self) -> BacktestScreen:
        """The screen that opens first."""
        return self._backtest

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
        self._backtest.refresh_from_store(self._clock())

    @work(thread=True, group="warm-up", exit_on_error=False)
    def _warm_up(self) -> None:
        """Load what the first run needs, so that it starts at once: 1.5 s that nobody waits for."""
        for module in ("engine.simulator", "engine.summary", "tui.series", "plotext"):
            import_module(module)

    def action_help(self) -> None:
        """All keys."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """Leave; ask first while a run is under way."""
        store = self.store
        if store is None or store.progress is None:
            self.exit()
            return
        from tui.screens.question import Question

        def answered(yes: bool | None) -> None:
            if yes:
                store.cancel()
                self.exit()

        question = "A backtest is under way. Leaving now drops it."
        self.push_screen(Question(question, yes="Leave", no="Stay"), answered)
