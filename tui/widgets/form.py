"""The run form: what to backtest, on which candles, with which money."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from engine.wording import plural
from tui.keys import bindings
from tui.widgets.fields import Choice, Link, Switch, TextField, step_focus

if TYPE_CHECKING:
    from tui.request import FormText

_DIGITS = r"[0-9 .,:_+-]"
SOURCES = {
    "sim": "simulated",
    "binance": "Binance",
    "cache": "disk",
    "cache-spot": "disk, SPOT",
    "cache-sim": "disk, SIMULATED",
    "folder": "folder",
}


class RunForm(Vertical):
    """Rows of label and field; `text` is the form as typed, `show` fills it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    class Submitted(Message):
        """Enter was pressed in a text field."""

    class ParametersWanted(Message):
        """The line that opens the parameters was chosen."""

    def __init__(self) -> None:
        super().__init__(id="form", classes="-active")
        self.border_title = "run"
        self._changed: dict[str, Any] = {}

    def compose(self) -> ComposeResult:
        """Labels beside their fields, and room for a message below."""
        with Horizontal(id="rows"):
            yield Static(_labels(folder=False), id="labels")
            with Vertical():
                yield TextField("coins", placeholder="BTC ETH SOL")
                yield Choice("source", SOURCES)
                yield TextField("folder", placeholder="where candles lie")
                yield TextField("start", _DIGITS, "2024-01-01")
                yield TextField("end", _DIGITS, "now")
                yield TextField("capital", _DIGITS)
                yield TextField("leverage", _DIGITS)
                yield Switch("short", "both sides")
                yield Switch("band", "3 fill models")
        yield Link("parameters", "parameters...")
        yield Static(id="message")

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
        self._show_folder(text.source == "folder")
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

    def say(self, message: str, *, error: bool = False) -> None:
        """The line below the fields; an error begins with `!`."""
        line = self.query_one("#message", Static)
        line.set_class(error, "-error")
        line.update(Content(f"! {message}" if error and message else message))

    def focus_field(self, name: str) -> None:
        """Put the cursor into a field; what is typed next replaces its text."""
        field = self.query_one(f"#{name}")
        field.focus()
        if isinstance(field, TextField):
            field.action_select_all()

    def leave_text(self) -> None:
        """Out of the text fields, so that letters and digits are keys."""
        if isinstance(self.screen.focused, TextField):
            self.query_one("#source", Choice).focus()

    def action_move(self, step: int) -> None:
        """The next field, or the one before; at the ends it stays."""
        step_focus(self, step)

    @on(Choice.Changed)
    def _source_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._show_folder(event.choice.value == "folder")

    def _show_folder(self, there: bool) -> None:
        """Its row is there only while the source is a folder."""
        self.query_one("#folder").display = there
        self.query_one("#labels", Static).update(_labels(folder=there))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())

    @on(Link.Opened)
    def _opened(self, event: Link.Opened) -> None:
        event.stop()
        self.post_message(self.ParametersWanted())


_TEXT_FIELDS = ("coins", "folder", "start", "end", "capital", "leverage")
_LABELS = ("coins", "source", "folder", "from", "to", "capital", "leverage", "short", "band")


def _labels(*, folder: bool) -> str:
    return "\n".join(label for label in _LABELS if folder or label != "folder")
