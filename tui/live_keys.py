"""One key for each thing that a bot can be told; a typed word before what cannot be undone."""

from dataclasses import dataclass
from typing import Literal

Wish = Literal["pause", "resume", "stop", "flatten", "leave", "keep"]
"""`keep`: the word was not typed after all, so that nothing is to be closed."""

_ENTER, _ESCAPE = ("\r", "\n"), "\x1b"
_BACK = ("\x7f", "\b")


@dataclass(slots=True)
class LiveKeys:
    """Turns keys into wishes.

    Args:
        word: to be typed before everything is closed.
        control: False: only `q` does something.
        leaves: whether `q` leaves a bot that goes on; else it is no key.
    """

    word: str
    control: bool = True
    leaves: bool = False
    _typed: str | None = None

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
        elif self.leaves:
            keys = ["read-only: --control to steer"]
        return "  ".join([*keys, *(["q leave"] if self.leaves else [])])

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
