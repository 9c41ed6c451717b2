"""What the path of prices meets next.

A limit is met when the path touches its price, a stop when it reaches its trigger. In the order of
the path; at one price limits before stops, orders that open before orders that close, and then by
arrival.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exchange.paper.book import BUY, Order, Stop


@dataclass(frozen=True, slots=True)
class Meeting:
    """An order or a stop, and the price of the path at which it acts."""

    price: Decimal
    order: Order | None = None
    stop: Stop | None = None


def next_on_leg(
    orders: Iterable[Order],
    stops: Iterable[Stop],
    price: Decimal,
    target: Decimal,
    leg: int,
    *,
    rises: bool,
) -> Meeting | None:
    """What leg number `leg` meets first on its way from `price` to `target`.

    `rises` is the direction of the whole leg: at its very end nothing else tells it any more, and
    several orders may rest there.
    """
    best: tuple[Decimal, int, int] | None = None
    found: Meeting | None = None
    for order in orders:
        if (order.side == BUY) == rises or order.skipped_leg == leg:
            continue
        if order.price > target if rises else order.price < target:
            continue
        at = max(price, order.price) if rises else min(price, order.price)
        key = (abs(at - price), 0 if order.opens else 1, order.id)
        if best is None or key < best:
            best, found = key, Meeting(at, order=order)
    for stop in stops:
        if stop.is_passed(price):
            at = price
        elif stop.falls != rises and stop.is_passed(target):
            at = stop.trigger
        else:
            continue
        key = (abs(at - price), 2, stop.id)
        if best is None or key < best:
            best, found = key, Meeting(at, stop=stop)
    return found


def next_in_gap(
    orders: Iterable[Order], stops: Iterable[Stop], before: Decimal, opened: Decimal, leg: int
) -> Meeting | None:
    """What the gap from the last close to an open does first.

    A stop that the open is past fires there, before anything else; then limits fill at their own
    price, nearest first. `orders` are those that rested when the gap tore open.
    """
    for stop in stops:
        if stop.is_passed(opened):
            return Meeting(opened, stop=stop)
    rises = opened >= before
    best: tuple[Decimal, int, int] | None = None
    found: Meeting | None = None
    for order in orders:
        if order.held or (order.side == BUY) == rises or order.skipped_leg == leg:
            continue
        if order.price > opened if rises else order.price < opened:
            continue
        key = (abs(order.price - before), 0 if order.opens else 1, order.id)
        if best is None or key < best:
            best, found = key, Meeting(order.price, order=order)
    return found


def crosses(order: Order, price: Decimal) -> bool:
    """Whether a limit would trade at once; equality is a crossing."""
    return price <= order.price if order.side == BUY else price >= order.price
