"""Step 8: where take-profits and entries are laid, and which of them go to the exchange."""

from typing import Any

import numpy as np

from engine.account import LONG, SHORT
from engine.funding import funding_size_factor, funding_spacing_factor
from engine.grid import (
    calculate_dynamic_spacing,
    grid_level,
    nudge_off_round_number,
    round_down,
    round_up,
)
from engine.inventory import calculate_optimal_spread, side_anchor
from engine.ledger import drop_entry, signed
from indicators.compiled import compiled

LOW_VOLUME_CAP = 0.7
ENTRY_NOTIONAL_RESERVE = 1.2  # an entry is this many minimum notionals at least
TREND_SPACING_MINIMUM = 0.5
_SURELY_LESS = 1.0 - 1e-9


@compiled
def spacing_at(row: Any, rules: Any) -> float:
    """The spacing of the bar to come: a price distance."""
    p = row.close
    sigma = row.sigma
    floor = max(rules.spacing_floor, rules.adaptive_floor_scale * sigma)
    half_spread = 0.0
    # ln(1 + x) <= x bounds the spread: its logarithm is taken only where it can be the largest
    most = sigma * (rules.gamma * sigma * rules.as_time_horizon + 2.0 / rules.kappa)
    if 0.5 * p * most > _SURELY_LESS * max(rules.grid_spacing_k * row.atr, floor * p):
        spread = calculate_optimal_spread(sigma, rules.gamma, rules.kappa, rules.as_time_horizon)
        half_spread = 0.5 * p * spread
    return calculate_dynamic_spacing(row.atr, rules.grid_spacing_k, floor, p, half_spread)


@compiled
def lay_entries(
    state: Any,
    row: Any,
    rules: Any,
    side: int,
    size: float,
    keep_anchor: bool,
    old_count: int,
) -> None:
    """A new grid of one side: anchor and levels.

    The side's list is empty but its first `old_count` rows still hold the old grid: a new entry
    that equals an old one keeps its place in the exchange's queue.
    """
    s = state.sides[side]
    sign = signed(side)
    p = row.close
    spacing = row.spacing
    if not keep_anchor:
        s.anchor = side_anchor(
            p,
            sign * s.qty,
            rules.max_inventory_per_side * size / p,
            rules.gamma,
            row.sigma,
            rules.as_time_horizon,
            spacing,
        )
    if sign * row.regime < 0 or (side == SHORT and not rules.allow_short):
        return
    apart = spacing / p
    notional = size
    if row.regime == 0:
        apart *= funding_spacing_factor(sign, row.funding_rate, rules.funding_threshold)
        notional *= funding_size_factor(sign, row.funding_rate, rules.funding_harvest_threshold)
    else:
        apart *= max(TREND_SPACING_MINIMUM, 1.0 - 0.5 * row.er)
    cap = _side_cap(state, row, rules, side)
    exposure = s.qty * p
    orders = _resting_orders(state)
    old = s.entries[:old_count].copy()
    for j in range(1, rules.grid_levels + 1):
        level = grid_level(s.anchor, apart, p, j, -sign, rules.arithmetic)
        if level <= 0.0:
            continue
        level = nudge_off_round_number(level)
        price = round_down(level, rules.tick) if side == LONG else round_up(level, rules.tick)
        if price <= 0.0:
            continue
        if sign * (price - p) >= 0.0:
            continue
        qty = round_down(notional / price, rules.step)
        value = qty * price
        if qty <= 0.0 or value < ENTRY_NOTIONAL_RESERVE * rules.min_notional:
            continue
        if (
            s.lot_count + s.entry_count >= rules.max_inventory_per_side
            or exposure + value > cap
            or orders >= rules.max_orders
        ):
            break
        entry = s.entries[s.entry_count]
        entry.price = price
        entry.qty = qty
        entry.level = j
        entry.generation = state.generation
        entry.sent = -1
        _keep_place(entry, old)
        s.entry_count += 1
        orders += 1
        exposure += value


@compiled
def send_entries(state: Any, i: int, p: float, blocked: bool) -> None:
    """Send what is not at the exchange, or hold everything back while value at risk blocks."""
    for side in range(2):
        s = state.sides[side]
        row = 0
        while row < s.entry_count:
            entry = s.entries[row]
            row += 1
            if blocked:
                entry.sent = -1
            elif entry.sent < 0:
                entry.sent = i
                if signed(side) * (entry.price - p) >= 0.0:
                    state.refused_entries += 1
                    row -= 1
                    drop_entry(state, side, row)


@compiled
def lay_take_profits(state: Any, row: Any, rules: Any, i: int) -> None:
    """Two take-profits for every lot that has none yet, or one where a part would be too small."""
    for side in range(2):
        s = state.sides[side]
        for k in range(s.lot_count):
            lot = s.lots[k]
            if lot.tp_bar >= 0:
                continue
            near_price = _take_profit_price(rules, side, lot.price, row, 1)
            far_price = _take_profit_price(rules, side, lot.price, row, 2)
            near = round_down(rules.tp_concentration * lot.qty, rules.step)
            far = np.rint((lot.qty - near) * 1e10) / 1e10
            smallest = rules.step * (1.0 - 1e-9)
            whole = (
                min(near, far) < smallest
                or near * near_price < rules.min_notional
                or far * far_price < rules.min_notional
            )
            lot.tp_bar = i
            lot.near_price = near_price
            lot.near_qty = lot.qty if whole else near
            lot.far_price = 0.0 if whole else far_price
            lot.far_qty = 0.0 if whole else far


@compiled
def _take_profit_price(rules: Any, side: int, entry: float, row: Any, power: int) -> float:
    sign = signed(side)
    p = row.close
    price = nudge_off_round_number(entry * (1.0 + row.spacing / p) ** (sign * power))
    fee = rules.fee_maker
    if side == LONG:
        breakeven = round_up(entry * (1.0 + fee) / (1.0 - fee), rules.tick)
        beyond = round_up(p + rules.tick, rules.tick)
        return max(round_up(price, rules.tick), breakeven, beyond)
    breakeven = round_down(entry * (1.0 - fee) / (1.0 + fee), rules.tick)
    beyond = round_down(p - rules.tick, rules.tick)
    return min(round_down(price, rules.tick), breakeven, beyond)


@compiled
def _side_cap(state: Any, row: Any, rules: Any, side: int) -> float:
    """Notional that lots and resting entries of a side may reach together."""
    cap = rules.max_position_pct * state.equity * rules.leverage
    if row.volume_ratio < rules.low_volume_threshold:
        cap *= LOW_VOLUME_CAP
    if side == LONG and row.regime > 0 and rules.trailing_enabled and state.trailed == 0:
        cap *= 1.0 - rules.trailing_reserve_pct
    return cap


@compiled
def _keep_place(entry: Any, old: Any) -> None:
    for k in range(old.shape[0]):
        if old[k].sent >= 0 and old[k].price == entry.price and old[k].qty == entry.qty:
            entry.sent = old[k].sent
            entry.level = old[k].level
            entry.generation = old[k].generation
            old[k].sent = -1
            return


@compiled
def _resting_orders(state: Any) -> int:
    """Entries and take-profits of both sides."""
    count = 0
    for side in range(2):
        s = state.sides[side]
        count += s.entry_count
        for k in range(s.lot_count):
            count += int(s.lots[k].near_qty > 0.0) + int(s.lots[k].far_qty > 0.0)
    return count
