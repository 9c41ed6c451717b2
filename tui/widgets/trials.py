"""Every trial of a study, drawn line by line as it comes into view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.wording import count
from tui.keys import bindings
from tui.optimizer_store import StudyView
from tui.widgets.columns import in_sight

if TYPE_CHECKING:
    from engine.optimize.browse import TrialEntry

SORTS = ("number", "score", "test")
_GAP = 2
_VALUE = 8
_STEP = 16


class _Column(NamedTuple):
    title: str
    width: int


class TrialsTable(ScrollView, can_focus=True):
    """Numbers, scores and parameters, the most important parameter first."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "trials--heading",
        "trials--cursor",
        "trials--quiet",
        "trials--best",
    }

    def __init__(self) -> None:
        super().__init__(id="trial-list")
        self.sort = "number"
        self._view: StudyView | None = None
        self._rows: list[TrialEntry] = []
        self._order: list[int] = []  # places of the parameters in a trial
        self._columns: list[_Column] = []
        self._cursor = 0

    @property
    def chosen(self) -> TrialEntry | None:
        """The trial below the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def show(self, view: StudyView) -> None:
        """The trials as they are now. The cursor stays on its trial; on top it stays on top."""
        kept = self.chosen
        same = self._view is not None and self._view.row.key == view.row.key
        self._view = view
        names = [line.name for line in view.parameters] or list(view.names)
        self._order = [view.names.index(name) for name in names]
        self._lay(kept.number if kept and same and self._cursor > 0 else None)

    def next_sort(self) -> str:
        """By number, score or test score, each with the highest on top."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self._lay(None)
        self.scroll_to(0, 0, animate=False)
        return self.sort

    def on_resize(self, _: Resize) -> None:
        """The sign of what is hidden moves."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The headings, or the row that is scrolled to this line."""
        scroll_x, scroll_y = self.scroll_offset
        width, row = self.scrollable_content_region.width, scroll_y + y - 1
        if y == 0:
            return self._headings(scroll_x, width)
        if not self._rows and row == 0 and self._view is not None:
            quiet, why = self.get_component_rich_style("trials--quiet"), self._view.nothing
            why = why if len(why) <= width else f"{why[: width - 1]}…"
            return Strip([Segment(why, quiet)]).extend_cell_length(width, quiet)
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._row(row).crop_extend(scroll_x, scroll_x + width, self.rich_style)

    def action_cursor(self, step: int) -> None:
        """Lines up or down."""
        self._go_to(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        self._go_to(self._cursor + step * max(1, self.size.height - 2))

    def action_end(self, side: int) -> None:
        """First or last line."""
        self._go_to(0 if side < 0 else len(self._rows) - 1)

    def action_scroll_left(self) -> None:
        """A parameter to the left."""
        self.scroll_to(x=self.scroll_offset.x - _STEP, animate=False)

    def action_scroll_right(self) -> None:
        """A parameter to the right."""
        self.scroll_to(x=self.scroll_offset.x + _STEP, animate=False)

    def _lay(self, keep: int | None) -> None:
        assert self._view is not None
        self._rows = sorted(self._view.trials, key=_SORT_KEYS[self.sort], reverse=True)
        places = (i for i, trial in enumerate(self._rows) if trial.number == keep)
        self._cursor = next(places, 0)
        titles = ("trial", "score", "test", "state", *(self._view.names[i] for i in self._order))
        sample = [self._cells(trial) for trial in _widest(self._rows)]
        self._columns = [
            _Column(title, max([len(title), *(len(cells[i]) for cells in sample)]))
            for i, title in enumerate(titles)
        ]
        width = sum(column.width + _GAP for column in self._columns) - _GAP
        self.virtual_size = Size(width, len(self._rows) + 1)
        hidden = f", {count(self._view.hidden)} older ones not listed" if self._view.hidden else ""
        self.border_title = Content(f"{count(len(self._rows))} by {self.sort}{hidden}")
        self.refresh()

    def _go_to(self, row: int) -> None:
        before = self._cursor
        self._cursor = max(0, min(len(self._rows) - 1, row))
        region = Region(self.scroll_offset.x, self._cursor, 1, 2)
        self.scroll_to_region(region, animate=False, force=True)
        self.refresh_line(before + 1)
        self.refresh_line(self._cursor + 1)

    def _cells(self, trial: TrialEntry) -> list[str]:
        return [
            str(trial.number),
            score_text(trial.score),
            score_text(trial.test),
            trial.state,
            *(value_text(trial.values[i]) for i in self._order),
        ]

    def _headings(self, scroll_x: int, width: int) -> Strip:
        style = self.get_component_rich_style("trials--heading")
        text = (" " * _GAP).join(f"{c.title:>{c.width}}" for c in self._columns)
        return Strip([Segment(in_sight(text, scroll_x, width), style)])

    def _row(self, row: int) -> Strip:
        assert self._view is not None
        trial = self._rows[row]
        base = self.rich_style
        if row == self._cursor and self.has_focus:
            base += self.get_component_rich_style("trials--cursor", partial=True)
        best = self._view.best is not None and trial.number == self._view.best.number
        segments = []
        for i, (column, cell) in enumerate(zip(self._columns, self._cells(trial), strict=True)):
            style = base + self._style(i, best=best)
            mark = "*" if best and i == 1 else ""
            text = f"{mark}{cell}" if len(mark + cell) <= column.width else cell
            segments.append(Segment(f"{text:>{column.width}}" + " " * _GAP, style))
        return Strip(segments)

    def _style(self, place: int, *, best: bool) -> Style:
        if best and place < 4:
            return self.get_component_rich_style("trials--best", partial=True)
        if place in (0, 3):
            return self.get_component_rich_style("trials--quiet", partial=True)
        return Style.null()


def score_text(score: float | None) -> str:
    """`+0.8123`; what is not known is empty."""
    if score is None:
        return ""
    return f"{score:+.4f}" if abs(score) < 1000 else f"{score:+.3g}"


def value_text(value: float) -> str:
    """A parameter's value in four digits, in three where those are long; whole numbers whole."""
    text = str(value) if isinstance(value, int) else f"{value:.4g}"
    return text if len(text) <= _VALUE else f"{value:.3g}"


def _widest(rows: Sequence[TrialEntry]) -> Sequence[TrialEntry]:
    """All of few; of many those that have extreme scores, one of each state and some more."""
    if len(rows) <= 500:
        return rows
    scored = [row for row in rows if row.score is not None]
    ends = (min, max)
    extreme = [end(scored, key=lambda one: (one.score, one.test)) for end in ends] if scored else []
    states = {row.state: row for row in rows}.values()
    return [*extreme, *states, *rows[:: max(1, len(rows) // 300)]]


def _by_score(score: float | None) -> float:
    return -float("inf") if score is None else score


_SORT_KEYS = {
    "number": lambda one: one.number,
    "score": lambda one: (_by_score(one.score), -one.number),
    "test": lambda one: (_by_score(one.test), -one.number),
}
