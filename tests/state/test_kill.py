"""kill -9 at any moment, and a disk that is full: nothing lost, nothing half there. Costs 6 s."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from state.durable import AppendFile, replace_file
from state.errors import StateError
from state.events_log import EventLog
from state.journal import Journal
from state.lock import BotLock
from state.recording import Recording
from state.snapshot import Snapshots
from state.trades import TradeFiles

ROOT = Path(__file__).resolve().parents[2]

# A bot in miniature: recovers, then takes step after step and says which one is done.
BOT = """
import json
import sys
from pathlib import Path
from state.journal import Journal
from state.lock import BotLock
from state.snapshot import Snapshots
from state.trades import TradeFiles

folder = Path(sys.argv[1])
lock = BotLock("demo", "BTCUSDT", folder / "locks").acquire(data_folder=folder, mode="demo")
snapshots = Snapshots(folder, "BTCUSDT")
loaded = snapshots.load()
state = loaded.document if loaded else {"step": 0, "seq": 0, "trades": 0}
notes = loaded.notes if loaded else ()
journal = Journal(folder / "BTCUSDT_journal.jsonl", state["seq"])
trades = TradeFiles(folder, "BTCUSDT", ("step", "text"))
trades.keep_first(state["trades"])
intents = [entry.record["step"] for entry in journal.records(state["seq"])]
booked = [row["step"] for row in trades.rows()]
print(json.dumps([state["step"], intents, booked, notes]), flush=True)
for step in range(state["step"] + 1, 10**9):
    seq = journal.append({"step": step, "text": "x" * 50})
    count = trades.append([{"step": step, "text": "y" * 50}])
    if step % 7 == 0:
        journal.forget(seq)
        snapshots.checkpoint(state, step * 1000)
    snapshots.save({"step": step, "seq": seq, "trades": count, "more": ["z" * 50] * 200})
    print(step, flush=True)
"""


def test_a_bot_killed_at_any_moment_goes_on_where_it_was(tmp_path: Path) -> None:
    moments = random.Random(7)
    done = 0
    for _ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", BOT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as bot:
            assert bot.stdout
            recovered = bot.stdout.readline()
            steps = [bot.stdout.readline() for _ in range(moments.randrange(8))]
            time.sleep(moments.uniform(0.0, 0.003))
            bot.send_signal(signal.SIGKILL)
            steps += bot.stdout.read().split()
        step, intents, booked, notes = json.loads(recovered)
        # what was said to be done is there; one more step may be, whose word did not get out
        assert step in (done, done + 1)
        assert booked == list(range(1, step + 1))
        # each crash in the middle of the next step may have left its intent, and nothing else
        assert set(intents) <= {step + 1}
        assert notes == []
        done = int(steps[-1]) if steps else step
    assert done > 25
    BotLock("demo", "BTCUSDT", tmp_path / "locks").acquire(
        data_folder=tmp_path, mode="demo"
    ).release()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def trade(folder: Path) -> tuple[Callable[[str], object], Callable[[], object]]:
    files = TradeFiles(folder, "BTCUSDT", ("text",))
    return lambda text: files.append([{"text": text}]), files.close


def snapshot(folder: Path) -> tuple[Callable[[str], object], Callable[[], object]]:
    snapshots = Snapshots(folder, "BTCUSDT")
    return lambda text: snapshots.save({"text": text}), lambda: None


def journal(folder: Path) -> tuple[Callable[[str], object], Callable[[], object]]:
    records = Journal(folder / "journal")
    return lambda text: records.append({"text": text}), records.close


def recording(folder: Path) -> tuple[Callable[[str], object], Callable[[], object]]:
    candles = Recording(folder / "candles", ("time", "close"))
    return lambda text: candles.append([(n, 1.5) for n in range(len(text))]), candles.close


def event_log(folder: Path) -> tuple[Callable[[str], object], Callable[[], object]]:
    log = EventLog(folder / "events")
    return lambda text: log.append(0, "log", {"text": text}), log.close


@pytest.mark.parametrize("opened", [trade, snapshot, journal, recording, event_log])
def test_a_full_disk_is_one_clear_line_and_leaves_the_files_as_they_were(
    tmp_path: Path, opened: Callable[[Path], tuple[Callable[[str], object], Callable[[], object]]]
) -> None:
    write, close = opened(tmp_path)
    write("before")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with disk_of(4096), pytest.raises(StateError, match=r"^cannot write .*: File too large; .*$"):
        write("x" * 8000)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    write("after")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} != before
    close()


def test_trades_that_only_one_file_could_take_are_in_neither(tmp_path: Path) -> None:
    files = TradeFiles(tmp_path, "BTCUSDT", ("text",))
    files.append([{"text": "before"}])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    files._csv.close()
    with pytest.raises(StateError):
        files.append([{"text": "lost"}])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert files.count == 1
    files.close()


def test_what_a_failed_write_left_behind_never_gets_into_the_middle(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "file")
    file.append(b"one\n")
    with disk_of(10), pytest.raises(StateError):
        file.append(b"0123456789\n")
    # as if even cutting it off had failed
    (tmp_path / "file").write_bytes(b"one\n012345")
    file.append(b"two\n")
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"
    file.close()


@pytest.mark.parametrize("name", ["missing/file", "file/file"])
def test_a_path_that_cannot_be_written_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match=r"^cannot write .*: (No such file|Not a directory)"):
        replace_file(tmp_path / name, b"content")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match=r"^cannot make .*/file: .*(move it away|data folder)$"):
        Snapshots(tmp_path / "file", "BTCUSDT")
