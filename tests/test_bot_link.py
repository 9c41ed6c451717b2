"""Following a bot through its socket, and telling it things. Costs 3 s."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
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
from tests.bot_documents import NOON_MS, QUOTE, alarm, snapshot
from tui.bot import link as bot_link
from tui.bot.link import BotLink
from tui.bot.view import BotView


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def handle(name: str, _: Mapping[str, Any], origin: str) -> object:
    if name == "stop":
        raise CommandError("not confirmed by the exchange yet")
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
async def following(path: Path) -> AsyncIterator[tuple[BotView, BotLink]]:
    view = BotView(time.monotonic)
    link = BotLink(path, view, time.monotonic)
    link.start()
    try:
        yield view, link
    finally:
        await link.close()


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
        assert "there is no connection" in await link.command("pause")
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


async def test_commands_are_answered_in_words_whatever_becomes_of_them(path: Path) -> None:
    async with serving(path), following(path) as (view, link):
        await until(lambda: view.link == "connected")
        said = f"pause is done for the screens, process {os.getpid()}"
        assert await link.command("pause") == said
        assert await link.command("stop") == "stop: not done: not confirmed by the exchange yet"


async def test_a_bot_that_may_only_be_watched_says_so(path: Path) -> None:
    async with serving(path, allow_control=False), following(path) as (view, link):
        await until(lambda: view.link == "connected")
        assert not view.controls
        assert "not done" in await link.command("pause")


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
