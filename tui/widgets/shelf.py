"""The series on this disk, a line each, with a map of their gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.wording import count, plural
from tui.figures import day, size, whole_share
from tui.widgets.choices import Choices
from tui.widgets.gap_strip import strip

if TYPE_CHECKING:
    from exchange.holdings import Holding
    from exchange.series import Series

_TITLES = ("coin", "what", "market", "kind", "from", "to", "rows", "there", "size")
_RIGHT = {"rows", "there", "size"}
_ONLY_WIDE = {"size"}
_WIDE_FROM = 100
_LEAST_MAP = 6
_FRAME = 3  # border and headings
_SCROLLBAR = 1


class Shelf(Vertical):
    """List, headings and filter. `show` gives it the series; `chosen` is the highlighted one."""

    class Chosen(Message):
        """Another series is highlighted."""

    class Opened(Message):
        """Enter was pressed on a series."""

    def __init__(self) -> None:
        super().__init__(id="shelf", classes="-active")
        self._holdings: Sequence[Holding] = ()
        self._shown: list[Holding] = []
        self._word = ""
        self._width = 0

    def compose(self) -> ComposeResult:
        """Headings over the list, a line to filter with below."""
        yield Static(id="shelf-heading")
        yield Choices(id="series")
        yield Input(id="word", placeholder="word, or !word to hide it", compact=True)

    @property
    def chosen(self) -> Holding | None:
        """The highlighted series."""
        place = self.query_one(OptionList).highlighted
        return None if place is None or place >= len(self._shown) else self._shown[place]

    def show(self, holdings: Sequence[Holding], choose: Series | None = None) -> None:
        """The series as they are now; the highlighted one stays, or `choose` becomes it."""
        self._holdings = holdings
        self._lay(choose)

    def focus_list(self) -> None:
        """To the list."""
        self.query_one(OptionList).focus()

    def open_filter(self) -> None:
        """Ask for a word that lines shall contain."""
        line = self.query_one("#word", Input)
        line.add_class("-open")
        line.focus()

    def close_filter(self) -> bool:
        """Leave the filter and show everything; False if there was none."""
        line = self.query_one("#word", Input)
        if not line.has_class("-open"):
            return False
        line.value = ""
        line.remove_class("-open")
        self.focus_list()
        return True

    def on_resize(self, _: Resize) -> None:
        """The map takes what is left of the width."""
        if self.size.width != self._width:
            self._width = self.size.width
            self._lay(None)

    def fit(self, most: int) -> None:
        """As high as its lines need, `most` lines at most."""
        filtering = self.query_one("#word").has_class("-open")
        self.styles.height = min(most, len(self._shown) + _FRAME + filtering)

    @on(Input.Changed, "#word")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._word = event.value.strip().lower()
        self._lay(None)

    @on(Input.Submitted, "#word")
    def _narrowed(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_list()

    @on(OptionList.OptionHighlighted, "#series")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Chosen())

    @on(OptionList.OptionSelected, "#series")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened())

    def _lay(self, choose: Series | None) -> None:
        before = self.chosen
        keep = choose or (before.series if before else None)
        hide, word = self._word.startswith("!"), self._word.lstrip("!")
        self._shown = [one for one in self._holdings if not word or (word in _words(one)) != hide]
        total = sum(one.size_bytes for one in self._holdings)
        hits = f"{count(len(self._shown))} of " if self._word else ""
        said = f"  /{self._word}" if self._word else ""
        self.border_title = Content(
            f"data on this disk  {hits}{count(len(self._holdings))} series, {size(total)}{said}"
        )
        wanted = [one.series for one in self._shown]
        heading, lines = _table(self._shown, self.content_size.width - _SCROLLBAR)
        self.query_one("#shelf-heading", Static).update(heading)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(line) for line in lines])
        if wanted:
            options.highlighted = wanted.index(keep) if keep in wanted else 0
        self.post_message(self.Chosen())


def _table(holdings: Sequence[Holding], width: int) -> tuple[Content, list[Content]]:
    """Headings and lines whose columns are as wide as their widest cell; the map has the rest."""
    wide = width >= _WIDE_FROM
    columns = [i for i, title in enumerate(_TITLES) if wide or title not in _ONLY_WIDE]
    cells = [_cells(holding, wide=wide) for holding in holdings]
    widths = {i: max([len(_TITLES[i]), *(len(row[i]) for row in cells)]) for i in columns}
    used = sum(widths.values()) + len(columns) + 2
    room = max(_LEAST_MAP, width - used)
    titles = [_set(_TITLES[i], widths[i], _TITLES[i]) for i in columns]
    heading = Content("  " + " ".join([*titles, f"{'map':<{room}}"]))
    return heading, [
        _line(one, row, columns, widths, room) for one, row in zip(holdings, cells, strict=True)
    ]


def _line(
    one: Holding, row: Sequence[str], columns: Sequence[int], widths: dict[int, int], room: int
) -> Content:
    from exchange.holdings import gap_map  # with a listing, numpy is loaded already

    parts: list[Content | tuple[str, str]] = [("! ", "bold $error") if one.damaged else ("  ", "")]
    for i in columns:
        title = _TITLES[i]
        style = "$foreground"
        if title == "kind" and one.series.simulated:
            style = "bold $simulated"
        elif title == "there" and (one.gaps or not one.rows):
            style = "bold $warning"
        elif title in ("from", "to", "size"):
            style = "$quiet"
        parts.append((_set(row[i], widths[i], title) + " ", style))
    return Content.assemble(*parts, strip(gap_map(one, room)))


def _cells(one: Holding, *, wide: bool) -> list[str]:
    series = one.series
    made_up = "SIMULATED" if wide else "SIM"
    return [
        series.symbol.coin,
        series.timeframe or "funding",
        series.market if wide else series.market[:4],
        made_up if series.simulated else "else" if series.server else "real",
        day(one.span.start_ms),
        day(one.span.end_ms - 1),
        count(one.rows),
        whole_share(one.completeness),
        size(one.size_bytes),
    ]


def _set(text: str, width: int, title: str) -> str:
    return f"{text:>{width}}" if title in _RIGHT else f"{text:<{width}}"


def _words(one: Holding) -> str:
    """What the filter looks into."""
    kind = "simulated" if one.series.simulated else "real"
    words = f"{one.series} {one.series.market} {one.origin} {kind}"
    return f"{words} {plural(len(one.gaps), 'gap')}".lower()
