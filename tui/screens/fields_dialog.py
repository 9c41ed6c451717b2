"""A dialog of a few labelled fields: enter takes them, escape leaves, a wrong one is named."""

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.keys import bindings
from tui.request import FieldError
from tui.widgets.fields import Choice, Switch, TextField, step_focus
from tui.widgets.footer import KeyLine
from tui.widgets.message_line import MessageLine

Order = TypeVar("Order")


class FieldsDialog(ModalScreen[Order], Generic[Order]):
    """Dismissed with what `order` makes of the fields, or with None."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("fields"), *bindings("form")]
    TITLE_TEXT = ""
    ABOUT = ""
    KEYS = "fields"

    def fields(self) -> Iterable[tuple[str, Widget]]:
        """Labels and fields, top to bottom."""
        raise NotImplementedError

    def order(self) -> Order:
        """What the fields ask for. Raises FieldError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Labels beside their fields, and room for a message below."""
        rows = list(self.fields())
        with Vertical(classes="dialog") as box:
            box.border_title = self.TITLE_TEXT
            yield Static(Content(self.ABOUT), classes="about")  # it may name folders
            with Horizontal(classes="fields"):
                yield Static("\n".join(label for label, _ in rows), classes="labels")
                with Vertical():
                    for _, field in rows:
                        yield field
            yield MessageLine(classes="message")
        yield KeyLine(self.KEYS)

    def text(self, name: str) -> str:
        """What is typed in a field."""
        return self.query_one(f"#{name}", TextField).value

    def choice(self, name: str) -> str:
        """The value of a choice."""
        return self.query_one(f"#{name}", Choice).value

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.query_one(f"#{name}", Switch).value

    @on(Input.Submitted)
    def action_take(self) -> None:
        """Take the fields, or say which is wrong and put the cursor there."""
        try:
            order = self.order()
        except FieldError as error:
            self.query_one(MessageLine).say(str(error), error=True)
            self.query_one(f"#{error.field}").focus()
            return
        self.dismiss(order)

    @on(Input.Changed)
    @on(Choice.Changed)
    def _edited(self) -> None:
        """What was wrong may be right now."""
        message = self.query_one(MessageLine)
        if message.has_class("-error"):
            message.say("")

    def action_move(self, step: int) -> None:
        """The next field, or the one before."""
        step_focus(self, step)

    def action_close(self) -> None:
        """Leave without an order."""
        self.dismiss(None)
