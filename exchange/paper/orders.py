"""New orders: every check that Binance makes, in its order, and then the book or a trade."""

import re
from decimal import Decimal

from exchange.decimals import plain
from exchange.paper import execution
from exchange.paper.book import BOTH, BUY, LONG, SELL, SHORT, Order, Status
from exchange.paper.errors import refusal
from exchange.paper.instrument import ORDER_TYPES, STOP_TYPES, Instrument
from exchange.paper.matching import crosses
from exchange.paper.notices import OrderChanged
from exchange.paper.numbers import ZERO, is_multiple
from exchange.paper.params import Params
from exchange.paper.venue import Venue

CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
_CONDITIONAL = (*STOP_TYPES, "STOP", "TAKE_PROFIT", "TRAILING_STOP_MARKET")


def place(venue: Venue, params: Params) -> Order:
    """POST /fapi/v1/order.

    Raises:
        RefusalError: with the code of the first check that fails; nothing has changed then.
    """
    order = checked(venue, params)
    coin = venue.instruments[order.symbol]
    if order.kind == "MARKET":
        _accept(venue, order)
        execution.take(venue, order)
        return order
    crossing = crosses(order, coin.price)
    if order.time_in_force == "GTX" and crossing:
        if not venue.faults.expires_post_only(order):
            raise refusal(-5022)
        return _expired(venue, order)
    if order.time_in_force == "FOK" and not crossing:
        raise refusal(-5021)
    if order.time_in_force == "IOC" and not crossing:
        return _expired(venue, order)
    _accept(venue, order)
    if crossing and coin.gap is not None:
        order.held = True
    elif crossing:
        execution.fill(venue, order, coin.price, maker=False)
    return order


def checked(venue: Venue, params: Params) -> Order:
    """A new order that has passed every check which does not depend on where the price stands.

    Raises:
        RefusalError: with the code of the first check that fails.
    """
    order = _read(venue, params)
    _check_book(venue, order)
    _check_position(venue, order)
    _check_notional(venue, venue.instruments[order.symbol], order)
    _check_margin(venue, venue.instruments[order.symbol], order)
    return order


def amend(venue: Venue, order: Order, params: Params) -> Order:
    """PUT /fapi/v1/order: another price and quantity under the same id, at the end of the queue.

    Raises:
        RefusalError: as for a new order; -5027 if nothing would change.
    """
    coin = venue.instruments[order.symbol]
    quantity, price = _quantity(coin, params), _price(coin, order.side, params)
    if (quantity, price) == (order.quantity, order.price):
        raise refusal(-5027)
    changed = Order(
        id=order.id,
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        position_side=order.position_side,
        kind=order.kind,
        time_in_force=order.time_in_force,
        price=price,
        quantity=quantity,
        created_ms=order.created_ms,
        filled=order.filled,
    )
    if changed.left <= 0:
        raise refusal(-4003)
    del venue.book.open_orders[order.id]
    try:
        _check_position(venue, changed)
        _check_notional(venue, coin, changed)
        _check_margin(venue, coin, changed)
        crossing = crosses(changed, coin.price)
        if changed.time_in_force == "GTX" and crossing:
            raise refusal(-5022)
    finally:
        venue.book.open_orders[order.id] = order
    order.price, order.quantity, order.updated_ms = price, quantity, venue.clock.market_ms
    venue.tell(OrderChanged(order, "AMENDMENT"))
    if crossing and coin.gap is not None:
        order.held = True
    elif crossing:
        execution.fill(venue, order, coin.price, maker=False)
    return order


def instrument(venue: Venue, params: Params) -> Instrument:
    """The coin that a request names.

    Raises:
        RefusalError: -1102 or -1121.
    """
    coin = venue.instruments.get(params.text("symbol"))
    if coin is None:
        raise refusal(-1121)
    return coin


def position_side(venue: Venue, params: Params, side: str) -> str:
    """positionSide, as the account's mode allows it.

    Raises:
        RefusalError: -4060, -4061; -1106 for reduceOnly in hedge mode.
    """
    chosen = params.text("positionSide", BOTH)
    if chosen not in (BOTH, LONG, SHORT):
        raise refusal(-4060)
    if (chosen == BOTH) == venue.account.hedge:
        raise refusal(-4061)
    if venue.account.hedge and "reduceOnly" in params:
        raise refusal(-1106, "reduceonly")
    if side not in (BUY, SELL):
        raise refusal(-1117)
    return chosen


def client_id(params: Params, name: str, fallback: str) -> str:
    """The client's own id of an order, or ours.

    Raises:
        RefusalError: -4015.
    """
    if name not in params:
        return fallback
    chosen = params.text(name)
    if not CLIENT_ID.fullmatch(chosen):
        raise refusal(-4015)
    return chosen


def on_grid(coin: Instrument, quantity: Decimal) -> Decimal:
    """A quantity that the lot size allows.

    Raises:
        RefusalError: -4003, -1111, -4023, -4004, -4005.
    """
    step = coin.market.step
    if quantity <= 0:
        raise refusal(-4003)
    if _digits(quantity) > max(_digits(step), 0):
        raise refusal(-1111)
    if not is_multiple(quantity, step):
        raise refusal(-4023)
    if quantity > coin.largest_quantity:
        raise refusal(-4005)
    return quantity


def on_tick(coin: Instrument, price: Decimal) -> Decimal:
    """A price that the price filter allows.

    Raises:
        RefusalError: -1111, -4014.
    """
    if _digits(price) > coin.price_digits:
        raise refusal(-1111)
    if price <= 0 or not is_multiple(price, coin.market.tick):
        raise refusal(-4014)
    return price


def _read(venue: Venue, params: Params) -> Order:
    coin = instrument(venue, params)
    side = params.choice("side", (BUY, SELL), -1117)
    kind = params.text("type")
    if kind in _CONDITIONAL:
        raise refusal(-4120)
    if kind not in ORDER_TYPES:
        raise refusal(-1116)
    where = position_side(venue, params, side)
    quantity = _quantity(coin, params)
    price = ZERO
    in_force = "GTC"
    if kind == "LIMIT":
        price = _price(coin, side, params)
        in_force = params.choice("timeInForce", _TIMES_IN_FORCE, -1115)
    else:
        for name in ("price", "timeInForce"):
            if name in params:
                raise refusal(-1106, name.lower())
    number = venue.next_id()
    return Order(
        id=number,
        client_id=client_id(params, "newClientOrderId", f"paper-{number}"),
        symbol=coin.symbol,
        side=side,
        position_side=where,
        kind=kind,
        time_in_force=in_force,
        price=price,
        quantity=quantity,
        created_ms=venue.clock.market_ms,
        updated_ms=venue.clock.market_ms,
        reduce_only=params.flag("reduceOnly"),
    )


def _quantity(coin: Instrument, params: Params) -> Decimal:
    return on_grid(coin, params.decimal("quantity"))


def _price(coin: Instrument, side: str, params: Params) -> Decimal:
    price = on_tick(coin, params.decimal("price"))
    highest, lowest = coin.price * coin.bounds.band_up, coin.price * coin.bounds.band_down
    if side == BUY and price > highest:
        raise refusal(-4016, plain(highest))
    if side == SELL and price < lowest:
        raise refusal(-4024, plain(lowest))
    return price


def _check_book(venue: Venue, order: Order) -> None:
    resting = venue.book.resting(order.symbol)
    if any(other.client_id == order.client_id for other in resting):
        raise refusal(-4116)
    if order.kind == "LIMIT" and len(resting) >= venue.instruments[order.symbol].bounds.most_orders:
        raise refusal(-2025)


def _check_position(venue: Venue, order: Order) -> None:
    """Orders that close may not add up to more than what is held."""
    if order.opens:
        return
    amount = venue.account.position(order.symbol, order.position_side).amount
    held = amount if order.side == SELL else -amount
    promised = sum(
        (other.left for other in venue.book.closing(order.symbol, order.position_side)), ZERO
    )
    if order.left + promised > held:
        raise refusal(-2022)


def _check_notional(venue: Venue, coin: Instrument, order: Order) -> None:
    exempt = order.reduce_only or (venue.small_closes and not order.opens)
    price = order.price or coin.price
    if not exempt and order.quantity * price < coin.market.min_notional:
        raise refusal(-4164, plain(coin.market.min_notional))


def _check_margin(venue: Venue, coin: Instrument, order: Order) -> None:
    """A one-way order that works against the position needs margin only for what it turns."""
    if not order.opens:
        return
    account = venue.account
    quantity = order.left
    if order.position_side == BOTH:
        against = -order.sign * account.position(order.symbol, BOTH).amount
        quantity = max(quantity - max(against, ZERO), ZERO)
    leverage = account.leverage_of(order.symbol)
    notional = quantity * (order.price or coin.price)
    held = abs(account.position(order.symbol, order.position_side).amount) * coin.price
    if held + notional > coin.largest_notional(leverage):
        raise refusal(-2027)
    if notional / leverage > available(venue):
        raise refusal(-2019)


def available(venue: Venue) -> Decimal:
    """Margin balance that neither positions nor open orders tie up, USDT."""
    account = venue.account
    balance = account.wallet + account.profit(venue.instruments)
    tied = account.position_margin(venue.instruments)
    return balance - tied - account.order_margin(venue.book.resting())


def _accept(venue: Venue, order: Order) -> None:
    venue.book.add(order)
    venue.tell(OrderChanged(order, "NEW"))


def _expired(venue: Venue, order: Order) -> Order:
    _accept(venue, order)
    venue.book.end(order, Status.EXPIRED, venue.clock.market_ms)
    venue.tell(OrderChanged(order, "EXPIRED"))
    return order


def _digits(number: Decimal) -> int:
    """Digits behind the point that are not trailing zeros."""
    return max(-int(number.normalize().as_tuple().exponent), 0)
