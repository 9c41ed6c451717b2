"""Client ids of every legal character survive encoding, signature and answer. Costs 3 s."""

import asyncio
import string
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.async_support
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import NewOrder
from exchange.client_ids import ClientId
from exchange.paper.server import PAPER_KEYS, client_config, guard
from tests.paper.support import FLAT, SYMBOL, UP, exchange
from tests.test_client_ids import ids

LETTERS = string.ascii_letters + string.digits + ".:/_-"
legal = st.text(LETTERS, min_size=1, max_size=36)
illegal = st.text(st.characters(exclude_characters=LETTERS, codec="utf-8"), min_size=1, max_size=3)
GTX = {"positionSide": "LONG", "timeInForce": "GTX"}
RAW = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "98", **GTX}

# the exchange is the same for all examples: each takes its order away again
by_one_exchange = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@by_one_exchange
@given(legal)
@example(LETTERS[:36])
@example(LETTERS[-36:])
@example("/:/..-2F")
def test_an_order_is_placed_found_and_cancelled_under_any_legal_id(
    sync_client: Any, client_id: str
) -> None:
    named = {"origClientOrderId": client_id}
    params = {**GTX, "clientOrderId": client_id}
    placed = sync_client.create_order(SYMBOL, "limit", "buy", 1, 98, params)
    assert placed["clientOrderId"] == client_id
    assert sync_client.fetch_order(None, SYMBOL, named)["id"] == placed["id"]
    assert [o["clientOrderId"] for o in sync_client.fetch_open_orders(SYMBOL)] == [client_id]
    assert sync_client.cancel_order(None, SYMBOL, named)["clientOrderId"] == client_id


@by_one_exchange
@given(legal)
def test_a_stop_is_placed_found_and_cancelled_under_any_legal_id(
    sync_client: Any, client_id: str
) -> None:
    stop = {"positionSide": "LONG", "triggerPrice": 90, "clientAlgoId": client_id}
    placed = sync_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, stop)
    assert placed["clientOrderId"] == client_id
    named = {"clientAlgoId": client_id}
    assert sync_client.fapiPrivateGetAlgoOrder(named)["algoStatus"] == "NEW"
    assert sync_client.fapiPrivateDeleteAlgoOrder(named)["clientAlgoId"] == client_id


@by_one_exchange
@given(st.lists(legal, min_size=1, max_size=5, unique=True))
def test_a_batch_is_placed_and_cancelled_under_any_legal_ids(
    sync_client: Any, client_ids: list[str]
) -> None:
    entries = [dict(RAW, newClientOrderId=client_id) for client_id in client_ids]
    answers = sync_client.fapiPrivatePostBatchOrders({"batchOrders": entries})
    assert [answer["clientOrderId"] for answer in answers] == client_ids
    sync_client.cancel_orders(None, SYMBOL, {"clientOrderIds": client_ids})
    assert sync_client.fetch_open_orders(SYMBOL) == []


@by_one_exchange
@given(legal, illegal, st.integers(0, 36))
def test_an_id_with_any_other_character_is_refused(
    sync_client: Any, good: str, bad: str, at: int
) -> None:
    client_id = good[:at] + bad + good[at:]
    with pytest.raises(ccxt.BadRequest, match="-4015"):
        sync_client.fapiPrivatePostOrder(dict(RAW, newClientOrderId=client_id))
    assert sync_client.fetch_open_orders(SYMBOL) == []


@settings(max_examples=3, deadline=None)
@given(st.lists(legal, min_size=15, max_size=15, unique=True))
def test_an_async_client_signs_the_same(client_ids: list[str]) -> None:
    async def trade() -> None:
        async with exchange(FLAT, UP) as paper:
            paper.open_bar()
            client = ccxt.async_support.binanceusdm(client_config(paper.url))
            guard(client, paper.url)
            async with client:
                await client.load_markets()
                for client_id in client_ids:
                    await client.fapiPrivatePostOrder(dict(RAW, newClientOrderId=client_id))
                    named = {"origClientOrderId": client_id}
                    found = await client.fetch_order(None, SYMBOL, named)
                    assert found["clientOrderId"] == client_id
                    await client.cancel_order(None, SYMBOL, named)

    asyncio.run(trade())


@settings(max_examples=3, deadline=None)
@given(st.lists(ids, min_size=15, max_size=15, unique=True))
def test_our_own_ids_come_back_through_the_broker(drawn: list[ClientId]) -> None:
    async def trade() -> None:
        async with exchange(FLAT, UP) as paper:
            paper.open_bar()
            keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
            async with BinanceBroker("BTC", keys, Venue(base_url=paper.url)) as broker:
                market = (await broker.market()).market
                for each in drawn:
                    roles = ("entry", "stop")
                    one = ClientId(
                        each.run, each.bar, "long", roles[each.bar % 2], each.level, each.generation
                    )
                    is_entry = one.role == "entry"
                    order = NewOrder(market, one, Decimal(1), Decimal(98), is_entry)
                    assert (await broker.place(order)).ours == one
                    assert (await broker.find(one)).ours == one
                    assert one in [order.ours for order in await broker.open_orders()]
                    assert (await broker.cancel(one)).ours == one

    asyncio.run(trade())
