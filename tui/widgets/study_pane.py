"""One study: how far it is, its scores as curves, its verdict, and five views of what it has."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui.keys import STUDY_VIEWS, key_of
from tui.optimizer_store import StudyView
from tui.widgets.score_chart import ScoreChart
from tui.widgets.study_texts import (
    best_line,
    log_text,
    parameters_text,
    report_text,
    stable_line,
    verdict_line,
    windows_text,
)
from tui.widgets.trials import TrialsTable

_TEXTS = {
    "parameters": parameters_text,
    "report": report_text,
    "windows": windows_text,
    "log": log_text,
}
_ALARMED = ("failed", "killed", "stopped", "paused")


class StudyPane(Vertical):
    """`show` gives it a study; `current_view` is one of `STUDY_VIEWS`."""

    current_view = reactive("trials")

    def __init__(self) -> None:
        super().__init__(id="study-pane")
        self.view: StudyView | None = None

    def compose(self) -> ComposeResult:
        """Everything is there; the pane's class decides which view is seen."""
        yield Static(id="study-head")
        yield ScoreChart()
        yield Static(id="study-best")
        yield Static(id="study-verdict")
        yield Static(id="study-stable")
        yield Static(id="study-tabs")
        with Horizontal(id="study-views"):
            yield TrialsTable()
            yield VerticalScroll(Static(), id="study-text")
            yield VerticalScroll(Static(), id="study-side", can_focus=False)

    def show(self, view: StudyView) -> None:
        """The study as it is now; only what has changed is drawn anew."""
        self.view = view
        made_up = Content.styled(" SIMULATED ", "reverse bold $simulated")
        title = (view.row.key.name, "bold")
        gap = " " if view.row.simulated else ""
        self.border_title = Content.assemble(made_up if gap else "", gap, title)
        self._show_head(view)
        self.query_one(ScoreChart).show(view)
        self.query_one("#study-best", Static).update(best_line(view))
        self.query_one("#study-stable", Static).update(stable_line(view))
        self.query_one("#study-verdict", Static).update(verdict_line(view))
        self.query_one(TrialsTable).show(view)
        self._show_text()

    def watch_current_view(self) -> None:
        """Show one of the views."""
        for name in STUDY_VIEWS:
            self.set_class(name == self.current_view, f"-view-{name}")
        if self.view is not None:
            self._show_text()
            self.query_one("#study-text").scroll_home(animate=False)

    def focus_view(self) -> None:
        """The focus goes where the view can be scrolled."""
        table = self.current_view == "trials"
        (self.query_one(TrialsTable) if table else self.query_one("#study-text")).focus()

    def on_resize(self) -> None:
        """Bar and tabs have the width."""
        if self.view is not None:
            self.call_after_refresh(self._fitted)

    def _fitted(self) -> None:
        if self.view is not None:
            self._show_head(self.view)
            self._show_text()

    def _show_head(self, view: StudyView) -> None:
        row, told = view.row, view.row.posted.notice if view.row.posted else None
        style = "bold $warning" if row.state in _ALARMED else "bold"
        style = "bold $pnl-negative" if row.state == "failed" else style
        parts: list[str | tuple[str, str]] = [(row.words, style)]
        if row.at_work and told is not None:
            share = told.share if told.share is not None else 0.0
            width = max(10, self.content_size.width - 6)
            full = int(share * width)
            parts += ["\n", ("━" * full, "bold $primary"), ("╌" * (width - full), "$quiet")]
            parts.append((f" {share:4.0%}", "bold"))
        self.query_one("#study-head", Static).update(Content.assemble(*parts))

    def _show_text(self) -> None:
        view = self.view
        assert view is not None
        if (text := _TEXTS.get(self.current_view)) is not None:
            self.query_one("#study-text Static", Static).update(text(view))
        if self.screen.has_class("-huge"):
            aside = {"report": report_text, "windows": windows_text}
            told = [text(view) for name, text in aside.items() if name != self.current_view]
            self.query_one("#study-side Static", Static).update(Content("\n\n").join(told))
        parts: list[str | tuple[str, str]] = []
        for name in STUDY_VIEWS:
            chosen = name == self.current_view
            parts += [
                (f"[{name}]", "bold $primary") if chosen else (f" {name} ", "$quiet"),
                " ",
            ]
        parts.append((f"{key_of('next_view')} view", "$quiet"))
        self.query_one("#study-tabs", Static).update(Content.assemble(*parts))
