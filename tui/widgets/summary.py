"""Every number of a result, in words: the rows that the console report prints, too."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.store import PORTFOLIO, CoinView, Run

_LABEL = 24
_VALUE = 11
_NOTE_FROM = 60
"""Narrower than this, a row's note goes below it."""

_STYLES = {
    "good": "$pnl-positive",
    "bad": "$pnl-negative",
    "warning": "$warning",
    "": "$foreground",
}


class Summary(VerticalScroll, can_focus=True):
    """Sections of label, number and note."""

    def __init__(self) -> None:
        super().__init__(Static(), id="summary")
        self._shown: tuple[Run, CoinView] | None = None

    def show(self, run: Run, view: CoinView) -> None:
        """The numbers of one coin of a run, or of its portfolio."""
        self._shown = (run, view)
        self._lay()
        self.scroll_home(animate=False)

    def on_resize(self, _: Resize) -> None:
        """Notes go below their rows where there is no room beside them."""
        self._lay()

    def _lay(self) -> None:
        if self._shown is None:
            return
        width = self.scrollable_content_region.width
        self.query_one(Static).update(_page(*self._shown, width))


def _page(run: Run, view: CoinView, width: int) -> Content:
    # with a result, numpy is loaded already
    from engine.summary import no_order_note, portfolio_summary, simulated_note, summary

    if view.key == PORTFOLIO:
        sections = portfolio_summary(run.results, PORTFOLIO)
        notes: list[str] = []
        source = run.request.market
    else:
        sections = summary(view.result)
        notes = list(view.result["candles"].attrs["notes"])
        if why := no_order_note(view.result):
            notes.append(why)
        source = view.result["source"]
    said = [Content.styled(simulated_note(source), "bold $simulated")] if view.simulated else []
    said += [Content.styled(f"note: {note}", "$warning") for note in notes]
    lines = [line for note in said for line in note.wrap(max(10, width))]
    for section in sections:
        if lines:
            lines.append(Content(""))
        lines.append(Content.styled(section.title or "Result", "bold $primary"))
        for row in section.rows:
            style = _STYLES[row.tone]
            value = f"{row.value:>{_VALUE}}{row.unit:<2}" if row.value else ""
            label = (f"{row.label:<{_LABEL if row.value else 14}}", "$quiet")
            indent = _LABEL + _VALUE + 3 if row.value else 14
            if row.note and (not row.value or width >= _NOTE_FROM):
                note = Content.styled(row.note, "$quiet" if row.value else style)
                lines += _beside(Content.assemble(label, (value, style)), note, indent, width)
                continue
            lines.append(Content.assemble(label, (value, style)))
            if row.note:
                lines += _beside(Content(""), Content.styled(row.note.strip(), "$quiet"), 4, width)
    return Content("\n").join(lines)


def _beside(lead: Content, note: Content, indent: int, width: int) -> list[Content]:
    """The note in a column of its own, beginning beside the lead."""
    parts = note.wrap(max(10, width - indent)) or [note]
    leads = [lead] + [Content("")] * (len(parts) - 1)
    return [
        Content.assemble(first, " " * max(0, indent - first.cell_length), part)
        for first, part in zip(leads, parts, strict=True)
    ]
