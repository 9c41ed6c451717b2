"""One bot per account and symbol on this machine. Costs 4 s."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from state.errors import StateError
from state.lock import BotLock, lock_folder, running_bots

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    return tmp_path / "locks"


def test_a_second_bot_is_told_who_holds_the_lock_since_when_and_where(tmp_path: Path) -> None:
    with (
        BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path / "here", mode="demo"),
        pytest.raises(StateError) as caught,
    ):
        BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path / "there", mode="live")
    text = str(caught.value)
    assert f"process {os.getpid()}" in text
    assert str(tmp_path / "here") in text
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", text)


def test_other_accounts_and_symbols_do_not_disturb_each_other(tmp_path: Path) -> None:
    pairs = [("demo", "BTCUSDT"), ("demo", "ETHUSDT"), ("live", "BTCUSDT")]
    locks = [BotLock(*pair).acquire(data_folder=tmp_path, mode="demo") for pair in pairs]
    found = running_bots()
    assert {(bot.holder.account, bot.holder.symbol_id) for bot in found if bot.holder} == set(pairs)
    assert all(bot.held for bot in found)
    for lock in locks:
        lock.release()
        lock.release()
    assert running_bots() == []


def test_a_lock_given_back_can_be_taken_again(tmp_path: Path) -> None:
    lock = BotLock("demo", "BTCUSDT")
    for _ in range(3):
        lock.acquire(data_folder=tmp_path, mode="demo")
        with pytest.raises(StateError, match="already held"):
            lock.acquire(data_folder=tmp_path, mode="demo")
        lock.release()


def test_a_killed_bot_leaves_its_name_but_no_hindrance(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from state.lock import BotLock\n"
        "lock = BotLock('demo', 'BTCUSDT').acquire(data_folder=Path(sys.argv[1]), mode='paper',\n"
        "    control=Path('/run/BTCUSDT.sock'))\n"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as bot:
        assert bot.stdout
        assert bot.stdout.readline() == "held\n"
        with pytest.raises(StateError, match=f"process {bot.pid} \\(paper"):
            BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo")
        assert [found.held for found in running_bots()] == [True]
        bot.kill()
        bot.wait()
    (left,) = running_bots()
    assert not left.held
    assert left.holder
    assert (left.holder.pid, left.holder.control) == (bot.pid, "/run/BTCUSDT.sock")
    BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo").release()
    assert running_bots() == []


def test_a_forked_worker_does_not_keep_the_lock_of_a_bot_that_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from state.lock import BotLock\n"
        "lock = BotLock('demo', 'BTCUSDT').acquire(data_folder=Path(sys.argv[1]), mode='demo')\n"
        "if os.fork() == 0:\n"
        "    sys.stdin.read(); os._exit(0)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as bot:
        assert bot.stdout
        assert bot.stdout.readline() == "held\n"
        bot.kill()
        bot.wait()
        BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo").release()


def test_looking_at_the_list_never_keeps_a_bot_from_starting(tmp_path: Path) -> None:
    lock = BotLock("demo", "BTCUSDT")
    lock.acquire(data_folder=tmp_path, mode="demo").release()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            running_bots()

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(50):
            lock.acquire(data_folder=tmp_path, mode="demo").release()
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "account": 3}', "\0\0"]
)
def test_what_the_file_says_decides_nothing(tmp_path: Path, locks: Path, text: str) -> None:
    locks.mkdir()
    (locks / "demo_BTCUSDT.lock").write_text(text)
    assert running_bots() == []
    with BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo"):
        (locks / "demo_BTCUSDT.lock").write_text(text)
        (found,) = running_bots()
        assert (found.held, found.holder) == (True, None)
        with pytest.raises(StateError, match="another bot trades BTCUSDT"):
            BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo")


@pytest.mark.parametrize("label", ["", "a/b", "..\n", "x" * 65, "é"])
def test_a_label_that_is_no_file_name_is_refused(label: str) -> None:
    with pytest.raises(StateError, match="cannot name a lock"):
        BotLock(label, "BTCUSDT")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDTUI_STATE_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert lock_folder() == Path("/somewhere/gridtui")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert lock_folder() == Path("/home/me/.local/state/gridtui")


def test_the_file_can_be_read_by_its_owner_alone_and_holds_json(
    tmp_path: Path, locks: Path
) -> None:
    with BotLock("demo", "BTCUSDT").acquire(data_folder=tmp_path, mode="demo"):
        path = locks / "demo_BTCUSDT.lock"
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text())["pid"] == os.getpid()
