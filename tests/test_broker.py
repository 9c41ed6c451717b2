"""The orders and records of the broker protocol cannot be wrong. Costs about 1 s."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.binance import BinanceBroker
from exchange.broker import (
    Broker,
    Fill,
    ListedMarket,
    NewOrder,
    PlacedOrder,
    Position,
    plain,
)
from exchange.client_ids import ClientId
from exchange.dryrun import DryRunBroker
from exchange.errors import DataError
from exchange.market import market_for

BTC = market_for("BTC")
PRICE, QTY = Decimal("55000.1"), Decimal("0.002")


def order_of(role: str, side: str = "long", **changed: object) -> NewOrder:
    parts: dict[str, object] = {
        "market": BTC,
        "client_id": ClientId("k3", 7, side, role),
        "qty": QTY,
        "price": None if role == "exit" else PRICE,
        "post_only": role == "entry",
    }
    return NewOrder(**(parts | changed))


@pytest.mark.parametrize(
    ("role", "side", "order_side", "kind", "opens"),
    [
        ("entry", "long", "buy", "limit", True),
        ("entry", "short", "sell", "limit", True),
        ("near take-profit", "long", "sell", "limit", False),
        ("far take-profit", "short", "buy", "limit", False),
        ("stop", "long", "sell", "stop", False),
        ("stop", "short", "buy", "stop", False),
        ("exit", "long", "sell", "market", False),
        ("exit", "short", "buy", "market", False),
    ],
)
def test_what_an_order_is_for_says_its_side_and_kind(
    role: str, side: str, order_side: str, kind: str, opens: bool
) -> None:
    order = order_of(role, side)
    assert (order.side, order.order_side, order.kind, order.opens) == (
        side,
        order_side,
        kind,
        opens,
    )


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        ("entry", {"price": Decimal("55000.15")}),
        ("entry", {"price": None}),
        ("entry", {"price": Decimal("-0.1")}),
        ("entry", {"price": 55000.1}),
        ("entry", {"price": Decimal("NaN")}),
        ("entry", {"qty": Decimal("0.0015")}),
        ("entry", {"qty": Decimal(0)}),
        ("entry", {"qty": 0.002}),
        ("entry", {"qty": Decimal("Infinity")}),
        ("entry", {"post_only": False}),
        ("exit", {"price": PRICE}),
        ("exit", {"post_only": True}),
        ("stop", {"post_only": True}),
        ("stop", {"price": None}),
    ],
)
def test_a_wrong_order_cannot_be_made(role: str, wrong: dict[str, object]) -> None:
    with pytest.raises(DataError, match="order gtk3"):
        order_of(role, **wrong)


def test_a_take_profit_may_be_post_only_or_not() -> None:
    assert order_of("near take-profit", post_only=True).post_only
    assert not order_of("near take-profit", post_only=False).post_only


@given(st.decimals(min_value=0, max_value=10**9, places=8))
def test_plain_text_is_the_same_number_without_exponent(number: Decimal) -> None:
    text = plain(number)
    assert Decimal(text) == number
    assert "e" not in text.lower()
    assert not (("." in text) and text.endswith(("0", ".")))


@given(st.integers(1, 10**7), st.integers(1, 10**6))
def test_every_multiple_of_tick_and_step_makes_an_order(ticks: int, steps: int) -> None:
    order = order_of("entry", price=BTC.tick * ticks, qty=BTC.step * steps)
    assert order.price is not None
    assert Decimal(plain(order.price)) == BTC.tick * ticks
    assert Decimal(plain(order.qty)) == BTC.step * steps


async def test_the_binance_broker_and_the_dry_run_s_are_brokers() -> None:
    market_data = BinanceBroker("BTC")
    dry_run = DryRunBroker(market_data)
    assert isinstance(market_data, Broker)
    assert isinstance(dry_run, Broker)
    await dry_run.close()


def test_an_impossible_order_from_the_exchange_is_not_taken() -> None:
    placed = PlacedOrder("x", "1", "long", "buy", "limit", QTY, QTY, PRICE, True, "filled", 1)
    assert placed.ours is None
    with pytest.raises(DataError):
        PlacedOrder("x", "1", "long", "buy", "limit", QTY, QTY * 2, PRICE, True, "filled", 1)


def test_an_impossible_trade_from_the_exchange_is_not_taken() -> None:
    with pytest.raises(DataError):
        Fill(1, "1", None, "long", "buy", Decimal(0), QTY, Decimal(0), "USDT", True, 1)


def test_a_position_without_an_entry_price_is_not_taken() -> None:
    with pytest.raises(DataError):
        Position("long", QTY)
    with pytest.raises(DataError):
        Position("long", -QTY, PRICE)


def test_filters_that_exclude_every_order_are_not_taken() -> None:
    one, two = Decimal(1), Decimal(2)
    good = ListedMarket(BTC, True, one, two, one, two, one, one, two, two, one, 200, 200)
    assert good.trading
    with pytest.raises(DataError, match="cannot be met"):
        ListedMarket(BTC, True, two, one, one, two, one, one, two, two, one, 200, 200)
