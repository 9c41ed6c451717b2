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
def choose_prune(s: Any, sign: int, row: Any, cooled_down: bool, rules: Any) -> tuple[int, int]:
    """Index of the lot to close and the label of the first reason that holds; (-1, -1) if none.

    `s` is the side's record, `row` the features of the last closed bar. The first reason waits for
    no cooldown.
    """
    price = row.close
    spacing = row.spacing
    worst = oldest = farthest = dearest = NONE
    largest_loss = distance = 0.0
    for k in range(s.lot_count):
        lot = s.lots[k]
        under_water = sign * (lot.price - price)
        if under_water <= 0.0:
            continue
        if oldest == NONE:
            oldest = k
        if under_water * lot.qty > largest_loss:
            worst = k
            largest_loss = under_water * lot.qty
        if under_water > distance:
            farthest = k
            distance = under_water
        if dearest == NONE and -lot.funding > rules.funding_cost_ratio * lot.qty * spacing:
            dearest = k
    if worst == NONE:
        return NONE, NONE
    if sign * (price - row.kama) < -rules.deviance_sigma * row.atr:
        return worst, PRUNE_DEVIANCE
    if not cooled_down:
        return NONE, NONE
    if row.next_open - s.lots[oldest].time > rules.max_position_age_ms:
        return oldest, PRUNE_OLDEST
    if distance > rules.gap_prune_mult * spacing:
        return farthest, PRUNE_GAP
    if dearest != NONE:
        return dearest, PRUNE_FUNDING
    deep = sign * (s.lots[worst].price - price) >= rules.offset_min_spacings * spacing
    if deep and s.buffer > rules.offset_prune_ratio * largest_loss:
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
