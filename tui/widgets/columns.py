"""Rows set in columns; those of least worth give way where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from textual.content import Content

_WIDEST_GAP = 3
_LINES_KEPT = 1024
"""Most lines are again what they were a moment ago."""

Cell = tuple[str, str]
"""What stands there, and its style."""


class Column(NamedTuple):
    """`worth`: 0 always stays; of the others the highest number gives way first."""

    title: str
    worth: int = 0
    right: bool = True


def in_columns(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
) -> list[Content]:
    """Headings and rows, each as long as there is room for; a cell for every column in each row."""
    kept = list(range(len(columns)))
    widths = [
        max([len(column.title), *(len(row[place][0]) for row in rows)])
        for place, column in enumerate(columns)
    ]
    while _length(widths, kept) > width:
        least = max(kept, key=lambda place: (columns[place].worth, place))
        if not columns[least].worth:
            break
        kept.remove(least)
    gaps = _gaps(width - _length(widths, kept), len(kept))
    layout = tuple(
        (place, gap, widths[place], columns[place].right)
        for place, gap in zip(kept, gaps, strict=True)
    )
    headings = tuple((column.title, "$quiet") for column in columns)
    return [_line(headings, layout), *(_line(tuple(row), layout) for row in rows)]


@lru_cache(_LINES_KEPT)
def _line(cells: tuple[Cell, ...], layout: tuple[tuple[int, int, int, bool], ...]) -> Content:
    """`layout`: of each column that is seen its place, the gap before it, its width, and whether
    it stands to the right."""
    parts: list[str | Cell] = []
    for place, gap, width, right in layout:
        text, style = cells[place]
        wide = 0 if not right and place == layout[-1][0] else width
        parts.append(" " * gap)
        parts.append((f"{text:{'>' if right else '<'}{wide}}", style or "$foreground"))
    return Content.assemble(*parts)


def in_sight(text: str, left: int, width: int) -> str:
    """`width` cells of a line from the one at `left` on; a sign at an end says that there is
    more."""
    shown = f"{text[left : left + width]:<{width}}"
    if left > 0:
        shown = "◂" + shown[1:]
    if left + width < len(text):
        shown = shown[:-1] + "▸"
    return shown


def flow(parts: Sequence[tuple[int, Content]], width: int, gap: str = "   ") -> Content:
    """Parts side by side; (worth, part): while there is too little room the highest gives way."""
    kept = list(parts)
    while True:
        line = Content(gap).join(part for _, part in kept)
        most = max((worth for worth, _ in kept), default=0)
        if line.cell_length <= width or not most:
            return line
        kept = [(worth, part) for worth, part in kept if worth < most]


def wrapped(lead: Content, parts: Sequence[Content], width: int) -> list[Content]:
    """Parts behind a lead, as many a line as there is room for."""
    lines, line = [], lead
    blank = Content(" " * lead.cell_length)
    for part in parts:
        longer = Content.assemble(line, "  ", part)
        if longer.cell_length > width and line not in (lead, blank):
            lines.append(line)
            longer = Content.assemble(blank, "  ", part)
        line = longer
    return [*lines, line]


def _gaps(spare: int, columns: int) -> list[int]:
    """Cells before each column: as many as there is room for, the first ones have what is over."""
    each, over = divmod(max(0, spare), max(1, columns - 1))
    return [0, *(min(_WIDEST_GAP, 1 + each + (at < over)) for at in range(columns - 1))]


def _length(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[place] for place in kept) + max(0, len(kept) - 1)
