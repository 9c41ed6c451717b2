"""An order is sent once, and what became of it is found out. Costs about 6 s."""

import time
from decimal import Decimal
from typing import Any

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


async def test_settling_finds_an_order_that_shows_up_late() -> None:
    async with trading() as (server, broker):
        server.on("GET", ORDER, refusal(-2013), refusal(-2013), row())
        found = await broker.settle(ENTRY)
        assert found is not None
        assert found.order_id == "1001"


async def test_settling_says_that_there_is_none_only_after_every_question() -> None:
    async with trading() as (server, broker):
        server.on("GET", ORDER, refusal(-2013))
        assert await broker.settle(ENTRY) is None
        assert len(server.sent("GET", ORDER)) == 3


@pytest.mark.parametrize("last", [Reply(500, ""), DROP, refusal(-1003, 429), refusal(-2015)])
async def test_settling_without_a_last_answer_leaves_the_outcome_unknown(last: Script) -> None:
    async with trading() as (server, broker):
        server.on("GET", ORDER, refusal(-2013), refusal(-2013), last)
        with pytest.raises(UnknownOutcome, match="could not be asked"):
            await broker.settle(ENTRY)


async def test_settling_survives_a_failed_question_in_between() -> None:
    async with trading() as (server, broker):
        server.on("GET", ORDER, Reply(502, ""), DROP, refusal(-2013))
        assert await broker.settle(ENTRY) is None


async def test_settling_waits_before_every_question() -> None:
    async with trading(settle_waits_s=(0.1, 0.2)) as (server, broker):
        server.on("GET", ORDER, refusal(-2013))
        begun = time.monotonic()
        assert await broker.settle(ENTRY) is None
        assert time.monotonic() - begun >= 0.3


def test_settling_takes_longer_than_a_late_request_stays_valid() -> None:
    from exchange.binance.client import RECV_WINDOW_MS
    from exchange.binance.orders import SETTLE_WAITS_S

    assert sum(SETTLE_WAITS_S) * 1000 >= 2 * RECV_WINDOW_MS


async def test_a_read_that_fails_is_an_error_and_never_an_empty_list() -> None:
    async with trading() as (server, broker):
        for path in ("openOrders", "openAlgoOrders", "userTrades", "income"):
            server.on("GET", f"/fapi/v1/{path}", Reply(500, ""))
        server.on("GET", "/fapi/v3/positionRisk", Reply(500, ""))
        server.on("GET", "/fapi/v3/account", {"assets": []})
        for read in (
            broker.open_orders(),
            broker.trades_since(3),
            broker.funding_paid(1),
            broker.positions(),
            broker.balance(),
        ):
            with pytest.raises(Unreachable):
                await read


@pytest.mark.parametrize(
    "inexact",
    [{"price": 55000.1}, {"price": True}, {"price": None}, {"origQty": "NaN"}],
)
async def test_a_number_that_is_not_exact_is_not_taken(inexact: dict[str, Any]) -> None:
    async with trading() as (server, broker):
        server.on("GET", "/fapi/v1/openOrders", [row(**inexact)])
        with pytest.raises(Unreachable, match="could not be read"):
            await broker.open_orders()


async def test_a_fired_stop_whose_market_order_cannot_be_read_yet_is_an_error() -> None:
    async with trading() as (server, broker):
        server.on("GET", ALGO, stop_row("FINISHED", 1001))
        server.on("GET", ORDER, refusal(-2013))
        with pytest.raises(Unreachable, match="cannot be read yet"):
            await broker.find(STOP)
        server.on("GET", ORDER, refusal(-4088))
        with pytest.raises(Refused):
            await broker.find(STOP)


@pytest.mark.parametrize("what", [{}, [[]], [{"symbol": "BTCUSDT"}], [{"orderId": "x"}], [None]])
async def test_an_answer_that_is_not_binances_is_an_error(what: Script) -> None:
    async with trading() as (server, broker):
        server.on("GET", "/fapi/v1/openOrders", what)
        server.on("GET", "/fapi/v1/userTrades", what)
        server.on("GET", "/fapi/v3/account", what)
        if what:
            with pytest.raises(Unreachable, match="could not be read"):
                await broker.open_orders()
            with pytest.raises(Unreachable, match="could not be read"):
                await broker.trades_since(None)
        with pytest.raises(Unreachable, match="could not be read"):
            await broker.balance()


async def test_a_cancelled_order_is_returned_as_it_is_afterwards() -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ORDER, row(status="CANCELED", executedQty="0.001"))
        cancelled = await broker.cancel(ENTRY)
        assert (cancelled.state, cancelled.filled) == ("cancelled", Decimal("0.001"))
        assert server.sent("DELETE", ORDER)[0]["origClientOrderId"] == str(ENTRY)


@pytest.mark.parametrize("status", ["FILLED", "CANCELED", "EXPIRED"])
async def test_cancelling_what_is_not_open_tells_what_became_of_it(status: str) -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ORDER, refusal(-2011))
        server.on("GET", ORDER, row(status=status))
        assert (await broker.cancel(ENTRY)).state == {
            "FILLED": "filled",
            "CANCELED": "cancelled",
            "EXPIRED": "expired",
        }[status]


@pytest.mark.parametrize("code", [-1102, -4061, -4088])
async def test_other_refusals_of_a_cancel_or_a_question_are_told_as_they_are(code: int) -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ORDER, refusal(code))
        server.on("GET", ORDER, refusal(code))
        with pytest.raises(Refused) as caught:
            await broker.cancel(ENTRY)
        assert caught.value.code == code
        assert server.sent("GET", ORDER) == []
        with pytest.raises(Refused) as caught:
            await broker.find(ENTRY)
        assert caught.value.code == code


async def test_what_is_not_there_any_more_makes_room() -> None:
    async with trading() as (server, broker):
        full = [row(f"gtk3-7-L-e{n % 36:x}-{n}", orderId=n) for n in range(199)]
        server.on("GET", "/fapi/v1/openOrders", [*full, row()])
        server.on("GET", ORDER, refusal(-2013))
        server.on("POST", ORDER, row())
        await broker.open_orders()
        assert await broker.find(ENTRY) is None
        await broker.place(new(ENTRY))
        assert len(server.sent("GET", "/fapi/v1/openOrders")) == 1


async def test_cancelling_what_never_was_is_refused() -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ORDER, refusal(-2011))
        server.on("GET", ORDER, refusal(-2013))
        with pytest.raises(Refused) as caught:
            await broker.cancel(ENTRY)
        assert caught.value.action is Action.RECONCILE


@pytest.mark.parametrize("reply", [DROP, Reply(502, "")])
async def test_a_cancel_without_an_answer_is_unknown(reply: Script) -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ORDER, reply)
        with pytest.raises(UnknownOutcome):
            await broker.cancel(ENTRY)


async def test_a_cancelled_stop_is_read_back() -> None:
    async with trading() as (server, broker):
        server.on("DELETE", ALGO, {"algoId": 77, "code": "200", "msg": "success"})
        server.on("GET", ALGO, stop_row("CANCELED"), Reply(500, ""))
        assert (await broker.cancel(STOP)).state == "cancelled"
        with pytest.raises(UnknownOutcome):
            await broker.cancel(STOP)
        named = [asked["clientAlgoId"] for asked in server.sent("DELETE", ALGO)]
        assert named == [str(STOP)] * 2


async def test_a_fired_stop_has_the_fills_of_the_order_that_it_became() -> None:
    async with trading() as (server, broker):
        child = row("child", "PARTIALLY_FILLED", type="MARKET", side="SELL", executedQty="0.001")
        server.on("GET", ALGO, stop_row("TRIGGERED"), stop_row("FINISHED", 1001))
        server.on("GET", ORDER, child)
        waiting = await broker.find(STOP)
        assert waiting is not None
        assert (waiting.state, waiting.order_id) == ("open", None)
        fired = await broker.find(STOP)
        assert fired is not None
        assert (fired.ours, fired.order_id) == (STOP, "1001")
        assert (fired.state, fired.filled) == ("open", Decimal("0.001"))


async def test_foreign_orders_are_listed_and_marked() -> None:
    async with trading() as (server, broker):
        odd = row("web_1", type="TRAILING_STOP_MARKET", orderId=5, positionSide="BOTH")
        server.on("GET", "/fapi/v1/openOrders", [row(), odd])
        server.on("GET", "/fapi/v1/openAlgoOrders", [stop_row()])
        ours, foreign, stop = await broker.open_orders()
        assert (ours.ours, foreign.ours, stop.ours) == (ENTRY, None, STOP)
        assert (ours.kind, foreign.kind, stop.kind) == ("limit", "other", "stop")


async def test_an_order_for_another_symbol_is_not_sent() -> None:
    async with trading() as (server, broker):
        eth = market_for("ETH")
        other = NewOrder(eth, ENTRY, Decimal("0.1"), Decimal("2000"), post_only=True)
        with pytest.raises(Refused, match="ETH/USDT"):
            await broker.place(other)
        assert server.sent("POST", ORDER) == []
