"""Lines broken where the terminal ends (no time)."""

import io

from rich.console import Console
from rich.text import Text

from engine.report import console_for
from engine.wrapped import print_wrapped


def rows(line: str | Text, width: int | None = None) -> list[str]:
    stream = io.StringIO()
    console = console_for(stream)
    if width is not None:
        console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    print_wrapped(console, line)
    return stream.getvalue().splitlines()


def test_a_pipe_is_80_columns_wide_and_what_follows_stands_further_in() -> None:
    found = rows("  " + "word " * 40)
    assert max(map(len, found)) <= 80
    assert [len(row) - len(row.lstrip()) for row in found] == [2, 4, 4]
    assert " ".join(found).split() == ["word"] * 40


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert rows("  a     b") == ["  a     b"]
    assert rows("x" * 80) == ["x" * 80]


def test_a_terminal_has_its_own_width() -> None:
    assert rows("one two three four", width=12) == ["one two", "  three four"]


def test_a_path_is_never_broken() -> None:
    path = "/home/" + "long/" * 30
    assert rows(f"  wrote {path}") == ["  wrote", f"    {path}"]


def test_what_is_coloured_stays_so_across_the_break() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=10, force_terminal=True, color_system="standard")
    print_wrapped(console, Text("Verdict: ").append("all is bad", "red"))
    first, second, third = stream.getvalue().splitlines()
    assert "\x1b[31m" not in first
    assert "\x1b[31mall is" in second
    assert "\x1b[31mbad" in third
