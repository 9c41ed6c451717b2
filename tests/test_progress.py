"""What a long run says where nothing can be drawn (no time)."""

import io

from engine.events import BarsDone, CompilingKernel
from engine.progress import ProgressLine
from engine.report import console_for


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def spoken(seconds: float, shares: int, in_lines: bool = True) -> list[str]:
    """The lines of a run of `seconds` that tells `shares` times how far it is."""
    stream, clock = io.StringIO(), Clock()
    progress = ProgressLine(console_for(stream), in_lines=in_lines, now=clock)
    for done in range(1, shares + 1):
        clock.seconds = seconds * done / shares
        progress.show(f"{done} of {shares} trials", done / shares)
    return stream.getvalue().splitlines()


def test_a_pipe_hears_of_every_tenth() -> None:
    assert spoken(100.0, 1000) == [f"{k}00 of 1000 trials ({k}0%)" for k in range(1, 11)]


def test_a_slow_run_speaks_every_30_seconds() -> None:
    assert len(spoken(1200.0, 1200)) == 40


def test_a_quick_run_says_at_most_a_line_a_second() -> None:
    assert len(spoken(3.5, 1000)) == 3
    assert spoken(0.9, 1000) == []


def test_a_second_stage_begins_its_tenths_anew() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = ProgressLine(console_for(stream), in_lines=True, now=clock)
    for text in ("trials", "permutations"):
        for tenth in range(1, 11):
            clock.seconds += 2.0
            progress.show(text, tenth / 10)
    assert len(stream.getvalue().splitlines()) == 20


def test_compiling_is_said_at_once() -> None:
    stream = io.StringIO()
    ProgressLine(console_for(stream), in_lines=True)(CompilingKernel())
    assert stream.getvalue() == "compiling for the first time, about 20 s\n"


def test_a_pipe_that_did_not_ask_hears_nothing() -> None:
    assert spoken(100.0, 1000, in_lines=False) == []
    stream = io.StringIO()
    progress = ProgressLine(console_for(stream))
    progress(CompilingKernel())
    progress(BarsDone("BTC", 10, 100))
    assert stream.getvalue() == ""
