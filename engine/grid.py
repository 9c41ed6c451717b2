"""Where orders lie: spacing, levels, round numbers, and the market's own grid of ticks and steps.

Formulas: spacing and levels after the volatility-scaled geometric grid of the strategy's
specification; prices are quote currency per unit, spacings are price distances.
"""

import math

import numpy as np
import numpy.typing as npt

from indicators.compiled import compiled

ROUND_NUMBER_ZONE = 0.0010  # a level nearer than this to a round number moves ...
ROUND_NUMBER_NUDGE = 0.0015  # ... to this distance from it
MAX_SPACING = 0.20  # of the price


@compiled
def calculate_dynamic_spacing(
    atr: float,
    spacing_k: float,
    spacing_floor: float,
    ref_price: float,
    half_spread: float = 0.0,
) -> float:
    """Distance between levels: the largest of ATR, floor and half spread, at most 20 % of price.

    `spacing_floor` is a fraction of `ref_price`; `atr`, `half_spread` and the result are prices.
    """
    widest = max(spacing_k * atr, spacing_floor * ref_price, half_spread)
    return min(MAX_SPACING * ref_price, widest)


@compiled
def grid_level(
    anchor: float, relative_spacing: float, ref_price: float, j: int, sign: int, arithmetic: bool
) -> float:
    """Price of level j = 1.. before rounding; `sign` -1 below the anchor, +1 above it."""
    if arithmetic:
        return anchor + sign * j * relative_spacing * ref_price
    return anchor * (1.0 + relative_spacing) ** (sign * j)


@compiled
def nearest_round_number(price: float) -> float:
    """The nearest multiple of 10^(floor(log10 price) - 1): stops cluster at those."""
    unit = 10.0 ** (math.floor(math.log10(price)) - 1)
    return math.floor(price / unit + 0.5) * unit


@compiled
def nudge_off_round_number(price: float) -> float:
    """Move a price within 0.10 % of a round number to 0.15 % from it, on the side where it lies."""
    magnet = nearest_round_number(price)
    if abs(price - magnet) <= ROUND_NUMBER_ZONE * magnet:
        sign = 1.0 if price >= magnet else -1.0
        return magnet * (1.0 + sign * ROUND_NUMBER_NUDGE)
    return price


@compiled
def _ten_decimals(x: float) -> float:
    return np.rint(x * 1e10) / 1e10


@compiled
def round_down(x: float, unit: float) -> float:
    """The multiple of `unit` at or under x (a hair under a multiple counts as the multiple)."""
    return _ten_decimals(math.floor(x / unit + 1e-9) * unit)


@compiled
def round_up(x: float, unit: float) -> float:
    """The multiple of `unit` at or over x (a hair over a multiple counts as the multiple)."""
    return _ten_decimals(math.ceil(x / unit - 1e-9) * unit)


@compiled
def generate_grid_levels(
    anchor_price: float,
    buy_spacing: float,
    sell_spacing: float,
    grid_levels_count: int,
    arithmetic: bool = False,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Buy levels below and sell levels above the anchor, nearest first, off round numbers.

    Spacings are price distances at the anchor; geometric unless `arithmetic`. Returns two arrays
    of shape (n,), n <= grid_levels_count: a level that would not be positive is left out.
    """
    buys = np.empty(grid_levels_count)
    sells = np.empty(grid_levels_count)
    n = 0
    for j in range(1, grid_levels_count + 1):
        below = grid_level(
            anchor_price, buy_spacing / anchor_price, anchor_price, j, -1, arithmetic
        )
        above = grid_level(
            anchor_price, sell_spacing / anchor_price, anchor_price, j, 1, arithmetic
        )
        sells[j - 1] = nudge_off_round_number(above)
        if below > 0.0:
            buys[n] = nudge_off_round_number(below)
            n += 1
    return buys[:n], sells
