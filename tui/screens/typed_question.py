"""A question before something that cannot be undone: answered by typing a word."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.keys import bindings, key_of


class TypedQuestion(ModalScreen[bool]):
    """Dismissed with True once the word is typed and entered, else with False.

    Args:
        question: what would be done.
        effects: what that means, a line each.
        word: to be typed, in capitals or not; or some, with a space between.
    """

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("typed")

    def __init__(self, question: str, effects: Sequence[str], word: str) -> None:
        super().__init__()
        self._question, self._effects, self._word = question, effects, word

    def compose(self) -> ComposeResult:
        """Question, effects, the word's field, and the way out."""
        with Vertical(classes="dialog", id="danger"):
            yield Static(Content(self._question), classes="asked")
            yield Static(Content("\n".join(f"  {effect}" for effect in self._effects)))
            with Horizontal():
                yield Static(f"type {self._word} and enter:", id="wanted")
                yield Input(id="word-typed", compact=True, select_on_focus=False)
            yield Button(f"Cancel ({key_of('leave_typed')})", id="no", compact=True)

    def on_mount(self) -> None:
        """Enter does no harm."""
        self.query_one("#no").focus()

    def on_key(self, event: Key) -> None:
        """Whatever is typed is the word."""
        field = self.query_one(Input)
        if event.character and event.is_printable and not field.has_focus:
            event.stop()
            field.focus()
            field.insert_text_at_cursor(event.character)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        typed = " ".join(event.value.split())
        if typed.upper() == self._word.upper():
            self.dismiss(True)
        elif not typed:
            self.dismiss(False)
        else:
            self.query_one("#wanted", Static).update(Content(f"not {typed}: type {self._word}"))
            event.input.clear()

    def on_button_pressed(self) -> None:
        """Cancel."""
        self.dismiss(False)

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(False)
