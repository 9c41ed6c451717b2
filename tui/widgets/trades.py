"""Every fill of a run, drawn line by line as it comes into view, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.wording import amount, count
from tui.figures import minute, price
from tui.keys import bindings
from tui.store import CoinFills
from tui.widgets.columns import in_sight

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REGIMES = {0: "noise", 1: "up", -1: "down", 2: "break up", -2: "break down"}
_SIDES = {0: "long", 1: "short", -1: ""}


class _Column(NamedTuple):
    title: str
    width: int
    right: bool
    place: int


class TradesTable(ScrollView, can_focus=True):
    """The trade log of one coin or of several; `narrow_to` hides some of its lines."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("trades")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "trades--heading",
        "trades--cursor",
        "trades--quiet",
        "trades--positive",
        "trades--negative",
    }

    class FilterWanted(Message):
        """The key of the filter was pressed."""

    def __init__(self) -> None:
        super().__init__(id="trades")
        self._coins: Sequence[CoinFills] = ()
        self._fills: npt.NDArray[Any] | None = None  # of all coins, in the order of time
        self._coin: npt.NDArray[np.intp] | None = None  # whose they are
        self._rows: npt.NDArray[np.intp] | None = None  # those that are shown
        self._columns: list[_Column] = []
        self._gap = 1
        self._year = 0  # characters of a time that all rows have in common
        self._cursor = 0
        self.filter = ""

    @property
    def row_count(self) -> int:
        """Lines there are to see."""
        return 0 if self._rows is None else len(self._rows)

    def show(self, coins: Sequence[CoinFills]) -> None:
        """Other fills; those of several coins in one list, with a column that says whose."""
        # numpy costs 0.1 s, so it waits for the first result
        import numpy as np

        self._coins = coins
        fills = np.concatenate([coin.rows for coin in coins])
        whose = np.repeat(np.arange(len(coins)), [len(coin.rows) for coin in coins])
        order = np.argsort(fills["time"], kind="stable")
        self._fills, self._coin = fills[order], whose[order]
        self._columns = self._layout()
        self._fit()
        self.narrow_to(self.filter)

    def narrow_to(self, word: str) -> None:
        """Show only rows whose coin, label, side or regime has `word`; `!word` hides those."""
        import numpy as np

        self.filter = word
        if self._fills is not None:
            wanted, hide = word.lstrip("!").lower(), word.startswith("!")
            kept = np.ones(len(self._fills), bool)
            if wanted:
                kept = self._matches(wanted) != hide
            self._rows = np.flatnonzero(kept)
        self._cursor = 0
        width = sum(column.width + self._gap for column in self._columns) - self._gap
        self.virtual_size = Size(width, self.row_count + 1)
        self.scroll_to(0, 0, animate=False)
        total = 0 if self._fills is None else len(self._fills)
        hidden = f"{count(self.row_count)} of " if word else ""
        said = f"  /{word}" if word else ""
        self.border_title = Content(f"trade log  {hidden}{count(total)} rows{said}")
        self.refresh()

    def on_resize(self, _: Resize) -> None:
        """Columns stand further apart where there is room."""
        self._fit()

    def render_line(self, y: int) -> Strip:
        """The headings, or the row that is scrolled to this line."""
        scroll_x, scroll_y = self.scroll_offset
        width = self.size.width
        row = scroll_y + y - 1
        if y == 0:
            return self._headings(scroll_x, self.scrollable_content_region.width)
        strip = self._row(row) if row < self.row_count else Strip.blank(width, self.rich_style)
        return strip.crop_extend(scroll_x, scroll_x + width, self.rich_style)

    def action_cursor(self, step: int) -> None:
        """Lines up or down."""
        self._go_to(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Pages up or down."""
        self._go_to(self._cursor + step * max(1, self.size.height - 2))

    def action_end(self, side: int) -> None:
        """First or last line."""
        self._go_to(0 if side < 0 else self.row_count - 1)

    def action_details(self) -> None:
        """Everything about the chosen row."""
        if self._rows is None or self._fills is None or not self.row_count:
            return
        from tui.screens.details import DetailsScreen
        from tui.widgets.fill_details import details

        i = self._rows[self._cursor]
        assert self._coin is not None
        coin = self._coins[self._coin[i]]
        self.app.push_screen(DetailsScreen(*details(self._fills, i, coin)))

    def action_filter(self) -> None:
        """Ask the screen for a word."""
        self.post_message(self.FilterWanted())

    def _go_to(self, row: int) -> None:
        before = self._cursor
        self._cursor = max(0, min(self.row_count - 1, row))
        self.scroll_to_region(
            Region(self.scroll_offset.x, self._cursor, 1, 2), animate=False, force=True
        )
        self.refresh_line(before + 1)
        self.refresh_line(self._cursor + 1)

    def _fit(self) -> None:
        columns = sum(column.width for column in self._columns)
        roomy = columns + _WIDEST_GAP * len(self._columns) < self.size.width
        self._gap = _WIDEST_GAP if roomy else 1

    def _matches(self, word: str) -> npt.NDArray[np.bool_]:
        import numpy as np

        from engine.trades import LABELS

        assert self._fills is not None
        assert self._coin is not None
        names = {
            "label": dict(enumerate(LABELS)),
            "side": _SIDES,
            "regime": _REGIMES,
        }
        coins = [i for i, coin in enumerate(self._coins) if word in coin.coin.lower()]
        found = np.isin(self._coin, coins)
        for column, written in names.items():
            codes = [code for code, name in written.items() if word in name.lower()]
            found |= np.isin(self._fills[column], codes)
        return found

    def _layout(self) -> list[_Column]:
        """Columns as wide as their widest cell; numbers to the right."""
        import numpy as np

        fills, whose = self._fills, self._coin
        if fills is None or whose is None or not len(fills):
            return []
        years = {minute(time)[:3] for time in (fills["time"][0], fills["time"][-1])}
        self._year = 0 if len(years) > 1 else 3
        by_length = []
        for coin in np.unique(whose):  # decimals differ from coin to coin
            own = np.flatnonzero(whose == coin)
            for name in ("price", "qty", "pnl", "fee", "funding"):
                values = fills[name][own]
                ends = own[[values.argmin(), values.argmax()]]
                by_length += [self._cells(i) for i in ends.tolist()]
        for codes in (whose, fills["label"], fills["regime"], fills["side"]):
            _, firsts = np.unique(codes, return_index=True)
            by_length += [self._cells(i) for i in firsts.tolist()]
        columns = []
        for i, title in enumerate(_TITLES):
            width = max(len(title), *(len(cells[i]) for cells in by_length))
            if title != "coin" or len(self._coins) > 1:
                columns.append(_Column(title, width, title in _NUMBERS, i))
        return columns

    def _cells(self, i: int) -> list[str]:
        """What stands in every column of fill `i`."""
        from engine.trades import BUY_OPEN_LONG, CIRCUIT_BREAKER_HALT, LABELS, SELL_OPEN_SHORT

        assert self._fills is not None
        assert self._coin is not None
        row, coin = self._fills[i], self._coins[self._coin[i]]
        opening = row["label"] in (BUY_OPEN_LONG, SELL_OPEN_SHORT)
        if row["label"] == CIRCUIT_BREAKER_HALT:
            numbers = ["", "", "", ""]
        else:
            numbers = [
                price(row["qty"], coin.qty_decimals),
                "" if opening else amount(row["pnl"], signed=True),
                amount(row["fee"]),
                amount(row["funding"], signed=True) if row["funding"] else "",
            ]
        return [
            minute(row["time"])[self._year :],
            coin.coin,
            LABELS[row["label"]],
            _SIDES[int(row["side"])],
            price(row["price"], coin.price_decimals),
            *numbers,
            _REGIMES[int(row["regime"])],
        ]

    def _headings(self, scroll_x: int, width: int) -> Strip:
        style = self.get_component_rich_style("trades--heading")
        text = (" " * self._gap).join(
            f"{c.title:>{c.width}}" if c.right else f"{c.title:<{c.width}}" for c in self._columns
        )
        return Strip([Segment(in_sight(text, scroll_x, width), style)])

    def _row(self, row: int) -> Strip:
        assert self._fills is not None
        assert self._rows is not None
        fill = self._fills[self._rows[row]]
        cells = self._cells(int(self._rows[row]))
        won = "positive" if fill["pnl"] > 0 else "negative" if fill["pnl"] < 0 else "quiet"
        base = self.rich_style
        if row == self._cursor and self.has_focus:
            base += self.get_component_rich_style("trades--cursor", partial=True)
        segments = []
        for column in self._columns:
            cell = cells[column.place]
            style = base + self._cell_style(column.title, f"trades--{won}")
            text = f"{cell:>{column.width}}" if column.right else f"{cell:<{column.width}}"
            segments.append(Segment(text + " " * self._gap, style))
        return Strip(segments)

    def _cell_style(self, title: str, won: str) -> Style:
        if title == "pnl":
            return self.get_component_rich_style(won, partial=True)
        if title in ("time", "fee", "fund", "regime"):
            return self.get_component_rich_style("trades--quiet", partial=True)
        return Style.null()


_WIDEST_GAP = 3
_TITLES = ("time", "coin", "label", "side", "price", "qty", "pnl", "fee", "fund", "regime")
_NUMBERS = {"price", "qty", "pnl", "fee", "fund"}
