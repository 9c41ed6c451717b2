"""How large a run's orders and its losses can become, in USDT."""

import math

from engine.decide import COOLDOWN_SIZE
from engine.ledger import STAGE_2
from engine.orders import ENTRY_NOTIONAL_RESERVE
from engine.params import StrategyParams
from engine.sizing import KELLY_FEW_RECORDS, KELLY_MINIMUM
from engine.wording import amount
from exchange.broker import ListedMarket, plain
from exchange.errors import DataError


def smallest_order(params: StrategyParams, capital: float) -> float:
    """USDT of the smallest order that sizing can come to: least Kelly multiplier, after stops."""
    return capital * params.order_pct * params.leverage * KELLY_MINIMUM * COOLDOWN_SIZE


def first_order(params: StrategyParams, capital: float) -> float:
    """USDT of the orders of a run without a past."""
    return capital * params.order_pct * params.leverage * KELLY_FEW_RECORDS


def least_order(listed: ListedMarket, price: float) -> float:
    """USDT under which no entry is laid at a price: the exchange's least with the reserve over it,
    or one step."""
    market = listed.market
    return max(ENTRY_NOTIONAL_RESERVE * float(market.min_notional), float(market.step) * price)


def whole_steps(notional: float, listed: ListedMarket, price: float) -> float:
    """What of a notional can be ordered at a price, USDT."""
    step = float(listed.market.step) * price
    return notional // step * step


def require_orders(
    params: StrategyParams, capital: float, listed: ListedMarket, price: float
) -> None:
    """See that the first orders of a run can be laid.

    Args:
        price: USDT.

    Raises:
        DataError: the capital is too small, or too large, for one order; with the bound.
    """
    first, least = first_order(params, capital), least_order(listed, price)
    symbol, given = listed.market.symbol, f"capital {amount(capital)} USDT"
    if whole_steps(first, listed, price) < least:
        step = float(listed.market.step) * price
        needed = math.ceil(math.ceil(least / step) * step / (first / capital))
        raise DataError(
            f"{given} is too small for one order of {symbol}: it needs {needed:,} USDT at least, "
            "or more leverage or order_pct"
        )
    share = params.order_pct * params.leverage
    if capital * share > float(listed.max_qty) * price:
        most = math.floor(float(listed.max_qty) * price / share)
        raise DataError(
            f"{given} is too large: one order of {symbol} may be {plain(listed.max_qty)} at most, "
            f"so that {most:,} USDT are all that can be used, or a smaller order_pct"
        )


def worst_case(params: StrategyParams, capital: float, price: float, atr: float) -> float:
    """USDT that are lost when every entry of both sides fills and both stage-2 stops are hit.

    Each side holds as many lots as it may at the full order size, or its cap if that is less; its
    stop lies `1.5 * atr_sl_mult` ATRs from the average entry. Maker fee on the way in, taker fee
    and slippage on the way out. A gap in the price, or a new grid after the stops, can cost more.
    """
    lots = params.max_inventory_per_side * params.order_pct
    notional = capital * params.leverage * min(lots, params.max_position_pct)
    share = STAGE_2 * params.atr_sl_mult * atr / price
    share += params.fee_maker + params.fee_taker + params.slippage
    return notional * share * (2 if params.allow_short else 1)
