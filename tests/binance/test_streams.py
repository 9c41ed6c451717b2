"""The streams hint at what happens, and are connected anew whenever they fail. Costs about 8 s."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import BinanceClient, Venue
from exchange.binance.streams import BinanceStreams
from exchange.outcomes import Throttled, Unreachable
from exchange.paper.server import PaperExchange
from exchange.symbol import Symbol
from tests.binance.paper import COIN, KEYS, START, bought, market, new, price_of


async def next_hint(hints: Any, news: str, within_s: float = 5.0) -> str:
    async with asyncio.timeout(within_s):
        async for hint in hints:
            if hint.news == news:
                return hint.text
    raise AssertionError(f"no hint of {news}")


async def streams_up(hints: Any) -> None:
    """Both streams have said that they are connected."""
    seen = ""
    async with asyncio.timeout(5):
        async for hint in hints:
            seen += hint.text
            if "account stream is connected" in seen and "candles stream is connected" in seen:
                return


async def test_while_silence_is_asked_for_the_streams_do_not_try_to_connect() -> None:
    async with market() as (paper, broker):
        paper.misbehave(what="http", status=429, retry_after=1, endpoint="GET /fapi/v3/account")
        with pytest.raises(Throttled):
            await broker.balance()
        asked = len(paper.ledger.requests())
        async with contextlib.aclosing(broker.hints("15m")) as hints:
            with pytest.raises(TimeoutError):
                await next_hint(hints, "reconcile", within_s=0.4)
        assert len(paper.ledger.requests()) == asked


async def test_the_streams_hint_at_fills_orders_and_closed_candles() -> None:
    async with market() as (paper, broker):
        assert broker.stream_ages() == {}
        async with contextlib.aclosing(broker.hints("15m")) as hints:
            await streams_up(hints)
            listed = await broker.market()
            order = new(listed, "entry", await price_of(broker) * Decimal("0.97"))
            await broker.place(order)
            await next_hint(hints, "order")
            await broker.cancel(order.client_id)
            await bought(paper, broker)
            await next_hint(hints, "fill")
            paper.open_bar()
            await next_hint(hints, "candle")
            ages = broker.stream_ages()
            assert set(ages) == {"account", "candles"}
            assert all(age is not None and age < 5 for age in ages.values())


async def test_a_broken_stream_is_connected_again_and_asks_to_reconcile() -> None:
    async with market() as (paper, broker), contextlib.aclosing(broker.hints("15m")) as hints:
        await streams_up(hints)
        await paper.streams.close()
        await streams_up(hints)
        await bought(paper, broker)
        await next_hint(hints, "fill")


async def test_an_expired_listen_key_is_replaced() -> None:
    async with market() as (paper, broker), contextlib.aclosing(broker.hints("15m")) as hints:
        await streams_up(hints)
        old = paper.venue.listen_keys.key
        paper.venue.listen_keys.expire()
        assert "listenKeyExpired" in await next_hint(hints, "reconcile")
        async with asyncio.timeout(5):
            while "account stream is connected" not in await next_hint(hints, "reconcile"):
                pass
        assert paper.venue.listen_keys.key not in (None, "", old)
        await bought(paper, broker)
        await next_hint(hints, "fill")


@asynccontextmanager
async def renewing(
    paper: PaperExchange, renew_s: float
) -> AsyncIterator[tuple[BinanceClient, Any]]:
    """Streams that renew their listen key more often than every 20 minutes."""
    paper.open_bar()
    client = BinanceClient(KEYS, Venue(base_url=paper.url))
    streams = BinanceStreams(client, Symbol("BTC"), "15m", renew_s=renew_s)
    async with contextlib.aclosing(streams.hints()) as hints:
        await streams_up(hints)
        yield client, hints
    await client.close()


async def test_however_often_it_connects_the_listen_key_is_renewed_at_one_pace() -> None:
    async with PaperExchange([COIN], start=START) as paper:
        async with renewing(paper, 0.3) as (_, hints):
            for _ in range(3):
                paper.venue.listen_keys.expire()
                while "account stream is connected" not in await next_hint(hints, "reconcile"):
                    pass
            before = len(paper.ledger.requests("PUT", "/fapi/v1/listenKey"))
            await asyncio.sleep(1.4)
            renewed = len(paper.ledger.requests("PUT", "/fapi/v1/listenKey")) - before
            assert 3 <= renewed <= 5
        ended = len(paper.ledger.requests())
        await asyncio.sleep(0.5)
        assert len(paper.ledger.requests()) == ended


async def test_a_listen_key_that_cannot_be_renewed_is_replaced() -> None:
    async with PaperExchange([COIN], start=START) as paper, renewing(paper, 0.2) as (_, hints):
        paper.misbehave(what="code", code=-1125, endpoint="PUT /fapi/v1/listenKey")
        asked = len(paper.ledger.requests("POST", "/fapi/v1/listenKey"))
        assert "was not renewed" in await next_hint(hints, "reconcile")
        while "account stream is connected" not in await next_hint(hints, "reconcile"):
            pass
        assert len(paper.ledger.requests("POST", "/fapi/v1/listenKey")) == asked + 1


async def test_a_silent_stream_is_noticed_and_connected_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.binance.broker.SILENCE_S", {"account": 0.6, "candles": 0.6})
    async with market() as (_, broker), contextlib.aclosing(broker.hints("15m")) as hints:
        await streams_up(hints)
        assert "silent" in await next_hint(hints, "reconcile")
        await streams_up(hints)


async def test_without_keys_the_candles_alone_are_watched() -> None:
    async with PaperExchange([COIN], start=START) as paper:
        paper.open_bar()
        broker = BinanceBroker("BTC", None, Venue(base_url=paper.url))
        async with broker, contextlib.aclosing(broker.hints("15m")) as hints:
            assert "candles stream is connected" in await next_hint(hints, "reconcile")
            assert set(broker.stream_ages()) == {"candles"}


async def test_streams_keep_trying_while_nobody_listens() -> None:
    async with PaperExchange([COIN], start=START) as paper:
        address = paper.url
    broker = BinanceBroker("BTC", KEYS, Venue(base_url=address))
    async with contextlib.aclosing(broker.hints("15m")) as hints:
        assert "broke" in await next_hint(hints, "reconcile")
    await broker.close()


async def test_hints_end_with_the_error_if_what_keeps_the_streams_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defect(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("exchange.binance.broker.SILENCE_S", {"account": 0.4, "candles": 0.4})
    monkeypatch.setattr(BinanceStreams, "_drop", defect)
    async with market() as (_, broker), contextlib.aclosing(broker.hints("15m")) as hints:
        with pytest.raises(Unreachable, match="RuntimeError: a defect"):
            await next_hint(hints, "fill", within_s=3.0)
