"""When the screens are drawn: at once where something has happened, else now and then."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

_AWAKE_S = 1.0
_LONGEST_S = 0.5
_LONGEST_BELOW_S = 2.0


class Pace:
    """Asked at every tick of the clock, several times a second, whether to draw.

    A screen that lies under a dialog is drawn when the displayed clock goes on, which is once a
    second: Textual paints the whole of it anew, dimmed, whatever has changed on it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: tuple[object, int] | None = None
        self._settles = False
        self._drawn_at = self._awake_until = self._rested_at = clock()

    def wake(self) -> None:
        """The user does something: whatever comes of it is seen at the next tick."""
        self._awake_until = self._clock() + _AWAKE_S

    def drawn(self, seconds: float) -> None:
        """A drawing has just ended that took so long."""
        self._rested_at = self._clock() + seconds

    @property
    def rests_s(self) -> float:
        """Seconds until what a key has changed is drawn, 0 for at once: drawing takes at most half
        of the time, or keys that are held down would pile up."""
        return max(0.0, self._rested_at - self._clock())

    @property
    def awake(self) -> bool:
        """Whether the user has done something just now."""
        return self._clock() < self._awake_until

    def due(self, known: object, second: int, *, below: bool) -> bool:
        """Whether to draw now; where it is, that counts as done.

        Args:
            known: equal as long as there is nothing new to be shown but the time.
            second: of the clock that is displayed.
            below: whether a dialog lies over the screen.
        """
        now = self._clock()
        passed = now - self._drawn_at
        new = self._seen is None or self._seen[0] != known
        ticked = self._seen is None or self._seen[1] != second
        if below:
            due = ticked or passed >= _LONGEST_BELOW_S
        else:
            due = new or ticked or self._settles or self.awake or passed >= _LONGEST_S
        if due:
            # what is new may take another room, which is known once it was laid
            self._settles = new and not below
            self._seen, self._drawn_at = (known, second), now
        return due
