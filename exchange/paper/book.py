"""Orders and stops, resting and past, and how they are found again."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from exchange.paper.numbers import ZERO

BUY, SELL = "BUY", "SELL"
LONG, SHORT, BOTH = "LONG", "SHORT", "BOTH"


class Status(enum.StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class StopStatus(enum.StrEnum):
    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(slots=True)
class Order:
    """An order of type LIMIT or MARKET. Prices in USDT, quantities in coins.

    `held`: it crosses the open at which the market stands still, and waits behind what the opening
    gap fills. `skipped_leg`: the leg in which a partial fill has used up what traded at its price.
    """

    id: int
    client_id: str
    symbol: str
    side: str
    position_side: str
    kind: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    created_ms: int
    reduce_only: bool = False
    status: Status = Status.NEW
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    updated_ms: int = 0
    stop: "Stop | None" = None
    held: bool = False
    skipped_leg: int = -1

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO

    @property
    def sign(self) -> int:
        """+1 buys, -1 sells."""
        return 1 if self.side == BUY else -1

    @property
    def opens(self) -> bool:
        """Whether it adds to a position; one-way orders that are not reduce-only count as such."""
        if self.position_side == BOTH:
            return not self.reduce_only
        return (self.side == BUY) == (self.position_side == LONG)

    @property
    def is_open(self) -> bool:
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED)


@dataclass(slots=True)
class Stop:
    """A conditional order; fired, it becomes a market order, its child."""

    id: int
    client_id: str
    symbol: str
    side: str
    position_side: str
    kind: str
    trigger: Decimal
    quantity: Decimal
    close_position: bool
    working_type: str
    created_ms: int
    reduce_only: bool = False
    status: StopStatus = StopStatus.NEW
    updated_ms: int = 0
    triggered_ms: int = 0
    child: Order | None = None

    @property
    def is_open(self) -> bool:
        return self.status in (StopStatus.NEW, StopStatus.TRIGGERED)

    @property
    def closes(self) -> bool:
        """Whether it may only reduce a position."""
        if self.position_side == BOTH:
            return self.reduce_only or self.close_position
        return (self.side == SELL) == (self.position_side == LONG)

    @property
    def falls(self) -> bool:
        """Whether it fires when the price falls to its trigger, rather than rises."""
        return (self.kind == "STOP_MARKET") == (self.side == SELL)

    def is_passed(self, price: Decimal) -> bool:
        return price <= self.trigger if self.falls else price >= self.trigger


@dataclass(slots=True)
class Book:
    """What was ordered and is not forgotten; the open part apart, in the order of arrival."""

    orders: dict[int, Order] = field(default_factory=dict)
    stops: dict[int, Stop] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    open_stops: dict[int, Stop] = field(default_factory=dict)
    _latest: dict[tuple[str, str], Order] = field(default_factory=dict)
    _latest_stop: dict[str, Stop] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        self.orders[order.id] = order
        self._latest[order.symbol, order.client_id] = order
        if order.is_open:
            self.open_orders[order.id] = order

    def add_stop(self, stop: Stop) -> None:
        self.stops[stop.id] = stop
        self._latest_stop[stop.client_id] = stop
        if stop.status is StopStatus.NEW:
            self.open_stops[stop.id] = stop

    def drop(self, order: Order) -> None:
        """Forget an order that has ended."""
        del self.orders[order.id]
        name = order.symbol, order.client_id
        if self._latest.get(name) is order:
            del self._latest[name]

    def drop_stop(self, stop: Stop) -> None:
        """Forget a stop that waits no longer."""
        del self.stops[stop.id]
        if self._latest_stop.get(stop.client_id) is stop:
            del self._latest_stop[stop.client_id]

    def end(self, order: Order, status: Status, ms: int) -> None:
        """The order leaves the book."""
        order.status, order.updated_ms, order.held = status, ms, False
        self.open_orders.pop(order.id, None)

    def end_stop(self, stop: Stop, status: StopStatus, ms: int) -> None:
        """The stop waits no longer."""
        stop.status, stop.updated_ms = status, ms
        self.open_stops.pop(stop.id, None)

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """By id, else the latest of a client id."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order and order.symbol == symbol else None
        return self._latest.get((symbol, client_id or ""))

    def find_stop(self, stop_id: int | None, client_id: str | None) -> Stop | None:
        if stop_id is not None:
            return self.stops.get(stop_id)
        return self._latest_stop.get(client_id or "")

    def resting(self, symbol: str | None = None) -> list[Order]:
        return [o for o in self.open_orders.values() if symbol in (None, o.symbol)]

    def waiting(self, symbol: str | None = None) -> list[Stop]:
        return [s for s in self.open_stops.values() if symbol in (None, s.symbol)]

    def closing(self, symbol: str, position_side: str) -> Iterator[Order]:
        """Open orders that would reduce a position."""
        for order in self.open_orders.values():
            if (order.symbol, order.position_side) == (symbol, position_side) and not order.opens:
                yield order
