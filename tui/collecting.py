"""When Python looks for garbage: while nobody types, not between a key and what comes of it."""

import gc

_THRESHOLDS = 2_000, 10, 1_000
_DUE = 20
"""Younger collections after which everything is collected while nobody types: some 15 s of a very
busy bot. One takes 50 to 100 ms; without a pause in typing it waits for fifty times as long."""


def begin() -> None:
    """Everything is loaded: that stays, and is never looked at again, which would take 0.1 s.
    Garbage of the loading would stay, too, so it goes first."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


def while_quiet() -> None:
    """Collect everything if that will soon be due anyway; to be called where nobody waits."""
    if gc.get_threshold() == _THRESHOLDS and gc.get_count()[2] >= _DUE:
        gc.collect()
