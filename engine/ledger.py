"""The accounting of a fill: the one place where lots, wallet and trade log change.

Backtest and live call the same functions: `open_lot` for an entry's fill, `close_quantity` for
every closing, `book_funding` for a settlement. Prices and fees are quote currency.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.account import LONG
from engine.funding import funding_payment
from engine.grid import round_down, round_up
from engine.trades import (
    BUY_CLOSE_SHORT,
    BUY_OPEN_LONG,
    SELL_CLOSE_LONG,
    SELL_OPEN_SHORT,
    STOP_LONG,
    STOP_SHORT,
)
from indicators.compiled import compiled

STAGE_2 = 1.5  # stage-1 distances from the average entry to the resting stop
WHOLE_SIDE = -1
_DUST = 1e-9  # base units; steps are larger by far

Trades = npt.NDArray[Any]


@compiled
def signed(side: int) -> int:
    """+1 for long, -1 for short."""
    return 1 if side == LONG else -1


@compiled
def stop_label(side: int) -> int:
    """STOP_LONG or STOP_SHORT."""
    return STOP_LONG if side == LONG else STOP_SHORT


@compiled
def open_lot(
    state: Any,
    trades: Trades,
    rules: Any,
    side: int,
    price: float,
    qty: float,
    fee: float,
    order: tuple[int, int, int],
    bar: int,
    row: Any,
) -> None:
    """Book the fill of an entry, given as (bar in which it was sent, level, generation).

    A lot is born. What fills later of the same order joins its lot, for as long as that is open.
    """
    s = state.sides[side]
    born, level, generation = order
    k = find_lot(state, side, order)
    joins = k >= 0
    lot = s.lots[k if joins else s.lot_count]
    if not joins:
        lot.price = price
        lot.qty = qty
        lot.time = row.next_open
        lot.bar = bar
        lot.born = born
        lot.level = level
        lot.generation = generation
        lot.fee = fee
        lot.funding = 0.0
        lot.realised = -fee
        lot.tp_bar = -1
        lot.near_price = lot.near_qty = lot.far_price = lot.far_qty = 0.0
        s.lot_count += 1
    else:
        lot.price = (lot.price * lot.qty + price * qty) / (lot.qty + qty)
        lot.qty = np.rint((lot.qty + qty) * 1e10) / 1e10
        lot.fee += fee
        lot.realised -= fee
        _grow_take_profits(lot, qty)
    state.wallet -= fee
    state.fees += fee
    state.entry_fills += 1
    write_row(
        state,
        trades,
        bar,
        row.next_open,
        side,
        BUY_OPEN_LONG if side == LONG else SELL_OPEN_SHORT,
        price,
        qty,
        0.0,
        fee,
        0.0,
        row.regime,
        born,
    )
    refresh_side(state, rules, side, bar)


@compiled
def find_lot(state: Any, side: int, order: tuple[int, int, int]) -> int:
    """Row of the side's lot that an order opened, WHOLE_SIDE if there is none (any more)."""
    s = state.sides[side]
    for k in range(s.lot_count):
        lot = s.lots[k]
        if lot.born == order[0] and lot.level == order[1] and lot.generation == order[2]:
            return k
    return WHOLE_SIDE


@compiled
def close_quantity(
    state: Any,
    trades: Trades,
    rules: Any,
    side: int,
    lot: int,
    qty: float,
    price: float,
    fee: float,
    label: int,
    bar: int,
    row: Any,
    born: int,
) -> None:
    """Close `qty` of one lot, or of the whole side oldest lot first, at `price` for `fee`.

    One row in the log. A lot that is used up leaves its result in the ring of the regime. A lot
    that is reduced keeps its take-profits' prices; the farther part shrinks first. A flat account
    owes nothing: what a gap has taken beyond the wallet is booked as insurance.
    """
    s = state.sides[side]
    left = qty
    gross = 0.0
    funding = 0.0
    k = 0 if lot == WHOLE_SIDE else lot
    while left > _DUST and k < s.lot_count:
        held = s.lots[k]
        part = min(left, held.qty)
        won = signed(side) * (price - held.price) * part
        received = held.funding * (part / held.qty)
        held.funding -= received
        held.realised += won + received - fee * (part / qty)
        gross += won
        funding += received
        left -= part
        if held.qty - part <= _DUST:
            ring = row.regime + 2
            state.results[ring, state.closed_lots[ring] % rules.kelly_window] = held.realised
            state.closed_lots[ring] += 1
            for j in range(k, s.lot_count - 1):
                s.lots[j] = s.lots[j + 1]
            s.lot_count -= 1
        else:
            held.qty = np.rint((held.qty - part) * 1e10) / 1e10
            _shrink_take_profits(held)
            k += 1
    pnl = gross - fee
    state.wallet += pnl
    state.gross += gross
    state.fees += fee
    if pnl < 0.0 or label in (SELL_CLOSE_LONG, BUY_CLOSE_SHORT):
        s.buffer = max(0.0, s.buffer + pnl)
    write_row(
        state,
        trades,
        bar,
        row.next_open,
        side,
        label,
        price,
        qty,
        pnl,
        fee,
        funding,
        row.regime,
        born,
    )
    refresh_side(state, rules, side, bar)
    if state.sides[0].lot_count + state.sides[1].lot_count == 0 and state.wallet < 0.0:
        state.insurance -= state.wallet
        state.wallet = 0.0


@compiled
def book_funding(state: Any, price: float, rate: float) -> None:
    """Book a settlement at `rate` on every lot at `price`; lots share it by quantity."""
    for side in range(2):
        s = state.sides[side]
        for k in range(s.lot_count):
            lot = s.lots[k]
            received = funding_payment(signed(side), lot.qty, price, rate)
            lot.funding += received
            state.wallet += received
            state.funding += received


@compiled
def end_bar(state: Any, close: float) -> None:
    """Step 11: the equity at the close."""
    if state.sides[0].lot_count + state.sides[1].lot_count > 0:
        state.exposed_bars += 1
    state.equity = state.wallet + unrealised(state, 0, close) + unrealised(state, 1, close)


@compiled
def unrealised(state: Any, side: int, price: float) -> float:
    """Gross result of the side's open lots at `price`."""
    s = state.sides[side]
    return signed(side) * (price - s.avg_entry) * s.qty


@compiled
def refresh_side(state: Any, rules: Any, side: int, bar: int) -> None:
    """Position, average entry and stage-2 stop after a change of the side's lots."""
    s = state.sides[side]
    qty = 0.0
    cost = 0.0
    for k in range(s.lot_count):
        lot = s.lots[k]
        qty += lot.qty
        cost += lot.qty * lot.price
    s.qty = qty
    if s.lot_count == 0:
        s.avg_entry = 0.0
        s.stage1_fired = 0
    else:
        s.avg_entry = cost / qty
    set_stop(state, rules, side, bar)


@compiled
def set_stop(state: Any, rules: Any, side: int, bar: int) -> None:
    """Stage-2 stop of the whole position, rounded to the tick away from it; NaN when flat."""
    s = state.sides[side]
    distance = STAGE_2 * state.stop_distance
    s.stop_bar = bar
    if s.lot_count == 0:
        s.stop_price = np.nan
    elif side == LONG:
        s.stop_price = round_down(s.avg_entry - distance, rules.tick)
    else:
        s.stop_price = round_up(s.avg_entry + distance, rules.tick)


@compiled
def drop_entry(state: Any, side: int, k: int) -> None:
    """Take entry `k` off the side's list; it is not laid again before the next grid."""
    s = state.sides[side]
    for j in range(k, s.entry_count - 1):
        s.entries[j] = s.entries[j + 1]
    s.entry_count -= 1


@compiled
def write_row(
    state: Any,
    trades: Trades,
    bar: int,
    time: int,
    side: int,
    label: int,
    price: float,
    qty: float,
    pnl: float,
    fee: float,
    funding: float,
    regime: int,
    born: int,
) -> None:
    """Append one row to the trade log."""
    row = trades[state.trades]
    row.bar = bar
    row.time = time
    row.side = side
    row.label = label
    row.price = price
    row.qty = qty
    row.pnl = pnl
    row.fee = fee
    row.funding = funding
    row.regime = regime
    row.born = born
    state.trades += 1


@compiled
def _grow_take_profits(lot: Any, qty: float) -> None:
    """What joins a lot that has its take-profits leaves with the nearer one."""
    if lot.tp_bar >= 0:
        lot.near_qty = np.rint((lot.near_qty + qty) * 1e10) / 1e10


@compiled
def _shrink_take_profits(lot: Any) -> None:
    excess = lot.near_qty + lot.far_qty - lot.qty
    if excess > _DUST:
        far = min(excess, lot.far_qty)
        lot.far_qty = np.rint((lot.far_qty - far) * 1e10) / 1e10
        lot.near_qty = np.rint((lot.near_qty - (excess - far)) * 1e10) / 1e10
