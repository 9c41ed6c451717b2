"""Steps 1-8 of a bar: from the state and one row of features to what should be.

Nothing here knows who executes. The market exits of steps 3 and 5 are *named* one by one (side,
lot, quantity, label), and whoever executes books each before asking for the next, because later
steps see the account after it. Step 8 leaves the wanted entries and take-profits in the state.

`state` is the record STATE, `row` a record of ROW: the features of the last closed bar; `i` is the
index of the bar to come. Steps are numbered as in the specification of the strategy.
"""

from typing import Any

import numpy as np

from engine.account import LONG, SHORT
from engine.features import Features
from engine.grid import round_down
from engine.ledger import (
    WHOLE_SIDE,
    Trades,
    set_stop,
    signed,
    stop_label,
    unrealised,
    write_row,
)
from engine.orders import lay_entries, lay_take_profits, send_entries, spacing_at
from engine.pruning import NONE, choose_prune, worst_lot
from engine.risk import VAR_DELEVERAGE_RATIO, var_blocks
from engine.sizing import kelly_multiplier
from engine.trades import CIRCUIT_BREAKER_HALT, PRUNE_VAR_WARNING
from indicators.compiled import compiled

COOLDOWN_SIZE = 0.5
_STAGE_1, _PRUNES, _EXIT_STEPS = 2, 4, 6  # two sides each: stage 1, prunes, value at risk

ROW = np.dtype(
    [
        ("next_open", "i8"),  # when the bar to come opens, ms UTC
        ("close", "f8"),
        ("kama", "f8"),
        ("er", "f8"),
        ("atr", "f8"),
        ("z", "f8"),
        ("sigma", "f8"),
        ("volume_ratio", "f8"),
        ("funding_rate", "f8"),
        ("regime", "i8"),
        ("spacing", "f8"),  # of the bar to come, see orders.spacing_at
    ]
)


@compiled
def read_row(f: Features, k: int, next_open: int, rules: Any, row: Any) -> None:
    """Put what is known at the close of bar `k` into `row`; the next bar opens at `next_open`."""
    row.next_open = next_open
    row.close = f.close[k]
    row.kama = f.kama[k]
    row.er = f.er[k]
    row.atr = f.atr[k]
    row.z = f.z[k]
    row.sigma = f.sigma[k]
    row.volume_ratio = f.volume_ratio[k]
    row.funding_rate = f.funding_rate[k]
    row.regime = f.regime[k]
    row.spacing = spacing_at(row, rules)


@compiled
def begin_bar(state: Any, row: Any, rules: Any, i: int, trades: Trades) -> None:
    """Steps 1-3 for the account: circuit breaker, and the stage-2 stops of this bar."""
    state.stop_distance = rules.atr_sl_mult * row.atr
    if rules.circuit_breaker_enabled:
        if state.halted == 0 and row.z < rules.halt_z_threshold:
            state.halted = 1
            state.halts += 1
            state.sides[LONG].entry_count = 0
            state.sides[SHORT].entry_count = 0
            write_row(
                state,
                trades,
                i,
                row.next_open,
                -1,
                CIRCUIT_BREAKER_HALT,
                row.close,
                0.0,
                0.0,
                0.0,
                0.0,
                row.regime,
                i,
            )
        elif state.halted == 1 and row.z > rules.resume_z_threshold:
            state.halted = 0
            state.regenerate = 1
    set_stop(state, rules, LONG, i)
    set_stop(state, rules, SHORT, i)


@compiled
def next_exit(
    state: Any, row: Any, rules: Any, i: int, step: int
) -> tuple[int, int, int, float, int]:
    """The next market exit of steps 3 and 5, to be executed and booked before the next call.

    Ask with 0 first, then with the first number of each answer.

    Returns:
        (what to ask with next, side, lot or WHOLE_SIDE, quantity, label); side NONE: no more.
    """
    while step < _EXIT_STEPS:
        side = step % 2
        step += 1
        if step <= _STAGE_1:
            qty = _stage1_quantity(state, row, rules, side)
            if qty > 0.0:
                return step, side, WHOLE_SIDE, qty, stop_label(side)
            continue
        if step <= _PRUNES:
            lot, label = _prune_of_side(state, row, rules, i, side)
        else:
            # both sides are judged before either closes: the second is not asked again
            if side == LONG and not _under_pressure(state, row, rules):
                break
            lot, label = _pressure_prune(state, row, i, side), PRUNE_VAR_WARNING
        if lot != NONE:
            return step, side, lot, state.sides[side].lots[lot].qty, label
    return _EXIT_STEPS, NONE, NONE, 0.0, NONE


@compiled
def _stage1_quantity(state: Any, row: Any, rules: Any, side: int) -> float:
    """Step 3, stage 1: what a stop on the close takes off the side; 0.0 if it does not fire."""
    s = state.sides[side]
    if s.lot_count == 0 or s.stage1_fired == 1:
        return 0.0
    p = row.close
    if signed(side) * (p - s.avg_entry) > -state.stop_distance:
        return 0.0
    s.stage1_fired = 1
    half = round_down(0.5 * s.qty, rules.step)
    if s.lot_count == 1 or half <= 0.0 or half * p < rules.min_notional:
        return s.qty
    return half


@compiled
def _prune_of_side(state: Any, row: Any, rules: Any, i: int, side: int) -> tuple[int, int]:
    """Step 5: (lot, label) of the side's prune in this bar, (-1, -1) for none."""
    s = state.sides[side]
    if s.lot_count == 0:
        return NONE, NONE
    cooled_down = i - s.last_prune >= rules.prune_cooldown_bars
    lot, label = choose_prune(s, signed(side), row, cooled_down, rules)
    if lot != NONE:
        s.last_prune = i
    return lot, label


@compiled
def _under_pressure(state: Any, row: Any, rules: Any) -> bool:
    """Step 5, last: whether open losses near the limit call for closing the worst lots."""
    loss = -(unrealised(state, LONG, row.close) + unrealised(state, SHORT, row.close))
    return loss > VAR_DELEVERAGE_RATIO * rules.max_drawdown_pct * state.equity


@compiled
def _pressure_prune(state: Any, row: Any, i: int, side: int) -> int:
    """The worst lot of a side that was not pruned in this bar; -1 for none."""
    s = state.sides[side]
    if s.last_prune == i:
        return NONE
    lot = worst_lot(s, signed(side), row.close)
    if lot != NONE:
        s.last_prune = i
    return lot


@compiled
def lay_orders(state: Any, row: Any, rules: Any, i: int) -> None:
    """Steps 6-8: trailing, value at risk, and the take-profits and entries that should rest."""
    p = row.close
    spacing = row.spacing
    lay_take_profits(state, row, rules, i)
    if state.halted == 1:
        return
    changed = state.started == 0 or row.regime != state.last_regime
    trailing = rules.trailing_enabled and row.regime > 0
    shifted = False
    if changed:
        state.trailed = 0
    elif trailing:
        shifted = _trail(state, rules, p, spacing, row.er)
    blocked = _var_blocked(state, row, rules)
    if blocked:
        state.var_blocked_bars += 1
    both = changed or shifted or state.regenerate == 1 or state.entry_fills >= 2
    state.started = 1
    state.last_regime = row.regime
    state.regenerate = 0
    long, short = state.sides[LONG], state.sides[SHORT]
    drift = rules.regen_drift_mult * spacing
    long_fresh = both or (not trailing and abs(p - long.anchor) > drift)
    short_fresh = both or abs(p - short.anchor) > drift
    if long_fresh or short_fresh:
        state.generation += 1
        size = order_size(state, row, rules, i)
        # Both lists go before either is laid: what is about to go must not count as an order.
        old_long, old_short = long.entry_count, short.entry_count
        if long_fresh:
            long.entry_count = 0
        if short_fresh:
            short.entry_count = 0
        if long_fresh:
            keep_anchor = trailing and not changed
            lay_entries(state, row, rules, LONG, size, keep_anchor, old_long)
        if short_fresh:
            lay_entries(state, row, rules, SHORT, size, False, old_short)
    send_entries(state, i, p, blocked)


@compiled
def _trail(state: Any, rules: Any, p: float, spacing: float, er: float) -> bool:
    """Step 6: raise the long anchor in an up-trend that has left the grid behind."""
    s = state.sides[LONG]
    top = s.anchor * (1.0 + spacing / p) ** rules.grid_levels
    if er <= rules.trailing_activation_er or p <= top:
        return False
    raised = min(s.anchor + 0.5 * (p - s.anchor), rules.trailing_cap_price)
    if raised <= s.anchor:
        return False
    s.anchor = raised
    state.trailed = 1
    state.trailing_shifts += 1
    return True


@compiled
def _var_blocked(state: Any, row: Any, rules: Any) -> bool:
    """Step 7: whether open and resting notional put too much of the equity at risk."""
    notional = 0.0
    for side in range(2):
        s = state.sides[side]
        notional += s.qty * row.close
        for k in range(s.entry_count):
            notional += s.entries[k].price * s.entries[k].qty
    return var_blocks(
        notional, row.sigma, rules.var_horizon_root, rules.max_drawdown_pct, state.equity
    )


@compiled
def order_size(state: Any, row: Any, rules: Any, i: int) -> float:
    """Order notional before the funding tilt: equity, Kelly, cooldown and leverage."""
    ring = row.regime + 2
    count = min(state.closed_lots[ring], rules.kelly_window)
    size = state.equity * rules.order_pct * rules.leverage
    size *= kelly_multiplier(state.results[ring], count, rules.order_pct)
    return size * COOLDOWN_SIZE if i <= state.cooldown_until else size
