"""An exchange in lock step on four candles, in this loop or in a thread, and ccxt clients of it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from exchange.paper.server import PaperExchange, client_config, guard
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import FLAT, UP, exchange


@pytest.fixture
async def paper() -> AsyncIterator[PaperExchange]:
    """In this loop; its second candle is open."""
    async with exchange(FLAT, UP, UP, FLAT, rates={2: 0.001}) as running:
        running.open_bar()
        yield running


@pytest.fixture
def threaded() -> Iterator[ThreadedExchange]:
    """The same in a thread of its own, for clients that block."""
    with ThreadedExchange(lambda: exchange(FLAT, UP, UP, FLAT, rates={2: 0.001})) as running:
        running.open_bar()
        yield running


@pytest.fixture
def sync_client(threaded: ThreadedExchange) -> Iterator[Any]:
    client = ccxt.binanceusdm(client_config(threaded.url))
    guard(client, threaded.url)
    client.load_markets()
    yield client
    client.session.close()


@pytest.fixture
async def async_client(paper: PaperExchange) -> AsyncIterator[Any]:
    client = ccxt.async_support.binanceusdm(client_config(paper.url))
    guard(client, paper.url)
    await client.load_markets()
    yield client
    await client.close()


@pytest.fixture
async def pro_client(paper: PaperExchange) -> AsyncIterator[Any]:
    client = ccxt.pro.binanceusdm(client_config(paper.url))
    guard(client, paper.url)
    await client.load_markets()
    yield client
    await client.close()
