"""Before a bot begins with an account: everything is looked at, shown, and asked about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from engine.wording import BADGES, plural
from tui.bot.launch import StartOrder
from tui.bot.preflight import Looked, LookFailedError, look
from tui.commands.briefing import UNPROVEN
from tui.screens.word_dialog import WordDialog

_AGAIN = "looking once more ..."
_LABEL = 12
_MARGIN, _REST = 8, 12
"""Columns of frame, padding and scroll bar; lines of all that is not what was seen."""


class PreflightDialog(WordDialog):
    """Dismissed with True once everything was seen and what is asked for was typed.

    Real money asks for the coin's name, and for one more word where nothing speaks for the
    parameters; where nothing real can be lost a button is enough. The dialog may have stood for
    hours by then: all is looked at once more, and what has changed is shown and asked anew.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "scroll(-1)", "up"),
        ("down", "scroll(1)", "down"),
    ]

    LEAVES = "starts nothing"

    def __init__(self, order: StartOrder) -> None:
        # no bot with real money need be shown yet: its frame is that of what is about to begin
        super().__init__(classes="-real-money" if order.mode == "live" else None)
        self._order = order
        self._words: list[str] = []
        self._shown: Looked | None = None

    def compose(self) -> ComposeResult:
        """What is known, what is to be typed, and the way out, which has the focus."""
        order = self._order
        goes_on = "--resume" in order.flags
        verb = "Go on with" if goes_on else "Start"
        with Vertical(classes="dialog", id="preflight"):
            yield Static(f"{verb} {order.symbol.pair} ({BADGES[order.mode]})", classes="asked")
            with VerticalScroll(can_focus=False):
                yield Static("looking at keys, account, market and state ...", id="seen")
            yield from self.word_line()
            with Horizontal(id="answers"):
                yield self.cancel()
                yield Button("Start", id="yes", compact=True)

    def on_mount(self) -> None:
        """What is looked at comes when it is known."""
        self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        try:
            looked = await look(self._order)
        except LookFailedError as failure:
            self._refuse([str(failure)])
            return
        changed = looked.changed_since(self._shown) if self._shown else ""
        if looked.forbids:
            self._refuse(looked.forbids)
        elif self._shown and not changed:
            self.dismiss(True)
        else:
            self._ask(looked, changed)

    def _look_again(self) -> None:
        """What was agreed to is what is to begin."""
        self._words = []
        self.query_one("#wanted", Static).update(_AGAIN)
        self.query_one("#yes", Button).label = _AGAIN
        self.query("Input, #yes").set(disabled=True)
        self.query_one("#no").focus()
        self._look()

    def _refuse(self, reasons: Sequence[str]) -> None:
        self.remove_class("-words", "-button")
        self.query_one("#no").focus()
        lines = [Content.styled("nothing was started:", "bold $error")]
        for reason in reasons:
            lines += map(Content, self._wrapped("! ", reason))
        self._show(lines)

    def _ask(self, looked: Looked, changed: str = "") -> None:
        """Show it; `changed`: since it was shown before."""
        self._shown = looked
        tells: list[tuple[str, str]] = []
        for label, text in looked.tells:
            if label:
                tells.append((label, text))
            else:
                before, words = tells.pop()
                tells.append((before, f"{words} {text}"))
        lines = [*self._warning(f"changed since it was shown: {changed}")] if changed else []
        lines += [line for label, text in tells for line in self._told(label, text)]
        lines += [line for warning in looked.warns for line in self._warning(warning)]
        self._show(lines)
        self.query_one("#yes", Button).label = "Start"
        self.query("Input, #yes").set(disabled=False)
        if self._order.mode != "live":
            self.add_class("-button")
            return
        self._words = [self._order.symbol.coin, *([] if looked.proven else [UNPROVEN])]
        self.add_class("-words")
        self.want()

    def _show(self, lines: list[Content]) -> None:
        """As much of it as there is room for; the rest can be scrolled to."""
        self.query_one("#seen", Static).update(Content("\n").join(lines))
        room = max(3, self.size.height - _REST)
        self.query_one(VerticalScroll).styles.height = min(len(lines), room)
        if len(lines) > room:
            self.query_one(
                "#preflight"
            ).border_subtitle = f"↓ {plural(len(lines) - room, 'line')} more"

    @property
    def word(self) -> str:
        """The next one; of real money alone."""
        return self._words[0] if self._words else ""

    def means_word(self, typed: str) -> bool:
        """To the letter: real money begins with it."""
        return typed == self.word

    def wanted(self) -> str:
        """With the reason for the second word."""
        why = "nothing speaks for these parameters: " if self.word == UNPROVEN else ""
        return f"{why}{super().wanted()}"

    def action_scroll(self, step: int) -> None:
        """Lines up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    def agreed(self) -> None:
        """The next word; after the last all is looked at once more."""
        if len(self._words) == 1:
            self._look_again()
        else:
            del self._words[0]
            self.want()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was chosen."""
        if event.button.id == "yes":
            self._look_again()
        else:
            self.dismiss(False)

    def _warning(self, text: str) -> Iterator[Content]:
        return (Content.styled(line, "$warning") for line in self._wrapped("! ", text))

    def _told(self, label: str, text: str) -> Iterator[Content]:
        for number, line in enumerate(self._wrapped("", text, _LABEL)):
            name = label if number == 0 else ""
            yield Content.assemble((f"{name:<{_LABEL}}", "$quiet"), (line, "$foreground"))

    def _wrapped(self, sign: str, text: str, indent: int = 0) -> list[str]:
        width = max(20, min(self.size.width, 92) - _MARGIN - indent)
        return textwrap.wrap(text, width, initial_indent=sign, subsequent_indent=" " * len(sign))
