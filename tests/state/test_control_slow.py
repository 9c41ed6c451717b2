"""Clients that do not read: they miss prices that have passed; the bot loses nothing. 5 s."""

import asyncio
import os
import time
import tracemalloc
from pathlib import Path
from typing import NoReturn

import pytest

from state.control_client import ControlClient, Event
from state.control_wire import socket_path
from state.errors import StateError
from tests.state.control import Raw, raw, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def read_story(client: Raw, count: int) -> tuple[list[int], list[int]]:
    """Read up to this number; the fills and the quotes."""
    n = 0
    fills: list[int] = []
    quotes: list[int] = []
    while n < count:
        message = await client.receive()
        assert message["n"] > n
        n = message["n"]
        assert message["payload"]["count"] == n
        (fills if message["kind"] == "fill" else quotes).append(n)
        if n % 1000 == 0:
            await asyncio.sleep(0.01)
    return fills, quotes


async def test_a_slow_client_gets_every_fill_and_of_the_quotes_the_newest(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:
        expected = []
        for number in range(1, 30_001):
            fill = number % 100 == 0 and number < 30_000
            if fill:
                expected.append(number)
            bot.step(lossless=fill, text="x" * 200)
            if number % 50 == 0:
                await asyncio.sleep(0)
        fills, quotes = await read_story(client, 30_000)
        assert fills == expected
        assert quotes[-1] == 30_000
        assert len(quotes) < 600
        bot.step(lossless=False)
        assert (await client.receive())["n"] == 30_001


async def test_a_client_that_reads_in_jerks_gets_every_fill_in_order(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:

        async def busy() -> None:
            for number in range(20_000):
                bot.step(lossless=number % 10 == 0, text="x" * 500)
                if number % 20 == 0:
                    await asyncio.sleep(0)

        task = asyncio.create_task(busy())
        fills, quotes = await read_story(client, 20_000)
        await task
        assert fills == list(range(1, 20_001, 10))
        assert quotes[-1] == 20_000


async def test_quotes_alone_never_send_a_client_away_that_does_not_read(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:
        for _ in range(500):
            bot.step(lossless=False, text="x" * 200_000)
            await asyncio.sleep(0)
        _, quotes = await read_story(client, 500)
        assert quotes[-1] == 500


async def test_events_wait_for_others_and_are_told_in_order_before_an_answer(path: Path) -> None:
    async with running(path, gather_s=3600.0) as bot, raw(path) as client:
        for number in range(20):
            bot.step(lossless=number % 4 == 0)
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.readexactly(1), 0.2)
        client.send({"id": "a1", "name": "refuse"})
        told = [await client.receive() for _ in range(7)]
        assert [message.get("n") for message in told] == [1, 5, 9, 13, 17, 20, None]
        assert told[-1]["id"] == "a1"


async def test_what_waits_for_others_is_told_when_the_bot_ends(path: Path) -> None:
    async with running(path, gather_s=3600.0) as bot, raw(path) as client:
        bot.step(lossless=True)
        await asyncio.sleep(0.05)
        await bot.server.close()
        assert [message["type"] for message in await client.rest()] == ["event", "bye"]


async def test_a_client_that_does_not_even_read_fills_is_sent_away_alone(path: Path) -> None:
    async with running(path) as bot, raw(path) as stuck, raw(path) as reader:
        received = 0
        for number in range(1, 101):
            bot.step(lossless=True, text="x" * 200_000)
            assert (await reader.receive())["n"] == number
            received += 1
        assert received == 100
        assert len(await stuck.rest()) < 60
        bot.step(lossless=True)
        assert (await reader.receive())["n"] == 101


async def test_answers_come_through_while_events_wait_to_be_looked_at(path: Path) -> None:
    async with running(path) as bot, await ControlClient.connect(path) as client:
        for _ in range(300):
            for _ in range(50):
                bot.step(lossless=False)
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        assert (await client.command("add"))["count"] == 15_001
        n = 0
        async for message in client.events():
            assert message.n > n
            n = message.n
            if n == 15_001:
                break


async def test_a_client_that_is_interrupted_as_it_hangs_up_has_hung_up(path: Path) -> None:
    async with running(path) as bot:
        client = await ControlClient.connect(path)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        async with asyncio.timeout(30):
            while bot.server._connections:
                await asyncio.sleep(0.01)


async def test_a_client_that_stopped_looking_gets_the_newest_once_it_looks(path: Path) -> None:
    async with running(path) as bot, await ControlClient.connect(path) as client:
        for _ in range(600):
            for _ in range(50):
                bot.step(lossless=False, text="x" * 100)
            await asyncio.sleep(0)
        async for event in client.events():
            assert isinstance(event, Event)
            if event.n == 30_000:
                break


async def test_goodbye_is_said_in_time_to_a_client_that_does_not_read(path: Path) -> None:
    async with running(path) as bot:
        listening = len(os.listdir("/dev/fd"))
        async with raw(path):
            for _ in range(20):
                bot.step(lossless=True, text="x" * 200_000)
                await asyncio.sleep(0)
            before = time.monotonic()
            await bot.server.close()
            assert time.monotonic() - before < 5
            await asyncio.sleep(0.05)
            # the listening socket is gone, the client's own end is there, the bot's end is not
            assert len(os.listdir("/dev/fd")) == listening - 1 + 1


async def test_five_thousand_events_a_second_to_three_clients_stay_cheap_in_memory(
    path: Path,
) -> None:
    payload = {"bid": 43250.1, "ask": 43250.2, "mark": 43250.15, "equity": 10_234.56, "at": 1}
    seen = [0, 0]

    async def watch(index: int) -> None:
        async with await ControlClient.connect(path) as client:
            try:
                async for _ in client.events():
                    seen[index] += 1
            except StateError:
                pytest.fail("a client that reads was sent away")

    async with running(path) as bot, raw(path):
        watchers = [asyncio.create_task(watch(index)) for index in range(2)]
        await asyncio.sleep(0.1)
        tracemalloc.start()
        for _ in range(200):
            for number in range(50):
                bot.server.publish("quote", payload, lossless=number == 0)
            await asyncio.sleep(0.005)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await bot.server.close()
        await asyncio.gather(*watchers)
    # of every fifty quotes one may not be lost
    assert min(seen) >= 200
    assert peak < 20e6


async def test_what_cannot_be_told_is_made_up_for_at_once_however_much_is_told(path: Path) -> None:
    class Broken(dict[str, object]):
        def items(self) -> NoReturn:
            raise RuntimeError("a defect")

    async with running(path, gather_s=0.05) as bot, raw(path) as client:

        async def busy() -> None:
            while True:
                bot.step(lossless=True)
                await asyncio.sleep(0.01)

        task = asyncio.create_task(busy())
        bot.server.publish("note", Broken({"x": Broken()}), lossless=True)
        told = [(await client.receive())["type"] for _ in range(40)]
        task.cancel()
        assert "snapshot" in told
