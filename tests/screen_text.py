"""A Textual app's screen as plain text, and waiting for something to become true on it."""

from collections.abc import Callable
from time import monotonic

from rich.segment import Segment
from textual.app import App
from textual.pilot import Pilot

LONGEST_WAIT_S = 120.0
"""Where the kernel has to be compiled first, a run takes most of a minute on a slow machine."""


def screen_text(app: App[object]) -> str:
    """The characters of every cell, lines joined, without trailing spaces."""
    lines = screen_cells(app)
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


def screen_cells(app: App[object]) -> list[list[Segment]]:
    """Every line, text with its style.

    Textual has no public way to ask for them; no other test uses the private one.
    """
    return [list(strip) for strip in app.screen._compositor.render_strips()]


async def until(pilot: Pilot[object], true: Callable[[], bool], what: str) -> None:
    """Let the app work until `true()`. Raises TimeoutError, which says what did not happen."""
    deadline = monotonic() + LONGEST_WAIT_S
    while not true():
        if monotonic() > deadline:
            raise TimeoutError(f"waited in vain for: {what}\n{screen_text(pilot.app)}")
        await pilot.pause(0.02)
    await pilot.pause(0.02)
