"""What every broker does with orders, fills and payments. Costs 8 s."""

import asyncio
import string
from contextlib import aclosing
from decimal import Decimal

import pytest

from exchange.broker import NewOrder
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.outcomes import Action, Refused
from tests.contract.conftest import Subject


async def test_an_entry_rests_is_found_and_cancelled(subject: Subject) -> None:
    broker = subject.broker
    order = await subject.order("entry", await subject.below("0.04"))
    placed = await broker.place(order)
    assert (placed.ours, placed.state, placed.filled) == (order.client_id, "open", 0)
    assert (placed.side, placed.order_side, placed.kind) == ("long", "buy", "limit")
    assert (placed.qty, placed.price, placed.post_only) == (order.qty, order.price, True)
    assert await broker.find(order.client_id) == placed
    assert await broker.open_orders() == [placed]
    cancelled = await broker.cancel(order.client_id)
    assert (cancelled.state, cancelled.filled) == ("cancelled", 0)
    assert await broker.open_orders() == []
    assert (await broker.find(order.client_id)).state == "cancelled"
    assert (await broker.cancel(order.client_id)).state == "cancelled"


async def test_a_fill_is_told_with_its_price_fee_and_id(subject: Subject) -> None:
    order = await subject.buy()
    (fill,) = await subject.broker.trades_since(None)
    assert (fill.ours, fill.side, fill.order_side) == (order.client_id, "long", "buy")
    assert (fill.price, fill.qty, fill.maker) == (order.price, order.qty, True)
    assert fill.fee == order.price * order.qty * Decimal("0.0002")
    assert fill.fee_asset == "USDT"
    found = await subject.broker.find(order.client_id)
    assert (found.state, found.filled, found.order_id) == ("filled", order.qty, fill.order_id)
    assert await subject.broker.trades_since(fill.trade_id) == []
    assert await subject.broker.open_orders() == []


async def test_a_position_is_told_with_its_entry_and_profit(subject: Subject) -> None:
    await subject.buy()
    positions = await subject.broker.positions()
    assert (positions.long.qty, positions.long.entry_price) == (Decimal("0.01"), 49_950)
    assert positions.long.unrealised == Decimal("0.5")
    assert positions.short.qty == 0
    balance = await subject.broker.balance()
    assert balance.equity == balance.wallet + positions.long.unrealised
    assert balance.available == balance.equity - 50


async def test_a_take_profit_sells_what_was_bought(subject: Subject) -> None:
    await subject.buy()
    profit = await subject.order("near take-profit", "50050")
    placed = await subject.broker.place(profit)
    assert (placed.order_side, placed.kind, placed.post_only) == ("sell", "limit", False)
    await subject.move()
    _, sold = await subject.broker.trades_since(None)
    assert (sold.ours, sold.order_side, sold.price) == (profit.client_id, "sell", 50_050)
    assert (await subject.broker.positions()).long.qty == 0


async def test_a_short_is_opened_and_closed_as_a_long_is(subject: Subject) -> None:
    if subject.move is None:
        pytest.skip("nobody can move this market")
    entry = await subject.order("entry", "50050", side="short")
    await subject.broker.place(entry)
    await subject.move()
    assert (await subject.broker.positions()).short.qty == entry.qty
    await subject.broker.place(await subject.order("far take-profit", "49950", side="short"))
    await subject.move()
    fills = await subject.broker.trades_since(None)
    assert [(f.side, f.order_side, f.price) for f in fills] == [
        ("short", "sell", 50_050),
        ("short", "buy", 49_950),
    ]


async def test_a_stop_rests_apart_and_is_cancelled(subject: Subject) -> None:
    await subject.buy()
    stop = await subject.order("stop", "49000")
    placed = await subject.broker.place(stop)
    assert (placed.ours, placed.kind, placed.state) == (stop.client_id, "stop", "open")
    assert (placed.price, placed.order_id) == (stop.price, None)
    assert await subject.broker.open_orders() == [placed]
    assert (await subject.broker.cancel(stop.client_id)).state == "cancelled"
    assert await subject.broker.open_orders() == []


async def test_a_stop_that_fires_sells_at_market_under_its_own_id(subject: Subject) -> None:
    await subject.buy()
    stop = await subject.order("stop", "49920")
    await subject.broker.place(stop)
    await subject.move()
    found = await subject.broker.find(stop.client_id)
    assert (found.state, found.filled) == ("filled", stop.qty)
    _, sold = await subject.broker.trades_since(None)
    assert (sold.ours, sold.order_id, sold.maker) == (stop.client_id, found.order_id, False)
    assert sold.price == stop.price * Decimal("0.9995")
    assert sold.fee == sold.price * sold.qty * Decimal("0.0005")


async def test_an_exit_sells_at_once(subject: Subject) -> None:
    await subject.buy()
    leave = await subject.order("exit")
    placed = await subject.broker.place(leave)
    assert (placed.kind, placed.price, placed.ours) == ("market", None, leave.client_id)
    _, sold = await subject.broker.trades_since(None)
    assert (sold.ours, sold.price, sold.maker) == (leave.client_id, Decimal("49975"), False)
    assert (await subject.broker.positions()).long.qty == 0


async def test_a_take_profit_that_crosses_trades_at_once_and_a_post_only_one_does_not(
    subject: Subject,
) -> None:
    await subject.buy()
    with pytest.raises(Refused) as caught:
        await subject.broker.place(await subject.order("near take-profit", "49990", post_only=True))
    assert (caught.value.code, caught.value.action) == (-5022, Action.REPRICE)
    crossing = await subject.order("near take-profit", "49990", level=1)
    await subject.broker.place(crossing)
    if subject.move:
        await subject.move()
    _, sold = await subject.broker.trades_since(None)
    assert (sold.price, sold.maker) == (50_000, False)


async def test_an_entry_that_would_take_is_refused(subject: Subject) -> None:
    crossing = await subject.order("entry", await subject.below("-0.01"))
    with pytest.raises(Refused) as caught:
        await subject.broker.place(crossing)
    assert (caught.value.code, caught.value.action) == (-5022, Action.REPRICE)
    assert await subject.broker.open_orders() == []


async def test_the_same_order_again_is_the_same_order(subject: Subject) -> None:
    order = await subject.order("entry", await subject.below("0.04"))
    first = await subject.broker.place(order)
    assert (await subject.broker.place(order)).order_id == first.order_id
    assert len(await subject.broker.open_orders()) == 1


async def test_another_order_under_an_id_in_use_is_refused(subject: Subject) -> None:
    await subject.broker.place(await subject.order("entry", await subject.below("0.04")))
    with pytest.raises(Refused) as caught:
        await subject.broker.place(await subject.order("entry", await subject.below("0.03")))
    assert caught.value.code == -4116
    assert len(await subject.broker.open_orders()) == 1


@pytest.mark.parametrize("role", ["entry", "stop"])
async def test_an_order_that_never_was_is_none_and_cannot_be_cancelled(
    subject: Subject, role: str
) -> None:
    never = ClientId("contract", 99, "long", role)
    assert await subject.broker.find(never) is None
    assert await subject.broker.settle(never) is None
    with pytest.raises(Refused) as caught:
        await subject.broker.cancel(never)
    assert caught.value.action is Action.RECONCILE


async def test_closing_more_than_is_held_is_refused(subject: Subject) -> None:
    with pytest.raises(Refused) as caught:
        await subject.broker.place(await subject.order("exit"))
    assert (caught.value.code, caught.value.action) == (-2022, Action.RECONCILE)


async def test_a_stop_that_the_price_has_passed_is_refused(subject: Subject) -> None:
    await subject.buy()
    with pytest.raises(Refused) as caught:
        await subject.broker.place(await subject.order("stop", await subject.below("-0.01")))
    assert (caught.value.code, caught.value.action) == (-2021, Action.RECONCILE)


async def test_an_entry_under_the_minimum_notional_is_refused_before_it_is_sent(
    subject: Subject,
) -> None:
    with pytest.raises(Refused, match=r"MIN_NOTIONAL.*not sent") as caught:
        await subject.broker.place(
            await subject.order("entry", await subject.below("0.04"), qty="0.001")
        )
    assert caught.value.code == -4164


async def test_an_entry_outside_the_price_band_is_refused_before_it_is_sent(
    subject: Subject,
) -> None:
    with pytest.raises(Refused, match="PERCENT_PRICE") as caught:
        await subject.broker.place(await subject.order("entry", await subject.below("-0.2")))
    assert caught.value.code == -4016


async def test_more_than_the_margin_allows_is_refused(subject: Subject) -> None:
    with pytest.raises(Refused) as caught:
        await subject.broker.place(
            await subject.order("entry", await subject.below("0.04"), qty="90")
        )
    assert caught.value.code in (-2019, -2027)
    assert caught.value.action is Action.SHRINK


async def test_an_order_off_the_grid_cannot_be_made(subject: Subject) -> None:
    market = (await subject.broker.market()).market
    entry = ClientId("contract", 7, "long", "entry")
    with pytest.raises(DataError):
        NewOrder(market, entry, Decimal("0.01"), Decimal("49950.05"), True)
    with pytest.raises(DataError):
        NewOrder(market, entry, Decimal("0.0105"), Decimal(49_950), True)


async def test_ids_of_every_letter_and_digit_come_back_as_they_were(subject: Subject) -> None:
    low = await subject.below("0.04")
    letters = string.ascii_letters + string.digits
    runs = [letters[at : at + 9] for at in range(0, len(letters), 9)]
    market = (await subject.broker.market()).market
    price = low // market.tick * market.tick
    last = (36**9 - 1, "short", "entry", 36**4 - 1, 36**6 - 1)
    ids = [ClientId(run, 7, "long", "entry") for run in runs]
    for client_id in ids:
        await subject.broker.place(NewOrder(market, client_id, Decimal("0.002"), price, True))
    assert {order.ours for order in await subject.broker.open_orders()} == set(ids)
    for client_id in ids:
        assert (await subject.broker.find(client_id)).ours == client_id
        assert (await subject.broker.cancel(client_id)).ours == client_id
    longest = ClientId("z" * 9, *last)
    assert await subject.broker.find(longest) is None


async def test_trades_go_on_from_the_id_that_is_known(subject: Subject) -> None:
    for level in range(3):
        await subject.buy(level)
    fills = await subject.broker.trades_since(None)
    ids = [fill.trade_id for fill in fills]
    assert len(ids) == 3
    assert ids == sorted(set(ids))
    assert [f.ours.level for f in await subject.broker.trades_since(ids[0])] == [1, 2]


async def test_funding_is_paid_on_what_was_held_at_the_settlement(subject: Subject) -> None:
    await subject.buy()
    for _ in range(11):
        await subject.move()
    (payment,) = await subject.broker.funding_paid(0)
    (rate,) = await subject.broker.funding_rates(0)
    assert payment.amount == -Decimal("0.01") * 50_000 * rate.rate
    assert payment.time_ms == rate.time_ms
    assert await subject.broker.funding_paid(payment.time_ms + 1) == []


async def test_the_wallet_is_what_it_was_and_every_payment_since(subject: Subject) -> None:
    before = (await subject.broker.balance()).wallet
    await subject.buy()
    await subject.broker.place(await subject.order("near take-profit", "50050"))
    for _ in range(12):
        await subject.move()
    bought, sold = await subject.broker.trades_since(None)
    gain = (sold.price - bought.price) * sold.qty - bought.fee - sold.fee
    paid = sum(payment.amount for payment in await subject.broker.funding_paid(0))
    assert (await subject.broker.balance()).wallet == before + gain + paid


async def test_a_fill_is_hinted_at(subject: Subject) -> None:
    if subject.move is None:
        pytest.skip("nobody can move this market")
    async with aclosing(subject.broker.hints("1m")) as hints:

        async def heard() -> str:
            async for hint in hints:
                if hint.news == "fill":
                    return hint.text
            return ""

        waiting = asyncio.create_task(heard())
        # the streams connect in their own time, and hear nothing of what was before
        for level in range(40):
            await subject.buy(level)
            await subject.broker.positions()
            await asyncio.wait([waiting], timeout=0.25)
            if waiting.done():
                break
        assert await asyncio.wait_for(waiting, 1)
