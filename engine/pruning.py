"""Which losing lot of a side is closed to keep the inventory healthy: five reasons, in order.

Only lots that lose at the last close are candidates, gross of fees. `s` is a side's record (SIDE),
`sign` +1 for long and -1 for short.
"""

from typing import Any

from engine.trades import (
    PRUNE_DEVIANCE,
    PRUNE_FUNDING,
    PRUNE_GAP,
    PRUNE_OFFSET,
    PRUNE_OLDEST,
)
from indicators.compiled import compiled

NONE = -1


@compiled
def choose_prune(
    s: Any, sign: int, row: Any, spacing: float, cooled_down: bool, rules: Any
) -> tuple[int, int]:
    """Index of the lot to close and the label of the first reason that holds; (-1, -1) if none.

    `s` is the side's record, `row` the features of the last closed bar. The first reason waits for
    no cooldown.
    """
    price = row.close
    worst = worst_lot(s, sign, price)
    if worst == NONE:
        return NONE, NONE
    if sign * (price - row.kama) < -rules.deviance_sigma * row.atr:
        return worst, PRUNE_DEVIANCE
    if not cooled_down:
        return NONE, NONE
    oldest = first_losing_lot(s, sign, price)
    if row.next_open - s.lots[oldest].time > rules.max_position_age_ms:
        return oldest, PRUNE_OLDEST
    stranded = farthest_lot(s, sign, price)
    if abs(price - s.lots[stranded].price) > rules.gap_prune_mult * spacing:
        return stranded, PRUNE_GAP
    for k in range(s.lot_count):
        lot = s.lots[k]
        limit = rules.funding_cost_ratio * lot.qty * spacing
        if sign * (price - lot.price) < 0.0 and -lot.funding > limit:
            return k, PRUNE_FUNDING
    under_water = abs(price - s.lots[worst].price)
    if (
        under_water >= rules.offset_min_spacings * spacing
        and s.buffer > rules.offset_prune_ratio * under_water * s.lots[worst].qty
    ):
        return worst, PRUNE_OFFSET
    return NONE, NONE


@compiled
def worst_lot(s: Any, sign: int, price: float) -> int:
    """The lot with the largest loss in quote currency, the oldest of equals; -1 if none loses."""
    worst = NONE
    largest = 0.0
    for k in range(s.lot_count):
        loss = sign * (s.lots[k].price - price) * s.lots[k].qty
        if loss > largest:
            worst = k
            largest = loss
    return worst


@compiled
def first_losing_lot(s: Any, sign: int, price: float) -> int:
    """The oldest lot that loses; -1 if none does."""
    for k in range(s.lot_count):
        if sign * (price - s.lots[k].price) < 0.0:
            return k
    return NONE


@compiled
def farthest_lot(s: Any, sign: int, price: float) -> int:
    """The losing lot whose entry is farthest from `price`, the oldest of equals."""
    farthest = NONE
    distance = 0.0
    for k in range(s.lot_count):
        away = sign * (s.lots[k].price - price)
        if away > distance:
            farthest = k
            distance = away
    return farthest
