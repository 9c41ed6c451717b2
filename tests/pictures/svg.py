"""A terminal's screen as an SVG picture that needs no font of its own.

Frames, blocks and Braille are drawn: fonts differ in how they fill a cell with them, or have them
not at all. Everything else is text in whatever font of fixed width the reader has; each run of it
is told where it begins and how long it is.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style

WIDTH, HEIGHT = 8, 17
"""Of a cell, in the picture's units."""

_BASELINE, _FONT = 13, 13.3
_MARGIN, _ROUND = 8, 6
_FONTS = "ui-monospace,'Cascadia Mono','DejaVu Sans Mono',Menlo,Consolas,monospace"
_DIM = 0.4
_BLANK = "\N{NO-BREAK SPACE}"
_TEXT = re.compile(r'<text class="\w+" x="(\d+)" y="(\d+)"[^>]*>([^<]*)</text>')

_ALONG = {"─": 8, "━": 8}
"""Strokes from the left edge of a cell to the right: how far down."""

_LINES = {
    "│": (4, 0, "v17"),
    "╭": (8, 8, "q-4 0-4 4v5"),
    "╮": (0, 8, "q4 0 4 4v5"),
    "╰": (4, 0, "v4q0 4 4 4"),
    "╯": (4, 0, "v4q0 4-4 4"),
    "╌": (1, 8, "h2m2 0h2"),
    "═": (0, 7, "h8m-8 3h8"),
    "⋮": (4, 4, "v1m0 3v1m0 3v1"),
}
_HEAVY_LINES = {
    "┃": (4, 0, "v17"),
    "┏": (8, 8, "h-4v9"),
    "┓": (0, 8, "h4v9"),
    "┗": (4, 0, "v8h4"),
    "┛": (4, 0, "v8h-4"),
    "╸": (0, 8, "h4"),
    "╺": (4, 8, "h4"),
}
"""Where a stroke begins in its cell, and how it goes on."""

_LIGHT, _HEAVY, _DOT, _UNDER = 1.1, 2.2, 2.3, 0.8
_EIGHTHS = "▁▂▃▄▅▆▇█"
_FROM_THE_LEFT = {"▎": 2, "▌": 4, "▊": 6}
_SHADES = {"░": "s1", "▒": "s2", "▓": "s3"}
_BRAILLE = 0x2800
_BITS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of each bit's dot."""


class _Look(NamedTuple):
    """How a sign is shown."""

    colour: str
    bold: bool
    underlined: bool

    @property
    def rule(self) -> str:
        words = [f"color:{self.colour}"]
        words += ["font-weight:bold"] * self.bold
        return ";".join(words)


class _Cell(NamedTuple):
    x: int
    y: int
    sign: str
    look: _Look


def svg_of(strips: Sequence[Sequence[Segment]], title: str, colours: tuple[str, str]) -> str:
    """The picture.

    Args:
        strips: the screen's lines, all of them equally long.
        title: what a screen reader says.
        colours: the terminal's foreground and background, `#rrggbb`.
    """
    cells: list[_Cell] = []
    grounds: list[str] = []
    columns = 0
    for y, strip in enumerate(strips):
        x = 0
        for text, style, _ in strip:
            look, ground = _seen(style or Style(), colours)
            if ground != colours[1] and text:
                grounds.append(_rect(x, y, cell_len(text), ground))
            for sign in text:
                cells.append(_Cell(x, y, sign, look))
                x += cell_len(sign)
        columns = max(columns, x)
    shown = [cell for cell in cells if not cell.sign.isspace() or cell.look.underlined]
    names = {look: f"c{n}" for n, look in enumerate(dict.fromkeys(cell.look for cell in shown))}
    box = f"{-_MARGIN} {-_MARGIN} {columns * WIDTH + 2 * _MARGIN}"
    height = len(strips) * HEIGHT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="{box} {height}">',
        f"<title>{escape(title)}</title>",
        f"<style>text{{font:{_FONT}px {_FONTS};fill:currentColor;white-space:pre}}",
        "path{fill:none;stroke:currentColor}.b{fill:currentColor;stroke:none}",
        f".l{{stroke-width:{_LIGHT}}}.h{{stroke-width:{_HEAVY}}}",
        f".d{{stroke-width:{_DOT};stroke-linecap:round}}",
        f".u{{stroke-width:{_UNDER}}}",
        ".s1{fill-opacity:.25}.s2{fill-opacity:.5}.s3{fill-opacity:.75}",
        *(f".{name}{{{look.rule}}}" for look, name in names.items()),
        "</style>",
        f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="{box.split()[2]}" height="{height}" '
        f'rx="{_ROUND}" fill="{colours[1]}"/>',
        *grounds,
    ]
    for look, name in names.items():
        parts += _drawn([cell for cell in shown if cell.look == look], name)
        parts += _underlined([cell for cell in shown if cell.look == look], name)
    parts += _written(_words(cells), names)
    return "\n".join([*parts, "</svg>", ""])


def words_of(picture: str) -> list[str]:
    """The lines of a picture, with blanks where something is drawn; without trailing ones."""
    lines: list[str] = []
    for x, y, text in _TEXT.findall(picture):
        column, row = int(x) // WIDTH, (int(y) - _BASELINE) // HEIGHT
        lines += [""] * (row + 1 - len(lines))
        words = unescape(text).replace(_BLANK, " ")
        lines[row] = f"{lines[row]:<{column}}{words}"
    return lines


def _seen(style: Style, colours: tuple[str, str]) -> tuple[_Look, str]:
    """Look and ground of what has a style."""
    fore, back = _hex(style.color, colours[0]), _hex(style.bgcolor, colours[1])
    if style.reverse:
        fore, back = back, fore
    if style.dim:
        over, under = (Color.parse(each).get_truecolor() for each in (fore, back))
        fore = blend_rgb(over, under, _DIM).hex
    return _Look(fore, bool(style.bold), bool(style.underline)), back


def _hex(colour: Color | None, otherwise: str) -> str:
    return otherwise if colour is None or colour.is_default else colour.get_truecolor().hex


def _rect(x: int, y: int, cells: int, colour: str) -> str:
    place = f'x="{x * WIDTH}" y="{y * HEIGHT}" width="{cells * WIDTH}" height="{HEIGHT}"'
    return f'<rect {place} fill="{colour}" shape-rendering="crispEdges"/>'


def _kind(sign: str) -> str:
    """The class of what is drawn, or `text`."""
    if _BRAILLE <= ord(sign) < _BRAILLE + 256:
        return "d"
    if sign in _LINES or sign == "─":
        return "l"
    if sign in _HEAVY_LINES or sign == "━":
        return "h"
    if sign in _SHADES:
        return f"b {_SHADES[sign]}"
    return "b" if sign in _EIGHTHS or sign in _FROM_THE_LEFT else "text"


def _drawn(cells: Sequence[_Cell], name: str) -> Iterator[str]:
    """The paths of one colour."""
    for kind in ("b", "b s1", "b s2", "b s3", "l", "h", "d"):
        ways = [_way(*run) for run in _runs([c for c in cells if _kind(c.sign) == kind])]
        if ways:
            yield f'<path class="{kind} {name}" d="{"".join(ways)}"/>'


def _underlined(cells: Sequence[_Cell], name: str) -> Iterator[str]:
    """Lines below text: a font puts them through the spaces of its own."""
    under = [cell._replace(sign="_") for cell in cells if cell.look.underlined]
    ways = [
        f"M{first.x * WIDTH} {first.y * HEIGHT + HEIGHT - 1.5:g}h{count * WIDTH}"
        for first, count in _runs(under)
    ]
    if ways:
        yield f'<path class="u {name}" d="{"".join(ways)}"/>'


def _runs(cells: Sequence[_Cell]) -> Iterator[tuple[_Cell, int]]:
    """Equal signs side by side, as the first and how many."""
    for _, group in groupby(enumerate(cells), lambda at: (at[1].x - at[0], at[1].y, at[1].sign)):
        [(_, first), *more] = group
        yield first, 1 + len(more)


def _way(cell: _Cell, count: int) -> str:
    """Of a sign that is drawn, so many times."""
    x, y, sign = cell.x * WIDTH, cell.y * HEIGHT, cell.sign
    if sign in _ALONG:
        return f"M{x} {y + _ALONG[sign]}h{count * WIDTH}"
    stroke = _LINES.get(sign) or _HEAVY_LINES.get(sign)
    if stroke is not None:
        across, down, rest = stroke
        places = (x + at * WIDTH for at in range(count))
        return "".join(f"M{place + across} {y + down}{rest}" for place in places)
    if _kind(sign) == "d":
        bits = ord(sign) - _BRAILLE
        dots = [spot for bit, spot in enumerate(_BITS) if bits >> bit & 1]
        return "".join(
            f"M{x + at * WIDTH + 2 + 4 * column} {y + 2 + row * HEIGHT / 4:g}h0"
            for at in range(count)
            for column, row in dots
        )
    if sign in _FROM_THE_LEFT:
        return f"M{x} {y}h{_FROM_THE_LEFT[sign]}v{HEIGHT}h-{_FROM_THE_LEFT[sign]}z"
    high = (_EIGHTHS.index(sign) + 1) * HEIGHT / 8 if sign in _EIGHTHS else HEIGHT
    wide = count * WIDTH
    return f"M{x} {y + HEIGHT - high:g}h{wide}v{high:g}h-{wide}z"


def _words(cells: Sequence[_Cell]) -> list[_Cell]:
    """What is written; of blanks those that stand alone between two letters of one look."""
    kept = []
    for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
        letters = {"text"} == {_kind(before.sign), _kind(after.sign)}
        near = cell.y == before.y == after.y and before.look == cell.look == after.look
        plain = before.sign.isascii() and after.sign.isascii()
        alone = cell.sign == " " not in (before.sign, after.sign)
        blank = alone and letters and plain and near
        if blank or (cell.sign != " " and _kind(cell.sign) == "text"):
            kept.append(cell)
    return kept


def _written(cells: Sequence[_Cell], names: dict[_Look, str]) -> Iterator[str]:
    """The text: words of plain letters by their length, other signs each in its place."""

    def together(at: tuple[int, _Cell]) -> tuple[object, ...]:
        number, cell = at
        alone = None if cell.sign.isascii() else number
        return cell.x - number, cell.y, cell.look, alone

    for _, group in groupby(enumerate(cells), together):
        signs = [cell for _, cell in group]
        yield _text(signs, names[signs[0].look])


def _text(signs: Sequence[_Cell], name: str) -> str:
    first = signs[0]
    length = f' textLength="{len(signs) * WIDTH}"' if len(signs) > 1 else ""
    place = f'x="{first.x * WIDTH}" y="{first.y * HEIGHT + _BASELINE}"{length}'
    words = escape("".join(cell.sign for cell in signs)).replace(" ", _BLANK)
    return f'<text class="{name}" {place}>{words}</text>'
