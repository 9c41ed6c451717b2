"""What became of an order is found out, and told as it is. Costs about 5 s."""

import time
from decimal import Decimal
from typing import Any

import pytest

from exchange.client_ids import ClientId
from exchange.outcomes import Action, Refused, UnknownOutcome, Unreachable
from tests.binance.rows import (
    ALGO,
    ENTRY,
    ORDER,
    STOP,
    new,
    row,
    stop_row,
    trading,
)
from tests.binance.server import (
    DROP,
    Reply,
    Script,
    refusal,
)


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


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-2013, "Order does not exist."),
        (-2011, "Unknown order sent."),
        (-2011, "fetchOrder -> 'UNKNOWN_ORDER'"),
        (-1102, "Algo order does not exist."),
        (-2011, "The order was not found."),
    ],
)
@pytest.mark.parametrize("order", [ENTRY, STOP], ids=["entry", "stop"])
async def test_settling_knows_that_there_is_none_by_whatever_code_says_it(
    order: ClientId, code: int, text: str
) -> None:
    async with trading() as (server, broker):
        for path in (ORDER, ALGO):
            server.on("GET", path, refusal(code, text=text))
        assert await broker.settle(order) is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (-2011, "This action is disabled on this account."),
        (-2011, "Cancel rejected."),
        (-1102, "Mandatory parameter 'algoId' was not sent, was empty/null, or malformed."),
        (-9999, "Order does not exist."),
        (-4088, "Order does not exist."),
    ],
)
async def test_settling_takes_no_other_refusal_for_an_order_that_is_missing(
    code: int, text: str
) -> None:
    async with trading() as (server, broker):
        server.on("GET", ALGO, refusal(code, text=text))
        with pytest.raises(UnknownOutcome):
            await broker.settle(STOP)


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


@pytest.mark.parametrize(
    ("changed", "qty", "price"),
    [
        ({"closePosition": True, "quantity": "0"}, "0", "55000.10"),
        ({"closePosition": True, "quantity": None}, "0", "55000.10"),
        ({"orderType": "TRAILING_STOP_MARKET", "triggerPrice": ""}, "0.002", None),
        ({"orderType": "TRAILING_STOP_MARKET", "triggerPrice": None, "quantity": ""}, "0", None),
        ({"quantity": "NaN"}, "0", "55000.10"),
    ],
)
async def test_a_foreign_stop_without_quantity_or_trigger_hides_no_other_order(
    changed: dict[str, Any], qty: str, price: str | None
) -> None:
    async with trading() as (server, broker):
        odd = stop_row() | {"clientAlgoId": "web_7"} | changed
        server.on("GET", "/fapi/v1/openAlgoOrders", [odd, stop_row()])
        foreign, ours = await broker.open_orders()
        assert (foreign.ours, foreign.kind, foreign.state) == (None, "other", "open")
        assert foreign.qty == Decimal(qty)
        assert foreign.price == (None if price is None else Decimal(price))
        assert (ours.ours, ours.kind) == (STOP, "stop")


@pytest.mark.parametrize("changed", [{"quantity": None}, {"triggerPrice": ""}])
async def test_a_stop_of_ours_is_never_taken_for_anything_vague(changed: dict[str, Any]) -> None:
    async with trading() as (server, broker):
        server.on("GET", "/fapi/v1/openAlgoOrders", [stop_row() | changed])
        with pytest.raises(Unreachable, match="could not be read"):
            await broker.open_orders()
