"""What all forms of a screen have in common: rows of label and field, and a source of candles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.keys import bindings
from tui.widgets.fields import Choice, TextField, step_focus

if TYPE_CHECKING:
    from tui.request import FieldError

SOURCES = {
    "sim": "simulated",
    "binance": "Binance",
    "cache": "disk",
    "cache-spot": "disk, SPOT",
    "cache-sim": "disk, SIMULATED",
    "folder": "folder",
}


class RowsForm(Vertical, can_focus=True):
    """The row of the folder is there only while the source is one.

    It can have the focus as a whole: then letters and digits are keys, and ↓ goes to its fields.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    class Submitted(Message):
        """Enter was pressed in a text field."""

    class Edited(Message):
        """A field has another value."""

    def __init__(self, title: str) -> None:
        super().__init__(id="form", classes="-active")
        self.border_title = title

    def rows(self) -> Iterable[tuple[str, Widget]]:
        """Labels and fields, top to bottom; those of `source` and `folder` among them."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Labels beside their fields."""
        rows = list(self.rows())
        self._labels = [label for label, _ in rows]
        self._named = [(label, field.id) for label, field in rows]
        with Horizontal(id="rows"):
            yield Static(id="labels")
            with Vertical():
                for _, field in rows:
                    yield field

    def on_mount(self) -> None:
        """No folder is asked for yet."""
        self.show_folder(False)

    def show_folder(self, there: bool) -> None:
        """With or without the row of the folder."""
        self.query_one("#folder").display = there
        shown = (label for label in self._labels if there or label != "folder")
        self.query_one("#labels", Static).update("\n".join(shown))

    def focus_field(self, name: str) -> None:
        """Put the cursor into a field; what is typed next replaces its text."""
        field = self.query_one(f"#{name}")
        if isinstance(field, TextField):
            field.hold()
        field.focus()
        if isinstance(field, TextField):
            field.action_select_all()

    def told(self, error: FieldError) -> str:
        """What is wrong, after the label of the field that it is about."""
        label = next((label for label, name in self._named if name == error.field), "")
        words = str(error)
        known = not label or words.startswith((label, error.field, error.field.replace("_", "-")))
        return words if known else f"{label}: {words}"

    def enter_field(self, name: str) -> None:
        """Put the cursor behind the text of a field."""
        field = self.query_one(f"#{name}", TextField)
        field.hold()
        field.go_on()

    def rest(self) -> None:
        """Out of the fields, what was typed kept."""
        self.leave_field()

    def undo_field(self) -> bool:
        """Give the text field that has the focus back what it held; False: it holds that."""
        field = self.screen.focused
        if not isinstance(field, TextField) or not field.edited:
            return False
        field.restore()
        return True

    def leave_field(self) -> bool:
        """Out of a field; False: not in one. Letters and digits are keys then."""
        if self.has_focus or not self.has_focus_within:
            return False
        self.focus()
        return True

    def hold(self) -> None:
        """What the fields hold now is what escape goes back to."""
        for field in self.query(TextField):
            field.hold()

    def action_move(self, step: int) -> None:
        """The next field, or the one before; at the ends it stays."""
        step_focus(self, step)

    @on(Choice.Changed)
    def _source_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())
        if event.choice.id == "source":
            self.show_folder(event.choice.value == "folder")

    @on(Input.Changed)
    def _typed(self) -> None:
        self.post_message(self.Edited())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.hold()
        self.post_message(self.Submitted())
