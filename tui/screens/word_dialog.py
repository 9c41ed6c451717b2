"""A dialog that is answered by typing a word: what all of them do alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui.keys import bindings, key_of


class WordDialog(ModalScreen[bool]):
    """Dismissed with False by escape and by entering nothing; a subclass has the word, and says
    what becomes of the right one.

    It composes `word_line` somewhere, and `cancel`, which has the focus.
    """

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("typed")

    @property
    def word(self) -> str:
        """What is to be typed now; "" while nothing is asked for."""
        raise NotImplementedError

    def agreed(self) -> None:
        """Called when the word was typed and entered."""
        raise NotImplementedError

    def means_word(self, typed: str) -> bool:
        """Whether that is the word: in capitals or not."""
        return typed.upper() == self.word.upper()

    def wanted(self, wrong: str = "") -> str:
        """What stands before the field; `wrong`: what was entered in the word's place."""
        return f"not {wrong}: type {self.word}" if wrong else f"type {self.word} and enter:"

    def word_line(self) -> Iterable[Widget]:
        """The words before the field, and the field."""
        yield Static(id="wanted")
        yield Input(id="word-typed", compact=True, select_on_focus=False)

    def cancel(self) -> Button:
        """The way out."""
        return Button(f"Cancel ({key_of('leave_typed')})", id="no", compact=True)

    def on_mount(self) -> None:
        """Enter does no harm."""
        self.query_one("#no").focus()

    def on_key(self, event: Key) -> None:
        """Whatever is typed is the word."""
        field = self.query_one(Input)
        if self.word and event.character and event.is_printable and not field.has_focus:
            event.stop()
            field.focus()
            field.insert_text_at_cursor(event.character)

    def want(self, wrong: str = "") -> None:
        """Say which word is to be typed now."""
        # it may hold what was typed, whose brackets are no markup
        self.query_one("#wanted", Static).update(Content(self.wanted(wrong)))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        typed = " ".join(event.value.split())
        event.input.clear()
        if not typed or not self.word:
            self.dismiss(False)
        elif self.means_word(typed):
            self.agreed()
        else:
            self.want(wrong=typed)

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(False)
