"""What a filter would refuse is refused before it is sent, and nothing else. Under 1 s."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.binance.filters import read_listed, read_tiers, refusal_of
from exchange.broker import ListedMarket, NewOrder
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.market import Market
from exchange.outcomes import Action, Refused
from exchange.symbol import Symbol
from tests.binance.server import LEVERAGE_BRACKET, exchange_info

ROW = exchange_info()["symbols"][0]
TIERS = read_tiers(LEVERAGE_BRACKET["brackets"])
LISTED = read_listed(Symbol("BTC"), ROW, TIERS, "margin tiers: made up")
MARK = Decimal(60000)
FREE = Market(Symbol("BTC"), Decimal("0.01"), Decimal("0.0001"), Decimal(0), TIERS, "free grid")


def refusal(
    role: str,
    qty: str,
    price: str | None = None,
    side: str = "long",
    resting: tuple[int, int] = (0, 0),
    listed: ListedMarket = LISTED,
    mark: Decimal = MARK,
) -> Refused | None:
    order = NewOrder(
        FREE,
        ClientId("k3", 1, side, role),
        Decimal(qty),
        None if price is None else Decimal(price),
        post_only=role == "entry",
    )
    return refusal_of(order, listed, mark, *resting)


def test_a_listing_is_read_from_exchange_info() -> None:
    assert LISTED.market.tick == Decimal("0.1")
    assert LISTED.market.step == Decimal("0.001")
    assert LISTED.market.min_notional == 50
    assert (LISTED.percent_up, LISTED.percent_down) == (Decimal("1.05"), Decimal("0.95"))
    assert (LISTED.max_orders, LISTED.max_stops) == (200, 200)
    assert LISTED.market_max_qty == 120
    assert [tier.cum for tier in LISTED.market.tiers] == [0, 50]
    assert LISTED.trading


def test_a_symbol_that_is_settling_is_not_trading() -> None:
    row = exchange_info(status="SETTLING")["symbols"][0]
    assert not read_listed(Symbol("BTC"), row, TIERS, "").trading


@pytest.mark.parametrize("name", [part["filterType"] for part in ROW["filters"]])
def test_a_listing_that_lacks_a_filter_is_not_taken(name: str) -> None:
    filters = [part for part in ROW["filters"] if part["filterType"] != name]
    with pytest.raises(KeyError, match=name):
        read_listed(Symbol("BTC"), ROW | {"filters": filters}, TIERS, "")


def test_tiers_are_taken_in_the_order_of_their_floors_and_must_join() -> None:
    brackets = LEVERAGE_BRACKET["brackets"]
    assert read_tiers(brackets[::-1]) == TIERS
    with pytest.raises(DataError):
        read_listed(Symbol("BTC"), ROW, read_tiers(brackets[1:]), "")


@pytest.mark.parametrize(
    ("role", "qty", "price", "side", "name", "code"),
    [
        ("entry", "0.0005", "55000", "long", "LOT_SIZE", -4004),
        ("entry", "1000.001", "55000", "long", "LOT_SIZE", -4005),
        ("entry", "0.0015", "55000", "long", "LOT_SIZE", -4023),
        ("exit", "120.001", None, "long", "MARKET_LOT_SIZE", -4005),
        ("exit", "0.0005", None, "short", "MARKET_LOT_SIZE", -4004),
        ("stop", "121", "50000", "long", "MARKET_LOT_SIZE", -4005),
        ("entry", "0.2", "500", "long", "PRICE_FILTER", -4014),
        ("entry", "0.001", "4529764.1", "short", "PRICE_FILTER", -4014),
        ("entry", "0.002", "55000.15", "long", "PRICE_FILTER", -4014),
        ("stop", "0.002", "55000.15", "long", "PRICE_FILTER", -4014),
        ("entry", "0.002", "63000.1", "long", "PERCENT_PRICE", -4016),
        ("entry", "0.002", "56999.9", "short", "PERCENT_PRICE", -4024),
        ("near take-profit", "0.002", "56999.9", "long", "PERCENT_PRICE", -4024),
        ("near take-profit", "0.002", "63000.1", "short", "PERCENT_PRICE", -4016),
        ("entry", "0.001", "49999.9", "long", "MIN_NOTIONAL", -4164),
    ],
)
def test_what_a_filter_would_refuse_is_refused_by_its_name(
    role: str, qty: str, price: str | None, side: str, name: str, code: int
) -> None:
    refused = refusal(role, qty, price, side)
    assert refused is not None
    assert refused.reason.startswith(f"{name}: ")
    assert refused.reason.endswith("(not sent)")
    assert refused.code == code


@pytest.mark.parametrize(
    ("role", "qty", "price", "side"),
    [
        ("entry", "0.001", "50000", "long"),
        ("entry", "0.002", "63000", "long"),
        ("entry", "0.002", "57000", "short"),
        ("entry", "0.1", "600", "long"),
        ("entry", "0.001", "4000000", "short"),
        ("near take-profit", "0.001", "4000", "short"),
        ("near take-profit", "0.001", "600000", "long"),
        ("exit", "0.001", None, "long"),
        ("exit", "120", None, "short"),
        ("stop", "0.001", "1000", "long"),
        ("stop", "120", "1000000", "short"),
    ],
)
def test_what_every_filter_lets_pass_is_not_refused(
    role: str, qty: str, price: str | None, side: str
) -> None:
    assert refusal(role, qty, price, side) is None


def test_a_price_off_the_percent_band_is_laid_again_at_another() -> None:
    refused = refusal("entry", "0.002", "63000.1")
    assert refused is not None
    assert refused.action is Action.REPRICE


@pytest.mark.parametrize(
    ("role", "price", "resting", "refused"),
    [
        ("entry", "55000", (199, 200), False),
        ("entry", "55000", (200, 0), True),
        ("stop", "55000", (200, 199), False),
        ("stop", "55000", (0, 200), True),
        ("exit", None, (200, 200), False),
    ],
)
def test_limit_orders_and_stops_have_limits_of_their_own(
    role: str, price: str | None, resting: tuple[int, int], refused: bool
) -> None:
    found = refusal(role, "0.002", price, resting=resting)
    assert (found is not None) == refused


@given(
    st.sampled_from(["entry", "near take-profit"]),
    st.sampled_from(["long", "short"]),
    st.integers(1, 10**8),
    st.integers(1, 2 * 10**6),
    st.integers(10_000, 10**7),
)
def test_a_limit_order_passes_just_when_every_documented_condition_holds(
    role: str, side: str, hundredths: int, steps: int, mark: int
) -> None:
    price, qty = Decimal(hundredths) / 100, Decimal(steps) / 10_000
    buys = (role == "entry") == (side == "long")
    passes = (
        price % Decimal("0.1") == 0
        and Decimal("556.8") <= price <= 4529764
        and qty % Decimal("0.001") == 0
        and Decimal("0.001") <= qty <= 1000
        and (price <= mark * Decimal("1.05") if buys else price >= mark * Decimal("0.95"))
        and (role != "entry" or price * qty >= 50)
    )
    assert (refusal(role, str(qty), str(price), side, mark=Decimal(mark)) is None) == passes
