"""The hand on a search: pause, go on, stop; from any thread."""

from __future__ import annotations

import threading


class SearchControl:
    """Asked by the search between two steps, a tenth of a second apart at most.

    Paused, it starts nothing new; trials that run are finished and stored. Stopped, it drops those
    that run and stores all that are finished.
    """

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._stopped = threading.Event()

    def pause(self) -> None:
        """Start no trial until `resume`."""
        self._going.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._going.set()

    def stop(self) -> None:
        """End the search for good, paused or not."""
        self._stopped.set()

    @property
    def paused(self) -> bool:
        return not self._going.is_set() and not self.stopped

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()


def go_on_unless_stopped(control: SearchControl | None) -> None:
    """Raises Cancelled if the search was told to stop."""
    if control is not None and control.stopped:
        from engine.loop import Cancelled  # numba: half a second

        raise Cancelled
