"""What a machine has time for: a search and a backtest give way to bots and screens."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

NICE = 10
"""Beside one that wants as much, a tenth of the processor; alone, all of it."""

_GROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lower the priority of this thread and of all that it starts; it is never raised again, which
    takes privileges. Where a system has no priorities nothing happens."""
    with suppress(AttributeError, OSError):
        if os.getpriority(os.PRIO_PROCESS, 0) < NICE:
            os.setpriority(os.PRIO_PROCESS, 0, NICE)


def thread_gives_way() -> None:
    """As `give_way`, where that is about a thread alone."""
    if sys.platform == "linux":
        give_way()


def group_gives_way(*, leave: bool = False) -> bool:
    """Lower the session of this process as well; whether that is done or cannot be.

    Linux may weigh sessions against each other (`sched_autogroup_enabled`), each as a whole: what
    is nice within its own gives way to nobody outside of it. A session that is somebody else's, as
    that of a shell, stays as it is.

    Args:
        leave: begin a session of its own where this one is not, and has not been lowered.
    """
    try:
        if _GROUP.read_text().rpartition("nice ")[2].strip() == str(NICE):
            return True
        if leave and os.getsid(0) != os.getpid():
            os.setsid()
        if os.getsid(0) == os.getpid():
            _GROUP.write_text(f"{NICE}\n")
    except BlockingIOError:  # one write every 0.1 s on the whole machine
        return False
    except (AttributeError, OSError):
        pass
    return True
