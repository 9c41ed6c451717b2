"""The optimizer's form: which study, on which candles, how long and how to search."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tui.keys import bindings
from tui.widgets.fields import Choice, TextField, step_focus
from tui.widgets.form import SOURCES

if TYPE_CHECKING:
    from tui.optimizer_order import SearchText

_DATES = r"[0-9 :TZ+-]"
_WHOLE = r"[0-9 ,]"
_SAMPLERS = {
    "tpe": "TPE",
    "cmaes": "CMA-ES",
    "qmc": "quasi-random",
    "nsga2": "NSGA-II",
    "random": "random",
}
_MODES = {"search": "one set", "refit": "each window"}


class SearchForm(Vertical):
    """Rows of label and field; `text` is the form as typed, `show` fills it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    class Submitted(Message):
        """Enter was pressed in a text field."""

    def __init__(self) -> None:
        super().__init__(id="form", classes="-active")
        self.border_title = "search"

    def compose(self) -> ComposeResult:
        """Labels beside their fields."""
        with Horizontal(id="rows"):
            yield Static(_labels(folder=False), id="labels")
            with Vertical():
                yield TextField("study", placeholder="grid_v4_wfo")
                yield TextField("coins", placeholder="BTC ETH SOL")
                yield Choice("source", SOURCES)
                yield TextField("folder", placeholder="where candles lie")
                yield TextField("start", _DATES, "2024-01-01")
                yield TextField("end", _DATES, "now")
                yield TextField("trials", _WHOLE)
                yield TextField("windows", _WHOLE)
                yield TextField("holdout", r"[0-9.]")
                yield TextField("mc_perms", _WHOLE, "0 skips them")
                yield Choice("sampler", _SAMPLERS)
                yield Choice("mode", _MODES)
                yield TextField("workers", _WHOLE, "one a core")
                yield TextField("seed", _WHOLE)
                yield TextField("storage", placeholder="grid_v4_wfo.db")
                yield TextField("config", placeholder="TOML file, if any")

    @property
    def text(self) -> SearchText:
        """The form as it stands, unchecked."""
        from tui.optimizer_order import SearchText

        typed = {name: self.query_one(f"#{name}", TextField).value for name in _TEXT_FIELDS}
        chosen = {name: self.query_one(f"#{name}", Choice).value for name in _CHOICES}
        return SearchText(**typed, **chosen)

    def show(self, text: SearchText) -> None:
        """Fill every field."""
        for name in _TEXT_FIELDS:
            self.query_one(f"#{name}", TextField).value = getattr(text, name)
        for name in _CHOICES:
            self.query_one(f"#{name}", Choice).value = getattr(text, name)
        self._show_folder(text.source == "folder")

    def focus_field(self, name: str) -> None:
        """Put the cursor into a field; what is typed next replaces its text."""
        field = self.query_one(f"#{name}")
        field.focus()
        if isinstance(field, TextField):
            field.action_select_all()

    def leave_text(self) -> bool:
        """Out of the text fields, so that letters and digits are keys; False: not in one."""
        if not isinstance(self.screen.focused, TextField):
            return False
        self.query_one("#source", Choice).focus()
        return True

    def action_move(self, step: int) -> None:
        """The next field, or the one before; at the ends it stays."""
        step_focus(self, step)

    @on(Choice.Changed)
    def _source_changed(self, event: Choice.Changed) -> None:
        event.stop()
        if event.choice.id == "source":
            self._show_folder(event.choice.value == "folder")

    def _show_folder(self, there: bool) -> None:
        """Its row is there only while the source is a folder."""
        self.query_one("#folder").display = there
        self.query_one("#labels", Static).update(_labels(folder=there))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())


_CHOICES = ("source", "sampler", "mode")
_LABELS = {
    "study": "study",
    "coins": "coins",
    "source": "source",
    "folder": "folder",
    "start": "from",
    "end": "to",
    "trials": "trials",
    "windows": "windows",
    "holdout": "hold-out",
    "mc_perms": "mc-perms",
    "sampler": "sampler",
    "mode": "mode",
    "workers": "workers",
    "seed": "seed",
    "storage": "storage",
    "config": "config",
}
_TEXT_FIELDS = tuple(name for name in _LABELS if name not in _CHOICES)


def _labels(*, folder: bool) -> str:
    return "\n".join(label for name, label in _LABELS.items() if folder or name != "folder")
