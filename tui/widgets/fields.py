"""The kinds of form fields: text, a choice between few, a switch, and a line that opens more."""

import re
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Key
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from tui.keys import bindings, key_of

_LEAVE = {"back", "aside"}
"""What leaves a form, on either screen that has one."""


class TextField(Input):
    """One line of text. What does not fit is taken, shown as wrong, and never a key of the screen.

    Dropping it would leave another number in its place: `5k` is no 5.
    """

    DEFAULT_CSS = "TextField.-wrong { color: $error; text-style: underline; }"

    def __init__(self, name: str, characters: str = ".", placeholder: str = "") -> None:
        """`characters`: a pattern of one that fits."""
        self._fitting = re.compile(f"(?:{characters})*")
        self._held = ""
        self._goes_on = False
        super().__init__(id=name, placeholder=placeholder)

    def hold(self) -> None:
        """What it holds now is what `restore` goes back to."""
        self._held = self.value

    @property
    def edited(self) -> bool:
        """Whether `restore` would change anything."""
        return self.value != self._held

    def restore(self) -> None:
        """What it held when the focus came."""
        self.value = self._held

    def go_on(self) -> None:
        """Take the focus with the cursor at the end: what is typed does not replace the text."""
        if self.has_focus:
            self.cursor_position = len(self.value)
        else:
            self._goes_on = True
            self.focus()

    def on_focus(self) -> None:
        """From here on, what is typed can be taken back."""
        self.hold()
        self.select_on_focus = not self._goes_on
        if self._goes_on:
            self._goes_on = False
            self.cursor_position = len(self.value)

    def watch_value(self, value: str) -> None:
        """Show at once that something does not fit."""
        self.set_class(self._fitting.fullmatch(value) is None, "-wrong")

    async def _on_key(self, event: Key) -> None:
        # escape and a letter in quick succession are one key to a terminal: alt+letter
        if event.is_printable and event.key.startswith("alt+"):
            event.prevent_default()
            event.stop()


class _Untyped(Widget):
    """A field that nothing is typed into; in the form of a screen it takes digits all the same.

    They are meant for a field near it, and would show another screen.
    """

    def on_key(self, event: Key) -> None:
        """Say so; a dialog's digits are no keys."""
        if event.character is None or not event.character.isdigit() or self.screen.is_modal:
            return
        event.prevent_default()
        event.stop()
        self.app.clear_notifications()
        reached = {bound.binding.id for bound in self.screen.active_bindings.values()}
        changes = key_of("change")
        leaves = next((f", {key_of(name)} leaves the form" for name in _LEAVE & reached), "")
        self.screen.notify(f"this row takes no typing: {changes} changes it{leaves}")


class Choice(_Untyped, can_focus=True):
    """One of a few values, changed by space and the arrow keys."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("choice")
    value = reactive("")

    class Changed(Message):
        """Another value was chosen."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, name: str, options: dict[str, str]) -> None:
        """`options`: value -> how it is shown."""
        super().__init__(id=name)
        self._options = options
        self.set_reactive(Choice.value, next(iter(options)))

    def render(self) -> Content:
        """`< simulated >`."""
        return Content.assemble(("< ", "$quiet"), self._options[self.value], (" >", "$quiet"))

    def watch_value(self) -> None:
        """Tell the form."""
        self.post_message(self.Changed(self))

    def action_change(self, step: int = 1) -> None:
        """The next value, or the one before."""
        values = list(self._options)
        self.value = values[(values.index(self.value) + step) % len(values)]

    def on_click(self, _: Click) -> None:
        """A click changes it, too."""
        self.action_change()


class Switch(_Untyped, can_focus=True):
    """On or off."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("choice")
    value = reactive(False)

    def __init__(self, name: str, note: str = "") -> None:
        super().__init__(id=name)
        self._note = note

    def render(self) -> Content:
        """`[x]` or `[ ]`, and what it is about."""
        return Content.assemble("[x]" if self.value else "[ ]", (f" {self._note}", "$quiet"))

    def action_change(self, step: int = 1) -> None:  # noqa: ARG002  (both arrows turn it over)
        """Turn it over."""
        self.value = not self.value

    def on_click(self, _: Click) -> None:
        """A click turns it over, too."""
        self.action_change()


class Link(Widget, can_focus=True):
    """A line that opens something."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("link")
    text = reactive("", layout=True)

    class Opened(Message):
        """It was chosen."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(id=name)
        self.set_reactive(Link.text, text)

    def render(self) -> str:
        """Its text."""
        return self.text

    def action_open(self) -> None:
        """Open it."""
        self.post_message(self.Opened())

    def on_click(self, _: Click) -> None:
        """A click opens it, too."""
        self.action_open()


def step_focus(form: Widget, step: int) -> None:
    """From the field that has the focus to the next, or the one before; at the ends it stays."""
    fields = [w for w in form.query("*").results(Widget) if w.can_focus and w.region.height]
    focused = form.screen.focused
    if focused in fields:
        fields[max(0, min(len(fields) - 1, fields.index(focused) + step))].focus()
    elif focused is form and fields:
        fields[0].focus()
