"""A list of options with the keys that every list has."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from tui.keys import bindings

_SIDEWAYS = {"left", "right"}


class Choices(OptionList):
    """Moved through as tables are, up and down; its lines are never wider than it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        one for one in bindings("list") if isinstance(one, Binding) and one.id not in _SIDEWAYS
    ]

    def action_cursor(self, step: int) -> None:
        """Lines up or down."""
        if step < 0:
            self.action_cursor_up()
        else:
            self.action_cursor_down()

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        if step < 0:
            self.action_page_up()  # type: ignore[no-untyped-call]
        else:
            self.action_page_down()  # type: ignore[no-untyped-call]

    def action_end(self, side: int) -> None:
        """First or last line."""
        if side < 0:
            self.action_first()
        else:
            self.action_last()
