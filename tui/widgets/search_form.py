"""The optimizer's form: which study, on which candles, how long and how to search."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.events import DescendantBlur, DescendantFocus
from textual.widget import Widget

from tui.folders import STORAGE_VARIABLE
from tui.widgets.fields import Choice, TextField
from tui.widgets.rows_form import SOURCES, RowsForm

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
_MEANINGS = {
    "study": "goes on with one of that name",
    "coins": "each of them must do well",
    "source": "where candles come from",
    "folder": "a folder with candles",
    "start": "first day, UTC",
    "end": "day after the last, UTC",
    "trials": "to add to those there are",
    "windows": "walk-forward windows",
    "holdout": "last share, never searched",
    "mc_perms": "permuted markets to compare",
    "sampler": "how trials are drawn",
    "mode": "one search, or one a window",
    "workers": "processes at once",
    "seed": "same seed, same trials",
    "storage": "a file, or postgresql://...",
    "config": "a profile, or a TOML file",
}
"""Of a field, below the form while it has the focus: 30 cells at most."""


class SearchForm(RowsForm):
    """`text` is the form as typed, `show` fills it."""

    def __init__(self) -> None:
        super().__init__("search")

    def rows(self) -> Iterable[tuple[str, Widget]]:
        """The study, its candles, the search."""
        # its value may hold a password, so that it is not shown
        usual = STORAGE_VARIABLE if os.environ.get(STORAGE_VARIABLE) else "grid_v4_wfo.db"
        yield "study", TextField("study", placeholder="grid_v4_wfo")
        yield "coins", TextField("coins", placeholder="BTC ETH SOL")
        yield "source", Choice("source", SOURCES)
        yield "folder", TextField("folder", placeholder="where candles lie")
        yield "from", TextField("start", _DATES, "2024-01-01")
        yield "to", TextField("end", _DATES, "now")
        yield "trials", TextField("trials", _WHOLE)
        yield "windows", TextField("windows", _WHOLE)
        yield "hold-out", TextField("holdout", r"[0-9.]")
        yield "mc-perms", TextField("mc_perms", _WHOLE, "0 skips them")
        yield "sampler", Choice("sampler", _SAMPLERS)
        yield "mode", Choice("mode", _MODES)
        yield "workers", TextField("workers", _WHOLE, "one a core")
        yield "seed", TextField("seed", _WHOLE)
        yield "storage", TextField("storage", placeholder=usual)
        yield "config", TextField("config", placeholder="profile or file")

    @on(DescendantFocus)
    @on(DescendantBlur)
    def _explain(self) -> None:
        focused = self.screen.focused
        name = None if focused is None else focused.id
        self.border_subtitle = _MEANINGS.get(name or "", "")

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
        self.show_folder(text.source == "folder")
        self.hold()


_CHOICES = ("source", "sampler", "mode")
_TEXT_FIELDS = (
    "study",
    "coins",
    "folder",
    "start",
    "end",
    "trials",
    "windows",
    "holdout",
    "mc_perms",
    "workers",
    "seed",
    "storage",
    "config",
)
