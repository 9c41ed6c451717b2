"""A dialog that is answered by typing a word: what all of them do alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui.keys import bindings, key_of

_SHOWN = 20
"""Letters of a wrong word, so that all that is said of it is one line."""


class WordDialog(ModalScreen[bool]):
    """Dismissed with False by escape and by entering nothing; a subclass has the word, and says
    what becomes of the right one.

    It composes `word_line` somewhere, and `cancel`, which has the focus. `LEAVES`: what becomes of
    nothing entered, as a word after a wrong one says it.
    """

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("typed")
    LEAVES: ClassVar[str]

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

    def wanted(self) -> str:
        """What stands before the field."""
        return f"type {self.word} and enter:"

    def word_line(self) -> Iterable[Widget]:
        """The words before the field, and the field."""
        with Horizontal(id="typing"):
            yield Static(id="wanted")
            yield Input(id="word-typed", compact=True, select_on_focus=False)
        yield Static(id="wrong")

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

    def want(self) -> None:
        """Say which word is to be typed now."""
        self.query_one("#wanted", Static).update(Content(self.wanted()))

    def complain(self, wrong: str) -> None:
        """Below the field; `wrong`: what was entered in the word's place, "" takes it away."""
        short = wrong if len(wrong) <= _SHOWN else f"{wrong[: _SHOWN - 1]}…"
        capitals = ", in capitals" if wrong.upper() == self.word else ""
        words = f'"{short}" is not {self.word}{capitals}; Enter alone {self.LEAVES}'
        # brackets that were typed are no markup
        self.query_one("#wrong", Static).update(Content(words if wrong else ""))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        typed = " ".join(event.value.split())
        event.input.clear()
        if not typed or not self.word:
            self.dismiss(False)
        elif self.means_word(typed):
            self.complain("")
            self.agreed()
        else:
            self.complain(typed)

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(False)
