"""What is drawn with on terminals that have no braille, or nothing but ASCII.

Charts are drawn in braille; a filter over all that is painted puts other characters in their
place, so that no widget knows of it.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

SYMBOLS = ("braille", "block", "ascii")

_BRAILLE = 0x2800
_LEFT, _RIGHT = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)
"""The dots of a cell from top to bottom."""

_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""By bits: 1 upper left, 2 upper right, 4 lower left, 8 lower right."""

_ASCII = {
    "─╌╍┄┅┈┉╴╶╸╺": "-",
    "━═": "=",
    "│┃║╎╏┆┇┊┋╵╷╹╻": "|",
    "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜": "+",
    "↑△▴▵": "^",
    "↓▽▾▿": "v",
    "←◀◂": "<",
    "→▶▸": ">",
    "▲": "A",
    "▼": "V",
    "●◉⬤": "@",
    "○◌◦": "o",
    "◆◇": "*",
    "✗✕✘": "x",
    "✓✔": "+",
    "•∙": "*",
    "·⋅": ".",
    "⋮": ":",
    "…": "~",
    "█▉▊▋■": "#",
    "▓": "%",
    "▒": "=",
    "░": ":",
    "▌▍▎▏▐▕": "|",
    "▇▆": "#",
    "▅▄": "=",
    "▃": "-",
    "▂▁": "_",
    "▀▔": '"',
    "▘": "'",
    "▝": "'",
    "▖▗": ".",
    "▚▞": "/",
    "▙▛▜▟": "#",
    "≤": "<",
    "≥": ">",
    "≈": "~",
    "±": "+",
    "°": "o",
    "⏎": "<",
    "\u00a0": " ",
}
_UNKNOWN = "?"


class PlainSymbols(LineFilter):
    """Arg: `symbols`: "block" for charts without braille, "ascii" for a screen without either."""

    def __init__(self, symbols: str) -> None:
        super().__init__(enabled=symbols != "braille")
        ascii_alone = symbols == "ascii"
        drawn = _ascii_dots if ascii_alone else _quadrant
        self._table = {_BRAILLE + code: drawn(code) for code in range(256)}
        self.ascii_alone = ascii_alone
        if ascii_alone:
            self._table |= {ord(c): plain for every, plain in _ASCII.items() for c in every}

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The same cells in other characters."""
        return [
            segment if segment.text.isascii() else segment._replace(text=self._plain(segment.text))
            for segment in segments
        ]

    def _plain(self, text: str) -> str:
        text = text.translate(self._table)
        if not self.ascii_alone or text.isascii():
            return text
        return "".join(letter if letter.isascii() else _UNKNOWN for letter in text)


def _quadrant(code: int) -> str:
    """The four quarters of a cell that have a dot."""
    quarters = (_LEFT[:2], _RIGHT[:2], _LEFT[2:], _RIGHT[2:])
    return _QUADRANTS[sum(1 << n for n, dots in enumerate(quarters) if code & sum(dots))]


def _ascii_dots(code: int) -> str:
    """A character where the dots are: above, in the middle, below, or all the way."""
    rows = [bool(code & (left | right)) for left, right in zip(_LEFT, _RIGHT, strict=True)]
    if sum(rows) == len(rows):
        return "|" if not (code & sum(_LEFT) and code & sum(_RIGHT)) else "#"
    upper, lower = rows[0] or rows[1], rows[2] or rows[3]
    if upper and lower:
        return ":" if sum(rows) > 2 else "-"
    return "'" if upper else "." if lower else " "
