"""A Textual app's screen as plain text, and waiting for something to become true on it."""

from collections.abc import Callable
from time import monotonic

from textual.app import App
from textual.pilot import Pilot

LONGEST_WAIT_S = 120.0
"""Where the kernel has to be compiled first, a run takes most of a minute on a slow machine."""


def screen_text(app: App[object]) -> str:
    """The characters of every cell, lines joined, without trailing spaces.

    Textual has no public way to ask for them; this is the only place that uses the private one.
    """
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[object], true: Callable[[], bool], what: str) -> None:
    """Let the app work until `true()`. Raises TimeoutError, which says what did not happen."""
    deadline = monotonic() + LONGEST_WAIT_S
    while not true():
        if monotonic() > deadline:
            raise TimeoutError(f"waited in vain for: {what}\n{screen_text(pilot.app)}")
        await pilot.pause(0.02)
    await pilot.pause(0.02)
