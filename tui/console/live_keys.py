"""One key for each thing that a bot can be told; a typed word before what cannot be undone."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

Wish = Literal["pause", "resume", "stop", "flatten", "leave", "keep"]
"""`keep`: the word was not typed after all, so that nothing is to be closed."""

HELD_KEY_S = 0.75
"""A key that is held down repeats itself after 0.25 to 0.66 s, then 30 times a second."""

_TELLS_S = 2.0

_ENTER, _ESCAPE = ("\r", "\n"), "\x1b"
_BACK = ("\x7f", "\b")


@dataclass(slots=True)
class LiveKeys:
    """Turns keys into wishes.

    Args:
        word: to be typed before everything is closed.
        control: False: only `q` does something.
        leaves: whether `q` leaves a bot that goes on; else it is no key.
        clock: seconds; a `p` that is held down says what it says once.
    """

    word: str
    control: bool = True
    leaves: bool = False
    clock: Callable[[], float] = monotonic
    _typed: str | None = None
    _steered_at: float = -HELD_KEY_S
    _ignored: bool = False

    def press(self, key: str, paused: bool) -> Wish | None:
        """What a key wishes for; None while a word is being typed, and of other keys."""
        if self._typed is not None:
            return self._type(key)
        if key == "q" and self.leaves:
            return "leave"
        if not self.control:
            return None
        if key == "X":
            self._typed = ""
        if key == "p":
            self._ignored = self.clock() - self._steered_at < HELD_KEY_S
            self._steered_at = self.clock()
            if self._ignored:
                return None
            return "resume" if paused else "pause"
        return "stop" if key == "S" else None

    def hint(self, paused: bool) -> str:
        """The line below the status: the keys, or the word as far as it is typed."""
        if self._typed is not None:
            return (
                f"close everything at market? type {self.word}, Enter; Esc leaves: {self._typed}_"
            )
        keys = []
        if self.control:
            keys = ["p resume" if paused else "p pause", "S stop", "X close everything"]
            if self._ignored and self.clock() - self._steered_at < _TELLS_S:
                keys[0] = "p so soon after p was ignored: wait a second"
        elif self.leaves:
            keys = ["read-only: --control to steer"]
        return "  ".join([*keys, *(["q leave"] if self.leaves else [])])

    @property
    def kept(self) -> str:
        """What is said where everything was kept, since the word was not typed."""
        return f"nothing was closed: {self.word} was not typed"

    def _type(self, key: str) -> Wish | None:
        typed = self._typed or ""
        if key in _ENTER:
            self._typed = None
            return "flatten" if typed == self.word else "keep"
        if key == _ESCAPE:
            self._typed = None
            return "keep"
        if key in _BACK:
            self._typed = typed[:-1]
        elif key.isprintable():
            self._typed = typed + key
        return None
