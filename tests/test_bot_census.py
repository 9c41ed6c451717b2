"""Counting the bots of a machine by their locks and files. Costs 1 s."""

from pathlib import Path

import pytest

from state.lock import BotLock
from tests.bot_files import hold, keep_state
from tui.bot.census import Census, KnownBot


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
