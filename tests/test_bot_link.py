"""Following a bot through its socket, and telling it things. Costs 3 s."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.events import Alarm
from engine.live.bot import Bot
from engine.live.config import BotConfig
from engine.params import StrategyParams
from exchange.symbol import Symbol
from state.control import CommandError, ControlServer
from state.control_wire import socket_path
from state.lock import BotLock, Holder
from tests.bot_documents import NOON_MS, QUOTE, alarm, snapshot
from tests.bot_files import hold
from tui.bot import link as bot_link
from tui.bot.link import BotLink
from tui.bot.view import BotView
from tui.bots import bots
from tui.widgets.bot_status import connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def handle(name: str, _: Mapping[str, Any], origin: str) -> object:
    if name == "stop":
        raise CommandError("not confirmed by the exchange yet")
    if name == "resume":
        raise CommandError("noted, it takes effect when the exchange answers")
    return f"{name} is done for {origin}"


@asynccontextmanager
async def serving(path: Path, *, allow_control: bool = True) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, handle, allow_control=allow_control)
    server.set_snapshot(snapshot)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def following(
    path: Path, holder: Holder | None = None
) -> AsyncIterator[tuple[BotView, BotLink]]:
    view = BotView(time.monotonic)
    link = BotLink(path, view, time.monotonic, holder=holder)
    link.start()
    try:
        yield view, link
    finally:
        await link.close()


@asynccontextmanager
async def lock_of_a_bot(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Holder]:
    """What is said by a lock that is held."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(folder))
    with BotLock("paper", "BTCUSDT") as lock:
        hold(lock, folder, "paper", "BTCUSDT", path)
        yield bots()[0].holder


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def test_snapshot_and_events_arrive_and_the_end_is_known(path: Path) -> None:
    async with following(path) as (view, _):
        async with serving(path) as server:
            await until(lambda: view.link == "connected")
            assert (view.symbol, view.coin, view.controls) == ("BTC/USDT", "BTC", True)
            server.publish("quote", {**QUOTE, "price": 65_000.0}, lossless=False)
            server.publish("alarm", alarm(), lossless=True)
            await until(lambda: bool(view.unseen))
            assert view.quote["price"] == 65_000.0
            assert any("long differs" in text for _, text in view.lines)
        await until(lambda: view.link == "ended")
        assert view.stale


async def test_a_bot_that_is_not_there_yet_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_link, "_PAUSES_S", (0.05,))
    async with following(path) as (view, link):
        await until(lambda: view.link == "lost" and view.attempt > 1)
        assert "no bot listens" in view.trouble
        assert "there is no connection" in (await link.command("pause")).words
        async with serving(path):
            await until(lambda: view.link == "connected")
            assert view.attempt == 0


async def test_whoever_never_answers_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_link, "_PAUSES_S", (0.0,))
    async with following(path) as (view, _):
        await until(lambda: view.link == "ended")
        assert view.attempt == bot_link.MOST_ATTEMPTS + 1


async def test_a_bot_whose_process_runs_is_tried_for_ever(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_link, "_PAUSES_S", (0.0,))
    monkeypatch.setattr(bot_link, "_DYING_S", 0.0)
    async with AsyncExitStack() as stack:
        holder = await stack.enter_async_context(lock_of_a_bot(path, tmp_path, monkeypatch))
        view, _ = await stack.enter_async_context(following(path, holder))
        await until(lambda: view.attempt > bot_link.MOST_ATTEMPTS + 3)
        assert (view.link, view.fate) == ("lost", "lives")
        assert f"LOST, try {view.attempt} in" in connection(view)[0].plain
        await stack.enter_async_context(serving(path))
        await until(lambda: view.link == "connected")


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [("health", {}, "KeyError: 'readings'"), ("alarm", {"key": "a"}, "KeyError: 'over'")],
)
async def test_an_event_that_is_not_understood_counts_as_a_loss_and_is_tried_again(
    kind: str, payload: dict[str, Any], reason: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_link, "_PAUSES_S", (0.05, 0.1, 0.2))
    async with serving(path) as server, following(path) as (view, _):
        troubles = []
        for attempt in (1, 2):
            await until(lambda: view.link == "connected")
            server.publish(kind, payload, lossless=True)
            await until(lambda: view.link == "lost")
            troubles.append(view.trouble)
            assert view.attempt == attempt
        assert troubles == [f"what the bot tells is not understood: {reason}"] * 2
        await until(lambda: view.link == "connected")


async def test_a_snapshot_that_is_not_understood_counts_as_a_loss(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_link, "_PAUSES_S", (0.05,))
    async with serving(path) as server:
        server.set_snapshot(lambda: {"about": {"symbol": "BTC/USDT"}})
        async with following(path) as (view, _):
            await until(lambda: view.link == "lost" and view.attempt > 2)
            assert "KeyError: 'account'" in view.trouble
            server.set_snapshot(snapshot)
            await until(lambda: view.link == "connected")


async def test_another_run_at_the_same_socket_is_not_taken_for_the_one_that_was_shown(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lock_of_a_bot(path, tmp_path, monkeypatch) as holder, serving(path):
        other = replace(holder, started="2025-01-10T08:00:01+00:00")
        async with following(path, other) as (view, link):
            await until(lambda: view.link == "ended")
            assert "another run has taken its place" in view.farewell
            assert not (await link.command("stop")).done


async def test_commands_are_answered_in_words_whatever_becomes_of_them(path: Path) -> None:
    async with serving(path), following(path) as (view, link):
        await until(lambda: view.link == "connected")
        said = f"pause is done for the screens, process {os.getpid()}"
        assert await link.command("pause") == (True, said, False)
        refused = "stop: not done: not confirmed by the exchange yet"
        assert await link.command("stop") == (False, refused, False)
        noted = "resume: noted, it takes effect when the exchange answers"
        assert await link.command("resume") == (False, noted, True)


async def test_commands_leave_in_the_order_in_which_they_were_given(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, heard = [0.3, 0.0], []

    async def looks_slowly_at_first(_holder: Holder | None) -> bool:
        await asyncio.sleep(waits.pop(0))
        return True

    async def hear(name: str, _: Mapping[str, Any], __: str) -> object:
        heard.append(name)
        return "done"

    monkeypatch.setattr("tui.bot.telling.still_runs", looks_slowly_at_first)
    server = ControlServer(path, hear)
    server.set_snapshot(snapshot)
    await server.start()
    async with following(path) as (view, link):
        await until(lambda: view.link == "connected")
        await asyncio.gather(link.command("flatten"), link.command("pause"))
    await server.close()
    assert heard == ["flatten", "pause"]


async def test_a_bot_that_may_only_be_watched_says_so(path: Path) -> None:
    async with serving(path, allow_control=False), following(path) as (view, link):
        await until(lambda: view.link == "connected")
        assert not view.controls
        assert "not done" in (await link.command("pause")).words


async def test_what_one_has_acknowledged_is_told_to_nobody_who_comes_later(
    path: Path, tmp_path: Path
) -> None:
    bot = Bot(BotConfig(Symbol.parse("BTC"), "paper", StrategyParams(), tmp_path))
    for number, key in enumerate(("stop long, bar 7", "price", "positions")):
        bot.view.take(Alarm(NOON_MS + number, key, f"about {key}"))
        if key != "positions":
            bot.view.take(Alarm(NOON_MS + 9, key, "over", over=True))

    def shown() -> dict[str, Any]:
        return snapshot(alarms=bot.view.snapshot(None)["alarms"])

    server = ControlServer(path, bot.obey)
    server.set_snapshot(shown)
    await server.start()
    try:
        async with following(path) as (view, _):
            await until(lambda: len(view.unseen) == 3)
            view.acknowledge()  # positions, which is not over
            view.acknowledge()  # price
            await until(lambda: len(shown()["alarms"]) == 2)
        bot.view.take(Alarm(NOON_MS + 20, "positions", "over", over=True))
        async with following(path) as (view, _):
            await until(lambda: bool(view.unseen))
            assert [alarm["key"] for alarm in view.unseen] == ["stop long, bar 7"]
        bot.view.take(Alarm(NOON_MS + 30, "positions", "again"))
        bot.view.take(Alarm(NOON_MS + 40, "positions", "over", over=True))
        assert [each["text"] for each in shown()["alarms"]][-1] == "again"
    finally:
        await server.close()


@pytest.mark.parametrize("arguments", [{}, {"key": 1, "time_ms": 1}, {"key": "a", "time_ms": "b"}])
async def test_an_alarm_that_is_none_cannot_be_acknowledged(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    bot = Bot(BotConfig(Symbol.parse("BTC"), "paper", StrategyParams(), tmp_path))
    with pytest.raises(CommandError, match="the key and the time_ms of an alarm"):
        await bot.obey("acknowledge", arguments)
