"""A live loop whose streams lie, break or say nothing, and whose requests must wait. Costs 85 s,
the slow ones 3 min more."""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.live import health
from exchange.paper.faults import Fault
from exchange.paper.limits import Quota
from tests.binance.paper import market
from tests.live.flowing import Flow

_STOPS = "/fapi/v1/algoOrder"
_TRADES, _OTHERS = "/fapi/v1/userTrades", "/fapi/v1/ticker/24hr"
_SILENCE_S = {"account": 2.5, "candles": 2.0}
_STREAM_S = {"account": 10.0, "candles": 1.0}


@pytest.fixture(autouse=True)
def _silence_is_noticed_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.binance.broker.SILENCE_S", _SILENCE_S)
    monkeypatch.setattr(health, "_STREAM_S", _STREAM_S)


async def until(true: Callable[[], Any], within_s: float = 10.0) -> None:
    """Wait for what is to become true."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.02)


def often(what: str, **more: Any) -> Fault:
    return Fault(what=what, **({"rate": 0.3} | more))


_CUT_OFF: list[Fault] = [
    often("http", status=500, rate=0.01),
    often("http", status=503, executed=True, rate=0.01),
    often("drop", rate=0.01),
    often("drop", executed=True, rate=0.01),
    often("stream_drop"),
]

_ALSO: list[Fault] = [
    often("stream_silent", seconds=1.5, rate=0.05),
    often("http", status=429, retry_after=1, rate=0.005),
    often("http", status=418, retry_after=1, rate=0.003),
    often("code", code=-1003, retry_after=1, rate=0.005),
    often("code", code=-1008, rate=0.01),
    often("code", code=-1015, retry_after=1, endpoint="POST /fapi/v1/order", rate=0.01),
    often("code", code=-1021, rate=0.02),
    often("code", code=-2013, endpoint="GET /fapi/v1/order", rate=0.2),
    often("latency", seconds=0.3, rate=0.03),
    often("timeout", rate=0.005),
    often("timeout", executed=True, rate=0.005),
    often("stale", rate=0.02),
    often("partial"),
    often("skew", ms=3000, rate=0.005),
    often("skew", ms=-3000, rate=0.005),
    often("drift", ppm=500, rate=0.01),
    often("candle_missing", rate=0.1),
    often("candle_repeated", rate=0.1),
]

STREAMS: dict[str, list[Fault]] = {
    "late, repeated and in the wrong order": [
        often("stream_late", seconds=0.4),
        often("stream_repeat"),
        often("stream_reorder"),
    ],
    "missing": [often("stream_drop", rate=0.7)],
    "of a key that ends": [often("listen_key_expires", endpoint="ORDER_TRADE_UPDATE", rate=0.1)],
}


@pytest.mark.parametrize("name", STREAMS)
async def test_whatever_the_streams_tell_the_books_are_the_exchanges(
    name: str, run_files: Path
) -> None:
    async with Flow(run_files, speed=60, faults=STREAMS[name]) as flow:
        await flow.run_for(5)
        await flow.end()
        assert len(flow.filled) > 10
        assert max(flow.delays()) < 2
        assert flow.longest_bare_s() < 2


async def test_lines_that_are_cut_are_connected_again_and_lose_no_fill(run_files: Path) -> None:
    async with Flow(run_files, speed=60) as flow:
        for _ in range(6):
            await until(lambda: len(flow.paper.streams.connections) == 2)
            await flow.run_for(0.3)
            await flow.paper.streams.close()
        await until(lambda: len(flow.paper.streams.connections) == 2)
        await flow.end()
        assert len(flow.filled) > 10
        assert max(flow.delays()) < 2


async def test_without_a_word_from_the_streams_fills_are_booked_and_stops_moved_in_seconds(
    run_files: Path,
) -> None:
    speed = 20
    bar_s, poll_s = 60 / speed, 5 / speed
    async with Flow(run_files, speed, faults=[Fault(what="stream_silent")]) as flow:
        await flow.run_for(3 * bar_s)
        await until(lambda: flow.reading("candles stream").state == "warning")
        flow.paper.faults.clear()
        await until(lambda: flow.reading("candles stream").state == "ok")
        await flow.end()
        assert len(flow.filled) > 10
        assert statistics.median(flow.delays()) < poll_s
        assert max(flow.delays()) < poll_s + 2
        assert flow.longest_bare_s() < poll_s + 2


async def wait_out(flow: Flow, silence_s: float) -> None:
    """From a request that is throttled to the first one after it."""
    await until(lambda: flow.broker.quiet_s)
    began = time.monotonic()
    assert flow.reading("rate budget").state == "bad"
    await flow.run_for(0.3)
    # what connects the streams again asks for a listen key
    await flow.paper.streams.close()
    await until(lambda: flow.between(began, time.monotonic()), silence_s + 3)
    throttled = next(asked for asked in flow.requests if asked.served.status in (418, 429))
    assert flow.between(throttled.at + 0.05, throttled.at + silence_s) == []
    await until(lambda: flow.health.errors == 0)
    assert flow.reading("rate budget").state == "ok"


@pytest.mark.parametrize(
    ("status", "endpoint", "number"),
    [(429, "POST /fapi/v1/order", 1), (418, f"GET {_TRADES}", 3)],
)
async def test_no_request_leaves_while_silence_is_asked_for(
    status: int, endpoint: str, number: int, run_files: Path
) -> None:
    faults = [
        Fault(what="http", status=status, retry_after=2, endpoint=endpoint, number=number),
        # what the streams ask for first: the next is due in the midst of the silence
        Fault(what="latency", seconds=1, endpoint="GET /fapi/v1/exchangeInfo"),
    ]
    async with Flow(run_files, speed=1, faults=faults) as flow:
        await wait_out(flow, 2)
        await until(lambda: len(flow.paper.venue.book.resting()) == len(wanted_now(flow)))
        assert set(flow.alarms) <= {"health: rate budget"}
        await until(lambda: "ok" in flow.states("rate budget")[1:])
        assert flow.states("rate budget")[-2:] == ["bad", "ok"]
        await flow.end()


def wanted_now(flow: Flow) -> list[Any]:
    return flow.runner.reconciler.wanted()


async def test_a_budget_that_somebody_else_uses_up_is_waited_for(run_files: Path) -> None:
    quota = Quota(weight=400)
    async with Flow(run_files, speed=1, begin_at_ms=50_000, quota=quota) as flow:
        await until(lambda: flow.paper.venue.book.resting())
        async with aiohttp.ClientSession(flow.paper.url) as other:
            while (await other.get(_OTHERS)).status != 429:
                pass
        await until(lambda: flow.reading("rate budget").state != "ok", 8)
        asked = len(flow.requests)
        minute_ms = flow.paper.clock.wall_ms() // 60_000
        await until(lambda: flow.paper.clock.wall_ms() // 60_000 > minute_ms, 12)
        assert len(flow.requests) <= asked + 1
        await until(lambda: flow.reading("rate budget").state == "ok")
        await flow.end()
        refused = [asked.served for asked in flow.requests if asked.served.status in (418, 429)]
        assert len([served for served in refused if served.path != _OTHERS]) <= 1


async def test_unknown_outcomes_and_cut_lines_while_it_streams_lose_nothing(
    run_files: Path,
) -> None:
    async with Flow(run_files, speed=60, faults=_CUT_OFF) as flow:
        for _ in range(7):
            await flow.run_for(1)
            await flow.paper.streams.close()
        await flow.end()
        assert len(flow.filled) > 5
        assert flow.longest_bare_s() < flow.health.unprotected_s + 2


async def test_an_outage_is_waited_out_whatever_the_streams_tell_meanwhile(
    run_files: Path,
) -> None:
    async with Flow(run_files, speed=30) as flow:
        await until(lambda: len(flow.filled) > 3)
        before = len(flow.filled)
        began = time.monotonic()
        flow.paper.misbehave(what="http", status=503, for_seconds=6)
        await flow.paper.streams.close()
        await flow.run_for(6)
        assert flow.reading("errors").state != "ok"
        assert len(flow.filled) > before
        # after 1, 2 and 4 s, and one that was under way
        polls = [asked for asked in flow.between(began, began + 6) if asked.path == _TRADES]
        assert len(polls) <= 5
        await until(lambda: flow.health.errors == 0, 20)
        await until(lambda: not flow.runner.unprotected())
        longest = flow.longest_bare_s()
        assert longest > 2
        assert flow.health.unprotected_s > longest - 1
        assert flow.reading("unprotected").state == "warning"
        await flow.end()


async def test_a_stop_that_cannot_be_laid_is_told_of_and_tried_every_other_second(
    run_files: Path,
) -> None:
    fails = Fault(what="http", status=503, endpoint=f"POST {_STOPS}", for_seconds=9)
    async with Flow(run_files, speed=60, faults=[fails]) as flow:
        await until(lambda: flow.reading("unprotected").state == "bad")
        await until(lambda: flow.reading("unprotected").state == "warning", 15)
        assert flow.health.unprotected_s > flow.longest_bare_s() - 1
        tries = [each.at for each in flow.requests if each.served.path == _STOPS]
        assert max(later - sooner for sooner, later in pairwise(tries)) < 3.5
        assert tries[-1] - tries[0] > 6
        await flow.end()


async def test_entries_wait_no_longer_than_the_positions_differ(
    run_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.binance.broker.SILENCE_S", dict.fromkeys(_SILENCE_S, 600.0))
    positions = "GET /fapi/v3/positionRisk"
    late = Fault(what="stale", endpoint=positions, for_seconds=60)
    async with Flow(run_files, speed=15, faults=[Fault(what="stream_silent"), late]) as flow:
        paused = flow.runner.run.memory.paused
        await until(lambda: paused == ["positions"], 20)
        flow.paper.faults.remove(late)
        # it is noticed when a bar closes, and the next one is 4 s away
        await until(lambda: paused == [], 2)
        await flow.end()


async def test_a_clock_that_stood_still_is_set_when_a_candle_closes_before_its_time(
    run_files: Path,
) -> None:
    speed = 30
    async with Flow(run_files, speed) as flow:
        await until(lambda: flow.runner.run.memory.bar > 1441)
        clock = flow.runner.run.clock
        clock._at += 4  # as if 4 s had not been counted: two bars
        await until(lambda: flow.health.clock_ms > 100_000, 2 * 60 / speed + 2)
        assert abs(clock.now_ms() - flow.paper.clock.wall_ms()) < 200 * speed
        await flow.end()


async def test_an_account_that_has_nothing_to_say_is_heard_of_when_it_is_connected() -> None:
    async with market() as (_, broker), contextlib.aclosing(broker.hints("15m")) as hints:
        async for hint in hints:
            if "account stream is connected" in hint.text:
                break
        assert broker.stream_ages()["account"] is not None


def mixture(seed: int) -> list[Fault]:
    """Some faults of streams and requests at once."""
    kinds = [fault for faults in STREAMS.values() for fault in faults] + _CUT_OFF + _ALSO
    dice = random.Random(seed)
    return dice.sample(kinds, dice.randint(3, 7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
async def test_whatever_comes_together_while_time_passes_the_books_are_the_exchanges(
    seed: int, run_files: Path
) -> None:
    dice = random.Random(seed)
    speed = dice.choice((20, 60, 120))
    async with Flow(run_files, speed, faults=mixture(seed), timeout_s=0.5) as flow:
        for _ in range(5):
            await flow.run_for(1)
            if dice.random() < 0.5:
                await flow.paper.streams.close()
        await flow.end()
        assert flow.longest_bare_s() < flow.health.unprotected_s + 2
