"""The application: theme, screens, one clock; everything else is in its screens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from tui.folders import data_folder
from tui.guarded_app import GuardedApp
from tui.keys import PLACES, bindings
from tui.screens.backtest import BacktestScreen
from tui.screens.frame import FramedScreen
from tui.screens.names import SCREENS
from tui.theme import TOKENS
from tui.user_config import user_config, wear

if TYPE_CHECKING:
    from tui.bot.demo import Demo
    from tui.store import Store

_DRAINS_A_SECOND = 10
_SAVING_S = 10.0
_LOOKING_S = 2.0
_LIVE, _BACKTEST = "1", "6"
_GOES_ON = "Bots and searches go on."
_DEMO_ENDS = "The demo is stopped; other bots and searches go on."


def run_app(data_dir: Path | None = None, demo: Demo | None = None) -> int:
    """Open the screens and stay until the user leaves; returns the exit code.

    `data_dir`: where cache, output and charts lie (None: as the command line has it); `demo`: is
    shown first, and stopped at the end unless the user wants it to go on.
    """
    gc.disable()  # until the first paint, of which collecting is a tenth
    app = GridTui(data_dir, first=_LIVE if demo else _first_screen(), demo=demo)

    async def stay() -> None:
        if demo is not None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, app.exit)
        try:
            await app.run_async()
        finally:
            if demo is not None:
                words = demo.goes_on if app.demo_goes_on else await asyncio.to_thread(demo.stop)
                with contextlib.suppress(OSError):
                    print(words, flush=True)
            app.say_last_words()
        await _saved(app.store)
        if app.store is not None and app.store.busy:
            # the terminal is restored and nothing is being written, but a thread that compiles
            # cannot be interrupted: waiting for it would hold the shell up for some 20 s
            sys.stdout.flush()
            os._exit(app.return_code or 0)

    asyncio.run(stay())
    return app.return_code or 0


def _first_screen() -> str:
    """The number of Live where a bot runs: whoever comes by ssh wants to see it; else Backtest."""
    from state.lock import running_bots

    return _LIVE if any(lock.held for lock in running_bots()) else _BACKTEST


async def _saved(store: Store | None) -> None:
    """Wait, for a bounded time, until a download that was given up has written what had arrived."""
    deadline = monotonic() + _SAVING_S
    while store is not None and store.data.busy and monotonic() < deadline:
        await asyncio.sleep(0.05)


def _made(number: str, data_dir: Path | None) -> FramedScreen:
    return next(one for one in SCREENS if one.number == number).make(data_dir)


class GridTui(GuardedApp):
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
        first: str = _BACKTEST,
        demo: Demo | None = None,
    ) -> None:
        self.DEFAULT_MODE = first  # type: ignore[misc]  # Textual reads it of the instance
        super().__init__(data_dir, _GOES_ON if demo is None else _DEMO_ENDS)
        self._clock = clock
        self._data_dir = data_dir
        self._first = _made(first, data_dir)
        self._screens: dict[str, FramedScreen] = {first: self._first}
        self.add_mode(first, lambda: self._first)
        self._leaving = False
        self._demo = demo
        self._demo_waits = demo is not None
        self.demo_goes_on = False
        self._config = user_config(data_folder(data_dir))
        wear(self, self._config)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Own colours, for themes that do not bring them."""
        return TOKENS

    def on_mount(self) -> None:
        """Heavy libraries load once the first screen is painted."""
        self._first.call_after_refresh(self._painted)

    async def on_unmount(self) -> None:
        """Hang up; every bot goes on."""
        if self.store is not None:
            await self.store.fleet.close()

    async def _painted(self) -> None:
        from tui.store import Store  # with the engine's events 10 ms

        self.store = Store()
        await self._first.furnish(self.store)
        if not gc.isenabled():
            gc.enable()
            gc.freeze()  # what is here now stays: no collection needs to look at it again
        self.set_interval(1 / _DRAINS_A_SECOND, self._drain)
        self.set_interval(_LOOKING_S, self._look_for_bots)
        if self._demo is not None:
            self._await_demo(self._demo)
        self._look_for_bots()
        self._drain()
        self._warm_up()
        for trouble in self._config.troubles:
            self.notify(trouble, severity="warning", timeout=12, markup=False)

    def _drain(self) -> None:
        store = self.store
        assert store is not None
        running = store.progress is not None
        finished = store.drain()
        outcome = store.data.drain()
        if running and store.progress is None:
            backtest = self._screens[_BACKTEST]
            assert isinstance(backtest, BacktestScreen)
            backtest.take_in(finished)
        shown = next(iter(self.screen_stack), None)  # none while the application ends
        for screen in self._screens.values():
            if outcome is not None:
                screen.take_outcome(outcome)
            if screen is shown and screen.is_attached:
                screen.refresh_from_store(self._clock())

    @work(exclusive=True, group="fleet")
    async def _look_for_bots(self) -> None:
        if self.store is not None and not self._demo_waits:
            await self.store.fleet.look()

    @work(group="demo", exit_on_error=False)
    async def _await_demo(self, demo: Demo) -> None:
        """Show the demonstration once it can be reached, rather than a bot that runs already."""
        assert self.store is not None
        self.store.fleet.awaited = "A bot on paper is starting on a simulated market."
        while not demo.failed:
            found = await asyncio.to_thread(demo.found)
            if found is not None:
                await self.store.fleet.follow(found)
                break
            await asyncio.sleep(0.1)
        else:
            reason = demo.launch.last_words() if demo.launch else ""
            self.notify(reason, title="the demo has not started", severity="error", markup=False)
        self.store.fleet.awaited = ""
        self._demo_waits = False

    def action_acknowledge(self) -> None:
        """The alarms were seen."""
        if self.store is not None and self.store.fleet.watched is not None:
            self.store.fleet.watched.acknowledge()

    async def action_screen(self, number: str) -> None:
        """Another screen, made when it is wanted first; each stays as it was left."""
        if self.store is None:
            return
        if number in self._screens:
            await self.switch_mode(number)
        else:
            screen = _made(number, self._data_dir)
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
        """Leave; ask first where something of this process would be lost. Bots go on."""
        store = self.store
        if store is None or self._leaving:
            if store is None:
                self.exit()
            return
        lost = " ".join(f"{a.name} is under way. {a.loses}" for a in store.activities)
        demo = self._demo
        if demo is not None and await asyncio.to_thread(lambda: demo.runs):
            from tui.screens.parting import Parting

            self._leaving = True
            self.push_screen(Parting(lost), self._parted)
        elif lost:
            from tui.screens.question import Question

            self._leaving = True
            self.push_screen(Question(lost, yes="Leave", no="Stay"), self._answered)
        else:
            self._leave()

    def _parted(self, answer: str | None) -> None:
        self.demo_goes_on = answer == "leave"
        self._answered(answer in ("leave", "stop"))

    def _answered(self, yes: bool | None) -> None:
        self._leaving = False
        if yes:
            self._leave()

    def _leave(self) -> None:
        """The end; a bot that was shown goes on, and that is said on the terminal."""
        store = self.store
        assert store is not None
        store.cancel()
        store.data.cancel()
        view = store.fleet.watched
        goes_on = view is not None and view.about and view.link != "ended" and self._demo is None
        self.exit(message=f"{view.symbol} ({view.mode}) goes on." if view and goes_on else None)
