"""An unmodified async ccxt trades: every order call, and every refusal with its class. 9 s."""

import asyncio
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from exchange.paper.server import PaperExchange, client_config
from tests.paper.support import FLAT, SYMBOL, UP, exchange, stop

POST_ONLY = {"positionSide": "LONG", "timeInForce": "GTX"}


async def buy(async_client: Any, price: float, cid: str = "", **params: Any) -> Any:
    more = {**POST_ONLY, **({"clientOrderId": cid} if cid else {}), **params}
    return await async_client.create_order(SYMBOL, "limit", "buy", 1, price, more)


async def test_a_post_only_limit_rests_and_is_found_by_both_ids(async_client: Any) -> None:
    order = await buy(async_client, 98, "g1-L-0001")
    assert (order["status"], order["clientOrderId"], order["price"]) == ("open", "g1-L-0001", 98)
    assert (order["timeInForce"], order["postOnly"], order["filled"]) == ("PO", True, 0)
    by_id = await async_client.fetch_order(order["id"], SYMBOL)
    by_name = await async_client.fetch_order(None, SYMBOL, {"origClientOrderId": "g1-L-0001"})
    assert by_id["info"] == by_name["info"]
    assert [o["id"] for o in await async_client.fetch_open_orders(SYMBOL)] == [order["id"]]
    one = await async_client.fapiPrivateGetOpenOrder({"symbol": "BTCUSDT", "orderId": order["id"]})
    assert one["clientOrderId"] == "g1-L-0001"


async def test_a_fill_shows_in_order_trades_positions_and_balance(
    async_client: Any, paper: PaperExchange
) -> None:
    order = await buy(async_client, 98, "g1-L-0001")
    paper.walk_bar()
    filled = await async_client.fetch_order(order["id"], SYMBOL)
    assert (filled["status"], filled["filled"], filled["average"]) == ("closed", 1, 98)
    (trade,) = await async_client.fetch_my_trades(SYMBOL)
    assert (trade["order"], trade["price"], trade["amount"]) == (order["id"], 98, 1)
    assert (trade["takerOrMaker"], trade["fee"]["cost"]) == ("maker", 0.0196)
    (position,) = await async_client.fetch_positions([SYMBOL])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 1, 98)
    assert position["unrealizedPnl"] == 4
    assert position["hedged"]
    balance = await async_client.fetch_balance()
    assert balance["USDT"]["total"] == pytest.approx(10_000 - 0.0196 + 4)
    assert balance["USDT"]["used"] == pytest.approx(102 / 20)


async def test_long_and_short_stand_side_by_side(async_client: Any) -> None:
    await async_client.create_order(SYMBOL, "market", "buy", 2, None, {"positionSide": "LONG"})
    await async_client.create_order(SYMBOL, "market", "sell", 1, None, {"positionSide": "SHORT"})
    positions = {p["side"]: p for p in await async_client.fetch_positions([SYMBOL])}
    assert (positions["long"]["contracts"], positions["short"]["contracts"]) == (2, 1)
    assert positions["short"]["info"]["notional"] == "-100"
    close = {"positionSide": "SHORT"}
    done = await async_client.create_order(SYMBOL, "market", "buy", 1, None, close)
    assert (done["status"], done["average"]) == ("closed", 100.05)
    assert [p["side"] for p in await async_client.fetch_positions([SYMBOL])] == ["long"]


async def test_cancelling_by_id_and_by_client_id(async_client: Any) -> None:
    first, _ = await buy(async_client, 98, "a"), await buy(async_client, 97, "b")
    assert (await async_client.cancel_order(first["id"], SYMBOL))["status"] == "canceled"
    await async_client.cancel_order(None, SYMBOL, {"origClientOrderId": "b"})
    assert await async_client.fetch_open_orders(SYMBOL) == []
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await async_client.cancel_order(first["id"], SYMBOL)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await async_client.fetch_order("4711", SYMBOL)
    assert (await async_client.fetch_order(first["id"], SYMBOL))["status"] == "canceled"


async def test_many_are_cancelled_at_once(async_client: Any) -> None:
    ids = [(await buy(async_client, price))["id"] for price in (98, 97, 96, 95)]
    await async_client.cancel_orders(ids[:2], SYMBOL)
    assert [o["id"] for o in await async_client.fetch_open_orders(SYMBOL)] == ids[2:]
    await async_client.cancel_all_orders(SYMBOL)
    assert await async_client.fetch_open_orders(SYMBOL) == []


async def test_a_batch_is_answered_in_its_order_each_order_for_itself(async_client: Any) -> None:
    def entry(cid: str, price: str) -> dict[str, str]:
        return {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "positionSide": "LONG",
            "type": "LIMIT",
            "timeInForce": "GTX",
            "quantity": "1",
            "price": price,
            "newClientOrderId": cid,
        }

    wanted = [entry("one", "98"), entry("two", "101"), entry("three", "97")]
    answers = await async_client.fapiPrivatePostBatchOrders({"batchOrders": wanted})
    assert [a.get("clientOrderId", a.get("code")) for a in answers] == ["one", -5022, "three"]
    unified = await async_client.create_orders(
        [
            {
                "symbol": SYMBOL,
                "type": "limit",
                "side": "buy",
                "amount": 1,
                "price": price,
                "params": POST_ONLY,
            }
            for price in (96, 95)
        ]
    )
    assert sorted(order["price"] for order in unified) == [95, 96]
    assert len(await async_client.fetch_open_orders(SYMBOL)) == 4


async def test_an_order_is_amended_in_place(async_client: Any) -> None:
    order = await buy(async_client, 98)
    changed = await async_client.edit_order(
        order["id"], SYMBOL, "limit", "buy", 2, 97.5, {"positionSide": "LONG"}
    )
    assert (changed["id"], changed["price"], changed["amount"]) == (order["id"], 97.5, 2)
    with pytest.raises(ccxt.OperationRejected, match="-5027"):
        await async_client.edit_order(order["id"], SYMBOL, "limit", "buy", 2, 97.5)


async def test_a_countdown_cancels_what_rests_unless_it_is_renewed(
    async_client: Any, paper: PaperExchange
) -> None:
    await buy(async_client, 90)
    ask = {"symbol": "BTCUSDT", "countdownTime": 600_000}
    await async_client.fapiPrivatePostCountdownCancelAll(ask)
    paper.advance_to(paper.clock.market_ms + 500_000)
    await async_client.fapiPrivatePostCountdownCancelAll(ask)
    paper.advance_to(paper.clock.market_ms + 500_000)
    assert len(await async_client.fetch_open_orders(SYMBOL)) == 1
    paper.advance_to(paper.clock.market_ms + 200_000)
    assert await async_client.fetch_open_orders(SYMBOL) == []


async def test_a_stop_goes_to_the_algo_endpoint_and_leaves_a_child_with_another_id(
    async_client: Any, paper: PaperExchange
) -> None:
    await async_client.create_order(SYMBOL, "market", "buy", 1, None, {"positionSide": "LONG"})
    params = {"positionSide": "LONG", "triggerPrice": 98, "clientAlgoId": "stop-long"}
    placed = await async_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, params)
    assert (placed["clientOrderId"], placed["triggerPrice"]) == ("stop-long", 98)
    assert placed["status"] == "open"
    waiting = await async_client.fetch_open_orders(SYMBOL, params={"trigger": True})
    assert [order["id"] for order in waiting] == [placed["id"]]
    assert await async_client.fetch_open_orders(SYMBOL) == []
    paper.walk_bar()
    found = await async_client.fapiPrivateGetAlgoOrder({"clientAlgoId": "stop-long"})
    assert found["algoStatus"] == "FINISHED"
    child = await async_client.fetch_order(found["actualOrderId"], SYMBOL)
    assert (child["status"], child["average"]) == ("closed", 97.951)
    assert child["clientOrderId"] != "stop-long"
    assert await async_client.fetch_positions([SYMBOL]) == []


async def test_a_stop_is_cancelled_by_its_client_id(async_client: Any) -> None:
    params = {"positionSide": "LONG", "triggerPrice": 98, "clientAlgoId": "s1"}
    placed = await async_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, params)
    with pytest.raises(ccxt.InvalidOrder, match="-4116"):
        await async_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, params)
    await async_client.cancel_order(None, SYMBOL, {"trigger": True, "clientAlgoId": "s1"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await async_client.cancel_order(placed["id"], SYMBOL, {"trigger": True})
    one = await async_client.fetch_order(placed["id"], SYMBOL, {"trigger": True})
    assert one["status"] == "canceled"
    await async_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, params)
    await async_client.cancel_all_orders(SYMBOL, {"trigger": True})
    assert await async_client.fetch_open_orders(SYMBOL, params={"trigger": True}) == []


async def test_all_orders_tell_what_became_of_each(async_client: Any, paper: PaperExchange) -> None:
    first, second = await buy(async_client, 98), await buy(async_client, 90)
    paper.walk_bar()
    await async_client.cancel_order(second["id"], SYMBOL)
    statuses = {o["id"]: o["status"] for o in await async_client.fetch_orders(SYMBOL)}
    assert statuses == {first["id"]: "closed", second["id"]: "canceled"}


async def test_what_was_cancelled_unfilled_is_forgotten_after_three_days(
    async_client: Any, paper: PaperExchange
) -> None:
    order = await buy(async_client, 98)
    await async_client.cancel_order(order["id"], SYMBOL)
    paper.advance_to(paper.clock.market_ms + 3 * 86_400_000 + 1)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await async_client.fetch_order(order["id"], SYMBOL)


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "positionSide": "LONG",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "99",
}

REFUSED = [
    ({"symbol": "NOPEUSDT"}, -1121, ccxt.BadSymbol),
    ({"side": "HOLD"}, -1117, ccxt.BadRequest),
    ({"type": "ICEBERG"}, -1116, ccxt.BadRequest),
    ({"type": "STOP_MARKET"}, -4120, ccxt.InvalidOrder),
    ({"timeInForce": "NOW"}, -1115, ccxt.BadRequest),
    ({"timeInForce": ""}, -1102, ccxt.BadRequest),
    ({"quantity": "0"}, -4003, ccxt.BadRequest),
    ({"quantity": "0.0005"}, -1111, ccxt.BadRequest),
    ({"quantity": "100001"}, -4005, ccxt.BadRequest),
    ({"quantity": "many"}, -1100, ccxt.BadRequest),
    ({"quantity": ""}, -1102, ccxt.BadRequest),
    ({"price": "98.05"}, -4014, ccxt.BadRequest),
    ({"price": "98.005"}, -1111, ccxt.BadRequest),
    ({"price": "105.1"}, -4016, ccxt.BadRequest),
    ({"side": "SELL", "positionSide": "SHORT", "price": "94.9"}, -4024, ccxt.BadRequest),
    ({"positionSide": ""}, -4061, ccxt.OperationRejected),
    ({"positionSide": "BOTH"}, -4061, ccxt.OperationRejected),
    ({"positionSide": "UP"}, -4060, ccxt.BadRequest),
    ({"reduceOnly": "true"}, -1106, ccxt.BadRequest),
    ({"newClientOrderId": "x" * 37}, -4015, ccxt.BadRequest),
    ({"newClientOrderId": "a b"}, -4015, ccxt.BadRequest),
    ({"newClientOrderId": "taken"}, -4116, ccxt.InvalidOrder),
    ({"quantity": "0.505"}, -4164, ccxt.InvalidOrder),
    ({"quantity": "5000"}, -2019, ccxt.InsufficientFunds),
    ({"side": "SELL"}, -2022, ccxt.InvalidOrder),
    ({"timeInForce": "GTX", "price": "100"}, -5022, ccxt.OrderNotFillable),
    ({"timeInForce": "FOK"}, -5021, ccxt.OrderNotFillable),
]


async def test_a_bad_order_is_refused_with_binance_s_code_and_changes_nothing(
    async_client: Any, paper: PaperExchange
) -> None:
    await buy(async_client, 90, "taken")
    answered = []
    for change, _, _ in REFUSED:
        with pytest.raises(ccxt.BaseError) as error:
            await async_client.fapiPrivatePostOrder(LIMIT | change)
        code = int(str(error.value).split('"code":')[1].split(",")[0])
        answered.append((change, code, type(error.value)))
    assert answered == REFUSED
    assert [order.client_id for order in paper.venue.book.orders.values()] == ["taken"]


async def test_the_two_hundred_and_first_order_is_refused(
    async_client: Any, paper: PaperExchange
) -> None:
    for batch in range(40):
        ids = [f"b{batch}-{number}" for number in range(5)]
        entries = [dict(LIMIT, price="90", newClientOrderId=cid) for cid in ids]
        await async_client.fapiPrivatePostBatchOrders({"batchOrders": entries})
    assert len(paper.venue.book.open_orders) == 200
    with pytest.raises(ccxt.OperationRejected, match="-2025"):
        await buy(async_client, 90)


async def test_a_stop_that_would_fire_at_once_is_refused(
    async_client: Any, paper: PaperExchange
) -> None:
    params = {"positionSide": "LONG", "triggerPrice": 101}
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="-2021"):
        await async_client.create_order(SYMBOL, "STOP_MARKET", "sell", 1, None, params)
    assert stop(paper, "SELL", "LONG", 1, "99.9").status == "NEW"


async def test_a_client_id_is_free_again_once_its_order_is_closed(
    async_client: Any, paper: PaperExchange
) -> None:
    await buy(async_client, 98, "same")
    paper.walk_bar()
    again = await buy(async_client, 98, "same")
    found = await async_client.fetch_order(None, SYMBOL, {"origClientOrderId": "same"})
    assert found["id"] == again["id"]


async def test_closing_orders_never_add_up_to_more_than_the_position(async_client: Any) -> None:
    long = {"positionSide": "LONG"}
    await async_client.create_order(SYMBOL, "market", "buy", 2, None, long)
    await async_client.create_order(SYMBOL, "limit", "sell", 1, 104, long)
    with pytest.raises(ccxt.InvalidOrder, match="-2022"):
        await async_client.create_order(SYMBOL, "limit", "sell", 1.5, 104, long)
    await async_client.create_order(SYMBOL, "limit", "sell", 1, 104.5, long)


async def test_small_closes_pass_only_where_the_exchange_is_told_to_let_them(
    async_client: Any,
) -> None:
    long = {"positionSide": "LONG"}
    await async_client.create_order(SYMBOL, "market", "buy", 1, None, long)
    with pytest.raises(ccxt.InvalidOrder, match="-4164"):
        await async_client.create_order(SYMBOL, "market", "sell", 0.1, None, long)
    async with exchange(FLAT, UP, small_closes=True) as lenient:
        lenient.open_bar()
        other = ccxt.async_support.binanceusdm(client_config(lenient.url))
        await other.load_markets()
        await other.create_order(SYMBOL, "market", "buy", 1, None, long)
        done = await other.create_order(SYMBOL, "market", "sell", 0.1, None, long)
        await other.close()
    assert done["status"] == "closed"


async def test_an_immediate_or_cancel_order_that_cannot_trade_expires(async_client: Any) -> None:
    order = await async_client.fapiPrivatePostOrder(LIMIT | {"timeInForce": "IOC"})
    assert order["status"] == "EXPIRED"


async def test_ccxt_s_own_hedged_parameter_names_the_side(async_client: Any) -> None:
    opened = await async_client.create_order(SYMBOL, "market", "buy", 2, None, {"hedged": True})
    assert opened["info"]["positionSide"] == "LONG"
    closing = {"hedged": True, "reduceOnly": True}
    closed = await async_client.create_order(SYMBOL, "market", "sell", 1, None, closing)
    assert (closed["info"]["positionSide"], closed["status"]) == ("LONG", "closed")


async def test_without_a_client_id_ccxt_sends_its_own(async_client: Any) -> None:
    order = await buy(async_client, 98)
    assert order["clientOrderId"].startswith("x-cvBPrNm9")


async def test_orders_sent_at_once_are_all_booked(async_client: Any, paper: PaperExchange) -> None:
    sent = [buy(async_client, 99 - k / 10, f"c{k}") for k in range(20)]
    placed = await asyncio.gather(*sent)
    assert len({order["id"] for order in placed}) == 20
    assert len(paper.venue.book.open_orders) == 20
