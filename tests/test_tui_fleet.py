"""Which bot is shown, told and left, whatever happens at the same time. Costs 5 s."""

import asyncio
from pathlib import Path

import pytest

from exchange.symbol import Symbol
from state.errors import StateError
from tests.bot_app import Clock, shown, watched
from tests.bot_documents import snapshot
from tests.bot_files import keep_state
from tests.machine import becomes, machine
from tests.records import a_run, record_of
from tests.screen_text import screen_text, until
from tui.bot.fleet import Fleet
from tui.bot.launch import StartOrder
from tui.bot.replay import Replay
from tui.screens.live import LiveScreen


async def test_a_bot_is_told_only_what_was_asked_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there, shown("1", watched()) as (app, pilot):
        fleet = app.store.fleet
        live = app.screen
        assert isinstance(live, LiveScreen)
        for question, answer in (("S", "y"), ("X", ("B", "T", "C", "enter"))):
            app.clear_notifications()
            await fleet.follow(there.bots["paper"])
            await until(pilot, lambda: bool(fleet.watched.account), "the bot on paper")
            await pilot.press(question)
            await until(pilot, lambda: "BTC/USDT (PAPER)" in screen_text(app), "the question")
            asked_about = fleet.watched
            await live._starter.watch(there.bots["live"])
            assert fleet.watched is asked_about
            await until(pilot, lambda: "BTC/USDT (LIVE) runs" in screen_text(app), "the news")
            await fleet.follow(there.bots["live"])
            await until(pilot, lambda: bool(fleet.watched.account), "the bot with money")
            await pilot.press(*answer)
            await until(pilot, lambda: "not sent, another bot" in screen_text(app), "the refusal")
        assert there.told == []


async def test_two_bots_that_are_followed_at_once_leave_one_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        fleet = Fleet()
        await fleet.follow(there.bots["live"])
        await becomes(lambda: there.connected() == ["live"])
        await asyncio.gather(*(fleet.follow(there.bots[mode]) for mode in ("paper", "dry-run")))
        await becomes(lambda: fleet.watched.link == "connected")
        await becomes(lambda: there.connected() == [fleet.watched.mode])
        await fleet.close()
        await becomes(lambda: there.connected() == [])


async def test_after_a_replay_the_bot_is_shown_that_was_shown_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        fleet = Fleet()
        await fleet.follow(there.bots["paper"])
        for number in (1, 2):
            record = record_of(tmp_path / str(number), a_run(4, 6))
            await fleet.play(Replay(record, clock=Clock()))
            assert fleet.awaited == "The record is being read."
        await becomes(lambda: fleet.watched is not None)
        assert fleet.awaited == ""
        await fleet.end_replay()
        await becomes(lambda: fleet.watched.mode == "paper")
        await fleet.close()


async def test_after_a_replay_the_end_of_a_bot_is_shown_again(tmp_path: Path) -> None:
    fleet = Fleet()
    view = watched(snapshot())
    view.link, view.fate = "ended", "crashed"
    fleet.watched = view
    for number in (1, 2):
        record = record_of(tmp_path / str(number), a_run(4, 6))
        await fleet.play(Replay(record, clock=Clock()))
    await becomes(lambda: fleet.watched is not None)
    assert fleet.watched is not view
    await fleet.end_replay()
    assert fleet.watched is view
    await fleet.close()


async def test_what_is_awaited_is_said_until_the_last_has_arrived() -> None:
    fleet = Fleet()
    with fleet.awaiting("BTC is starting"):
        with fleet.awaiting("ETH is starting"):
            assert fleet.awaited == "BTC is starting\nETH is starting"
        assert fleet.awaited == "BTC is starting"
    assert fleet.awaited == ""


async def test_a_bot_that_is_on_its_way_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    starts = Fleet().starts
    order = StartOrder(Symbol.parse("BTC"), "paper", tmp_path, ("--coin", "BTC", "--nonsense"))
    launch = starts.begin(order)
    with pytest.raises(StateError, match="BTC/USDT is starting already"):
        starts.begin(order)
    await becomes(lambda: launch.code is not None)
    assert "nonsense" in launch.last_words()
    starts.arrived(launch)
    starts.arrived(launch)
    assert starts.launches == []


async def test_the_crash_of_a_bot_that_is_not_watched_is_said_and_marks_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there, shown("1", None) as (app, pilot):
        rung: list[str] = []
        app.attention._write = rung.append
        fleet = app.store.fleet
        await fleet.follow(there.bots["live"])
        await fleet.look()
        keep_state(tmp_path, "dry-run", "BTCUSDT", entries=1)
        there.crash("dry-run")
        await fleet.look()
        words = (
            "BTC/USDT (DRY) has crashed",
            "2 lots (long 0.046) and 3 orders are in its",
            "!Bots",
        )
        for word in words:
            await until(pilot, lambda word=word: word in screen_text(app), word)
        assert rung.count("\a") == 1
        await fleet.look()
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "has crashed" not in screen_text(app), "no words")
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "another screen")
        assert "0 !Bots" in screen_text(app)
        await pilot.press("0")
        await until(pilot, lambda: "[Bots]" in screen_text(app), "the list")
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "the other screen")
        await until(pilot, lambda: "!Bots" not in screen_text(app), "no mark")
        assert rung.count("\a") == 1


async def test_that_a_bot_has_crashed_is_said_no_longer_once_it_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there, shown("1", None) as (app, pilot):
        fleet = app.store.fleet
        await fleet.follow(there.bots["live"])
        await fleet.look()
        for mode in ("dry-run", "paper"):
            there.crash(mode)
            await fleet.look()
        for mode in ("DRY", "PAPER"):
            words = f"BTC/USDT ({mode}) has crashed"
            await until(pilot, lambda words=words: words in screen_text(app), words)
        there.begin_again("dry-run")
        await until(pilot, lambda: "(DRY) has crashed" not in screen_text(app), "no words of it")
        assert "BTC/USDT (PAPER) has crashed" in screen_text(app)


async def test_neither_the_end_of_a_bot_nor_the_crash_of_the_one_watched_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        fleet = Fleet()
        await fleet.follow(there.bots["live"])
        await fleet.look()
        there.locks["paper"].release()
        there.crash("live")
        await fleet.look()
        assert [bot.holder.mode for bot in fleet.running] == ["dry-run"]
        assert (fleet.crashes, fleet.untold_crashes()) == ([], [])
        there.crash("dry-run")
        await fleet.look()
        await fleet.look()
        assert [crash.bot for crash in fleet.untold_crashes()] == [there.bots["dry-run"]]
        assert (len(fleet.crashes), fleet.untold_crashes()) == (1, [])
        await fleet.close()
