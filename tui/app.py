"""The application: theme, screens, one clock; everything else is in its screens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.actions import ActionParseResult
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.events import Event, InputEvent, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from tui import collecting
from tui.folders import data_folder
from tui.keys import PLACES, bindings, key_of
from tui.operator_app import OperatorApp
from tui.pace import Pace
from tui.screens.backtest import BacktestScreen
from tui.screens.frame import FramedScreen
from tui.screens.names import BACKTEST, BOTS, LIVE, SCREENS
from tui.styles import Styles
from tui.symbols import PlainSymbols
from tui.theme import TOKENS
from tui.user_config import in_one_box, user_config, wear

if TYPE_CHECKING:
    from tui.bot.demo import Demo
    from tui.bot.fleet import Fleet
    from tui.bot.replay import Replay
    from tui.store import Store

_LOOKING_S = 2.0
_CALLS_S = 12.0
_APART_S = 0.05
_TRANSITION_S = 0.005
"""How long nothing is painted as another screen takes the place of one: its messages pass before.
Textual's 50 ms would be most of the time between a number and its screen."""
_STYLES = ("bot", "dialogs", "live", "equity", "orders", "logs", "config", "bots")
_GOES_ON = "Bots and searches go on."
_DEMO_ENDS = "The demo is stopped; other bots and searches go on."


def _made(number: str, data_dir: Path | None) -> FramedScreen:
    return next(one for one in SCREENS if one.number == number).make(data_dir)


class GridTui(OperatorApp):
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
        first: str = BACKTEST,
        demo: Demo | None = None,
    ) -> None:
        self.DEFAULT_MODE = first  # type: ignore[misc]  # Textual reads it of the instance
        super().__init__(data_dir, _GOES_ON if demo is None else _DEMO_ENDS)
        self.stylesheet = Styles(variables=self.get_css_variables())
        self._clock = clock
        self._data_dir = data_dir
        self._first = _made(first, data_dir)
        self._screens: dict[str, FramedScreen] = {first: self._first}
        self._coming: dict[str, FramedScreen] = {}
        self._opening = asyncio.Lock()
        self.add_mode(first, lambda: self._first)
        self._before = ""
        self._pace = Pace()
        self._draws = 0
        self._answers: Timer | None = None
        self._leaving = False
        self._looked = False
        self._demo = demo
        self._demo_waits = demo is not None
        self.opens_with: Replay | None = None
        self.loads_uncollected = False
        self.demo_goes_on = False
        self._config = user_config(data_folder(data_dir))
        wear(self, self._config)
        self.symbols = PlainSymbols(self._config.graph_symbols)
        self.attention.bell = self._config.bell

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Own colours, for themes that do not bring them."""
        return TOKENS

    @property
    def data_path(self) -> Path:
        """The data folder."""
        return data_folder(self._data_dir)

    def now(self) -> datetime:
        """By the clock that it was given."""
        return self._clock()

    def on_mount(self) -> None:
        """Heavy libraries load once the first screen is painted."""
        self._first.call_after_refresh(self._painted)

    async def on_unmount(self) -> None:
        """Hang up; every bot goes on."""
        self.attention.close()
        if self.store is not None:
            await self.store.fleet.close()

    async def _painted(self) -> None:
        from tui.store import Store  # with the engine's events 10 ms

        self.store = Store()
        await self._first.furnish(self.store)
        self.set_interval(1 / self._config.updates_a_second, self._drain)
        self.set_interval(_LOOKING_S, self._look_for_bots)
        if self._demo is not None:
            self._await_demo(self._demo)
        if self.opens_with is not None:
            await self.play(self.opens_with)
        self._look_for_bots()
        self._drain()
        self._warm_up()
        if said := in_one_box(self._config.troubles):
            self.notify(said, severity="warning", timeout=12, markup=False)

    def _drain(self) -> None:
        store = self.store
        assert store is not None
        running = store.progress is not None
        finished = store.drain()
        outcome = store.data.drain()
        if running and store.progress is None:
            backtest = self._screens[BACKTEST]
            assert isinstance(backtest, BacktestScreen)
            backtest.take_in(finished)
        self._attend_to(store.fleet)
        if outcome is not None:
            for screen in self._screens.values():
                screen.take_outcome(outcome)
        now, stack = self._clock(), self.screen_stack
        if self._pace.due((self.current_mode, store.known), now.second, below=len(stack) > 1):
            self._draw(now)
        if not self._pace.awake:
            collecting.while_quiet()

    def _attend_to(self, fleet: Fleet) -> None:
        """Ring for the bot that is shown, unless it has rung while another one was."""
        self.attention.look(fleet.watched, monotonic(), fleet.others.rung(fleet.subject))
        fleet.others.shown(fleet.subject, fleet.watched)

    def _draw(self, now: datetime) -> None:
        began = monotonic()
        shown = next(iter(self.screen_stack), None)  # none while the application ends
        for screen in self._screens.values():
            if screen is shown and screen.is_attached:
                screen.refresh_from_store(now)
        self._draws += 1
        self._pace.drawn(monotonic() - began)

    def delay_update(self, delay: float = _TRANSITION_S) -> None:
        """Paint nothing for a moment, as Textual wants when it switches modes."""
        super().delay_update(delay)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """What an action of a screen has changed is drawn at once; a widget draws its own."""
        before = self._draws
        done = await super().run_action(action, default_namespace, namespaces)
        drawn = isinstance(default_namespace, Widget) and not isinstance(default_namespace, Screen)
        if done and self._draws and self._draws == before and not drawn:  # not before the first
            self._answer()
        return done

    def _answer(self) -> None:
        rests_s = self._pace.rests_s
        if not rests_s:
            self._drain()
        elif self._answers is None:
            self._answers = self.set_timer(rests_s, self._answer_late)

    def _answer_late(self) -> None:
        self._answers = None
        self._drain()

    async def on_event(self, event: Event) -> None:
        """Whatever the user does is answered promptly."""
        if isinstance(event, InputEvent | Resize):
            self._pace.wake()
        await super().on_event(event)

    @work(exclusive=True, group="fleet")
    async def _look_for_bots(self) -> None:
        """One that begins to run does not appear in the middle of other work: that is said."""
        if self.store is None or self._demo_waits:
            return
        fleet, number = self.store.fleet, self.current_mode
        screen = self._screens.get(number) or self._coming[number]
        await fleet.look(attach=screen.OF_BOTS or not self._looked)
        self._looked = True
        self.unsay_of(bot.name for bot in fleet.running)
        self._listen(fleet)
        bot = fleet.waiting
        if bot is not None and bot not in fleet.announced:
            fleet.announced.add(bot)
            words = f"{bot.pair} ({bot.holder.mode}) runs; {key_of(f'screen_{LIVE}')} shows it"
            self.notify(words, markup=False)

    def _listen(self, fleet: Fleet) -> None:
        """Of bots that are not shown alarms and silence are said; the list of bots asks by itself,
        and shows them."""
        listed = self.current_mode == BOTS
        for words in fleet.listen(ask=not listed):
            self.attention.ring()
            if not listed:
                words = f"{words}; {key_of(f'screen_{BOTS}')} shows it"
                self.notify(words, severity="warning", timeout=_CALLS_S)

    @work(group="demo", exit_on_error=False)
    async def _await_demo(self, demo: Demo) -> None:
        """Show the demonstration once it can be reached, rather than a bot that runs already."""
        try:
            await self._show_demo(demo)
        finally:
            self._demo_waits = False

    async def _show_demo(self, demo: Demo) -> None:
        assert self.store is not None
        with self.store.fleet.awaiting(
            "A bot on paper is starting on a simulated market."
        ) as awaited:
            while not demo.failed:
                found = await asyncio.to_thread(demo.found)
                if found is not None:
                    await self.store.fleet.follow(found)
                    break
                if demo.launch is not None:
                    awaited.said = await asyncio.to_thread(demo.launch.last_words)
                await asyncio.sleep(0.1)
            else:
                words = demo.launch.last_words() if demo.launch else ""
                title = "the demo has not started"
                self.notify(words, title=title, severity="error", markup=False)

    async def play(self, replay: Replay) -> None:
        """Show a record on the screens of a bot, and say what of it is damaged."""
        assert self.store is not None
        await self.store.fleet.play(replay)
        self._attend(replay)
        if replay.record.complaint:
            self.notify(replay.record.complaint, severity="warning", timeout=12, markup=False)

    @work(group="replays", exit_on_error=False)
    async def _attend(self, replay: Replay) -> None:
        """A replay that cannot go on ends, with its reason."""
        assert self.store is not None
        trouble = await replay.over()
        if trouble and self.store.fleet.replay is replay:
            await self.store.fleet.end_replay()
            self.notify(trouble, title="the replay has ended", severity="error", markup=False)

    def action_acknowledge(self) -> None:
        """The alarms were seen, and what has failed."""
        self.clear_notifications()
        if self.store is not None and self.store.fleet.watched is not None:
            self.store.fleet.watched.acknowledge()

    async def action_screen(self, number: str) -> None:
        """Another screen, made when it is wanted first; each stays as it was left."""
        if self.store is None:
            return
        async with self._opening:  # a worker and a key may want the same one at once
            left = self._screens.get(self.current_mode)
            if number != self.current_mode:
                self._before = self.current_mode
            screen = self._screens.get(number) or self._coming.get(number)
            if screen is None:
                screen = self._coming[number] = _made(number, self._data_dir)
                self.add_mode(number, lambda: screen)
            if left is not None and left is not screen:
                left.depart()
                left.take_notices_away()
                screen.take_notices_away()
            await self.switch_mode(number)
            if number in self._coming:
                await screen.furnish(self.store)
                self._screens[number] = self._coming.pop(number)
            screen.arrive()
        if screen.OF_BOTS and self.store.fleet.waiting is not None:
            self._look_for_bots()
        self._pace.wake()
        self._drain()

    async def action_previous_screen(self) -> None:
        """The screen that was shown before this one."""
        if self._before:
            await self.action_screen(self._before)

    @work(thread=True, group="warm-up", exit_on_error=False)
    def _warm_up(self) -> None:
        """Load what the first run needs, so that it starts at once: 1.5 s that nobody waits for."""
        try:
            for module in ("engine.simulator", "engine.summary", "tui.series", "plotext"):
                import_module(module)
            for one in SCREENS:
                import_module(one.place.partition(":")[0])
        finally:
            if self.loads_uncollected:
                collecting.begin()
        if not self.is_headless:
            self.call_from_thread(self.call_later, self.load_styles)

    async def load_styles(self) -> None:
        """Read the styles of what was not opened yet, a file at a time."""
        for name in _STYLES:
            path = str(Path(__file__).with_name(f"{name}.tcss").resolve())
            if not self.stylesheet.has_source(path):
                self.stylesheet.read(path)
                self.stylesheet.parse()
                await asyncio.sleep(_APART_S)

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

    def end(self) -> None:
        """The end, without a question: the terminal is closed, or somebody ends this process. A
        demonstration goes on that ran before these screens."""
        self.demo_goes_on = self._demo is not None and self._demo.launch is None
        self._cancel()
        self.exit()

    def _cancel(self) -> None:
        if self.store is not None:
            self.store.cancel()
            self.store.data.cancel()

    def _leave(self) -> None:
        """The end; bots go on, and that is said on the terminal."""
        from tui.bot.goodbye import who_goes_on

        assert self.store is not None
        self._cancel()
        demo = None if self._demo is None else self._demo.bot
        self.exit(message=who_goes_on(self.store.fleet, demo) or None)
