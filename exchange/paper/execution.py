"""What a trade does: fills, fired stops, liquidation, funding."""

from decimal import Decimal
from typing import Protocol

from exchange.paper.account import Account, Position, Trade
from exchange.paper.book import BUY, SELL, Book, Order, Status, Stop, StopStatus
from exchange.paper.clock import Clock
from exchange.paper.instrument import Instrument
from exchange.paper.notices import Notice, OrderChanged, StopChanged, WalletChanged
from exchange.paper.numbers import ONE, ZERO, floored

LIQUIDATION_ID = "autoclose-"
CHILD_ID = "stop-"


class Floor(Protocol):
    """What a trade touches of the venue on which it happens."""

    instruments: dict[str, Instrument]
    account: Account
    book: Book
    clock: Clock
    slippage: Decimal
    liquidation_fee: Decimal

    def next_id(self) -> int: ...

    def tell(self, notice: Notice) -> None: ...


def fill(
    venue: Floor,
    order: Order,
    price: Decimal,
    *,
    maker: bool,
    share: Decimal = ONE,
    fee: Decimal | None = None,
) -> Trade:
    """Trade `share` of what is left of an order, at least a step, at `price`.

    `fee` in USDT; None: the account's rate for makers or takers.
    """
    account, now = venue.account, venue.clock.market_ms
    step = venue.instruments[order.symbol].market.step
    quantity = order.left
    if share < 1:
        quantity = min(order.left, max(step, floored(order.left * share, step)))
    if fee is None:
        fee = price * quantity * (account.maker if maker else account.taker)
    order.filled += quantity
    order.cost += quantity * price
    order.updated_ms = now
    order.held = False
    if order.left:
        order.status = Status.PARTIALLY_FILLED
    else:
        venue.book.end(order, Status.FILLED, now)
    trade = account.fill(order, quantity, price, fee, maker, now)
    change = "CALCULATED" if order.client_id.startswith(LIQUIDATION_ID) else "TRADE"
    venue.tell(OrderChanged(order, change, trade))
    venue.tell(WalletChanged("ORDER", ((order.symbol, order.position_side),)))
    expire_excess(venue, order.symbol, order.position_side)
    return trade


def take(venue: Floor, order: Order) -> Trade:
    """Fill an order of type MARKET now, slippage against it."""
    price = venue.instruments[order.symbol].price
    return fill(venue, order, slipped(venue, order.side, price), maker=False)


def slipped(venue: Floor, side: str, price: Decimal) -> Decimal:
    """What a market order pays or gets.

    It is the mean over the book's levels that the order would eat, so it need not be on the tick.
    """
    return price * (1 + venue.slippage if side == BUY else 1 - venue.slippage)


def fire(venue: Floor, stop: Stop, price: Decimal) -> Trade | None:
    """A stop's price is reached: its child takes what the path offers at `price`.

    A closing stop for more than the position closes the position; without one it expires.
    """
    now = venue.clock.market_ms
    quantity = stop.quantity
    if stop.closes:
        amount = venue.account.position(stop.symbol, stop.position_side).amount
        held = max(amount if stop.side == SELL else -amount, ZERO)
        quantity = held if stop.close_position else min(quantity, held)
    stop.triggered_ms = now
    if not quantity:
        venue.book.end_stop(stop, StopStatus.EXPIRED, now)
        venue.tell(StopChanged(stop))
        return None
    child = Order(
        id=venue.next_id(),
        client_id=f"{CHILD_ID}{stop.id}",
        symbol=stop.symbol,
        side=stop.side,
        position_side=stop.position_side,
        kind="MARKET",
        time_in_force="GTC",
        price=ZERO,
        quantity=quantity,
        created_ms=now,
        reduce_only=stop.reduce_only or stop.close_position,
        updated_ms=now,
        stop=stop,
    )
    stop.child = child
    venue.book.end_stop(stop, StopStatus.TRIGGERED, now)
    venue.tell(StopChanged(stop))
    venue.book.add(child)
    venue.tell(OrderChanged(child, "NEW"))
    trade = fill(venue, child, slipped(venue, stop.side, price), maker=False)
    stop.status = StopStatus.FINISHED
    venue.tell(StopChanged(stop))
    return trade


def cancel(venue: Floor, order: Order) -> None:
    """Take an order out of the book."""
    venue.book.end(order, Status.CANCELED, venue.clock.market_ms)
    venue.tell(OrderChanged(order, "CANCELED"))


def cancel_all(venue: Floor, symbol: str) -> None:
    """Take every order of a symbol out of the book; stops stay."""
    for order in venue.book.resting(symbol):
        cancel(venue, order)


def expire_excess(venue: Floor, symbol: str, position_side: str) -> None:
    """Closing orders never add up to more than the position: those farthest away expire."""
    held = abs(venue.account.position(symbol, position_side).amount)
    closing = list(venue.book.closing(symbol, position_side))
    promised = sum((order.left for order in closing), ZERO)
    if promised <= held:
        return
    price = venue.instruments[symbol].price
    for order in sorted(closing, key=lambda o: (abs(o.price - price), o.id), reverse=True):
        if promised <= held:
            return
        promised -= order.left
        venue.book.end(order, Status.EXPIRED, venue.clock.market_ms)
        venue.tell(OrderChanged(order, "EXPIRED"))


def liquidate(venue: Floor) -> None:
    """Close everything at the present prices; what is left pays the fee, never more.

    The fee is each closing trade's commission; a loss beyond the wallet is paid by the insurance
    fund.
    """
    account, now = venue.account, venue.clock.market_ms
    for order in venue.book.resting():
        venue.book.end(order, Status.EXPIRED, now)
        venue.tell(OrderChanged(order, "EXPIRED"))
    for stop in venue.book.waiting():
        venue.book.end_stop(stop, StopStatus.EXPIRED, now)
        venue.tell(StopChanged(stop))
    left = max(account.wallet + account.profit(venue.instruments), ZERO)
    for position in account.open_positions():
        price = venue.instruments[position.symbol].price
        quantity = abs(position.amount)
        fee = min(venue.liquidation_fee * quantity * price, left)
        left -= fee
        order = _closing_order(venue, position, price)
        venue.book.add(order)
        fill(venue, order, price, maker=False, fee=fee)
    if account.wallet < 0:
        account.pay("INSURANCE_CLEAR", "", -account.wallet, now, "shortfall")
        venue.tell(WalletChanged("INSURANCE_CLEAR", ()))


def settle(venue: Floor, coin: Instrument, rate: Decimal) -> None:
    """Funding: longs pay a positive rate on their notional at the open, shorts get it."""
    now = venue.clock.market_ms
    coin.last_rate, coin.settled_ms = rate, now
    touched = []
    for position in venue.account.open_positions():
        if position.symbol == coin.symbol:
            venue.account.pay(
                "FUNDING_FEE", coin.symbol, -position.amount * coin.price * rate, now, position.side
            )
            touched.append((position.symbol, position.side))
    if touched:
        venue.tell(WalletChanged("FUNDING_FEE", tuple(touched)))


def _closing_order(venue: Floor, position: Position, price: Decimal) -> Order:
    number = venue.next_id()
    return Order(
        id=number,
        client_id=f"{LIQUIDATION_ID}{number}",
        symbol=position.symbol,
        side=SELL if position.amount > 0 else BUY,
        position_side=position.side,
        kind="LIMIT",
        time_in_force="IOC",
        price=price,
        quantity=abs(position.amount),
        created_ms=venue.clock.market_ms,
        updated_ms=venue.clock.market_ms,
    )
