"""What the screens of a bot share: the bot that is watched, and the keys that steer it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.wording import count, plural
from tui.bot.held import Held, held_mark
from tui.bot.moments import moment
from tui.console.live_keys import HELD_KEY_S
from tui.footers import FOOTERS
from tui.keys import bindings, key_of
from tui.screens.answers import say_answer
from tui.screens.ending import close_question, resume_question, stop_question
from tui.screens.replaying import ReplayingScreen

if TYPE_CHECKING:
    from pathlib import Path

    from tui.bot.telling import Told
    from tui.bot.view import BotView
    from tui.store import Store

_STATES = {
    "connecting": "is not reached yet",
    "connected": "goes on",
    "lost": "is out of reach",
    "ended": "has ended",
}
"""What a bot does while its display is held."""


def no_bot(first: str, **keys: str) -> Content:
    """What stands where no bot is shown; `first`, with markup: what can be done.

    `$name` in it is the key of the action that `keys` has under this name.
    """
    return Content.from_markup(
        f"\n[bold]No bot runs on this machine.[/]\n\n{first}\n"
        "A bot that is started in another terminal appears here by itself:\n\n"
        "  gridtui live --coin BTC --paper --headless\n",
        **{name: key_of(key) for name, key in keys.items()},
    )


class BotScreen(ReplayingScreen):
    """A screen of the bot that is watched. A subclass gives its panels and shows the bot in them.

    Panels that may be out of date are dimmed by the class `-stale` of the screen.
    """

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings("bot")
    OF_BOTS: ClassVar[bool] = True
    KEYS = "bot"
    KEY_PLACES: ClassVar[tuple[str, ...]] = ("app", "bot")
    NO_BOT_KEYS = "no bot"

    _store: Store

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-bot")
        self._data_dir = data_dir
        self._no_bot = Content()
        self._held: Held | None = None
        self._banner = Static(id="frozen")
        self._held_words = Content()
        self._steered_at = -HELD_KEY_S
        self._told_of_held = False
        self._paused: BotView | None = None  # whom the keys shown resume

    def compose(self) -> ComposeResult:
        """Before anything is known, no bot."""
        self.add_class("-no-bot")
        yield from super().compose()

    def body(self) -> Iterable[Widget]:
        """The panels, or what is said where there is no bot."""
        yield self._banner
        yield Static(self.no_bot, id="no-bot")
        yield from self.panels()

    @property
    def no_bot(self) -> Content:
        """What is said where none is shown."""
        can = "[bold $primary]$bots[/] shows the bots that could go on, and starts new ones."
        return no_bot(can, bots="screen_0")

    def panels(self) -> Iterable[Widget]:
        """The widgets that show a bot."""
        raise NotImplementedError

    def show(self, view: BotView) -> None:
        """Called as `refresh_from_store` is, where there is a bot: draw what has changed."""
        raise NotImplementedError

    async def furnish(self, store: Store) -> None:
        """Nothing has to be loaded."""
        self._store = store
        self._furnished = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What goes on must have been held."""
        if action == "unfreeze" and self._held is None:
            return False
        return super().check_action(action, parameters)

    def refresh_from_store(self, now: datetime) -> None:
        """Show the bot that is watched."""
        self.show_status(self._store, now, "NONE", "no bot")
        view = self._store.fleet.watched
        self.set_class(view is None, "-no-bot")
        if view is None:
            awaited = self._store.fleet.awaited
            unseen = len(self._store.fleet.running)
            others = f"{plural(unseen, 'bot')} on this machine, none is shown: "
            others += f"{key_of('screen_0')} chooses one."
            words = awaited or (others if unseen else "")
            self._say_no_bot(Content(f"\n{words}") if words else self.no_bot)
        self.set_class(view is not None and view.stale, "-stale")
        self.show_keys(self.NO_BOT_KEYS if view is None else self._keys_for(view))
        if view is None:
            self.remove_class("-frozen")
        else:
            self.show(self._as_held(view))

    def _keys_for(self, view: BotView) -> str:
        context = self._key_context()
        paused = view.paused_by_operator and view.link == "connected" and self.replay is None
        self._paused = view if paused else None
        state = "watch only" if view.watch_only else "paused" if paused else view.link
        other = f"{context} {state}"
        return other if other in FOOTERS else context

    def _key_context(self) -> str:
        """Which keys matter."""
        return self.KEYS

    @property
    def frozen(self) -> bool:
        """Whether the display is held."""
        return self._held is not None and self._held.of is self.view

    def _as_held(self, view: BotView) -> BotView:
        """The bot, or how it stood when the display was frozen, which a line says."""
        if not self.frozen:
            self._held = None
        self.set_class(self._held is not None, "-frozen")
        if self._held is None:
            return view
        still = self._held.still
        words = self._held_line(self._held, view)
        if not words.is_same(self._held_words):
            self._held_words = words
            self._banner.update(words)
        return still

    def _held_line(self, held: Held, view: BotView) -> Content:
        """Since when, what the bot does meanwhile, and the key: as much as there is room for."""
        still, key = held.still, key_of("freeze")
        state = _STATES[view.link] if not view.paused_by_operator else "is paused"
        at = f"  of {moment(still, still.now_ms)}" if still.now_ms else ""
        mark = held_mark(f" +{count(held.new())}")
        long = f"{at}; the bot {state}   {key} shows what is now"
        for rest in (long, f"{at}; the bot {state}   {key} goes on", f"{at}   {key} goes on"):
            words = Content.assemble(" ", mark, (rest, "$quiet"))
            if words.cell_length <= self.size.width:
                break
        return words

    def action_freeze(self) -> None:
        """Hold the display, not the bot; once more: go on. A replay holds and goes on itself."""
        if self.replay is not None:
            self.replay.toggle()
        else:
            self.hold()

    def hold(self) -> None:
        """Show how the bot stands now until `hold` is called again."""
        view = self.view
        self._held = None if self._held or view is None else Held(view)

    def depart(self) -> None:
        """What is shown when one comes back is what is then."""
        self._held = None

    def action_unfreeze(self) -> None:
        """The display goes on."""
        self._held = None

    @property
    def view(self) -> BotView | None:
        """The bot that is watched."""
        return self._store.fleet.watched

    def _say_no_bot(self, words: Content) -> None:
        if words != self._no_bot:
            self._no_bot = words
            self.query_one("#no-bot", Static).update(words)

    def action_pause(self, command: str = "") -> None:
        """No new entries; or entries again. A key that is held says it once.

        `command`: `pause` or `resume`, as the palette shows it; else what the line of keys shows.
        """
        held = monotonic() - self._steered_at < HELD_KEY_S
        self._steered_at = monotonic()
        if held and not self._told_of_held:
            key = key_of("pause")
            self.notify(f"{key} so soon after {key} was ignored: wait a second", timeout=3)
        self._told_of_held = held
        view = None if held else self._steerable()
        if view is None:
            return
        command = command or ("resume" if self._paused is view else "pause")
        if command == "resume" and self._store.fleet.pause_unconfirmed(view):
            self.app.push_screen(
                resume_question(view), lambda yes: self._tell(command, view) if yes else None
            )
        else:
            self._tell(command, view)

    def action_end(self) -> None:
        """End gracefully, once that was confirmed."""
        view = self._steerable()
        if view is None:
            return
        self.app.push_screen(
            stop_question(view), lambda yes: self._tell("stop", view) if yes else None
        )

    def action_flatten(self) -> None:
        """End with everything closed, once the coin's name was typed."""
        view = self._steerable()
        if view is None:
            return
        self.app.push_screen(
            close_question(view), lambda yes: self._tell("flatten", view) if yes else None
        )

    def _steerable(self) -> BotView | None:
        """The bot, if it can be told anything; else says why not."""
        view = self.view
        reason = ""
        if self.replay is not None:
            reason = "a replay cannot be steered"
        elif view is None:
            reason = "no bot is shown"
        elif view.link != "connected" or not view.account:
            reason = _unreachable(view)
        elif not view.controls:
            reason = "this bot was started without control: it can only be watched"
        if reason:
            self.notify(reason, severity="warning")
        return None if reason else view

    def _tell(self, command: str, view: BotView) -> None:
        async def tell() -> Told:
            return await self._store.fleet.command(command, view)

        say_answer(self, command, tell)


def _unreachable(view: BotView) -> str:
    if view.link == "ended":
        return "the bot has crashed" if view.crashed else "the bot has ended"
    return "there is no connection to the bot" if view.about else "the bot is starting"
