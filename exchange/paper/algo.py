"""Conditional orders: the algo endpoint's stops and take-profits at market."""

from decimal import Decimal

from exchange.paper.book import BUY, SELL, Stop, StopStatus
from exchange.paper.errors import refusal
from exchange.paper.instrument import STOP_TYPES
from exchange.paper.notices import StopChanged
from exchange.paper.numbers import ZERO
from exchange.paper.orders import client_id, instrument, on_grid, on_tick, position_side
from exchange.paper.params import Params
from exchange.paper.venue import Venue


def place(venue: Venue, params: Params) -> Stop:
    """POST /fapi/v1/algoOrder.

    Raises:
        RefusalError: with the code of the first check that fails; nothing has changed then.
    """
    coin = instrument(venue, params)
    if params.text("algoType", "CONDITIONAL") != "CONDITIONAL":
        raise refusal(-1130, "algoType")
    side = params.choice("side", (BUY, SELL), -1117)
    kind = params.choice("type", STOP_TYPES, -1116)
    where = position_side(venue, params, side)
    closes_all = params.flag("closePosition")
    quantity = _quantity(closes_all, params)
    if quantity:
        on_grid(coin, quantity)
    trigger = on_tick(coin, params.decimal("triggerPrice"))
    number = venue.next_id()
    stop = Stop(
        id=number,
        client_id=client_id(params, "clientAlgoId", f"paper-{number}"),
        symbol=coin.symbol,
        side=side,
        position_side=where,
        kind=kind,
        trigger=trigger,
        quantity=quantity,
        close_position=closes_all,
        working_type=params.text("workingType", "CONTRACT_PRICE"),
        created_ms=venue.clock.market_ms,
        updated_ms=venue.clock.market_ms,
        reduce_only=params.flag("reduceOnly"),
    )
    waiting = venue.book.waiting()
    if any(other.client_id == stop.client_id for other in waiting):
        raise refusal(-4116)
    if len(waiting) >= coin.bounds.most_stops:
        raise refusal(-2025)
    if stop.is_passed(coin.price):
        raise refusal(-2021)
    venue.book.add_stop(stop)
    venue.tell(StopChanged(stop))
    return stop


def find(venue: Venue, params: Params) -> Stop | None:
    """The stop that a request names by algoId or clientAlgoId.

    Raises:
        RefusalError: -1102, neither is given.
    """
    number = params.optional_integer("algoId")
    if number is None and "clientAlgoId" not in params:
        raise refusal(-1102, "algoId")
    return venue.book.find_stop(number, params.text("clientAlgoId", ""))


def cancel(venue: Venue, stop: Stop) -> None:
    venue.book.end_stop(stop, StopStatus.CANCELED, venue.clock.market_ms)
    venue.tell(StopChanged(stop))


def _quantity(closes_all: bool, params: Params) -> Decimal:
    if closes_all and "quantity" in params:
        raise refusal(-1106, "quantity")
    return ZERO if closes_all else params.decimal("quantity")
