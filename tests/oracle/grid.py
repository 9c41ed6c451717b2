"""Steps 6 to 8: where the next orders rest."""

import math

from tests.oracle import rounding, sizing
from tests.oracle.accounting import Ledger
from tests.oracle.state import LONG, Entry, Lot, Side, TakeProfit


def trail_up(ledger: Ledger) -> None:
    """Step 6: above the top of the grid in an up-regime the long anchor follows half-way."""
    account, bar, params = ledger.account, ledger.bar, ledger.params
    side = account.long
    if not holds_long_anchor(ledger) or bar.regime != account.last_regime or side.anchor is None:
        return
    top = side.anchor * (1.0 + bar.spacing / bar.close) ** params.grid_levels
    raised = side.anchor + 0.5 * (bar.close - side.anchor)
    if params.trailing_cap_price is not None:
        raised = min(raised, params.trailing_cap_price)
    if bar.er > params.trailing_activation_er and bar.close > top and raised > side.anchor:
        side.anchor = raised
        account.trailed = account.regenerate = True
        account.counters["trailing shifts"] += 1


def holds_long_anchor(ledger: Ledger) -> bool:
    return ledger.params.trailing_enabled and ledger.bar.regime > 0


def risk_blocks_entries(ledger: Ledger) -> bool:
    """Step 7: value at risk of what is open and what would open, over the horizon."""
    account, bar, params = ledger.account, ledger.bar, ledger.params
    exposure = sum(
        side.qty * bar.close + sum(entry.price * entry.qty for entry in side.entries)
        for side in account.sides
    )
    at_risk = exposure * 1.65 * bar.sigma * math.sqrt(params.var_horizon_bars)
    return at_risk > params.max_drawdown_pct * bar.equity


def lay_grid(ledger: Ledger) -> None:
    """Step 8: take-profits of lots that have none, then entries of the sides that regenerate."""
    account, bar = ledger.account, ledger.bar
    _age_orders(ledger)
    for side in account.sides:
        for lot in side.lots:
            if not lot.targets_laid:
                lot.targets, lot.targets_laid = take_profits(ledger, side, lot), True
    if account.halted:
        return

    blocked = risk_blocks_entries(ledger)
    account.counters["VaR blocks"] += blocked
    changed = bar.regime != account.last_regime
    if changed:
        account.trailed = False
    both = account.regenerate or changed or account.entry_fills >= 2
    due = [side for side in account.sides if both or _drifted(ledger, side)]
    cancelled = {side.sign: side.entries for side in due}
    for side in due:
        side.entries = []
    for side in account.sides:
        if side in due:
            _lay_entries(ledger, side, cancelled[side.sign], anchor_moves=changed)
        _send_or_hold_back(ledger, side, blocked)
    account.regenerate = False
    account.last_regime = bar.regime


def _age_orders(ledger: Ledger) -> None:
    for side in ledger.account.sides:
        for entry in side.entries:
            entry.new = False
        for lot in side.lots:
            for target in lot.targets:
                target.new = False


def _drifted(ledger: Ledger, side: Side) -> bool:
    """Whether p has left the side's anchor behind (the long one waits for step 6 if it may)."""
    bar = ledger.bar
    if side.sign == LONG and holds_long_anchor(ledger):
        return False
    return abs(bar.close - side.anchor) > ledger.params.regen_drift_mult * bar.spacing


def _send_or_hold_back(ledger: Ledger, side: Side, blocked: bool) -> None:
    """Held-back entries come back as new orders, unless the market has crossed them."""
    bar = ledger.bar
    for entry in list(side.entries):
        if blocked:
            entry.sent = entry.new = False
        elif not entry.sent:
            entry.sent = entry.new = True
            entry.born = bar.index
            if side.is_past(bar.close, entry.price):
                side.entries.remove(entry)
                ledger.account.counters["entries refused"] += 1


def _lay_entries(ledger: Ledger, side: Side, cancelled: list[Entry], *, anchor_moves: bool) -> None:
    """New anchor and new levels; an order that stood there already keeps its place."""
    account, bar, params, market = ledger.account, ledger.bar, ledger.params, ledger.market
    base = sizing.base_notional(account, bar, params)
    held = side.sign == LONG and holds_long_anchor(ledger) and not anchor_moves
    if side.anchor is None or not held:
        side.anchor = reservation_price(ledger, side, base)
    if side.sign * bar.regime < 0 or (side.sign != LONG and not params.allow_short):
        return

    notional = base * sizing.funding_tilt(side, bar, params)
    cap = _notional_cap(ledger, side)
    used = side.qty * bar.close
    room = params.max_orders - _orders(ledger)
    for price in _levels(ledger, side):
        if side.is_past(bar.close, price):
            continue
        qty = rounding.down(notional / price, market.step)
        if qty <= 0.0 or price * qty < 1.2 * market.min_notional:
            continue
        full = len(side.lots) + len(side.entries) >= params.max_inventory_per_side
        if full or used + price * qty > cap or room <= 0:
            return
        side.entries.append(_kept(cancelled, price, qty) or Entry(price, qty, bar.index))
        used += price * qty
        room -= 1


def _kept(cancelled: list[Entry], price: float, qty: float) -> Entry | None:
    """The order of this price and quantity that rests already: it is not sent again."""
    for old in cancelled:
        if old.sent and (old.price, old.qty) == (price, qty):
            cancelled.remove(old)
            return old
    return None


def reservation_price(ledger: Ledger, side: Side, base_notional: float) -> float:
    """The side's anchor: p, moved away from the inventory by at most one spacing."""
    bar, params = ledger.bar, ledger.params
    p, unit = bar.close, base_notional / bar.close
    held = side.qty / (params.max_inventory_per_side * unit) if unit > 0.0 else 0.0
    q = side.sign * min(1.0, held)
    skew = q * params.gamma * bar.sigma**2 * params.as_time_horizon
    most = bar.spacing / p
    return p * (1.0 - min(most, max(-most, skew)))


def _levels(ledger: Ledger, side: Side) -> list[float]:
    """Prices of the side's levels, nearest first, on the tick and clear of round numbers."""
    bar, params, tick = ledger.bar, ledger.params, ledger.market.tick
    step = sizing.entry_spacing(side, bar, params)
    round_off = rounding.down if side.sign == LONG else rounding.up
    prices = []
    for j in range(1, params.grid_levels + 1):
        if params.grid_mode == "geometric":
            level = side.anchor * (1.0 + step / bar.close) ** (-side.sign * j)
        else:
            level = side.anchor - side.sign * j * step
        prices.append(round_off(rounding.nudged(level), tick))
    return [price for price in prices if price > 0.0]


def _notional_cap(ledger: Ledger, side: Side) -> float:
    bar, params = ledger.bar, ledger.params
    cap = params.max_position_pct * bar.equity * params.leverage
    if bar.volume_ratio < params.low_volume_threshold:
        cap *= 0.7
    if side.sign == LONG and holds_long_anchor(ledger) and not ledger.account.trailed:
        cap *= 1.0 - params.trailing_reserve_pct
    return cap


def _orders(ledger: Ledger) -> int:
    return sum(
        len(side.entries) + sum(len(lot.targets) for lot in side.lots)
        for side in ledger.account.sides
    )


def take_profits(ledger: Ledger, side: Side, lot: Lot) -> list[TakeProfit]:
    """The near and the far part of a lot; one order if a part would be too small to send."""
    bar, params, market = ledger.bar, ledger.params, ledger.market
    growth = (1.0 + bar.spacing / bar.close) ** side.sign
    near = _target_price(ledger, side, lot, lot.price * growth)
    far = _target_price(ledger, side, lot, lot.price * growth**2)
    near_qty = rounding.down(params.tp_concentration * lot.qty, market.step)
    far_qty = round(lot.qty - near_qty, 10)
    for price, qty in ((near, near_qty), (far, far_qty)):
        if qty < market.step or price * qty < market.min_notional:
            return [TakeProfit(near, lot.qty, bar.index)]
    return [TakeProfit(near, near_qty, bar.index), TakeProfit(far, far_qty, bar.index)]


def _target_price(ledger: Ledger, side: Side, lot: Lot, level: float) -> float:
    """`level` off round numbers and on the tick, at least breakeven and a tick beyond p."""
    tick, fee = ledger.market.tick, ledger.params.fee_maker
    breakeven = lot.price * ((1.0 + fee) / (1.0 - fee)) ** side.sign
    beyond = ledger.bar.close + side.sign * tick
    away = rounding.up if side.sign == LONG else rounding.down
    prices = (away(price, tick) for price in (rounding.nudged(level), breakeven, beyond))
    return max(prices) if side.sign == LONG else min(prices)
