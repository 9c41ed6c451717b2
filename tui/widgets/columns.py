"""Rows set in columns; those of least worth give way where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

_WIDEST_GAP = 3

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
    spare = width - _length(widths, kept)
    gaps = _gaps(spare, len(kept))

    def line(cells: Sequence[Cell]) -> Content:
        parts: list[str | Cell] = []
        for place, gap in zip(kept, gaps, strict=True):
            text, style = cells[place]
            fill = ">" if columns[place].right else "<"
            parts.append(" " * gap)
            wide = 0 if fill == "<" and place == kept[-1] else widths[place]
            parts.append((f"{text:{fill}{wide}}", style or "$foreground"))
        return Content.assemble(*parts)

    return [line([(column.title, "$quiet") for column in columns]), *(line(row) for row in rows)]


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
