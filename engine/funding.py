"""Funding: what a settlement pays, and how the grid leans towards the side that is paid.

A positive rate is paid by longs to shorts. `sign` is +1 for long, -1 for short.
"""

from indicators.compiled import compiled

PAID_SPACING, PAYING_SPACING = 0.8, 1.2
PAID_SIZE, PAYING_SIZE = 1.25, 0.75


@compiled
def funding_payment(sign: int, qty: float, price: float, rate: float) -> float:
    """What a position receives at a settlement (negative: pays), quote currency."""
    return -sign * qty * price * rate


@compiled
def funding_spacing_factor(sign: int, rate: float, threshold: float) -> float:
    """Entries of the side that is paid lie nearer, of the side that pays farther."""
    if abs(rate) <= threshold:
        return 1.0
    return PAYING_SPACING if sign * rate > 0.0 else PAID_SPACING


@compiled
def funding_size_factor(sign: int, rate: float, threshold: float) -> float:
    """Orders of the side that is paid are larger, of the side that pays smaller."""
    if abs(rate) <= threshold:
        return 1.0
    return PAYING_SIZE if sign * rate > 0.0 else PAID_SIZE
