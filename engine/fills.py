"""Step 9: what the path of a bar does to resting orders, stops and the account's margin.

A bar's path is O-L-H-C if it closes at or above its open, else O-H-L-C. Between the last close and
the open no trade happens: limits in that gap fill at their own price, nearest first; stops and
liquidation act at the open. At one price limits come before stops, entries before take-profits.
"""

from typing import Any

from engine.account import LONG, SHORT
from engine.ledger import (
    WHOLE_SIDE,
    Trades,
    close_quantity,
    drop_entry,
    open_lot,
    signed,
    stop_label,
    unrealised,
)
from engine.risk import Tiers, liquidation_between, margin_excess
from engine.trades import (
    BUY_CLOSE_SHORT,
    FINAL_CLOSE,
    LIQUIDATION,
    SELL_CLOSE_LONG,
    STOP_LONG,
    STOP_SHORT,
)
from indicators.compiled import compiled

HIGHEST_MARGIN_RATE = 0.5  # of any tier: equity beyond it needs no closer look
_NO_ORDER, _ENTRY, _NEAR, _FAR, _STOP = 0, 1, 2, 3, 4
_LEG, _GAP, _OPENING_GAP = 0, 1, 2


@compiled
def market_exit(
    state: Any,
    trades: Trades,
    rules: Any,
    side: int,
    lot: int,
    qty: float,
    price: float,
    label: int,
    i: int,
    row: Any,
) -> None:
    """Close at market in bar `i`: `price` less slippage, taker fee; `lot` as in the ledger."""
    paid = price * (1.0 - signed(side) * rules.slippage)
    fee = paid * qty * rules.fee_taker
    book_exit(state, trades, rules, side, lot, qty, paid, fee, label, i, row, i)


@compiled
def book_exit(
    state: Any,
    trades: Trades,
    rules: Any,
    side: int,
    lot: int,
    qty: float,
    paid: float,
    fee: float,
    label: int,
    i: int,
    row: Any,
    born: int,
) -> None:
    """Book a closing that is no take-profit, at the price `paid`; stops of either stage count."""
    close_quantity(state, trades, rules, side, lot, qty, paid, fee, label, i, row, born)
    if label in (STOP_LONG, STOP_SHORT):
        count_stop(state, rules, i)


@compiled
def begin_liquidation(state: Any) -> None:
    """The exchange takes the positions: nothing rests any more, a new grid is due."""
    state.liquidations += 1
    state.regenerate = 1
    for side in range(2):
        state.sides[side].entry_count = 0


@compiled
def book_entry(state: Any, trades: Trades, rules: Any, side: int, k: int, i: int, row: Any) -> None:
    """Book the fill of the side's resting entry `k`, whole, at its price, as a maker."""
    entry = state.sides[side].entries[k]
    fee = entry.price * entry.qty * rules.fee_maker
    order = (entry.sent, entry.level, entry.generation)
    price = entry.price
    qty = entry.qty
    drop_entry(state, side, k)
    open_lot(state, trades, rules, side, price, qty, fee, order, i, row)


@compiled
def walk_candle(
    state: Any,
    trades: Trades,
    rules: Any,
    tiers: Tiers,
    i: int,
    row: Any,
    before: float,
    candle: tuple[float, float, float, float],
    first: bool,
) -> None:
    """Walk one candle (open, high, low, close) of bar `i`, coming from the price `before`.

    `first` is the bar's first candle: orders sent in this bar meet the market at its open.
    """
    if first:
        state.entry_fills = 0
    if not (_untouched(state, candle[1], candle[2]) and _solvent(state, candle[2], candle[1])):
        _walk_through(state, trades, rules, tiers, i, row, before, candle, first)


@compiled
def final_close(state: Any, trades: Trades, rules: Any, i: int, row: Any, close: float) -> None:
    """Close what is open at the last close, at market."""
    for side in range(2):
        qty = state.sides[side].qty
        if qty > 0.0:
            label = FINAL_CLOSE
            market_exit(state, trades, rules, side, WHOLE_SIDE, qty, close, label, i, row)


@compiled
def count_stop(state: Any, rules: Any, bar: int) -> None:
    """Remember a stop; enough of them close together halve the orders for a while."""
    enough = rules.stop_cooldown_thresh
    state.stop_bars[state.stops % enough] = bar
    state.stops += 1
    state.regenerate = 1
    if state.stops >= enough:
        oldest = state.stop_bars[state.stops % enough]
        if bar - oldest < rules.stop_cooldown_bars:
            state.cooldown_until = bar + rules.stop_cooldown_bars


@compiled
def _walk_through(
    state: Any,
    trades: Trades,
    rules: Any,
    tiers: Tiers,
    i: int,
    row: Any,
    before: float,
    candle: tuple[float, float, float, float],
    first: bool,
) -> None:
    """A candle that meets something: the gap before it, what waits at the open, then the path."""
    opened, high, low, close = candle
    bar = (state, trades, rules, tiers, i, row)
    for side in range(2):
        _stop_if_passed(bar, side, opened)
    if first:
        _refuse_crossed_entries(bar, opened)
        _walk(bar, before, opened, _OPENING_GAP)
        _fill_crossed_take_profits(bar, opened)
    else:
        _walk(bar, before, opened, _GAP)
    _walk(bar, opened, opened, _LEG)
    turn, far = (low, high) if close >= opened else (high, low)
    _walk(bar, opened, turn, _LEG)
    _walk(bar, turn, far, _LEG)
    _walk(bar, far, close, _LEG)


@compiled
def _untouched(state: Any, high: float, low: float) -> bool:
    """Whether no order lies in [low, high] or beyond: the common case, decided fast."""
    for side in range(2):
        s = state.sides[side]
        sign = signed(side)
        worst = low if side == LONG else high
        best = high if side == LONG else low
        if sign * (s.stop_price - worst) >= 0.0:  # false while there is none: NaN
            return False
        for k in range(s.entry_count):
            if sign * (s.entries[k].price - worst) >= 0.0 and s.entries[k].sent >= 0:
                return False
        for k in range(s.lot_count):
            lot = s.lots[k]
            if sign * (best - lot.near_price) >= 0.0 and lot.near_qty > 0.0:
                return False
            if sign * (best - lot.far_price) >= 0.0 and lot.far_qty > 0.0:
                return False
    return True


@compiled
def _solvent(state: Any, low: float, high: float) -> bool:
    """Whether the equity everywhere in [low, high] is beyond any maintenance margin there."""
    long, short = state.sides[LONG], state.sides[SHORT]
    paid = state.wallet - long.qty * long.avg_entry + short.qty * short.avg_entry
    net = long.qty - short.qty
    least = paid + net * (low if net > 0.0 else high)
    held = (long.qty + short.qty) * high
    return held == 0.0 or least > HIGHEST_MARGIN_RATE * held


@compiled
def _refuse_crossed_entries(bar: Any, opened: float) -> None:
    """A post-only entry sent in this bar that the open crosses never rests."""
    state, _, rules, _, i, _ = bar
    if not rules.refuse_crossed:
        return
    for side in range(2):
        s = state.sides[side]
        k = 0
        while k < s.entry_count:
            entry = s.entries[k]
            if entry.sent == i and signed(side) * (entry.price - opened) >= 0.0:
                state.refused_entries += 1
                drop_entry(state, side, k)
            else:
                k += 1


@compiled
def _fill_crossed_take_profits(bar: Any, opened: float) -> None:
    """A take-profit laid in this bar that the open crosses fills there, as a taker."""
    state, _, rules, _, i, _ = bar
    fee_rate = rules.fee_taker if rules.refuse_crossed else rules.fee_maker
    for side in range(2):
        s = state.sides[side]
        sign = signed(side)
        k = 0
        while k < s.lot_count:
            lot = s.lots[k]
            count = s.lot_count
            if lot.tp_bar == i and lot.near_qty > 0.0 and sign * (opened - lot.near_price) >= 0.0:
                state.crossed_take_profits += 1
                _take_profit(bar, side, k, _NEAR, opened, fee_rate)
            if s.lot_count < count:
                continue
            if lot.tp_bar == i and lot.far_qty > 0.0 and sign * (opened - lot.far_price) >= 0.0:
                state.crossed_take_profits += 1
                _take_profit(bar, side, k, _FAR, opened, fee_rate)
            if s.lot_count == count:
                k += 1


@compiled
def _walk(bar: Any, start: float, target: float, leg: int) -> None:
    """Walk a straight leg; everything it meets happens in the order in which it is met.

    In a gap only limits act, at their own price; in the opening gap only those of earlier bars.
    """
    state = bar[0]
    direction = 1 if target >= start else -1
    x = start
    while True:
        kind, side, k, trigger = _next_order(bar, x, target, direction, leg)
        at_once = kind != _NO_ORDER and trigger == x
        if leg == _LEG and not at_once and _liquidated(bar, x, trigger):
            continue
        if kind == _NO_ORDER:
            return
        if kind == _ENTRY:
            book_entry(state, bar[1], bar[2], side, k, bar[4], bar[5])
        elif kind == _STOP:
            _stop(bar, side, trigger)
        else:
            lot = state.sides[side].lots[k]
            price = lot.near_price if kind == _NEAR else lot.far_price
            _take_profit(bar, side, k, kind, price, bar[2].fee_take_profit)
        if leg == _LEG:
            x = trigger


@compiled
def _next_order(
    bar: Any, x: float, target: float, direction: int, leg: int
) -> tuple[int, int, int, float]:
    """What the leg from x to target meets next: kind, side, row, and the path's price there.

    Limits against the leg's direction cannot be met; a stop that the path is already past can, at
    x, whatever the direction.
    """
    state, _, rules, _, i, _ = bar
    entry_side = SHORT if direction > 0 else LONG
    exit_side = 1 - entry_side
    kind, found_side, found_row, nearest = _NO_ORDER, 0, 0, target
    opening = state.sides[entry_side]
    for row in range(opening.entry_count):
        entry = opening.entries[row]
        if entry.sent >= 0:
            at = _through(rules, entry.price, direction)
            if _sooner(at, nearest, direction, kind):
                kind, found_side, found_row, nearest = _ENTRY, entry_side, row, at
    closing = state.sides[exit_side]
    for row in range(closing.lot_count):
        lot = closing.lots[row]
        if leg == _OPENING_GAP and lot.tp_bar == i:
            continue
        if lot.near_qty > 0.0:
            at = _through(rules, lot.near_price, direction)
            if _sooner(at, nearest, direction, kind):
                kind, found_side, found_row, nearest = _NEAR, exit_side, row, at
        if lot.far_qty > 0.0:
            at = _through(rules, lot.far_price, direction)
            if _sooner(at, nearest, direction, kind):
                kind, found_side, found_row, nearest = _FAR, exit_side, row, at
    if direction * (nearest - x) < 0.0:
        nearest = x
    for side in range(2):
        s = state.sides[side]
        if leg != _LEG or s.lot_count == 0:
            continue
        sign = signed(side)
        passed = sign * (x - s.stop_price) <= 0.0
        ahead = sign == -direction
        at = x if passed else s.stop_price
        if (passed or ahead) and _sooner(at, nearest, direction, kind):
            kind, found_side, found_row, nearest = _STOP, side, 0, at
    return kind, found_side, found_row, nearest


@compiled
def _sooner(at: float, nearest: float, direction: int, kind: int) -> bool:
    """Whether the path meets `at` before `nearest`, the best order so far or the leg's end."""
    if kind == _NO_ORDER:
        return direction * at <= direction * nearest
    return direction * at < direction * nearest


@compiled
def _through(rules: Any, price: float, direction: int) -> float:
    """How far the path must go for a limit at `price` to fill."""
    if rules.penetration == 0.0 and rules.penetration_ticks == 0.0:
        return price
    return price * (1.0 + direction * rules.penetration) + (
        direction * rules.penetration_ticks * rules.tick
    )


@compiled
def _take_profit(bar: Any, side: int, k: int, part: int, price: float, fee_rate: float) -> None:
    state, trades, rules, _, i, row = bar
    lot = state.sides[side].lots[k]
    if part == _NEAR:
        qty = lot.near_qty
        lot.near_qty = 0.0
    else:
        qty = lot.far_qty
        lot.far_qty = 0.0
    label = SELL_CLOSE_LONG if side == LONG else BUY_CLOSE_SHORT
    fee = price * qty * fee_rate
    close_quantity(state, trades, rules, side, k, qty, price, fee, label, i, row, lot.tp_bar)


@compiled
def _stop_if_passed(bar: Any, side: int, opened: float) -> None:
    s = bar[0].sides[side]
    if s.lot_count > 0 and signed(side) * (opened - s.stop_price) <= 0.0:
        _stop(bar, side, opened)


@compiled
def _stop(bar: Any, side: int, price: float) -> None:
    """Stage 2: the whole position at the path's price, with slippage."""
    state, trades, rules, _, i, row = bar
    paid = price * (1.0 - signed(side) * rules.slippage)
    s = state.sides[side]
    fee = paid * s.qty * rules.fee_taker
    label = stop_label(side)
    book_exit(state, trades, rules, side, WHOLE_SIDE, s.qty, paid, fee, label, i, row, s.stop_bar)


@compiled
def _liquidated(bar: Any, x: float, reached: float) -> bool:
    """Step 4: close everything where the margin is used up on the way from x to `reached`."""
    state, trades, rules, tiers, i, row = bar
    if _solvent(state, min(x, reached), max(x, reached)):
        return False
    long, short = state.sides[LONG], state.sides[SHORT]
    position = (state.wallet, long.qty, long.avg_entry, short.qty, short.avg_entry)
    price = x
    if margin_excess(x, *position, tiers)[0] > 0.0:
        if margin_excess(reached, *position, tiers)[0] > 0.0:
            return False
        price = liquidation_between(reached, *position, tiers)
    equity = state.wallet + unrealised(state, LONG, price) + unrealised(state, SHORT, price)
    left = max(equity, 0.0)
    begin_liquidation(state)
    for side in range(2):
        s = state.sides[side]
        if s.lot_count > 0:
            fee = min(rules.liquidation_fee * s.qty * price, left)
            left -= fee
            book_exit(
                state, trades, rules, side, WHOLE_SIDE, s.qty, price, fee, LIQUIDATION, i, row, i
            )
    return True
