"""Binance's order filters: read from exchangeInfo, and asked before anything is sent."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from exchange.binance.errors import CODES
from exchange.broker import ListedMarket, NewOrder
from exchange.decimals import plain
from exchange.market import Market, Tier
from exchange.outcomes import Refused
from exchange.symbol import Symbol

_MOST_STOPS = 200
"""Per account; exchangeInfo does not list it any more."""


def refusal_of(
    order: NewOrder,
    listed: ListedMarket,
    mark: Decimal | None,
    resting_orders: int,
    resting_stops: int,
) -> Refused | None:
    """The first filter that `order` would not pass, as the refusal that Binance would answer.

    The minimum notional is asked of opening orders only: a close goes out whatever it is worth,
    and the exchange alone knows whether it exempts it.

    Args:
        mark: mark price, USDT; only a limit order is compared with it.
        resting_orders: limit orders open in the symbol, foreign ones included.
        resting_stops: stops open in the symbol.

    Returns:
        None if it passes them all.
    """
    for name, code, problem in _problems(order, listed, mark, resting_orders, resting_stops):
        if problem:
            text = f"{name}: {problem} (not sent)"
            return Refused(text, code=code, action=CODES[code].action)
    return None


def _problems(
    order: NewOrder,
    listed: ListedMarket,
    mark: Decimal | None,
    resting_orders: int,
    resting_stops: int,
) -> list[tuple[str, int, str]]:
    """(filter, Binance's code for it, what is wrong or "")."""
    checks = [_quantity(order, listed)]
    if order.price is not None:
        checks += _price(order.price, listed)
    if order.kind == "limit" and order.price is not None:
        if mark is not None:
            checks.append(_percent_price(order, order.price, listed, mark))
        checks += [
            _notional(order, order.price, listed),
            ("MAX_NUM_ORDERS", -2025, _count(resting_orders, listed.max_orders)),
        ]
    if order.kind == "stop":
        checks.append(("MAX_NUM_ALGO_ORDERS", -4045, _count(resting_stops, listed.max_stops)))
    return checks


def _quantity(order: NewOrder, listed: ListedMarket) -> tuple[str, int, str]:
    at_market = order.kind != "limit"
    name = "MARKET_LOT_SIZE" if at_market else "LOT_SIZE"
    least = listed.market_min_qty if at_market else listed.min_qty
    most = listed.market_max_qty if at_market else listed.max_qty
    step = listed.market_step if at_market else listed.market.step
    if order.qty < least:
        return name, -4004, f"quantity {plain(order.qty)} is under {plain(least)}"
    if order.qty > most:
        return name, -4005, f"quantity {plain(order.qty)} is over {plain(most)}"
    off_step = order.qty % step != 0
    return name, -4023, f"quantity {plain(order.qty)} is not a multiple of {step}" * off_step


def _price(price: Decimal, listed: ListedMarket) -> list[tuple[str, int, str]]:
    low, high = plain(listed.min_price), plain(listed.max_price)
    outside = not listed.min_price <= price <= listed.max_price
    off_tick = price % listed.market.tick != 0
    written = plain(price)
    return [
        ("PRICE_FILTER", -4014, f"price {written} is outside {low} to {high}" * outside),
        (
            "PRICE_FILTER",
            -4014,
            f"price {written} is not a multiple of {listed.market.tick}" * off_tick,
        ),
    ]


def _percent_price(
    order: NewOrder, price: Decimal, listed: ListedMarket, mark: Decimal
) -> tuple[str, int, str]:
    if order.order_side == "buy":
        bound = mark * listed.percent_up
        wrong, word, code = price > bound, "over", -4016
    else:
        bound = mark * listed.percent_down
        wrong, word, code = price < bound, "under", -4024
    return "PERCENT_PRICE", code, f"price {plain(price)} is {word} {plain(bound)}" * wrong


def _notional(order: NewOrder, price: Decimal, listed: ListedMarket) -> tuple[str, int, str]:
    least = listed.market.min_notional
    worth = price * order.qty
    wrong = order.opens and worth < least
    return "MIN_NOTIONAL", -4164, f"{plain(worth)} USDT is under {plain(least)}" * wrong


def _count(resting: int, most: int) -> str:
    return f"{resting} orders are open, {most} may be" * (resting >= most)


def read_listed(
    symbol: Symbol, row: Mapping[str, Any], tiers: tuple[Tier, ...], tiers_source: str
) -> ListedMarket:
    """The market in one symbol's row of exchangeInfo.

    Raises:
        KeyError, ArithmeticError, TypeError, ValueError: it is not such a row.
        DataError: its numbers cannot be.
    """
    filters = {part["filterType"]: part for part in row["filters"]}
    price, lot, market_lot = (
        filters[name] for name in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE")
    )
    percent = filters["PERCENT_PRICE"]
    market = Market(
        symbol,
        tick=Decimal(price["tickSize"]).normalize(),
        step=Decimal(lot["stepSize"]).normalize(),
        min_notional=Decimal(filters["MIN_NOTIONAL"]["notional"]),
        tiers=tiers,
        source=f"tick, step and minimum notional: read from Binance; {tiers_source}",
    )
    return ListedMarket(
        market,
        trading=row["status"] == "TRADING",
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        min_qty=Decimal(lot["minQty"]),
        max_qty=Decimal(lot["maxQty"]),
        market_step=Decimal(market_lot["stepSize"]),
        market_min_qty=Decimal(market_lot["minQty"]),
        market_max_qty=Decimal(market_lot["maxQty"]),
        percent_up=Decimal(percent["multiplierUp"]),
        percent_down=Decimal(percent["multiplierDown"]),
        max_orders=int(filters["MAX_NUM_ORDERS"]["limit"]),
        max_stops=int(filters.get("MAX_NUM_ALGO_ORDERS", {}).get("limit", _MOST_STOPS)),
    )


def read_tiers(brackets: Sequence[Mapping[str, Any]]) -> tuple[Tier, ...]:
    """The margin tiers in one symbol's `brackets` of leverageBracket.

    Raises:
        KeyError, TypeError, ValueError: they are not such.
        DataError: their numbers cannot be.
    """
    rows = [
        (row["notionalFloor"], row["notionalCap"], row["maintMarginRatio"], row["cum"])
        for row in brackets
    ]
    return tuple(Tier(*(float(cell) for cell in row)) for row in sorted(rows, key=_floor))


def _floor(row: tuple[Any, ...]) -> float:
    return float(row[0])
