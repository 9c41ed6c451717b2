"""The orders of a live run: what each is for, what should rest, and what does.

A `Purpose` names the one order that may rest for a thing: an entry of the grid, a part of a lot's
take-profit, a side's stop, an exit. Its client order id is made from it, so that the id alone tells
what an order of ours is for, whatever else was lost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from engine.account import SIDE_NAMES, State
from engine.ledger import stop_label
from engine.live.kernel import Order
from exchange.broker import PlacedOrder
from exchange.client_ids import ClientId, Role
from exchange.market import Market

Status = Literal["sent", "resting", "gone"]
"""`sent`: it may exist; `resting`: it does; `gone`: it does not, and fills no more."""

_REVISIONS = 1000
"""In an id they follow the generation; what is beyond counts with the level, as `_LEVELS` each."""

_LEVELS = 1000
_DIGITS = 10  # of the kernel's quantities behind the point
_NOTHING: Order = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an order is for.

    `order` is (bar sent, level, generation) of the entry, or of the entry that opened the lot that
    a take-profit closes. Of a stop and an exit it is (bar, label code of the trade log, 0).
    """

    side: int
    role: Role
    order: Order

    def client_id(self, run: str, revision: int) -> ClientId:
        """The id of the order that is the `revision`th for this; 0 is the first."""
        bar, level, generation = self.order
        more, last = divmod(revision, _REVISIONS)
        level, number = level + more * _LEVELS, generation * _REVISIONS + last
        return ClientId(run, bar, SIDE_NAMES[self.side], self.role, level, number)  # type: ignore[arg-type]

    @classmethod
    def of(cls, client_id: ClientId) -> "Purpose":
        """What an id says that its order is for."""
        order = (client_id.bar, client_id.level % _LEVELS, client_id.generation // _REVISIONS)
        return cls(SIDE_NAMES.index(client_id.side), client_id.role, order)

    @staticmethod
    def revision_of(client_id: ClientId) -> int:
        """Which order for its purpose an id is."""
        return client_id.level // _LEVELS * _REVISIONS + client_id.generation % _REVISIONS

    @property
    def place(self) -> tuple[int, Role, Order]:
        """Equal for orders of which one at most should rest: a side has one stop, whatever bar."""
        return self.side, self.role, _NOTHING if self.role == "stop" else self.order


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that should rest; `price` is the trigger of a stop."""

    purpose: Purpose
    price: Decimal
    qty: Decimal


@dataclass(slots=True)
class Sent:
    """An order that was sent, or is about to be.

    `filled` of it has traded as far as is known, `booked` has been accounted for. `lot` names the
    lot that an exit closes (see `Purpose.order`); None: the side, oldest lot first.
    """

    client_id: ClientId
    qty: Decimal
    price: Decimal | None
    status: Status = "sent"
    filled: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    lot: Order | None = None
    purpose: Purpose = field(init=False)

    def __post_init__(self) -> None:
        self.purpose = Purpose.of(self.client_id)

    @property
    def left(self) -> Decimal:
        return self.qty - self.booked

    @property
    def unbooked(self) -> bool:
        """Whether trades of it are known to exist that have not been accounted for."""
        return self.filled > self.booked

    @property
    def lives(self) -> bool:
        """Whether it exists, or may, or has traded and is not accounted for."""
        return self.status != "gone" or self.unbooked

    def serves(self, wanted: Wanted) -> bool:
        """Whether it is what is wanted, so that it keeps its place in the queue."""
        return self.price == wanted.price and self.left == wanted.qty

    def to_json(self) -> dict[str, Any]:
        """A document that `from_json` reads."""
        price = None if self.price is None else str(self.price)
        return {
            "client_id": str(self.client_id),
            "qty": str(self.qty),
            "price": price,
            "status": self.status,
            "filled": str(self.filled),
            "booked": str(self.booked),
            "lot": None if self.lot is None else list(self.lot),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Sent":
        """What `to_json` wrote; raises ValueError if it did not."""
        client_id = ClientId.parse(str(document["client_id"]))
        if client_id is None or document["status"] not in ("sent", "resting", "gone"):
            raise ValueError(f"order {document['client_id']!r} is not one of ours")
        price = document["price"]
        known = None if price is None else Decimal(price)
        qty, filled, booked = (Decimal(document[name]) for name in ("qty", "filled", "booked"))
        lot = None if document.get("lot") is None else order_in(document["lot"])
        return cls(client_id, qty, known, document["status"], filled, booked, lot)

    def update(self, placed: PlacedOrder) -> None:
        """Take over what the exchange tells of it."""
        self.status = "resting" if placed.state == "open" else "gone"
        self.filled = max(self.filled, placed.filled)


def order_in(values: Iterable[Any]) -> Order:
    """(bar, level, generation) as a document or a record has it; raises ValueError, TypeError."""
    bar, level, generation = (int(value) for value in values)
    return bar, level, generation


def wanted_orders(state: State, market: Market, bar: int) -> list[Wanted]:
    """What should rest at the exchange in `bar`: stops first, then take-profits, then entries."""
    record = state[0]
    stops, profits, entries = [], [], []
    for number in range(len(SIDE_NAMES)):
        side = record["sides"][number]
        lots = side["lots"][: side["lot_count"]]
        if len(lots) and side["stop_price"] > 0:
            purpose = Purpose(number, "stop", (bar, stop_label(number), 0))
            stops.append(_wanted(purpose, market, side["stop_price"], side["qty"]))
        for lot in lots:
            order = (int(lot["born"]), int(lot["level"]), int(lot["generation"]))
            roles: tuple[tuple[Role, str], ...]
            roles = (("near take-profit", "near"), ("far take-profit", "far"))
            for role, part in roles:
                if lot["tp_bar"] >= 0 and lot[f"{part}_qty"] > 0:
                    price, qty = lot[f"{part}_price"], lot[f"{part}_qty"]
                    profits.append(_wanted(Purpose(number, role, order), market, price, qty))
        for entry in side["entries"][: side["entry_count"]]:
            if entry["sent"] >= 0:
                order = (int(entry["sent"]), int(entry["level"]), int(entry["generation"]))
                purpose = Purpose(number, "entry", order)
                entries.append(_wanted(purpose, market, entry["price"], entry["qty"]))
    return [wanted for wanted in stops + profits + entries if wanted.qty > 0]


@dataclass(frozen=True, slots=True)
class Difference:
    """What must be done so that what is wanted rests; `replaced` goes once its stop is there."""

    cancel: tuple[Sent, ...]
    place: tuple[Wanted, ...]
    replaced: tuple[Sent, ...]


def difference(wanted: Iterable[Wanted], resting: Iterable[Sent]) -> Difference:
    """Untouched orders keep their place; a side's old stop stays until the new one rests."""
    open_places: dict[Any, Wanted] = {}
    for order in wanted:
        open_places[order.purpose.place] = order
    cancel, replaced = [], []
    for sent in resting:
        due = open_places.get(sent.purpose.place)
        if sent.unbooked:
            # what it traded decides what is wanted in its place
            open_places.pop(sent.purpose.place, None)
        elif due is not None and sent.serves(due):
            del open_places[sent.purpose.place]
        elif due is not None and sent.purpose.role == "stop":
            replaced.append(sent)
        else:
            cancel.append(sent)
    return Difference(tuple(cancel), tuple(open_places.values()), tuple(replaced))


def on_tick(price: float, tick: Decimal) -> Decimal:
    """A price of the kernel as the multiple of `tick` that it stands for, or is nearest to."""
    return (Decimal(repr(float(price))) / tick).to_integral_value() * tick


def in_steps(qty: float, step: Decimal) -> Decimal:
    """What of a quantity of the kernel can be ordered: whole steps, all of it unless it was bought
    under a finer step."""
    return _exactly(qty) // step * step


def held_qty(state: State, side: int) -> Decimal:
    """What our lots on a side hold, whatever step it was bought under; coins."""
    return _exactly(float(state[0]["sides"][side]["qty"]))


def _exactly(qty: float) -> Decimal:
    return Decimal(repr(round(float(qty), _DIGITS)))


def _wanted(purpose: Purpose, market: Market, price: float, qty: float) -> Wanted:
    return Wanted(purpose, on_tick(price, market.tick), in_steps(qty, market.step))
