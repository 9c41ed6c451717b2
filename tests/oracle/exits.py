"""Steps 3 and 5: what is closed at the open because of the close before it."""

from tests.oracle import rounding
from tests.oracle.accounting import Ledger
from tests.oracle.state import LONG, Lot, Side

_HOUR_MS = 3_600_000
STOP_LABEL = {LONG: "STOP_LONG", -LONG: "STOP_SHORT"}


def stop_loss(ledger: Ledger) -> None:
    """Step 3: half of a side that closed at or beyond its stop goes; stage 2 is set anew."""
    p, d = ledger.bar.close, ledger.bar.stop_distance
    for side in ledger.account.sides:
        if not side.lots:
            continue
        if not side.stage1_fired and side.is_past(p, side.average_entry - side.sign * d):
            side.stage1_fired = True
            ledger.close_at_market(side, _half(ledger, side), STOP_LABEL[side.sign])
            ledger.count_stop()
        ledger.place_stop(side)


def _half(ledger: Ledger, side: Side) -> list[tuple[Lot, float]]:
    """The first half of the side, oldest first; all of it if it cannot be halved."""
    market, qty = ledger.market, side.qty
    half = rounding.down(qty / 2.0, market.step)
    if len(side.lots) == 1 or half <= 0.0 or half * ledger.bar.close < market.min_notional:
        return [(lot, lot.qty) for lot in side.lots]
    parts = []
    for lot in side.lots:
        part = min(lot.qty, half)
        if part > 0.0:
            parts.append((lot, part))
        half = round(half - part, 10)
    return parts


def prune(ledger: Ledger) -> None:
    """Step 5: at most one losing lot per side, then the de-leverage of both sides."""
    bar, params = ledger.bar, ledger.params
    for side in ledger.account.sides:
        found = _lot_to_prune(ledger, side)
        if found:
            _close(ledger, side, *found)
    if -ledger.account.unrealised(bar.close) > 0.75 * params.max_drawdown_pct * bar.equity:
        for side in ledger.account.sides:
            losing = _losing(side, bar.close)
            if losing and side.last_prune != bar.index:
                _close(ledger, side, "PRUNE_VAR_WARNING", _worst(losing, bar.close))


def _lot_to_prune(ledger: Ledger, side: Side) -> tuple[str, Lot] | None:
    """Label and lot of the first rule that applies; all but the first rule know a cooldown."""
    bar, params = ledger.bar, ledger.params
    p, spacing = bar.close, bar.spacing
    losing = _losing(side, p)
    if not losing:
        return None
    worst = _worst(losing, p)

    if side.sign * (p - bar.kama) < -params.deviance_sigma * bar.atr:
        return "PRUNE_DEVIANCE", worst
    if side.last_prune is not None and bar.index - side.last_prune < params.prune_cooldown_bars:
        return None
    if bar.time - losing[0].time > params.max_position_age_hours * _HOUR_MS:
        return "PRUNE_OLDEST", losing[0]
    farthest = max(losing, key=lambda lot: abs(p - lot.price))
    if abs(p - farthest.price) > params.gap_prune_mult * spacing:
        return "PRUNE_GAP", farthest
    for lot in losing:
        if -lot.funding > params.funding_cost_ratio * lot.qty * spacing:
            return "PRUNE_FUNDING", lot
    deep = abs(p - worst.price) >= params.offset_min_spacings * spacing
    if deep and side.buffer > params.offset_prune_ratio * abs(p - worst.price) * worst.qty:
        return "PRUNE_OFFSET", worst
    return None


def _losing(side: Side, p: float) -> list[Lot]:
    return [lot for lot in side.lots if side.sign * (p - lot.price) < 0.0]


def _worst(losing: list[Lot], p: float) -> Lot:
    """The largest loss in quote currency, of equal ones the oldest."""
    return max(losing, key=lambda lot: abs(p - lot.price) * lot.qty)


def _close(ledger: Ledger, side: Side, label: str, lot: Lot) -> None:
    ledger.close_at_market(side, [(lot, lot.qty)], label)
    side.last_prune = ledger.bar.index
    ledger.account.counters[label] += 1
