"""Which bot the screens turn to by themselves, and when they only say that it runs. Costs 5 s."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from state.lock import BotLock
from tests.bot_app import shown, watched
from tests.bot_files import hold
from tests.machine import Machine, becomes, machine
from tests.records import a_run, record_of
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.attention import Attention
from tui.bot.fleet import Fleet
from tui.bot.goodbye import who_goes_on
from tui.bot.replay import Replay
from tui.bot.view import BotView, Link
from tui.bots import bots

STARTED = "BTC/USDT (PAPER) runs: 0 lists it, enter there shows it"


@asynccontextmanager
async def opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Machine, GridTui, Pilot[None]]]:
    """The Live screen, opened while nobody runs, and bots that run since."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(folder))
    async with shown("1", None) as (app, pilot), machine(folder, monkeypatch) as there:
        yield there, app, pilot


async def test_a_bot_that_has_started_is_shown_where_its_start_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as (there, app, pilot):
        fleet = app.store.fleet
        await fleet.follow(there.bots["live"])
        await pilot.press("0")
        await until(pilot, lambda: "[Bots]" in screen_text(app), "the list")
        await app.screen._starter._show_started(there.bots["paper"], fleet.shown)
        await until(pilot, lambda: "[Live]" in screen_text(app), "the Live screen")
        assert fleet.subject == there.bots["paper"]
        assert STARTED not in screen_text(app)


async def test_a_bot_that_has_started_does_not_take_the_place_of_one_chosen_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as (there, app, pilot):
        fleet, starter = app.store.fleet, app.screen._starter
        await fleet.follow(there.bots["dry-run"])
        before = fleet.shown
        await fleet.follow(there.bots["live"])
        await starter._show_started(there.bots["paper"], before)
        await until(pilot, lambda: STARTED in screen_text(app), "the news")
        assert fleet.subject == there.bots["live"]
        assert "[Live]" in screen_text(app)


async def test_a_bot_that_has_started_does_not_appear_on_a_screen_that_steers_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as (there, app, pilot):
        fleet, starter = app.store.fleet, app.screen._starter
        await fleet.follow(there.bots["live"])
        await pilot.press("4")
        await until(pilot, lambda: "[Orders]" in screen_text(app), "the orders")
        await starter._show_started(there.bots["paper"], fleet.shown)
        await until(pilot, lambda: STARTED in screen_text(app), "the news")
        assert fleet.subject == there.bots["live"]


async def test_a_bot_that_begins_elsewhere_is_said_on_a_form_and_shown_on_a_screen_of_bots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path))
    async with shown("1", None) as (app, pilot):
        fleet = app.store.fleet
        await until(pilot, lambda: app._looked, "that nobody runs")
        await pilot.press("9")
        await until(pilot, lambda: "[Config]" in screen_text(app), "a form")
        async with machine(tmp_path, monkeypatch) as there:
            news = "BTC/USDT (live) runs; 1 shows it"
            await until(pilot, lambda: news in screen_text(app), "the news")
            assert fleet.watched is None
            app.clear_notifications()
            await until(pilot, lambda: news not in screen_text(app), "no news")
            await app._look_for_bots().wait()
            await pilot.pause()
            assert news not in screen_text(app)
            await pilot.press("1")
            await until(pilot, lambda: fleet.subject == there.bots["live"], "the bot")


async def test_a_bot_that_runs_when_the_screens_open_is_shown_on_any_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = GridTui(clock=lambda: NOON, first="6")
    async with machine(tmp_path, monkeypatch) as there, app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        await until(pilot, lambda: app.store.fleet.subject == there.bots["live"], "the bot")


async def test_a_new_run_of_the_bot_that_was_shown_is_told_from_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        fleet, bot = Fleet(), there.bots["paper"]
        again = replace(bot, holder=replace(bot.holder, started="2025-01-11T08:00:00+00:00"))
        anew = []
        for one in (bot, bot, again, there.bots["live"]):
            await fleet.follow(one)
            anew.append(fleet.watched.anew)
        await fleet.close()
    assert anew == [False, False, True, False]


def test_a_new_run_is_not_called_a_connection_that_is_back() -> None:
    said: list[str] = []
    attention = Attention(lambda _: None, said.append)
    before, after, other = (watched() for _ in range(3))
    after.anew = True
    told: list[tuple[BotView, Link]] = [(before, "connected"), (before, "ended")]
    told += [(view, link) for view in (after, other) for link in ("lost", "connected")]
    for view, view.link in told:
        attention.look(view, 0.0)
    assert said == ["BTC/USDT has begun anew."]


async def test_who_leaves_is_told_of_every_bot_that_goes_on_also_out_of_a_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as (there, app, pilot):
        said: list[object] = []
        leave = app.exit

        def exit_app(*, message: object = None) -> None:
            said.append(message)
            leave(message=message)

        monkeypatch.setattr(app, "exit", exit_app)
        await app.store.fleet.look()
        await app.store.fleet.play(Replay(record_of(tmp_path / "record", a_run(4, 6))))
        await pilot.press("q")
        await until(pilot, lambda: bool(said), "the end")
    live, paper, dry = (f"BTC/USDT ({mode})" for mode in ("live", "paper", "dry-run"))
    bots = list(there.bots.values())
    assert len(said) == 1
    assert all(name in said[0] for name in (live, paper, dry))
    assert said[0].endswith(" go on.")
    fleet = Fleet()
    assert who_goes_on(fleet) == ""
    fleet.running = [there.bots["paper"]]
    assert who_goes_on(fleet) == f"{paper} goes on."
    assert who_goes_on(fleet, without=there.bots["paper"]) == ""
    assert who_goes_on(fleet, without=there.bots["live"]) == f"{paper} goes on."
    ether = replace(bots[0], holder=replace(bots[0].holder, symbol_id="ETHUSDT"))
    fleet.running = [*bots, ether]
    assert who_goes_on(fleet) == "4 bots go on: BTC, BTC, BTC, ETH."


async def test_of_a_bot_that_ends_before_it_could_be_reached_nothing_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    (tmp_path / "locks").mkdir()
    fleet = Fleet()
    for symbol_id in ("BTCUSDT", "ETHUSDT"):
        with BotLock("paper", symbol_id) as lock:
            hold(lock, tmp_path, "paper", symbol_id, tmp_path / "never.sock")
            await fleet.look()
            await fleet.forget_unborn()
            assert fleet.watched is not None
        await fleet.look()
        assert (fleet.watched, fleet.subject) == (None, None)


async def test_a_bot_that_ends_before_it_could_be_reached_gives_its_place_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        fleet = Fleet()
        await fleet.look()
        await becomes(lambda: fleet.watched.link == "connected")
        with BotLock("paper", "ETHUSDT") as lock:
            hold(lock, tmp_path, "paper", "ETHUSDT", tmp_path / "never.sock")
            (unborn,) = (bot for bot in bots() if bot.pair == "ETH/USDT")
            for _ in range(2):
                await fleet.follow(unborn)
            await fleet.look()
            assert fleet.subject == unborn
        await fleet.forget_unborn()
        assert fleet.subject == there.bots["live"]
        await becomes(lambda: fleet.watched.link == "connected")
        there.locks["live"].release()
        await there.servers["live"].close()
        await becomes(lambda: fleet.watched.link == "ended")
        ended = fleet.watched
        await fleet.follow(unborn)
        await fleet.forget_unborn()
        assert fleet.watched is ended
        await fleet.close()
