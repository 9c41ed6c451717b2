"""Numbers as the exchange keeps and writes them: exact decimals.

Binary floats cannot hold most prices: a limit at 0.3 would be missed by a path that touches
0.1 + 0.2, and a fee would be a different number on each side of the wire. Prices, quantities, fees
and balances are Decimals with 28 digits throughout; only candles arrive as floats, and their
shortest text is what the exchange that recorded them had written.
"""

from decimal import Decimal

ZERO = Decimal(0)
ONE = Decimal(1)


def exact(number: float) -> Decimal:
    """The decimal number that a float was read from."""
    return Decimal(repr(float(number)))


def is_multiple(number: Decimal, grid: Decimal) -> bool:
    return number % grid == 0


def floored(number: Decimal, grid: Decimal) -> Decimal:
    """The largest multiple of `grid` that is not above `number`."""
    return number // grid * grid


def between(number: Decimal, one: Decimal, other: Decimal) -> Decimal:
    """`number`, or the nearer of the two bounds if it lies outside them."""
    return max(min(one, other), min(max(one, other), number))
