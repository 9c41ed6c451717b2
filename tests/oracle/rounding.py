"""The market's grid of prices and quantities, and the distance kept from round numbers."""

import math

_MAGNET = 0.0010
_CLEARANCE = 0.0015


def down(value: float, unit: float) -> float:
    """The multiple of `unit` at or below `value`; a hair under a multiple counts as on it."""
    return round(math.floor(value / unit + 1e-9) * unit, 10)


def up(value: float, unit: float) -> float:
    """The multiple of `unit` at or above `value`; a hair over a multiple counts as on it."""
    return round(math.ceil(value / unit - 1e-9) * unit, 10)


def nudged(price: float) -> float:
    """`price`, moved to 0.15 % from a round number if it lies within 0.10 % of one.

    Round numbers are multiples of 10^(floor(log10 price) - 1). The price stays on the side on
    which it lies; a price on the number itself goes above it. What is not positive stays.
    """
    if price <= 0.0:
        return price
    unit = 10.0 ** (math.floor(math.log10(price)) - 1)
    magnet = round(price / unit) * unit
    if abs(price / magnet - 1.0) > _MAGNET:
        return price
    return magnet * (1.0 + _CLEARANCE) if price >= magnet else magnet * (1.0 - _CLEARANCE)
