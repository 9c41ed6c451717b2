"""Orders leave here: written down first, sent once, and followed until their fate is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from engine.events import OrderAnswered, OrderSent
from engine.live.kept import Kept
from engine.live.kernel import Order
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent, order_in
from exchange.broker import Broker, NewOrder, PlacedOrder, plain
from exchange.client_ids import ClientId
from exchange.market import Market
from exchange.outcomes import Action, Failure, Refused, UnknownOutcome

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

    Attributes:
        cancelling: orders that were asked to go and of which nobody knows yet whether they went.
    """

    broker: Broker
    market: Market
    memory: Memory
    intents: Intents
    tell: Callable[[OrderSent | OrderAnswered], None]
    now_ms: Callable[[], int]
    cancelling: set[ClientId] = field(default_factory=set, init=False)

    async def place(
        self,
        purpose: Purpose,
        price: Decimal | None,
        qty: Decimal,
        lot: Order | None = None,
        *,
        by: str,
    ) -> PlacedOrder:
        """Send an order; afterwards it rests, or has filled, or is known not to exist.

        Args:
            lot: that an exit closes; None: the side's oldest.
            by: who asks for it, see `engine.live.asked`.

        Raises:
            Refused, Throttled, NotAuthorised, ClockSkew, Unreachable: it does not exist.
            UnknownOutcome: it may exist and could not be asked for; `settle` asks again.
        """
        client_id = self.memory.new_id(purpose)
        sent = Sent(client_id, qty, price, lot=lot)
        self.memory.orders[str(client_id)] = sent
        self._write_down("place", sent, by)
        return await self._send(sent)

    async def cancel(self, sent: Sent, *, by: str) -> None:
        """Cancel an order; afterwards it is gone. What filled before is learned from the trades.

        Raises:
            Failure: it may rest still; of one of which nobody knows whether it exists, always.
        """
        if sent.status == "sent":
            raise UnknownOutcome(f"whether order {sent.client_id} exists is not known yet")
        self._write_down("cancel", sent, by)
        self.cancelling.add(sent.client_id)
        try:
            cancelled = await self._cancelled(sent)
        except Failure as failure:
            self._answered(sent, str(failure), failure.code)
            raise
        self.cancelling.discard(sent.client_id)
        if cancelled is None:
            self._gone(sent, None)
        else:
            self._took(sent, cancelled)

    async def drop(self, sent: Sent, *, by: str) -> None:
        """Cancel an order that rests or may, without a disk: for the end of a run.

        Raises:
            Failure: it may rest still.
        """
        self._tell_sent("cancel", sent, by)
        try:
            self._took(sent, await self.broker.cancel(sent.client_id))
        except Failure as failure:
            refused = isinstance(failure, Refused)
            found = await self.broker.find(sent.client_id) if refused else None
            if not refused or (found is not None and found.state == "open"):
                self._answered(sent, str(failure), failure.code)
                raise
            if found is None:
                self._gone(sent, failure)
            else:
                self._took(sent, found)

    async def settle(self) -> None:
        """Find out what became of every order of which nobody knows whether it exists.

        Raises:
            UnknownOutcome: one could not be asked for; all others are known.
        """
        unknown = [order for order in self.memory.orders.values() if order.status == "sent"]
        unknown.sort(key=lambda sent: sent.purpose.role != "stop")
        kept = Kept()
        for sent in unknown:
            await kept.of(self._settle(sent))
        kept.throw()

    async def _settle(self, sent: Sent) -> None:
        found = await self.broker.settle(sent.client_id)
        if found is None:
            self._gone(sent, None)
        else:
            self._took(sent, found)

    async def _cancelled(self, sent: Sent) -> PlacedOrder | None:
        """The order as a cancel has left it; None if the exchange has none of that id."""
        try:
            return await self.broker.cancel(sent.client_id)
        except Refused as refusal:
            if refusal.action is not Action.RECONCILE:
                raise
            # it is said not to be there: whoever asks for it must hear the same
            found = await self.broker.find(sent.client_id)
            if found is not None and found.state == "open":
                raise
            return found

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

    def _write_down(self, verb: str, sent: Sent, by: str) -> None:
        price = "" if sent.price is None else plain(sent.price)
        name = str(sent.client_id)
        record = {"do": verb, "id": name, "qty": plain(sent.qty), "price": price}
        if sent.lot is not None:
            record["lot"] = " ".join(map(str, sent.lot))
        self.intents.append(record)
        self._tell_sent(verb, sent, by)

    def _tell_sent(self, verb: str, sent: Sent, by: str) -> None:
        price = "" if sent.price is None else plain(sent.price)
        now, name = self.now_ms(), str(sent.client_id)
        self.tell(OrderSent(now, verb, name, plain(sent.qty), price, by))

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
    lot = order_in(str(record["lot"]).split()) if "lot" in record else None
    return Sent(client_id, Decimal(str(record["qty"])), price, lot=lot)
