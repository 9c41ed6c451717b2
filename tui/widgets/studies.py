"""The studies that there are, two lines each; the highlighted one is the one that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.wording import plural
from tui.figures import minute
from tui.optimizer_store import StudyKey, StudyRow
from tui.widgets.choices import Choices
from tui.widgets.study_texts import WORD_TONES
from tui.widgets.trials import score_text

_SCROLLBAR = 2
_STATE_TONES = {
    "running": "bold $primary",
    "questioning": "bold $primary",
    "paused": "bold $warning",
    "killed": "bold $warning",
    "stopped": "$warning",
    "failed": "bold $pnl-negative",
}


class StudyList(Choices):
    """`show` keeps the highlighted study in place as the list changes around it."""

    def __init__(self) -> None:
        super().__init__(id="studies")
        self.border_title = "studies"
        self._rows: Sequence[StudyRow] = ()
        self._drawn: list[Content] = []

    @property
    def chosen(self) -> StudyKey | None:
        """The highlighted study."""
        place = self.highlighted
        return None if place is None or place >= len(self._rows) else self._rows[place].key

    def show(self, rows: Sequence[StudyRow], choose: StudyKey | None) -> None:
        """All of them, one highlighted."""
        keys = [row.key for row in rows]
        lines = [self._line(row) for row in rows]
        same = keys == [row.key for row in self._rows]
        place = keys.index(choose) if choose in keys else 0 if keys else None
        self._rows = rows
        if not same or lines != self._drawn:
            self._drawn = lines
            with self.prevent(OptionList.OptionHighlighted):
                if same:
                    for i, line in enumerate(lines):
                        self.replace_option_prompt_at_index(i, line)
                else:
                    self.clear_options()
                    self.add_options([Option(line) for line in lines])
        if self.highlighted != place:
            with self.prevent(OptionList.OptionHighlighted):
                self.highlighted = place
        self.border_title = f"studies {len(rows)}" if rows else "studies"

    def on_resize(self, _: Resize) -> None:
        """Names are cut where they must be."""
        rows, self._drawn = self._rows, []
        self.show(rows, self.chosen)

    def _line(self, row: StudyRow) -> Content:
        width = max(20, self.content_size.width - _SCROLLBAR)
        word = row.state if row.at_work or not row.verdict else row.verdict
        word = row.state if row.state in ("failed", "killed", "stopped") else word
        tone = _STATE_TONES.get(word) or WORD_TONES.get(word, "$quiet")
        room = width - len(word) - 1
        name = row.key.name if len(row.key.name) <= room else row.key.name[: room - 1] + "…"
        best = f"  best {score_text(row.best)}" if row.best is not None else ""
        when = f"  {minute(row.last_ms)[3:]}" if row.last_ms else ""
        told = f"  {plural(row.trials, 'trial')}{best}"
        if len(told + when) > width:
            when = ""
        return Content.assemble(
            (f"{name:<{room}} ", "bold"), (word, tone), "\n", (f"{told}{when}", "$quiet")
        )
