"""The ladder of prices, drawn line by line: the market in the middle, what lies above and below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from textual.content import Content
from textual.events import Resize

from tui.figures import away, price
from tui.widgets.line_list import LineList
from tui.widgets.rungs import MARKET, Rung

ZOOMS = ("to scale", "to scale x2", "to scale x4", "one line a level")
_SCREENS = (1, 2, 4)
_FEWEST = 3

_MARKS = {"entry": " ", "take-profit": " ", "lot": "●", "average": "○", MARKET: "▶"}
BREAK = "break"
_LINES = {"stop": "─", "liquidation": "━", "anchor": "·", "absent": "░", MARKET: "═"}
_NARROWEST_BAR, _WIDEST_BAR = 4, 40
_GAPS = 8
"""Between mark, price, distance, bar, quantity and words."""

_DETAIL_FROM = 96


class Ladder(LineList):
    """Rungs in the order of their prices; keeps the market in the middle until it is scrolled."""

    def __init__(self) -> None:
        super().__init__("ladder")
        self.zoom = 0
        self._places: list[Rung | None] = []
        self._follows = True

    @property
    def zoom_name(self) -> str:
        """How lines and prices go together."""
        return ZOOMS[self.zoom]

    def lay(
        self, rungs: Sequence[Rung], price_digits: int, qty_digits: int, lit: Sequence[float] = ()
    ) -> None:
        """Show rungs, highest first; those at a price that is `lit` are reversed."""
        width, height = self.room
        self._places = places(rungs, height, self.zoom)
        now = next((rung.price for rung in rungs if rung.kind == MARKET), None)
        widths = _Widths(rungs, price_digits, qty_digits, width)
        at = {round(level, price_digits) for level in lit}
        self.show(
            [
                Content()
                if rung is None
                else _line(rung, now, widths, round(rung.price, price_digits) in at)
                for rung in self._places
            ]
        )
        if self._follows:
            self.centre()

    def centre(self) -> None:
        """The market in the middle, and it stays there."""
        self._follows = True
        for number, rung in enumerate(self._places):
            if rung is not None and rung.kind == MARKET:
                top = max(0, min(self.max_scroll_y, number - self.size.height // 2))
                if top != self.scroll_offset.y:
                    self.scroll_to(y=top, animate=False)

    def action_line(self, step: int) -> None:
        """Lines up or down; the market is not followed any more."""
        self._follows = False
        super().action_line(step)

    def action_end(self, side: int) -> None:
        """First or last line."""
        self._follows = False
        super().action_end(side)

    def on_resize(self, event: Resize) -> None:
        """Another height has other distances."""
        super().on_resize(event)
        if self._follows:
            self.centre()


def places(rungs: Sequence[Rung], height: int, zoom: int) -> list[Rung | None]:
    """The rung of each line, None for a line between two; every rung has a line of its own."""
    if zoom >= len(_SCREENS) or len(rungs) < _FEWEST:
        return list(rungs)
    distances = [above.price - below.price for above, below in pairwise(rungs)]
    cut = [0 if _far(distances, 0) else None, -1 if _far(distances, -1) else None]
    for end in cut:
        if end is not None:
            distances[end] = 0.0
    breaks = sum(end is not None for end in cut)
    steps = _steps(distances, max(len(rungs), _SCREENS[zoom] * height - breaks) - 1)
    placed: list[Rung | None] = [rungs[0]]
    for number, (rung, lines) in enumerate(zip(rungs[1:], steps, strict=True)):
        if number in (cut[0], None if cut[1] is None else len(steps) - 1):
            placed.append(Rung(rung.price, BREAK, "not to scale", style="$quiet"))
        placed += [None] * (lines - 1)
        placed.append(rung)
    return placed


def _far(distances: Sequence[float], end: int) -> bool:
    """Whether the first or last distance is larger than all others together."""
    return distances[end] > sum(distances) - distances[end]


def _steps(distances: Sequence[float], lines: int) -> list[int]:
    """Lines from each rung to the next, at least one, `lines` in all where they have room."""
    span = sum(distances)
    low, high = 0.0, 2.0 * lines / span if span > 0 else 0.0
    for _ in range(40):
        middle = (low + high) / 2
        fits = sum(_scaled(distances, middle)) <= lines
        low, high = (middle, high) if fits else (low, middle)
    return _scaled(distances, low)


def _scaled(distances: Sequence[float], scale: float) -> list[int]:
    """Each rung lies where the distance from the first puts it, or below the one before it."""
    steps, line = [], 0
    for far in accumulate(distances):
        step = max(1, round(far * scale) - line)
        steps.append(step)
        line += step
    return steps


class _Widths:
    """Cells of each column."""

    def __init__(
        self, rungs: Sequence[Rung], price_digits: int, qty_digits: int, room: int
    ) -> None:
        self.price_digits, self.qty_digits = price_digits, qty_digits
        self.price = max([len(price(rung.price, price_digits)) for rung in rungs], default=0)
        self.qty = max([len(price(rung.qty, qty_digits)) for rung in rungs], default=0)
        now = next((rung.price for rung in rungs if rung.kind == MARKET), None)
        self.away = max([len(away(rung.price, now)) for rung in rungs], default=0)
        self.most = max([rung.qty for rung in rungs], default=0.0)
        self.room = room
        self.detail = room >= _DETAIL_FROM
        texts = [rung.text for rung in rungs if self.detail or rung.kind != "absent"]
        words = max(map(len, texts), default=0)
        beside = self.price + self.away + self.qty + words + _GAPS
        self.bar = max(_NARROWEST_BAR, min(_WIDEST_BAR, (room - 60) // 3, room - beside))


def _line(rung: Rung, now: float | None, widths: _Widths, lit: bool) -> Content:
    if rung.kind == BREAK:
        return Content.styled(f"{'⋮':>{widths.price + 2}}  {rung.text}", rung.style)
    written = price(rung.price, widths.price_digits)
    distance = "" if rung.kind == MARKET else away(rung.price, now)
    mark = _MARKS.get(rung.kind, " ")
    style = rung.style or "$foreground"
    parts: list[str | tuple[str, str]] = [
        (f"{mark} ", style),
        (f"{written:>{widths.price}} ", "bold" if rung.kind == MARKET else "$foreground"),
        (f"{distance:>{widths.away}}  ", "$quiet"),
    ]
    if rung.kind in _LINES:
        line = _LINES[rung.kind]
        wide = widths.bar + 1 + widths.qty
        drawn = (line + " ") * (wide // 2 + 1) if line == "·" else line * wide
        if rung.kind == "absent":
            drawn = line * 2
            # its reason is long
            wide = wide if widths.detail else len(drawn)
        parts.append((f"{drawn[:wide]:<{wide}}  ", style))
    else:
        cells = 0
        if rung.qty:
            cells = max(1, round(widths.bar * rung.qty / widths.most))
        qty = price(rung.qty, widths.qty_digits) if rung.qty else ""
        parts.append((f"{'▇' * cells:<{widths.bar}} ", style))
        parts.append((f"{qty:>{widths.qty}}  ", "$foreground"))
    parts.append((rung.text, f"{style} reverse" if lit else style))
    line_so_far = Content.assemble(*parts)
    if widths.detail and rung.detail:
        gap = " " * max(2, widths.room - line_so_far.cell_length - len(rung.detail) - 1)
        if line_so_far.cell_length + len(gap) + len(rung.detail) <= widths.room:
            return Content.assemble(line_so_far, gap, (rung.detail, rung.detail_style))
    return line_so_far
