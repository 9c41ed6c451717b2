"""What has become of a bot that does not answer: by its lock, which the system gives back when its
process ends, however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from state.lock import running_bots

if TYPE_CHECKING:
    from state.lock import Holder

Fate = Literal["lives", "crashed", "unknown"]


def fate_of(holder: Holder) -> Fate:
    """`crashed`: its process has gone and the lock still has its name; `unknown`: no lock has it,
    since it has ended in good order or another bot took its place. Reads files."""
    for lock in running_bots():
        if lock.holder == holder:
            return "lives" if lock.held else "crashed"
    return "unknown"
