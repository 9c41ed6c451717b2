"""Markets known offline, and what a market cannot be. Costs 0.2 s."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import DataError
from exchange.market import Market, Tier, maintenance_margin, market_for
from exchange.symbol import Symbol

TIERS = (Tier(0, 50_000, 0.004, 0), Tier(50_000, 600_000, 0.005, 50))


def market(**changes: object) -> Market:
    fields = {
        "symbol": Symbol("BTC"),
        "tick": Decimal("0.1"),
        "step": Decimal("0.001"),
        "min_notional": Decimal(50),
        "tiers": TIERS,
        "source": "a test",
    }
    return Market(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "tick", "step", "least"),
    [
        ("BTC", "0.1", "0.001", "50"),
        ("eth/usdt", "0.01", "0.001", "20"),
        ("SOLUSDT", "0.01", "0.01", "5"),
    ],
)
def test_the_three_main_coins_have_fixed_offline_defaults(
    symbol: str, tick: str, step: str, least: str
) -> None:
    known = market_for(symbol)
    assert (known.tick, known.step, known.min_notional) == (
        Decimal(tick),
        Decimal(step),
        Decimal(least),
    )
    assert market_for(symbol, price=1.0) == known
    assert known.source == (
        "tick, step and minimum notional: offline defaults; margin tiers: Binance, 2024-10-24"
    )


@pytest.mark.parametrize(
    ("price", "tick", "step"),
    [
        (61_234.0, "1", "0.00001"),
        (142.0, "0.01", "0.01"),
        (3.1, "0.0001", "1"),
        (0.1234, "0.00001", "10"),
        (0.0000123, "0.000000001", "100000"),
        (1.0, "0.0001", "1"),
        (0.1, "0.00001", "10"),
    ],
)
def test_an_unknown_market_is_assumed_from_five_digits_of_price_and_one_usdt_a_step(
    price: float, tick: str, step: str
) -> None:
    assumed = market_for("WIF", price)
    assert (assumed.tick, assumed.step, assumed.min_notional) == (
        Decimal(tick),
        Decimal(step),
        Decimal(5),
    )
    assert "assumed from a price of" in assumed.source


@given(st.floats(1e-6, 1e9))
def test_one_assumed_step_is_worth_about_one_usdt(price: float) -> None:
    assumed = market_for("WIF", price)
    assert 10**-0.5 * 0.999 <= price * float(assumed.step) <= 10**0.5 * 1.001
    assert 10_000 * 0.999 <= price / float(assumed.tick) <= 100_000 * 1.001


@pytest.mark.parametrize("price", [None, 0.0, -1.0, math.nan, math.inf])
def test_an_unknown_market_needs_a_reference_price(price: float | None) -> None:
    with pytest.raises(DataError, match="WIF/USDT: tick and step are not known offline"):
        market_for("WIF", price)


def test_a_symbol_without_published_tiers_gets_the_most_cautious_altcoin_table_and_says_so() -> (
    None
):
    assumed = market_for("WIF", 2.0)
    assert assumed.tiers == market_for("SUI", 2.0).tiers
    assert "assumed, those of SUIUSDT (the most cautious altcoin table" in assumed.source
    assert "2024-10-24" in assumed.source
    for coin in ("SOL", "BNB", "XRP", "DOGE", "ADA", "LINK", "AVAX", "1000PEPE"):
        published = market_for(coin, 2.0)
        assert "assumed, those of" not in published.source
        for notional in (1_000.0, 20_000.0, 100_000.0):
            assert maintenance_margin(assumed.tiers, notional) > maintenance_margin(
                published.tiers, notional
            )


def test_the_published_table_of_bitcoin_is_carried_without_loss() -> None:
    tiers = market_for("BTC").tiers
    assert len(tiers) == 12
    assert tiers[0] == Tier(0, 50_000, 0.004, 0)
    assert tiers[4] == Tier(12_000_000, 70_000_000, 0.02, 131_450)
    assert tiers[-1] == Tier(1_200_000_000, 1_800_000_000, 0.5, 421_481_450)


def test_maintenance_margin_follows_the_tier_of_the_notional() -> None:
    assert maintenance_margin(TIERS, 50_000) == 200
    assert maintenance_margin(TIERS, 100_000) == 450
    assert maintenance_margin(TIERS, 1_000_000) == 4_950  # past the last cap


def test_the_tier_table_is_a_fresh_array_for_compiled_code() -> None:
    known = market()
    table = known.tier_table
    assert table.dtype == np.float64
    assert table.tolist() == [[0, 50_000, 0.004, 0], [50_000, 600_000, 0.005, 50]]
    table[0, 0] = 7
    assert known.tier_table[0, 0] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"tick": Decimal(0)},
        {"tick": 0.1},
        {"tick": Decimal("NaN")},
        {"step": Decimal("-0.001")},
        {"step": Decimal("Infinity")},
        {"min_notional": Decimal(-1)},
        {"tiers": ()},
        {"tiers": TIERS[1:]},
        {"tiers": (TIERS[0], Tier(60_000, 600_000, 0.005, 60))},
        {"tiers": (TIERS[0], Tier(50_000, 600_000, 0.003, 0))},
        {"tiers": (TIERS[0], Tier(50_000, 600_000, 0.004, 0))},
        {"tiers": (TIERS[0], Tier(50_000, 600_000, 0.005, 500))},
    ],
)
def test_a_market_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="BTC/USDT: "):
        market(**change)


def test_a_minimum_notional_of_zero_is_a_market() -> None:
    assert market(min_notional=Decimal(0)).min_notional == 0


@pytest.mark.parametrize(
    "numbers",
    [(-1, 10, 0.01, 0), (10, 10, 0.01, 0), (0, 10, 0, 0), (0, 10, 1, 0), (0, 10, 0.01, -1)],
)
def test_numbers_that_cannot_be_a_tier_are_refused(
    numbers: tuple[float, float, float, float],
) -> None:
    with pytest.raises(DataError, match="is not a margin tier"):
        Tier(*numbers)


def test_a_tick_is_never_finer_than_the_floats_that_carry_it() -> None:
    assert market_for("WIF", 5e-9).tick == Decimal("1e-10")
    with pytest.raises(DataError, match="finer than"):
        market(tick=Decimal("1e-11"))
