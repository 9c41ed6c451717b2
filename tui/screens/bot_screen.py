"""What the screens of a bot share: the bot that is watched, and the keys that steer it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.wording import amount, plural
from tui.keys import bindings
from tui.screens.frame import FramedScreen
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion

if TYPE_CHECKING:
    from pathlib import Path

    from tui.bot.view import BotView
    from tui.store import Store


def no_bot(first: str) -> Content:
    """What stands where no bot is shown; `first`, with markup: what can be done."""
    return Content.from_markup(
        f"\n[bold]No bot runs on this machine.[/]\n\n{first}\n"
        "A bot that is started in another terminal appears here by itself:\n\n"
        "  gridtui live --coin BTC --paper --headless\n"
    )


class BotScreen(FramedScreen):
    """A screen of the bot that is watched. A subclass gives its panels and shows the bot in them.

    Panels that may be out of date are dimmed by the class `-stale` of the screen.
    """

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings("bot")
    KEYS = "bot"
    KEY_PLACES: ClassVar[tuple[str, ...]] = ("app", "bot")
    NO_BOT = no_bot("[bold $primary]0[/] shows the bots that could go on, and starts new ones.")

    _store: Store

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__("-bot")
        self._data_dir = data_dir
        self._furnished = False
        self._no_bot = self.NO_BOT

    def compose(self) -> ComposeResult:
        """Before anything is known, no bot."""
        self.add_class("-no-bot")
        yield from super().compose()

    def body(self) -> Iterable[Widget]:
        """The panels, or what is said where there is no bot."""
        yield Static(self.NO_BOT, id="no-bot")
        yield from self.panels()

    def panels(self) -> Iterable[Widget]:
        """The widgets that show a bot."""
        raise NotImplementedError

    def show(self, view: BotView) -> None:
        """Called ten times a second while this screen is shown: draw what has changed."""
        raise NotImplementedError

    async def furnish(self, store: Store) -> None:
        """Nothing has to be loaded."""
        self._store = store
        self._furnished = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key before everything is there."""
        return self._furnished and super().check_action(action, parameters)

    def refresh_from_store(self, now: datetime) -> None:
        """Show the bot that is watched."""
        self.show_status(self._store, now, "NONE", "no bot")
        view = self._store.fleet.watched
        self.set_class(view is None, "-no-bot")
        if view is None:
            awaited = self._store.fleet.awaited
            self._say_no_bot(Content(f"\n{awaited}") if awaited else self.NO_BOT)
        self.set_class(view is not None and view.stale, "-stale")
        if view is not None:
            self.show(view)

    @property
    def view(self) -> BotView | None:
        """The bot that is watched."""
        return self._store.fleet.watched

    def _say_no_bot(self, words: Content) -> None:
        if words != self._no_bot:
            self._no_bot = words
            self.query_one("#no-bot", Static).update(words)

    def action_pause(self) -> None:
        """No new entries; or entries again."""
        view = self._steerable()
        if view is not None:
            paused = "operator" in view.quote.get("paused", ())
            self._tell("resume" if paused else "pause")

    def action_end(self) -> None:
        """End gracefully, once that was confirmed."""
        view = self._steerable()
        if view is None:
            return
        question = (
            f"Stop {view.symbol}?\n\nEntries are cancelled at the exchange. "
            f"{_positions(view)} with take-profits and stops.\n--resume goes on with it later."
        )
        self.app.push_screen(
            Question(question, yes="Stop"), lambda yes: self._tell("stop") if yes else None
        )

    def action_flatten(self) -> None:
        """End with everything closed, once the coin's name was typed."""
        view = self._steerable()
        if view is None:
            return
        effects = [*_closed(view), f"{plural(len(view.account['orders']), 'order')} cancelled"]
        self.app.push_screen(
            TypedQuestion(f"Close everything of {view.symbol} at market?", effects, view.coin),
            lambda yes: self._tell("flatten") if yes else None,
        )

    def _steerable(self) -> BotView | None:
        """The bot, if it can be told anything; else says why not."""
        view = self.view
        reason = ""
        if view is None:
            reason = "no bot is shown"
        elif view.link != "connected" or not view.account:
            reason = "there is no connection to the bot" if view.about else "the bot is starting"
        elif not view.controls:
            reason = "this bot was started without control: it can only be watched"
        if reason:
            self.notify(reason, severity="warning")
        return None if reason else view

    def _tell(self, command: str) -> None:
        async def tell() -> None:
            self.notify(await self._store.fleet.command(command), markup=False)

        self.run_worker(tell(), group="commands", exit_on_error=False)


def _closed(view: BotView) -> list[str]:
    """What closing everything means for each side."""
    lines = []
    for (name, side), result in zip(
        view.account["sides"].items(), view.quote["unrealised"], strict=True
    ):
        if side["qty"]:
            worth = amount(side["qty"] * view.quote["price"])
            result_text = amount(result, signed=True)
            lines.append(
                f"{name} {side['qty']:g} ({worth} USDT) sold at market: {result_text} USDT"
            )
    return lines or ["no position is open"]


def _positions(view: BotView) -> str:
    held = [
        f"{name} {side['qty']:g}" for name, side in view.account["sides"].items() if side["qty"]
    ]
    return (
        f"{' and '.join(held)} stay" if held else "No position is open; what opens meanwhile stays"
    )
