"""A question with two answers, of which the harmless one has the focus."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.keys import bindings, key_of
from tui.screens.following import follow


class Question(ModalScreen[bool]):
    """Dismissed with True for `yes`, with False for `no` and for escape.

    Args:
        text_now: says the text as it has become, where it changes meanwhile.
    """

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("question"),
        ("left,up", "app.focus_previous", "no"),
        ("right,down", "app.focus_next", "yes"),
    ]

    def __init__(
        self, text: str, yes: str, no: str = "Cancel", text_now: Callable[[], str] | None = None
    ) -> None:
        super().__init__()
        self._text, self._yes, self._no = text, yes, no
        self._text_now = text_now

    def compose(self) -> ComposeResult:
        """The text over the two answers."""
        with Vertical(classes="dialog", id="question"):
            # it may name files, whose brackets are no markup
            yield Static(Content(self._text), id="asked")
            with Horizontal():
                yield Button(f"{self._no} ({key_of('no')})", id="no", compact=True)
                yield Button(f"{self._yes} ({key_of('yes')})", id="yes", compact=True)

    def on_mount(self) -> None:
        """Enter does no harm."""
        self.query_one("#no").focus()
        if self._text_now is not None:
            follow(self, self.query_one("#asked", Static), self._text_now)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was chosen."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """An answer was typed."""
        self.dismiss(yes)
