"""What a new bot is to do: coin, where its orders go, money."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textual.widget import Widget

from engine.wording import BADGES
from tui.bot.launch import StartOrder, StartText
from tui.screens.fields_dialog import FieldsDialog
from tui.widgets.fields import Choice, Switch, TextField

_DIGITS = r"[0-9 .,_eE+]"
_MODES = {
    "paper": "a local exchange",
    "dry-run": "real market, no orders",
    "demo": "demo trading",
    "live": "real money: looks and asks first",
}
_TYPED = ("coin", "capital", "leverage", "speed", "source", "config", "parameters")


class StartDialog(FieldsDialog[StartOrder]):
    """Dismissed with a StartOrder, or with None.

    Args:
        text: what the fields hold first.
        folder: where the bot's files will lie.
    """

    TITLE_TEXT = "start a bot"

    def __init__(self, text: StartText, folder: Path) -> None:
        super().__init__()
        self._text = text
        self._folder = folder
        self.ABOUT = f"It goes on when these screens are left. Its files: {folder}"

    def fields(self) -> Iterable[tuple[str, Widget]]:
        """Filled with what was given."""
        mode = Choice("mode", {name: f"{BADGES[name]}, {what}" for name, what in _MODES.items()})
        mode.set_reactive(Choice.value, self._text.mode)
        short = Switch("short", "long and short; off: long only")
        short.set_reactive(Switch.value, self._text.short)
        fresh = Switch("fresh", "put an earlier state aside, whatever it holds")
        fresh.set_reactive(Switch.value, self._text.fresh)
        rows = (
            ("coin", TextField("coin", r"[A-Za-z0-9/:]", "such as BTC")),
            ("mode", mode),
            ("capital", TextField("capital", _DIGITS, "USDT; nothing: the whole wallet")),
            ("leverage", TextField("leverage", _DIGITS, "that of the parameters")),
            ("paper speed", TextField("speed", _DIGITS, "1: real time")),
            ("paper source", TextField("source", placeholder="sim, or a folder with candles")),
            ("config file", TextField("config", placeholder="a profile or a file, if any")),
            ("parameters", TextField("parameters", placeholder="name=value ..., over the file's")),
            ("short", short),
            ("fresh", fresh),
        )
        for _, field in rows:
            if isinstance(field, TextField):
                field.value = getattr(self._text, str(field.id))
        return rows

    def order(self) -> StartOrder:
        """Raises FieldError."""
        typed = {name: self.text(name) for name in _TYPED}
        text = StartText(
            mode=self.choice("mode"),
            short=self.switch("short"),
            fresh=self.switch("fresh"),
            **typed,
        )
        return StartOrder.checked(text, self._folder)
