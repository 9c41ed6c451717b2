"""Clients that do not read: they lose what a snapshot makes up for; the bot loses nothing. 5 s."""

import asyncio
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from state.control_client import ControlClient, Event, Snapshot
from state.control_wire import socket_path
from state.errors import StateError
from tests.state.control import Raw, raw, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def read_story(client: Raw, count: int) -> tuple[list[int], int]:
    """Read until every number up to `count` was seen or told lost; the fills, and how many lost."""
    n, gap, lost, fills = 0, 0, 0, []
    while n < count or gap:
        message = await client.receive()
        gap += message["n"] - n
        n = message["n"]
        if message["type"] == "snapshot":
            assert message["document"] == {"count": n}
            assert message["lost"] == gap
            gap, lost = 0, lost + gap
        else:
            gap -= 1
            if message["kind"] == "fill":
                fills.append(n)
        if n % 1000 == 0:
            await asyncio.sleep(0.01)
    assert n == count
    return fills, lost


async def test_a_slow_client_loses_quotes_never_fills_and_gets_a_fresh_snapshot(
    path: Path,
) -> None:
    async with running(path) as bot, raw(path) as client:
        expected = []
        for number in range(1, 30_001):
            if number % 100 == 0:
                expected.append(number)
            bot.step(lossless=number % 100 == 0, text="x" * 200)
            if number % 50 == 0:
                await asyncio.sleep(0)
        fills, lost = await read_story(client, 30_000)
        assert fills == expected
        assert 10_000 < lost < 29_700
        bot.step(lossless=False)
        assert (await client.receive())["n"] == 30_001


async def test_a_client_that_reads_in_jerks_can_account_for_every_number(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:

        async def busy() -> None:
            for number in range(20_000):
                bot.step(lossless=number % 10 == 0, text="x" * 500)
                if number % 20 == 0:
                    await asyncio.sleep(0)

        task = asyncio.create_task(busy())
        fills, _ = await read_story(client, 20_000)
        await task
        assert fills == list(range(1, 20_001, 10))


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
            assert message.n == n + 1 if isinstance(message, Event) else message.n > n
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


async def test_a_client_that_rests_between_two_looks_gets_its_answer_at_once(path: Path) -> None:
    async with (
        running(path) as bot,
        await ControlClient.connect(path, rest_s=3600.0) as client,
    ):
        seen: asyncio.Queue[int] = asyncio.Queue()

        async def look() -> None:
            async for event in client.events():
                seen.put_nowait(event.n)

        looking = asyncio.create_task(look())
        for _ in range(20):
            bot.step(lossless=True)
            await asyncio.sleep(0.01)
        assert seen.empty()
        assert await client.command("add") == {"count": 21}
        assert [await seen.get() for _ in range(21)] == list(range(1, 22))
        for number in (22, 23):
            assert await client.command("add") == {"count": number}
        looking.cancel()
        await asyncio.wait([looking])


async def test_a_client_that_stopped_looking_is_told_what_it_lost(path: Path) -> None:
    async with running(path) as bot, await ControlClient.connect(path) as client:
        for _ in range(600):
            for _ in range(50):
                bot.step(lossless=False, text="x" * 100)
            await asyncio.sleep(0)
        last: Event | Snapshot | None = None
        lost = 0
        async for message in client.events():
            last = message
            if isinstance(message, Snapshot):
                lost += message.lost
                assert client.snapshot is message
            if message.n == 30_000:
                break
        assert last
        assert lost > 0


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
    assert seen == [10_000, 10_000]
    assert peak < 20e6
