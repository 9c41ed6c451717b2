"""What stands at the exchange when a run has ended, in words: counted, not promised."""

from decimal import Decimal

from engine.account import SIDE_NAMES
from engine.live.orders import held_qty
from engine.live.run import Run
from engine.wording import plural
from exchange.broker import plain


def left_behind(run: Run) -> str:
    """Each position of ours with the orders that really rest for it."""
    sides = [_side(run, number, name) for number, name in enumerate(SIDE_NAMES)]
    return "; ".join(side for side in sides if side) or "no position is open"


def remains(run: Run) -> str:
    """`long 0.008, short 0.02`: what the account holds that is not ours; "" if nothing."""
    rows = zip(SIDE_NAMES, run.memory.not_ours, strict=True)
    return ", ".join(f"{name} {plain(qty)}" for name, qty in rows if qty)


def _side(run: Run, number: int, name: str) -> str:
    held = held_qty(run.kernel.state, number)
    if not held:
        return ""
    resting = [
        sent
        for sent in run.memory.alive
        if sent.purpose.side == number and sent.status == "resting"
    ]
    stops = sum(sent.purpose.role == "stop" for sent in resting)
    profits = [sent for sent in resting if sent.purpose.role.endswith("take-profit")]
    covered = sum((sent.left for sent in profits), Decimal(0))
    words = f"{name} {plain(held)} with {plural(stops, 'stop') if stops else 'NO STOP'}"
    if not profits:
        return f"{words}, no take-profit until --resume: they are laid at the next candle's close"
    words += f" and {plural(len(profits), 'take-profit')}"
    bare = held - covered
    return words + (f", {plain(bare)} of it without one until --resume" if bare > 0 else "")
