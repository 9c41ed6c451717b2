"""The broker against a paper exchange that misbehaves. Costs about 8 s."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from exchange.client_ids import ClientId, Role
from exchange.outcomes import (
    Action,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from exchange.paper.limits import Quota
from tests.binance.paper import BAR_MS, bought, market, new, price_of

ORDERS, ALGOS = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder"


@pytest.mark.parametrize(
    "fault",
    [
        {"what": "drop"},
        {"what": "timeout"},
        {"what": "http", "status": 500},
        {"what": "http", "status": 502},
        {"what": "http", "status": 503},
        {"what": "http", "status": 504},
        {"what": "http", "status": 408},
        {"what": "code", "code": -1000},
        {"what": "code", "code": -1001},
        {"what": "code", "code": -1006},
        {"what": "code", "code": -1007},
        {"what": "code", "code": -1008},
    ],
    ids=str,
)
@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("role", ["entry", "stop"])
async def test_an_unknown_outcome_is_settled_and_the_order_never_doubled(
    fault: dict[str, Any], executed: bool, role: Role
) -> None:
    async with market() as (paper, broker):
        listed = await broker.market()
        price = await price_of(broker) * Decimal("0.97")
        order = new(listed, role, price)
        endpoint = ALGOS if role == "stop" else ORDERS
        if fault["what"] == "timeout":
            fault = fault | {"seconds": 4}
            broker._client._ccxt.timeout = 100
        paper.misbehave(**fault, endpoint=endpoint, executed=executed)
        with pytest.raises(UnknownOutcome):
            await broker.place(order)
        settled = await broker.settle(order.client_id)
        assert (settled is not None) == executed
        if settled is None:
            settled = await broker.place(order)
        assert (settled.ours, settled.state) == (order.client_id, "open")
        resting = await broker.open_orders()
        assert [found.ours for found in resting] == [order.client_id]


async def test_sending_an_open_order_again_adopts_it() -> None:
    async with market() as (_, broker):
        listed = await broker.market()
        for order in (
            new(listed, "entry", await price_of(broker) * Decimal("0.97")),
            new(listed, "stop", await price_of(broker) * Decimal("0.9")),
        ):
            first = await broker.place(order)
            second = await broker.place(order)
            assert (second.ours, second.order_id) == (order.client_id, first.order_id)
        assert len(await broker.open_orders()) == 2


@pytest.mark.parametrize("executed", [False, True])
async def test_a_cancel_of_unknown_outcome_is_told_by_the_order(executed: bool) -> None:
    async with market() as (paper, broker):
        order = new(await broker.market(), "entry", await price_of(broker) * Decimal("0.97"))
        await broker.place(order)
        # twice, because aiohttp repeats a DELETE itself if a kept connection is cut
        paper.misbehave(what="drop", endpoint="DELETE /fapi/v1/order", executed=executed, times=2)
        with pytest.raises(UnknownOutcome):
            await broker.cancel(order.client_id)
        found = await broker.find(order.client_id)
        assert found is not None
        assert found.state == ("cancelled" if executed else "open")


async def test_an_order_that_never_was_is_none_and_cannot_be_cancelled() -> None:
    async with market() as (_, broker):
        for role in ("entry", "stop"):
            never = ClientId("paper", 99, "long", role)
            assert await broker.find(never) is None
            with pytest.raises(Refused) as caught:
                await broker.cancel(never)
            assert caught.value.action is Action.RECONCILE


@pytest.mark.parametrize("ms", [-90_000.0, 90_000.0])
async def test_a_clock_that_jumps_is_followed(ms: float) -> None:
    async with market() as (paper, broker):
        paper.misbehave(what="skew", ms=ms)
        for _ in range(3):
            assert (await broker.balance()).wallet == 10_000
        order = new(await broker.market(), "entry", await price_of(broker) * Decimal("0.97"))
        assert (await broker.place(order)).state == "open"


async def test_after_429_everything_is_silent_for_as_long_as_was_asked() -> None:
    async with market() as (paper, broker):
        paper.misbehave(what="http", status=429, retry_after=1, endpoint="GET /fapi/v3/account")
        with pytest.raises(Throttled):
            await broker.balance()
        asked = len(paper.ledger.requests())
        with pytest.raises(Throttled):
            await broker.positions()
        assert len(paper.ledger.requests()) == asked
        await asyncio.sleep(1.05)
        assert (await broker.balance()).wallet == 10_000


@pytest.mark.parametrize("path", ["v3/account", "v3/positionRisk", "v1/openOrders", "v1/klines"])
@pytest.mark.parametrize("what", ["drop", "http"])
async def test_a_failed_read_is_an_error(path: str, what: str) -> None:
    async with market() as (paper, broker):
        status = {"status": 502} if what == "http" else {}
        paper.misbehave(what=what, endpoint=f"GET /fapi/{path}", times=3, **status)
        read = {
            "v3/account": broker.balance,
            "v3/positionRisk": broker.positions,
            "v1/openOrders": broker.open_orders,
            "v1/klines": lambda: broker.closed_candles("15m", 1_704_000_000_000),
        }[path]
        with pytest.raises(Unreachable):
            await read()


async def test_missing_candles_stay_missing_and_repeated_ones_are_taken_once() -> None:
    async with market() as (paper, broker):
        since = await broker.server_time() // BAR_MS * BAR_MS - 10 * BAR_MS
        whole = (await broker.closed_candles("15m", since))["timestamp"].tolist()
        paper.misbehave(what="candle_repeated", back=3)
        assert (await broker.closed_candles("15m", since))["timestamp"].tolist() == whole
        paper.misbehave(what="candle_missing", back=3)
        left = (await broker.closed_candles("15m", since))["timestamp"].tolist()
        assert len(left) == len(whole) - 1
        assert set(left) < set(whole)


async def test_thirty_orders_at_once_never_exceed_a_limit_of_twenty() -> None:
    async with market(quota=Quota(orders_1m=20, orders_10s=20)) as (paper, broker):
        listed = await broker.market()
        price = await price_of(broker) * Decimal("0.97")
        orders = [new(listed, "entry", price - n, number=n) for n in range(30)]
        sent = [asyncio.create_task(broker.place(order)) for order in orders]
        await asyncio.wait(sent, timeout=1.0)
        for task in sent:
            task.cancel()
        await asyncio.gather(*sent, return_exceptions=True)
        answered = paper.ledger.requests("POST", "/fapi/v1/order")
        assert len(answered) >= 15
        assert {request["code"] for request in answered} == {0}


async def test_a_foreign_stop_that_closes_all_is_listed() -> None:
    async with market() as (paper, broker):
        entry = await bought(paper, broker)
        request = {"symbol": "BTCUSDT", "side": "SELL", "positionSide": "LONG"}
        request |= {"type": "STOP_MARKET", "algoType": "CONDITIONAL", "closePosition": "true"}
        trigger = str(int(await price_of(broker) * Decimal("0.9")))
        request |= {"triggerPrice": trigger, "clientAlgoId": "by-hand"}
        await broker._client.write("fapiPrivatePostAlgoOrder", request)
        ours = new(await broker.market(), "stop", entry.price * Decimal("0.9"))
        await broker.place(ours)
        foreign, stop = await broker.open_orders()
        assert (foreign.client_id, foreign.kind, foreign.ours) == ("by-hand", "other", None)
        assert (foreign.qty, foreign.price) == (0, Decimal(trigger))
        assert stop.ours == ours.client_id
