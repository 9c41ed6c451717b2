"""Margin, liquidation prices against published examples, and what liquidation does. 0.2 s."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.market import Tier, maintenance_margin, market_for
from exchange.paper.errors import RefusalError
from exchange.paper.margin import Held, excess, liquidation_price, way_to_liquidation
from exchange.paper.orders import available
from tests.paper.support import FLAT, exchange, fills, place, stop, wallet


def held(amount: float, entry: float, price: float, rate: float, cum: float = 0.0) -> Held:
    """A position under one tier that never ends; `cum` needs a tier of its own below."""
    tiers: tuple[Tier, ...] = (Tier(0, 1e12, rate, 0),)
    if cum:
        floor = cum / (rate - rate / 2)
        tiers = (Tier(0, floor, rate / 2, 0), Tier(floor, 1e12, rate, cum))
    return Held(Decimal(str(amount)), Decimal(str(entry)), Decimal(str(price)), tiers)


@pytest.mark.parametrize(
    ("wallet_balance", "position", "expected"),
    [
        (1535443.01, held(3683.979, 1456.84, 1335.18, 0.10, 135365), 1114.78),
        (1535443.01, held(109.488, 32481.98, 31967.27, 0.025, 16300), 18778.73),
    ],
    ids=["ETH", "BTC"],
)
def test_a_single_long_is_liquidated_where_binance_s_own_example_says(
    wallet_balance: float, position: Held, expected: float
) -> None:
    price = liquidation_price(Decimal(str(wallet_balance)), [position], [0])
    assert price is not None
    assert float(price) == pytest.approx(expected, abs=0.005)


def test_two_coins_share_a_wallet_as_in_binance_s_own_example() -> None:
    eth = held(3683.979, 1456.84, 1335.18, 0.10, 135365)
    btc = held(109.488, 32481.98, 31967.27, 0.025, 16300)
    balance = Decimal("1535443.01")
    eth_price = liquidation_price(balance, [eth, btc], [0])
    btc_price = liquidation_price(balance, [eth, btc], [1])
    assert eth_price is not None
    assert btc_price is not None
    assert float(eth_price) == pytest.approx(1153.26, abs=0.01)
    assert float(btc_price) == pytest.approx(26316.89, abs=0.01)


@pytest.mark.parametrize(
    ("long", "short", "expected"),
    [(0.1, 0.04, 42395.693), (0.05, 0.05, 2750000.0), (0.04, 0.1, 79260.238)],
)
def test_both_legs_of_a_hedge_pay_maintenance_margin(
    long: float, short: float, expected: float
) -> None:
    legs = [held(long, 60000, 61000, 0.004), held(-short, 62000, 61000, 0.004)]
    price = liquidation_price(Decimal(1000), legs, [0, 1])
    assert price is not None
    assert float(price) == pytest.approx(expected, abs=0.001)


def test_a_position_that_the_wallet_covers_whole_has_no_liquidation_price() -> None:
    assert liquidation_price(Decimal(1000), [held(0.01, 60000, 60000, 0.004)], [0]) is None


@settings(max_examples=60, deadline=None)
@given(
    balance=st.integers(100, 100_000),
    long=st.integers(0, 4000),
    short=st.integers(0, 4000),
    price=st.integers(20_000, 60_000),
    target=st.integers(5_000, 200_000),
)
def test_at_the_point_of_liquidation_the_margin_is_used_up_exactly(
    balance: int, long: int, short: int, price: int, target: int
) -> None:
    tiers = market_for("BTC").tiers
    legs = [
        Held(Decimal(long) / 1000, Decimal(40_000), Decimal(price), tiers, Decimal(target - price)),
        Held(
            Decimal(-short) / 1000, Decimal(40_000), Decimal(price), tiers, Decimal(target - price)
        ),
    ]
    way = way_to_liquidation(Decimal(balance), legs)
    at_start = excess(Decimal(balance), legs)
    at_end = excess(Decimal(balance), [leg.moved(Decimal(1)) for leg in legs])
    if way is None:
        assert at_start < 0
        assert at_end < 0
    elif way == 0:
        assert at_start >= 0
    else:
        there = [leg.moved(way) for leg in legs]
        assert abs(excess(Decimal(balance), there)) < Decimal("1e-15")


def test_maintenance_margin_is_that_of_the_market_s_tiers() -> None:
    tiers = market_for("BTC").tiers
    for notional in (1_000, 50_000, 50_001, 700_000, 5_000_000):
        leg = Held(Decimal(notional) / 100, Decimal(100), Decimal(100), tiers)
        assert float(leg.maintenance) == pytest.approx(maintenance_margin(tiers, notional))


def test_an_order_that_the_free_margin_does_not_carry_is_refused() -> None:
    paper = exchange(FLAT, FLAT, wallet=100)
    paper.open_bar()
    paper.venue.account.leverage["BTCUSDT"] = 10
    place(paper, "BUY", "LONG", 6, 99)
    with pytest.raises(RefusalError) as error:
        place(paper, "SELL", "SHORT", 5, 101)
    assert error.value.code == -2019
    assert available(paper.venue) == 100 - Decimal("59.4")
    place(paper, "SELL", "SHORT", 4, 101)


def test_a_position_beyond_the_leverage_s_bracket_is_refused() -> None:
    paper = exchange(FLAT, FLAT, wallet=10_000_000)
    paper.open_bar()
    paper.venue.account.leverage["BTCUSDT"] = 125
    with pytest.raises(RefusalError) as error:
        place(paper, "BUY", "LONG", 501, 100 - 0.1)
    assert error.value.code == -2027
    place(paper, "BUY", "LONG", 499, 100 - 0.1)


def test_liquidation_strikes_on_the_path_where_the_margin_is_used_up() -> None:
    """Wallet 100 - fee, 10 long at 100.05: 99.49975 + 10 * (x - 100.05) = 0.004 * 10 * x."""
    paper = exchange(FLAT, (100.0, 100.0, 80.0, 85.0), wallet=100)
    paper.open_bar()
    place(paper, "BUY", "LONG", 10)
    resting = place(paper, "SELL", "LONG", 1, 104)
    guard = stop(paper, "SELL", "LONG", None, 70)
    happened = paper.walk_bar()
    expected = (Decimal("1000.5") - Decimal("99.49975")) / (10 - Decimal("0.04"))
    assert [event.kind for event in happened] == ["liquidation"]
    (*_, price) = fills(paper)[-1]
    assert abs(Decimal(price) - expected) < Decimal("1e-20")
    left = Decimal("99.49975") + 10 * (Decimal(price) - Decimal("100.05"))
    assert abs(wallet(paper) - max(left - 10 * Decimal(price) * Decimal("0.0125"), 0)) < 1e-15
    assert (resting.status, guard.status) == ("EXPIRED", "EXPIRED")
    assert not paper.venue.account.open_positions()


def test_a_gap_beyond_the_wallet_is_paid_by_the_insurance_fund() -> None:
    paper = exchange(FLAT, FLAT, (80.0, 80.0, 80.0, 80.0), wallet=100)
    paper.open_bar()
    place(paper, "BUY", "LONG", 10)
    paper.walk_bar()
    paper.open_bar()
    paper.walk_bar()
    assert wallet(paper) == 0
    paid = [i for i in paper.venue.account.income if i.kind == "INSURANCE_CLEAR"]
    assert [entry.amount for entry in paid] == [Decimal("101.00025")]  # 200.5 + 0.50025 - 100
    assert paper.ledger.of("trade")[-1]["fee"] == "0"


def test_every_cent_of_the_wallet_is_in_the_income_history() -> None:
    paper = exchange(FLAT, (100.0, 104.0, 97.0, 102.0), (102.0, 104.0, 97.0, 99.0), rates={2: 1e-4})
    paper.open_bar()
    place(paper, "BUY", "LONG", 2, "98.3")
    place(paper, "SELL", "SHORT", 1, "103.7")
    paper.walk_bar()
    place(paper, "SELL", "LONG", 1, "103.3")
    paper.open_bar()
    paper.walk_bar()
    assert {entry.kind for entry in paper.venue.account.income} == {
        "COMMISSION",
        "REALIZED_PNL",
        "FUNDING_FEE",
    }
    assert wallet(paper) == 10_000 + sum(e.amount for e in paper.venue.account.income)
