"""Margin of a cross account: what positions tie up, and where they are liquidated.

Formulas: Binance's "How to calculate liquidation price of USDT-M futures contracts" (hedge mode:
each leg pays maintenance margin of its own tier, notional * rate - cum).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exchange.market import Tier
from exchange.paper.numbers import ZERO

_STEPS = 64
_DOUBLINGS = 24


@dataclass(frozen=True, slots=True)
class Held:
    """A position as margin sees it.

    `amount` in coins, negative if short; `entry` in USDT; `price` now, and `slope`, how fast the
    price changes along the stretch of path that is looked at (0: it stands still).
    """

    amount: Decimal
    entry: Decimal
    price: Decimal
    tiers: tuple[Tier, ...]
    slope: Decimal = ZERO

    @property
    def profit(self) -> Decimal:
        return self.amount * (self.price - self.entry)

    @property
    def maintenance(self) -> Decimal:
        rate, cum = tier_of(self.tiers, abs(self.amount) * self.price)
        return abs(self.amount) * self.price * rate - cum

    def moved(self, way: Decimal) -> "Held":
        price = self.price + way * self.slope
        return Held(self.amount, self.entry, price, self.tiers, self.slope)


def tier_of(tiers: tuple[Tier, ...], notional: Decimal) -> tuple[Decimal, Decimal]:
    """Rate and cum of the tier of a notional; beyond the last cap the last tier goes on."""
    found = next((tier for tier in tiers if notional <= Decimal(repr(tier.cap))), tiers[-1])
    return Decimal(repr(found.mmr)), Decimal(repr(found.cum))


def excess(wallet: Decimal, held: Iterable[Held]) -> Decimal:
    """Maintenance margin less margin balance; from 0 on the account is liquidated."""
    total = -wallet
    for position in held:
        total += position.maintenance - position.profit
    return total


def way_to_liquidation(wallet: Decimal, held: list[Held]) -> Decimal | None:
    """How much of the stretch (0 to 1) can be gone before liquidation; None: all of it.

    Prices move linearly, so the excess is convex and made of straight pieces (maintenance margin
    rises by tiers): Newton's steps from the far end come to the crossing from above and are exact
    once they are in its piece.
    """
    if excess(wallet, held) >= 0:
        return ZERO
    way = Decimal(1)
    for _ in range(_STEPS):
        there = [position.moved(way) for position in held]
        over = excess(wallet, there)
        if over <= 0:
            return None if over < 0 and way == 1 else way
        gradient = sum((_gradient(position) for position in there), ZERO)
        closer = way - over / gradient
        if closer >= way:
            return way
        way = closer
    return way


def liquidation_price(wallet: Decimal, held: list[Held], same_coin: list[int]) -> Decimal | None:
    """Price at which the account is liquidated if only one coin moves; None if there is none.

    Args:
        wallet: cross wallet balance, USDT.
        held: all positions of the account.
        same_coin: which of them are in the coin that moves, both legs; at least one.
    """
    moving = [held[i] for i in same_coin]
    others = [position for i, position in enumerate(held) if i not in same_coin]
    left = -excess(wallet, others)
    present = moving[0].price
    net = sum((position.amount for position in moving), ZERO)
    ends = [ZERO, _ceiling(left, moving, present)] if net > 0 else [_ceiling(left, moving, present)]
    for end in ends:
        if end is None:
            continue
        stretch = [Held(p.amount, p.entry, present, p.tiers, end - present) for p in moving]
        way = way_to_liquidation(left, stretch)
        if way is not None and present + way * (end - present) > 0:
            return present + way * (end - present)
    return None


def _gradient(position: Held) -> Decimal:
    rate, _ = tier_of(position.tiers, abs(position.amount) * position.price)
    return position.slope * (abs(position.amount) * rate - position.amount)


def _ceiling(wallet: Decimal, moving: list[Held], price: Decimal) -> Decimal | None:
    """A price above, at which the account is surely gone; a hedge in balance has one as well."""
    for _ in range(_DOUBLINGS):
        price *= 2
        there = [Held(p.amount, p.entry, price, p.tiers) for p in moving]
        if excess(wallet, there) >= 0:
            return price
    return None
