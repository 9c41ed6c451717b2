"""Orders leave here: written down first, sent once, and followed until their fate is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from engine.events import OrderAnswered, OrderSent
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent
from exchange.broker import Broker, NewOrder, PlacedOrder, plain
from exchange.client_ids import ClientId
from exchange.market import Market
from exchange.outcomes import Failure, Refused, UnknownOutcome

_MOST_SENDINGS = 3


class Intents(Protocol):
    """The journal, as far as it is needed here: `append` returns once it is on disk."""

    def append(self, record: dict[str, str]) -> int:
        """Write a record; its number."""
        ...


@dataclass(slots=True)
class Desk:
    """Places and cancels orders of one run.

    Args:
        broker: where they go.
        market: whose grid they lie on.
        memory: knows every order that may exist.
        intents: gets a record before each request that leaves.
        tell: gets an event for each request and each answer.
        now_ms: the exchange's clock.
    """

    broker: Broker
    market: Market
    memory: Memory
    intents: Intents
    tell: Callable[[OrderSent | OrderAnswered], None]
    now_ms: Callable[[], int]

    async def place(self, purpose: Purpose, price: Decimal | None, qty: Decimal) -> PlacedOrder:
        """Send an order; afterwards it rests, or has filled, or is known not to exist.

        Raises:
            Refused, Throttled, NotAuthorised, ClockSkew, Unreachable: it does not exist.
            UnknownOutcome: it may exist and could not be asked for; `settle` asks again.
        """
        client_id = self.memory.new_id(purpose)
        sent = Sent(client_id, qty, price)
        self.memory.orders[str(client_id)] = sent
        self._write_down("place", sent)
        return await self._send(sent)

    async def cancel(self, sent: Sent) -> None:
        """Cancel an order; afterwards it is gone. What filled before is learned from the trades.

        Raises:
            Throttled, NotAuthorised, ClockSkew, Unreachable, UnknownOutcome: it may rest still.
        """
        self._write_down("cancel", sent)
        try:
            self._took(sent, await self.broker.cancel(sent.client_id))
        except Refused as refusal:
            # the exchange knows no such order
            self._gone(sent, refusal)
        except Failure as failure:
            self._answered(sent, str(failure), failure.code)
            raise

    async def settle(self) -> None:
        """Find out what became of every order of which nobody knows whether it exists.

        Raises:
            UnknownOutcome: one could not be asked for.
        """
        for sent in [order for order in self.memory.orders.values() if order.status == "sent"]:
            found = await self.broker.settle(sent.client_id)
            if found is None:
                self._gone(sent, None)
            else:
                self._took(sent, found)

    async def _send(self, sent: Sent) -> PlacedOrder:
        order = self._new_order(sent)
        for sending in range(1, _MOST_SENDINGS + 1):
            try:
                placed = await self.broker.place(order)
            except UnknownOutcome as unknown:
                self._answered(sent, str(unknown), unknown.code)
                found = await self.broker.settle(sent.client_id)
                if found is not None:
                    self._took(sent, found)
                    return found
                # it cannot come into being any more: the same id may be sent again
                if sending == _MOST_SENDINGS:
                    self._gone(sent, unknown)
                    raise
            except Failure as failure:
                self._gone(sent, failure)
                raise
            else:
                self._took(sent, placed)
                return placed
        raise AssertionError("unreachable")

    def _new_order(self, sent: Sent) -> NewOrder:
        post_only = sent.purpose.role == "entry"
        return NewOrder(self.market, sent.client_id, sent.qty, sent.price, post_only)

    def _took(self, sent: Sent, placed: PlacedOrder) -> None:
        sent.update(placed)
        self._answered(sent, placed.state, None)

    def _gone(self, sent: Sent, failure: Failure | None) -> None:
        sent.status = "gone"
        words = "it does not exist" if failure is None else str(failure)
        self._answered(sent, words, None if failure is None else failure.code)

    def _write_down(self, verb: str, sent: Sent) -> None:
        price = "" if sent.price is None else plain(sent.price)
        name = str(sent.client_id)
        self.intents.append({"do": verb, "id": name, "qty": plain(sent.qty), "price": price})
        self.tell(OrderSent(self.now_ms(), verb, name, plain(sent.qty), price))

    def _answered(self, sent: Sent, answer: str, code: int | None) -> None:
        self.tell(OrderAnswered(self.now_ms(), str(sent.client_id), answer, code))


def remembered(record: Mapping[str, object]) -> Sent | None:
    """The order that an intent was about to send; None for other records and foreign ids."""
    if record.get("do") != "place":
        return None
    client_id = ClientId.parse(str(record["id"]))
    if client_id is None:
        return None
    price = Decimal(str(record["price"])) if record["price"] else None
    return Sent(client_id, Decimal(str(record["qty"])), price)
