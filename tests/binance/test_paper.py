"""The broker against the paper exchange: a whole life. Costs about 4 s."""

from decimal import Decimal
from typing import Any

import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import Venue
from exchange.candles import fetch_data
from exchange.client_ids import ClientId
from exchange.market import market_for
from exchange.outcomes import (
    Action,
    NotAuthorised,
    Refused,
)
from exchange.paper.listing import load_listing
from exchange.paper.server import PaperExchange
from tests.binance.paper import BAR_MS, COIN, END, FIRST, KEYS, START, bought, market, new, price_of

ORDERS, ALGOS = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder"


async def test_the_market_is_read_with_its_filters_and_tiers() -> None:
    async with market() as (_, broker):
        listed = await broker.market()
    offline = market_for("BTC")
    assert listed.trading
    assert (listed.market.tick, listed.market.step) == (offline.tick, offline.step)
    assert listed.market.min_notional == offline.min_notional
    assert listed.market.tiers == offline.tiers
    assert "read from Binance" in listed.market.source
    assert listed.max_orders == 200


async def test_without_keys_the_market_is_read_and_the_account_is_not() -> None:
    async with (
        PaperExchange([COIN], start=START) as paper,
        BinanceBroker("BTC", None, Venue(base_url=paper.url)) as broker,
    ):
        listed = await broker.market()
        assert "margin tiers: Binance, 2024" in listed.market.source
        with pytest.raises(NotAuthorised):
            await broker.balance()


async def test_closed_candles_are_the_recorded_ones_and_never_the_open_one() -> None:
    recorded = fetch_data("BTC", "15m", FIRST, END, source="sim")
    async with market() as (paper, broker):
        for _ in range(3):
            paper.walk_bar()
            opened = paper.open_bar()
            assert opened is not None
            got = await broker.closed_candles("15m", int(recorded["timestamp"].iloc[0]))
            expected = recorded[recorded["timestamp"] < opened]
            assert got["timestamp"].tolist() == expected["timestamp"].tolist()
            for name in ("open", "high", "low", "close"):
                assert got[name].tolist() == expected[name].tolist()
        assert (await broker.closed_candles("15m", opened)).empty
        later = await broker.closed_candles("15m", opened - BAR_MS)
        assert later["timestamp"].tolist() == [opened - BAR_MS]


async def test_more_candles_than_one_page_holds_are_all_read() -> None:
    long = load_listing("BTC", "15m", "2023-12-01", END)
    recorded = fetch_data("BTC", "15m", "2023-12-01", START, source="sim")
    async with PaperExchange([long], start=START) as paper:
        paper.open_bar()
        async with BinanceBroker("BTC", KEYS, Venue(base_url=paper.url)) as broker:
            got = await broker.closed_candles("15m", int(recorded["timestamp"].iloc[0]))
    assert len(got) == len(recorded) > 3000
    assert got["timestamp"].tolist() == recorded["timestamp"].tolist()


async def test_hedge_mode_cross_margin_and_leverage_are_set_and_set_again() -> None:
    async with market(hedge_mode=False) as (_, broker):
        assert await broker.position_mode() == "one-way"
        for _ in range(2):
            await broker.ensure_hedge_mode()
            await broker.ensure_cross_margin()
            await broker.set_leverage(7)
        assert await broker.position_mode() == "hedge"
        assert await broker.margin_mode() == "cross"
        assert await broker.leverage() == 7
        with pytest.raises(Refused):
            await broker.set_leverage(126)


@pytest.mark.parametrize(
    ("code", "path"),
    [(-4059, "positionSide/dual"), (-4046, "marginType")],
)
async def test_already_set_is_success(code: int, path: str) -> None:
    async with market() as (paper, broker):
        paper.misbehave(what="code", code=code, endpoint=f"POST /fapi/v1/{path}")
        config = "accountConfig" if code == -4059 else "symbolConfig"
        stale = {"dualSidePosition": False} if code == -4059 else {"marginType": "ISOLATED"}
        await _answer_once(paper, f"/fapi/v1/{config}", stale)
        await (broker.ensure_hedge_mode() if code == -4059 else broker.ensure_cross_margin())


async def _answer_once(paper: PaperExchange, path: str, changed: dict[str, Any]) -> None:
    """Let the next answer of `path` differ, as one that another client changed since would."""
    truth = paper.door.answer

    def door(asked: Any, params: Any) -> Any:
        answer = truth(asked, params)
        if asked.path == path:
            paper.door.answer = truth
            content = answer.content
            content = [content[0] | changed] if isinstance(content, list) else content | changed
            return type(answer)(answer.status, content, answer.headers)
        return answer

    paper.door.answer = door


async def test_open_orders_block_the_change_to_hedge_mode_with_instructions() -> None:
    async with market() as (paper, broker):
        paper.misbehave(what="code", code=-4067, endpoint="POST /fapi/v1/positionSide/dual")
        await _answer_once(paper, "/fapi/v1/accountConfig", {"dualSidePosition": False})
        with pytest.raises(Refused, match="cancel every open order") as caught:
            await broker.ensure_hedge_mode()
        assert caught.value.action is Action.HALT


async def test_a_lot_is_bought_protected_and_sold() -> None:
    async with market() as (paper, broker):
        before = await broker.balance()
        entry = await bought(paper, broker)
        (fill,) = await broker.trades_since(None)
        assert (fill.ours, fill.price, fill.qty) == (entry.client_id, entry.price, entry.qty)
        assert (fill.side, fill.order_side, fill.maker) == ("long", "buy", True)
        assert fill.fee == fill.price * fill.qty * Decimal("0.0002")

        held = (await broker.positions()).long
        assert (held.qty, held.entry_price) == (fill.qty, fill.price)
        assert (await broker.positions()).short.qty == 0

        listed = await broker.market()
        stop = new(listed, "stop", held.entry_price * Decimal("0.9"))
        profit = new(listed, "near take-profit", held.entry_price * Decimal("1.04"))
        await broker.place(stop)
        await broker.place(profit)
        resting = await broker.open_orders()
        assert {order.ours for order in resting} == {stop.client_id, profit.client_id}
        assert {order.kind for order in resting} == {"stop", "limit"}
        assert {order.price for order in resting} == {stop.price, profit.price}

        for order in (stop, profit):
            assert (await broker.cancel(order.client_id)).state == "cancelled"
            assert (await broker.cancel(order.client_id)).state == "cancelled"
        await broker.place(new(listed, "exit"))
        (sold,) = await broker.trades_since(fill.trade_id)
        assert (sold.order_side, sold.maker, sold.qty) == ("sell", False, fill.qty)
        assert sold.ours == ClientId("paper", 1, "long", "exit")
        assert (await broker.positions()).long.qty == 0
        after = await broker.balance()
        gain = (sold.price - fill.price) * fill.qty - fill.fee - sold.fee
        assert abs(after.wallet - before.wallet - gain) < Decimal("0.0001")


async def test_a_stop_that_fires_is_followed_to_the_market_order_that_it_became() -> None:
    async with market() as (paper, broker):
        await bought(paper, broker)
        listed = await broker.market()
        number = 0
        while True:
            paper.open_bar()
            stop = new(listed, "stop", await price_of(broker) - 5, number=number)
            await broker.place(stop)
            paper.walk_bar()
            found = await broker.find(stop.client_id)
            assert found is not None
            if found.state == "filled":
                break
            await broker.cancel(stop.client_id)
            number += 1
        fills = await broker.trades_since(None)
        assert fills[-1].ours == stop.client_id
        assert fills[-1].order_id == found.order_id
        assert found.filled == fills[-1].qty
        assert (await broker.positions()).long.qty == 0
        assert await broker.open_orders() == []


async def test_a_fired_stop_is_known_after_a_restart_once_it_is_asked_for() -> None:
    async with market() as (paper, broker):
        await bought(paper, broker)
        listed = await broker.market()
        paper.open_bar()
        price = await price_of(broker)
        stop = new(listed, "stop", price - Decimal("0.1"))
        await broker.place(stop)
        while (found := await broker.find(stop.client_id)) and found.state == "open":
            paper.walk_bar()
            paper.open_bar()
        again = BinanceBroker("BTC", KEYS, Venue(base_url=paper.url))
        async with again:
            await again.find(stop.client_id)
            fills = await again.trades_since(None)
        assert fills[-1].ours == stop.client_id


async def test_funding_that_was_paid_is_listed() -> None:
    async with market() as (paper, broker):
        await bought(paper, broker)
        since = await broker.server_time()
        for _ in range(40):
            paper.walk_bar()
            paper.open_bar()
        payments = await broker.funding_paid(since)
        assert 1 <= len(payments) <= 2
        assert all(payment.time_ms % (8 * 3_600_000) == 0 for payment in payments)
        assert all(payment.amount != 0 for payment in payments)
        assert await broker.funding_paid(payments[-1].time_ms + 1) == []


@pytest.mark.parametrize("expires", [False, True])
async def test_a_post_only_order_that_crosses_is_refused(expires: bool) -> None:
    async with market() as (paper, broker):
        if expires:
            paper.misbehave(what="expire_post_only")
        listed = await broker.market()
        crossing = new(listed, "entry", await price_of(broker) + 50)
        with pytest.raises(Refused) as caught:
            await broker.place(crossing)
        assert (caught.value.code, caught.value.action) == (-5022, Action.REPRICE)
        assert await broker.open_orders() == []


async def test_closing_more_than_is_held_is_refused() -> None:
    async with market() as (_, broker):
        with pytest.raises(Refused) as caught:
            await broker.place(new(await broker.market(), "exit"))
        assert (caught.value.code, caught.value.action) == (-2022, Action.RECONCILE)


async def test_too_little_margin_shrinks() -> None:
    async with market(wallet=100) as (_, broker):
        listed = await broker.market()
        with pytest.raises(Refused) as caught:
            await broker.place(new(listed, "entry", await price_of(broker) - 100, qty="5"))
        assert (caught.value.code, caught.value.action) == (-2019, Action.SHRINK)


async def test_partial_fills_add_up() -> None:
    async with market() as (paper, broker):
        listed = await broker.market()
        order = new(listed, "entry", await price_of(broker) - 5, qty="0.1")
        paper.misbehave(what="partial", client_id=str(order.client_id), share=Decimal("0.3"))
        await broker.place(order)
        for _ in range(60):
            paper.walk_bar()
            paper.open_bar()
            found = await broker.find(order.client_id)
            assert found is not None
            fills = await broker.trades_since(None)
            assert found.filled == sum(fill.qty for fill in fills)
            if found.state == "filled":
                break
        assert len(fills) == 2
        assert {fill.ours for fill in fills} == {order.client_id}


async def test_no_request_ever_carries_reduce_only_or_lacks_its_position_side() -> None:
    async with market() as (paper, broker):
        await bought(paper, broker)
        listed = await broker.market()
        await broker.place(new(listed, "stop", await price_of(broker) * Decimal("0.9")))
        await broker.place(new(listed, "exit"))
        sent = [r for r in paper.ledger.requests() if r["method"] == "POST" and "rder" in r["path"]]
        assert len(sent) >= 3
        for request in sent:
            assert "reduceOnly" not in request["params"]
            assert request["params"]["positionSide"] == "LONG"
