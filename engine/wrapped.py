"""Lines that end where the terminal does: what does not fit goes on below, further in."""

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

WIDTH_OF_A_PIPE = 80
"""Of a file or a pipe, too: who reads it later has a terminal of some width."""
_FURTHER_IN = 2


def print_wrapped(console: Console, line: str | Text) -> None:
    """Print the line, broken between words; a word that is longer than a row stays whole."""
    text = Text(line) if isinstance(line, str) else line
    width = console.width if console.is_terminal else WIDTH_OF_A_PIPE
    indent = len(text.plain) - len(text.plain.lstrip(" "))
    room = width - indent - _FURTHER_IN
    if text.cell_len <= width or room < 1:
        console.print(text)
        return
    body = text[indent:]
    for number, row in enumerate(body.divide(list(_breaks(body.plain, room)))):
        row.rstrip()
        margin = " " * (indent + (_FURTHER_IN if number else 0))
        console.print(Text(margin).append_text(row))


def _breaks(text: str, room: int) -> Iterator[int]:
    """Where each row but the first begins."""
    begin = 0
    for word in re.finditer(r"\S+", text):
        if word.start() > begin and cell_len(text[begin : word.end()]) > room:
            begin = word.start()
            yield begin
