"""A run in a process of its own, which looks at the market when it is told to, until it is killed.

`multiprocessing`'s fork server imports this module once; each process is a copy of it that is
killed with SIGKILL, at any moment.
"""

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import ccxt.async_support  # noqa: F401 (once here, not for 0.9 s in each process)

from engine.live.runner import LiveRunner
from engine.live.start import Exchange, begin, resume
from engine.live.store import RunStore
from engine.params import StrategyParams
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.paper.server import PAPER_KEYS
from exchange.symbol import Symbol
from tests.live.harness import RUN, SETTLE_WAITS_S, MarketClock


@dataclass(frozen=True)
class Task:
    """What a process trades, and where."""

    coin: str
    url: str
    folder: Path
    params: dict[str, Any]
    first_ms: int


def trade(task: Task, line: Connection) -> None:
    """Look whenever a market time comes in, and send it back when all is done."""
    asyncio.run(_trade(task, line))


async def _trade(task: Task, line: Connection) -> None:
    told_ms = 0
    clock = MarketClock(lambda: told_ms)
    keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=task.url)
    broker = BinanceBroker(task.coin, keys, venue, settle_waits_s=SETTLE_WAITS_S)
    store = RunStore(task.folder, Symbol.parse(task.coin))
    runner: LiveRunner | None = None
    while True:
        told_ms = line.recv()
        if runner is None:
            runner = await _start(task, broker, store, clock)
        await runner.tick()
        line.send(told_ms)


async def _start(
    task: Task, broker: BinanceBroker, store: RunStore, clock: MarketClock
) -> LiveRunner:
    exchange = Exchange(broker, await broker.market(), clock)
    if store.load() is not None:
        return await resume(exchange, store, _nobody)
    params = StrategyParams(**task.params)
    capital, first_ms = params.initial_capital, task.first_ms
    return await begin(
        exchange, params, store, _nobody, capital=capital, first_ms=first_ms, run_id=RUN
    )


def _nobody(event: object) -> None:
    """Nobody listens: the files and the exchange tell."""
    del event
