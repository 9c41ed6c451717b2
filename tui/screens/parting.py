"""A question before the demonstration is left: what becomes of its bot."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.keys import bindings, key_of

Answer = Literal["stop", "leave", "stay"]

_BUTTONS: tuple[tuple[Answer, str], ...] = (
    ("stay", "Stay"),
    ("leave", "Leave it running"),
    ("stop", "Stop it"),
)


class Parting(ModalScreen[Answer]):
    """Dismissed with what is to become of the bot; `before`: what else would be lost."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("parting"),
        ("left,up", "app.focus_previous", "before"),
        ("right,down", "app.focus_next", "next"),
    ]

    def __init__(self, before: str) -> None:
        super().__init__()
        self._before = f"{before}\n\n" if before else ""

    def compose(self) -> ComposeResult:
        """The question over its answers."""
        with Vertical(classes="dialog", id="parting"):
            yield Static(
                Content(
                    f"{self._before}The demo bot, on paper, runs. Leave it running, or stop it?"
                )
            )
            with Horizontal():
                for name, words in _BUTTONS:
                    key = key_of(f"part_{name}")
                    yield Button(f"{words} ({key})", id=name, compact=True)

    def on_mount(self) -> None:
        """Enter does no harm."""
        self.query_one("#stay").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was chosen."""
        self.dismiss(next(name for name, _ in _BUTTONS if name == event.button.id))

    def action_answer(self, answer: Answer) -> None:
        """An answer was typed."""
        self.dismiss(answer)
