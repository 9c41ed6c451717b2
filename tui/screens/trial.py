"""One trial of a study: its scores by window, and every parameter beside default and median."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import bindings
from tui.optimizer_store import StudyView
from tui.widgets.footer import KeyLine
from tui.widgets.study_texts import trial_text

if TYPE_CHECKING:
    from engine.optimize.browse import TrialEntry


class TrialScreen(ModalScreen[None]):
    """A page to read."""

    CSS_PATH = "../dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dialog"), ("enter", "close", "close")]

    def __init__(self, view: StudyView, trial: TrialEntry) -> None:
        super().__init__()
        self._view, self._trial = view, trial

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        text = Static(trial_text(self._view, self._trial))
        page = VerticalScroll(text, id="page", classes="dialog")
        page.border_title = Content(f"trial {self._trial.number} of {self._view.row.key.name}")
        yield page
        yield KeyLine("help")

    def action_close(self) -> None:
        """Back."""
        self.dismiss()
