"""The run form: what to backtest, on which candles, with which money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.wording import plural
from tui.widgets.fields import Choice, Link, Switch, TextField
from tui.widgets.message_line import MessageLine
from tui.widgets.rows_form import SOURCES, RowsForm

if TYPE_CHECKING:
    from tui.request import FormText

_DIGITS = r"[0-9 .,:_+TZ-]"
_FIGURE = r"[0-9 .,_eE+-]"


class RunForm(RowsForm):
    """`text` is the form as typed, `show` fills it."""

    class ParametersWanted(Message):
        """The line that opens the parameters was chosen."""

    def __init__(self) -> None:
        super().__init__("run")
        self._changed: dict[str, Any] = {}

    def rows(self) -> Iterable[tuple[str, Widget]]:
        """Candles and money."""
        yield "coins", TextField("coins", placeholder="BTC ETH SOL")
        yield "source", Choice("source", SOURCES)
        yield "folder", TextField("folder", placeholder="where candles lie")
        yield "from", TextField("start", _DIGITS, "2024-01-01")
        yield "to", TextField("end", _DIGITS, "now")
        each = Static("each coin", id="each")
        yield "capital", Horizontal(TextField("capital", _FIGURE), each, id="money")
        yield "leverage", TextField("leverage", _FIGURE)
        yield "short", Switch("short", "both sides")
        yield "band", Switch("band", "3 fill models")

    def compose(self) -> ComposeResult:
        """The rows, what opens the parameters, and room for a message below."""
        yield from super().compose()
        yield Link("parameters", "parameters...")
        yield MessageLine(id="message")

    @property
    def text(self) -> FormText:
        """The form as it stands, unchecked."""
        from tui.request import FormText  # with what it imports 5 ms of the first paint

        typed = {name: self.query_one(f"#{name}", TextField).value for name in _TEXT_FIELDS}
        return FormText(
            source=self.query_one("#source", Choice).value,
            short=self.query_one("#short", Switch).value,
            band=self.query_one("#band", Switch).value,
            changed=dict(self._changed),
            **typed,
        )

    def show(self, text: FormText) -> None:
        """Fill every field."""
        for name in _TEXT_FIELDS:
            self.query_one(f"#{name}", TextField).value = getattr(text, name)
        self.query_one("#source", Choice).value = text.source
        self.query_one("#short", Switch).value = text.short
        self.query_one("#band", Switch).value = text.band
        self._changed = dict(text.changed)
        self.show_folder(text.source == "folder")
        self.hold()
        changed = f"   {plural(len(self._changed), 'change')}" if self._changed else ""
        self.query_one(Link).text = "parameters..." + changed

    def show_parameters(self, values: dict[str, Any]) -> None:
        """Take over the parameters that differ from the defaults, the form's own included."""
        from engine.params import STRATEGY_PARAMS
        from tui.request import FORM_PARAMETERS

        own = {name: values.get(name, STRATEGY_PARAMS[name]) for name in FORM_PARAMETERS}
        self.show(
            replace(
                self.text,
                capital=f"{own['initial_capital']:g}",
                leverage=str(own["leverage"]),
                short=own["allow_short"],
                changed={k: v for k, v in values.items() if k not in FORM_PARAMETERS},
            )
        )

    @on(Input.Changed, "#coins")
    def _count_coins(self, event: Input.Changed) -> None:
        """The capital is each coin's."""
        several = len(event.value.replace(",", " ").split()) > 1
        self.query_one("#each").display = several

    def say(self, message: str, *, error: bool = False) -> None:
        """The line below the fields; an error begins with `!`."""
        self.query_one(MessageLine).say(message, error=error)

    @on(Link.Opened)
    def _opened(self, event: Link.Opened) -> None:
        event.stop()
        self.post_message(self.ParametersWanted())


_TEXT_FIELDS = ("coins", "folder", "start", "end", "capital", "leverage")
