"""An order is judged, and sent once. Costs about 4 s."""

from decimal import Decimal

import pytest

from exchange.broker import NewOrder
from exchange.market import market_for
from exchange.outcomes import Action, Failure, Refused, UnknownOutcome, Unreachable
from tests.binance.rows import (
    ALGO,
    ENTRY,
    EXIT,
    ORDER,
    PROFIT,
    STOP,
    new,
    row,
    stop_row,
    trading,
)
from tests.binance.server import (
    DROP,
    HANG,
    Reply,
    Script,
    exchange_info,
    refusal,
)


async def test_a_limit_order_goes_out_with_exact_text_and_nothing_else() -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, row())
        placed = await broker.place(new(ENTRY, qty=Decimal("0.0020"), price=Decimal("55000.10")))
        assert server.sent("POST", ORDER) == [
            {
                "symbol": "BTCUSDT",
                "side": "BUY",
                "positionSide": "LONG",
                "type": "LIMIT",
                "quantity": "0.002",
                "price": "55000.1",
                "timeInForce": "GTX",
                "newClientOrderId": str(ENTRY),
                "newOrderRespType": "RESULT",
                "recvWindow": "5000",
            }
        ]
        assert (placed.ours, placed.order_id, placed.state) == (ENTRY, "1001", "open")


@pytest.mark.parametrize(("post_only", "in_force"), [(True, "GTX"), (False, "GTC")])
async def test_a_take_profit_is_sent_as_the_caller_says(post_only: bool, in_force: str) -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, row(PROFIT, side="SELL", timeInForce=in_force))
        await broker.place(new(PROFIT, price=Decimal("61000"), post_only=post_only))
        (sent,) = server.sent("POST", ORDER)
        assert (sent["timeInForce"], sent["side"], sent["price"]) == (in_force, "SELL", "61000")


async def test_an_exit_goes_at_market_with_its_position_side_and_without_reduce_only() -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, row(EXIT, "FILLED", type="MARKET", positionSide="SHORT"))
        await broker.place(new(EXIT))
        (sent,) = server.sent("POST", ORDER)
        assert (sent["type"], sent["side"], sent["positionSide"]) == ("MARKET", "BUY", "SHORT")
        assert not {"price", "timeInForce", "reduceOnly"} & set(sent)
        assert server.sent("GET", "/fapi/v1/premiumIndex") == []


async def test_a_stop_rests_on_the_algo_endpoint_under_its_own_id() -> None:
    async with trading() as (server, broker):
        server.on("POST", ALGO, stop_row())
        placed = await broker.place(new(STOP))
        assert server.sent("POST", ALGO) == [
            {
                "algoType": "CONDITIONAL",
                "symbol": "BTCUSDT",
                "side": "SELL",
                "positionSide": "LONG",
                "type": "STOP_MARKET",
                "quantity": "0.002",
                "triggerPrice": "55000.1",
                "workingType": "CONTRACT_PRICE",
                "clientAlgoId": str(STOP),
                "recvWindow": "5000",
            }
        ]
        assert (placed.kind, placed.ours, placed.order_id) == ("stop", STOP, None)


async def test_what_a_filter_would_refuse_is_not_sent() -> None:
    async with trading() as (server, broker):
        with pytest.raises(Refused, match="PERCENT_PRICE") as caught:
            await broker.place(new(ENTRY, price=Decimal("63000.1")))
        assert caught.value.action is Action.REPRICE
        with pytest.raises(Refused, match="MIN_NOTIONAL"):
            await broker.place(new(ENTRY, price=Decimal("20000")))
        assert server.sent("POST", ORDER) == []


async def test_a_refusal_by_an_old_mark_price_is_judged_again_by_a_new_one() -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, row(price="63000.10"))
        marks = [{"symbol": "BTCUSDT", "markPrice": text} for text in ("50000", "61000")]
        server.on("GET", "/fapi/v1/premiumIndex", *marks)
        with pytest.raises(Refused, match="PERCENT_PRICE"):
            await broker.place(new(ENTRY, price=Decimal("63000.1")))
        placed = await broker.place(new(ENTRY, price=Decimal("63000.1")))
        assert placed.price == Decimal("63000.1")


async def test_a_full_book_is_read_again_before_an_order_is_refused() -> None:
    async with trading() as (server, broker):
        full = [row(f"gtk3-7-L-e{n % 36:x}-{n}", orderId=n) for n in range(200)]
        server.on("GET", "/fapi/v1/openOrders", full, full, full[:100])
        server.on("POST", ORDER, row())
        assert len(await broker.open_orders()) == 200
        with pytest.raises(Refused, match="MAX_NUM_ORDERS"):
            await broker.place(new(ENTRY))
        assert (await broker.place(new(ENTRY))).state == "open"


async def test_what_was_cancelled_makes_room_without_being_asked_for() -> None:
    async with trading() as (server, broker):
        full = [row(f"gtk3-7-L-e{n % 36:x}-{n}", orderId=n) for n in range(199)]
        server.on("GET", "/fapi/v1/openOrders", [*full, row()])
        server.on("DELETE", ORDER, row(status="CANCELED"))
        server.on("POST", ORDER, row())
        await broker.open_orders()
        await broker.cancel(ENTRY)
        await broker.place(new(ENTRY))
        assert len(server.sent("GET", "/fapi/v1/openOrders")) == 1


@pytest.mark.parametrize("path", ["openOrders", "openAlgoOrders", "premiumIndex", "exchangeInfo"])
async def test_a_failed_question_holds_back_what_opens_and_nothing_that_closes(path: str) -> None:
    async with trading() as (server, broker):
        server.on("GET", f"/fapi/v1/{path}", Reply(502, ""))
        server.on("POST", ORDER, row(PROFIT, side="SELL", timeInForce="GTC"))
        server.on("POST", ALGO, stop_row())
        with pytest.raises(Unreachable):
            await broker.place(new(ENTRY))
        assert server.sent("POST", ORDER) == []
        assert (await broker.place(new(PROFIT))).ours == PROFIT
        assert (await broker.place(new(STOP))).ours == STOP


async def test_a_symbol_that_does_not_trade_opens_nothing_but_closes() -> None:
    async with trading() as (server, broker):
        server.on("GET", "/fapi/v1/exchangeInfo", exchange_info(status="SETTLING"))
        server.on("POST", ORDER, row(EXIT, "FILLED", type="MARKET", positionSide="SHORT"))
        with pytest.raises(Refused, match="not trading") as caught:
            await broker.place(new(ENTRY))
        assert caught.value.action is Action.STOP_OPENING
        assert (await broker.place(new(EXIT))).state == "filled"


async def test_a_symbol_that_trades_again_is_opened_again() -> None:
    async with trading() as (server, broker):
        server.on("GET", "/fapi/v1/exchangeInfo", exchange_info(status="HALT"), exchange_info())
        server.on("POST", ORDER, row())
        with pytest.raises(Refused, match="not trading"):
            await broker.place(new(ENTRY))
        assert (await broker.place(new(ENTRY))).state == "open"
        await broker.place(new(ENTRY))
        assert len(server.sent("GET", "/fapi/v1/exchangeInfo")) == 2


async def test_a_filter_that_was_loosened_since_is_not_refused_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.binance.known_market.JUST_READ_S", 0.0)
    async with trading() as (server, broker):
        looser = exchange_info(filters=[])
        for part in exchange_info()["symbols"][0]["filters"]:
            least = {"notional": "5"} if part["filterType"] == "MIN_NOTIONAL" else {}
            looser["symbols"][0]["filters"].append(part | least)
        server.on("GET", "/fapi/v1/exchangeInfo", exchange_info(), looser)
        server.on("POST", ORDER, row(origQty="0.001", price="40000"))
        server.on("GET", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT", "markPrice": "40000"})
        placed = await broker.place(new(ENTRY, qty=Decimal("0.001"), price=Decimal("40000")))
        assert placed.state == "open"
        assert len(server.sent("GET", "/fapi/v1/exchangeInfo")) == 2


async def test_orders_that_are_refused_one_after_another_ask_for_the_filters_once() -> None:
    async with trading() as (server, broker):
        for _ in range(5):
            with pytest.raises(Refused, match="MIN_NOTIONAL"):
                await broker.place(new(ENTRY, price=Decimal("20000")))
        assert len(server.sent("GET", "/fapi/v1/exchangeInfo")) == 1


async def test_filters_are_read_again_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, row())
        await broker.place(new(ENTRY))
        await broker.place(new(ENTRY))
        assert len(server.sent("GET", "/fapi/v1/exchangeInfo")) == 1
        monkeypatch.setattr("exchange.binance.known_market.OLDEST_S", 0.0)
        await broker.place(new(ENTRY))
        assert len(server.sent("GET", "/fapi/v1/exchangeInfo")) == 2


@pytest.mark.parametrize("reply", [refusal(-5022), row(status="EXPIRED")])
async def test_a_post_only_order_that_would_take_is_refused_in_either_form(reply: Script) -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, reply)
        with pytest.raises(Refused) as caught:
            await broker.place(new(ENTRY))
        assert (caught.value.code, caught.value.action) == (-5022, Action.REPRICE)


async def test_a_duplicate_id_means_that_it_is_there_and_it_is_adopted() -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, refusal(-4116))
        server.on("GET", ORDER, row())
        placed = await broker.place(new(ENTRY))
        assert (placed.order_id, placed.state) == ("1001", "open")
        assert server.sent("GET", ORDER)[0]["origClientOrderId"] == str(ENTRY)


@pytest.mark.parametrize(
    ("found", "failure"),
    [
        (row(price="55000.20"), Refused),
        (row(origQty="0.003"), Refused),
        (refusal(-2013), UnknownOutcome),
        (Reply(500, ""), UnknownOutcome),
    ],
)
async def test_only_the_same_order_is_adopted(found: Script, failure: type[Failure]) -> None:
    async with trading() as (server, broker):
        server.on("POST", ORDER, refusal(-4116))
        server.on("GET", ORDER, found)
        with pytest.raises(failure) as caught:
            await broker.place(new(ENTRY))
        assert caught.value.code == -4116


@pytest.mark.parametrize(
    "reply",
    [DROP, HANG, refusal(-1007, 408), refusal(-1008, 503), row("another"), {"orderId": 1}],
)
async def test_an_order_whose_answer_is_lost_or_odd_is_unknown_and_not_sent_again(
    reply: Script,
) -> None:
    async with trading(timeout_s=0.3) as (server, broker):
        server.on("POST", ORDER, reply)
        with pytest.raises(UnknownOutcome):
            await broker.place(new(ENTRY))
        assert len(server.sent("POST", ORDER)) == 1


async def test_an_order_for_another_symbol_is_not_sent() -> None:
    async with trading() as (server, broker):
        eth = market_for("ETH")
        other = NewOrder(eth, ENTRY, Decimal("0.1"), Decimal("2000"), post_only=True)
        with pytest.raises(Refused, match="ETH/USDT"):
            await broker.place(other)
        assert server.sent("POST", ORDER) == []
