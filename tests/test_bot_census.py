"""Counting the bots of a machine by their locks and files. Costs 1 s."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from state.lock import BotLock
from tests.bot_files import WROTE_S, hold, keep_state
from tui.bot.census import Census, KnownBot
from tui.bot.data_folders import remember, remembered


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    (tmp_path / "locks").mkdir()


def only(folder: Path, census: Census | None = None) -> KnownBot:
    (bot,) = (census or Census()).take([folder])
    return bot


def test_a_machine_without_bots_has_none(tmp_path: Path) -> None:
    assert Census().take([tmp_path, tmp_path / "nowhere"]) == []


def test_a_state_without_entries_was_stopped_and_can_go_on(tmp_path: Path) -> None:
    keep_state(tmp_path, "demo", "BTCUSDT")
    bot = only(tmp_path)
    assert (bot.symbol.pair, bot.mode, bot.condition) == ("BTC/USDT", "demo", "stopped")
    assert bot.standing is not None
    assert bot.standing.left == "2 lots (long 0.046) and 2 orders"
    assert bot.standing.equity == 10_284.16
    assert bot.reachable is None


def test_a_state_with_entries_and_without_a_holder_is_of_a_crash(tmp_path: Path) -> None:
    keep_state(tmp_path, "live", "BTCUSDT", entries=3)
    bot = only(tmp_path)
    assert bot.condition == "crashed"


def test_what_was_on_paper_cannot_go_on(tmp_path: Path) -> None:
    keep_state(tmp_path, "paper", "BTCUSDT", entries=3)
    bot = only(tmp_path)
    assert bot.condition == "ended"


def test_a_lock_that_is_held_runs_and_one_left_behind_has_crashed(tmp_path: Path) -> None:
    keep_state(tmp_path, "dry-run", "BTCUSDT")
    socket = tmp_path / "socket"
    lock = BotLock("dry-run", "BTCUSDT")
    path = hold(lock, tmp_path, "dry-run", "BTCUSDT", socket)
    assert only(tmp_path / "other").condition == "starting"
    socket.touch()
    bot = only(tmp_path / "other")
    assert bot.condition == "running"
    assert bot.reachable is not None
    assert bot.reachable.socket == socket
    said = path.read_text()
    lock.release()
    path.write_text(said)  # as a killed process leaves it
    bot = only(tmp_path / "other")
    assert (bot.condition, bot.reachable) == ("crashed", None)


@pytest.mark.parametrize("mode", ["paper", "dry-run", "live"])
@pytest.mark.parametrize(
    ("paused", "held", "entries", "crashed"),
    [
        ([], 0.046, 0, True),
        ([], 0.046, 2, True),
        (["operator"], 0.046, 0, True),
        (["stopping"], 0.046, 2, True),  # cut off before its entries were gone
        (["operator", "stopping"], 0.046, 0, False),
        (["stopping"], 0.0, 0, False),
        ([], 0.0, 0, False),  # all was closed
    ],
)
def test_a_state_that_no_stop_has_written_is_of_a_crash_whoever_has_the_lock_now(
    mode: str, paused: list[str], held: float, entries: int, crashed: bool, tmp_path: Path
) -> None:
    keep_state(tmp_path, mode, "BTCUSDT", held=held, entries=entries, paused=paused)
    with BotLock(mode, "BTCUSDT") as lock:
        hold(lock, tmp_path / "other", mode, "BTCUSDT", tmp_path / "socket")
        (bot,) = (bot for bot in Census().take([tmp_path]) if bot.data_folder == tmp_path)
        of_another_place = Census().take([tmp_path / "third"], [tmp_path])
    orderly = "ended" if mode == "paper" else "stopped"
    assert bot.condition == ("crashed" if crashed else orderly)
    assert (bot in of_another_place) == (crashed or mode != "paper")


def test_a_crash_is_as_old_as_the_last_thing_that_the_bot_wrote(tmp_path: Path) -> None:
    for entries in (0, 3):  # left a lock behind, or entries
        keep_state(tmp_path, "dry-run", "BTCUSDT", entries=entries)
        lock = BotLock("dry-run", "BTCUSDT")
        path = hold(lock, tmp_path, "dry-run", "BTCUSDT", tmp_path / "socket")
        said = path.read_text()
        lock.release()
        path.write_text("" if entries else said)
        log = only(tmp_path).log_file
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("the last word")
        os.utime(log, (WROTE_S + 7, WROTE_S + 7))
        bot = only(tmp_path)
        assert bot.condition == "crashed"
        assert bot.since == bot.wrote == datetime.fromtimestamp(WROTE_S + 7, UTC)
        path.unlink()


def test_of_other_folders_only_what_can_go_on_or_has_run_meanwhile_is_known(
    tmp_path: Path,
) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    keep_state(other, "dry-run", "BTCUSDT")
    keep_state(other, "paper", "ETHUSDT")
    keep_state(other, "paper", "SOLUSDT")
    census = Census()
    with BotLock("paper", "SOLUSDT") as lock:
        hold(lock, other, "paper", "SOLUSDT", tmp_path / "socket")
        assert len(census.take([own])) == 3
    left = {(bot.symbol.coin, bot.condition) for bot in census.take([own], [other])}
    assert left == {("BTC", "stopped"), ("SOL", "ended")}
    assert census.take([own]) == []


def test_data_folders_are_remembered_until_they_are_gone(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    remember(folders[:2])
    remember(folders[:1])
    assert remembered() == folders[:2]
    folders[0].rmdir()
    remember(folders[2:])
    assert remembered() == folders[1:]


@pytest.mark.parametrize("content", ["", "{}", "[1]", "\x00"])
def test_a_damaged_list_of_data_folders_is_an_empty_one(content: str, tmp_path: Path) -> None:
    path = tmp_path / "locks" / "data_folders.json"
    path.write_text(content)
    assert remembered() == []
    remember([tmp_path])
    assert remembered() == [tmp_path]


def test_a_lock_given_back_leaves_what_the_state_says(tmp_path: Path) -> None:
    keep_state(tmp_path, "dry-run", "BTCUSDT")
    lock = BotLock("dry-run", "BTCUSDT")
    hold(lock, tmp_path, "dry-run", "BTCUSDT", tmp_path / "socket")
    lock.release()
    assert only(tmp_path).condition == "stopped"


@pytest.mark.parametrize("content", ["", "{}", '{"document": {"account": {}, "orders": []}}', "x"])
def test_a_damaged_state_is_named_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = keep_state(tmp_path, "demo", "BTCUSDT")
    path.write_text(content)
    bot = only(tmp_path)
    assert bot.standing is not None
    assert "damaged" in bot.standing.trouble
    assert path.read_text() == content


def test_a_state_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    census = Census()
    keep_state(tmp_path, "demo", "BTCUSDT")
    before = only(tmp_path, census).standing
    assert only(tmp_path, census).standing is before
    keep_state(tmp_path, "demo", "BTCUSDT", held=0.0)
    after = only(tmp_path, census).standing
    assert after is not None
    assert after.lots == 0


def test_bots_that_run_come_first_then_real_money(tmp_path: Path) -> None:
    for mode, symbol_id in (("paper", "ADAUSDT"), ("demo", "BTCUSDT"), ("live", "ETHUSDT")):
        keep_state(tmp_path, mode, symbol_id)
    socket = tmp_path / "socket"
    socket.touch()
    with BotLock("paper", "SOLUSDT") as lock:
        lock.release()
        hold(lock, tmp_path, "paper", "SOLUSDT", socket)
        assert [bot.symbol.coin for bot in Census().take([tmp_path])] == [
            "SOL",
            "ETH",
            "BTC",
            "ADA",
        ]


def test_files_that_are_no_states_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "live_state"
    folder.mkdir()
    (folder / "what is this_state.json").write_text("{}")
    (folder / "BTCUSDT_journal.jsonl").write_text("")
    assert Census().take([tmp_path]) == []
