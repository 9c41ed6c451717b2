"""What searches and backtests leave to others (about 2 s)."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.priority import NICE, give_way, thread_gives_way
from tests.processes import ROOT

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
TELLS = """
import os
from pathlib import Path
from engine.priority import give_way, group_gives_way

group = Path("/proc/self/autogroup")
give_way()
done = group_gives_way(leave={leave})
print(os.getpriority(os.PRIO_PROCESS, 0), os.getsid(0) == os.getpid(), done)
print((group.read_text() if group.exists() else "").rpartition(" ")[2] or "none")
"""


def told(*, leave: bool, session: bool) -> list[str]:
    """Priority, whether it leads its session, whether that is settled, the session's priority."""
    process = subprocess.run(
        [sys.executable, "-c", TELLS.format(leave=leave)],
        cwd=ROOT,
        start_new_session=session,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.split()


@LINUX
@pytest.mark.parametrize("session", [False, True])
def test_a_worker_gives_way_with_a_session_of_its_own(session: bool) -> None:
    nice, leads, settled, group = told(leave=True, session=session)
    assert (int(nice), leads) == (NICE, "True")
    assert group in ("none", str(NICE)) or settled == "False"


@LINUX
def test_the_session_of_a_shell_is_left_alone() -> None:
    nice, leads, settled, group = told(leave=False, session=False)
    own = Path("/proc/self/autogroup")
    ours = (own.read_text() if own.exists() else "").rpartition(" ")[2].strip() or "none"
    assert [int(nice), leads, settled, group] == [NICE, "False", "True", ours]


@LINUX
def test_one_thread_gives_way_and_the_others_do_not() -> None:
    before, seen = os.getpriority(os.PRIO_PROCESS, 0), list[int]()

    def work() -> None:
        thread_gives_way()
        give_way()  # once more changes nothing
        seen.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [max(NICE, before)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.parametrize("missing", ["getpriority", "setpriority"])
def test_a_system_without_priorities_is_no_error(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.delattr(os, missing)
    give_way()
    monkeypatch.undo()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
