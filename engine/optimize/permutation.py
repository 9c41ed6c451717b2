"""Markets that could as well have been: the same bars in another order.

Each bar keeps its shape (open, high, low and close relative to the close before it), its volume
and its funding; what one bar tells about the next is destroyed. The price starts and ends where
the real one does. Bars in which funding settles change places among themselves, so that rates fall
due when they really do and none is invented. Source: Masters (2018), "Testing and Tuning Market
Trading Systems", on permuting bars.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features import Bars, LastSettlement

Order = npt.NDArray[np.int64]


class PermutedMarket(NamedTuple):
    """Candles in another order and what settled in them, as `engine.features.build` takes them."""

    bars: Bars
    settled: LastSettlement | None


def permuted(
    bars: Bars, settled: LastSettlement | None, first: int, rng: np.random.Generator
) -> PermutedMarket:
    """The market with its bars from `first` on in random order; those before stay.

    Generators of the same seed treat coins with the same candles alike, and their correlation is
    kept. `first` is at least 1: the shape of the first bar of all is relative to nothing.

    Raises ValueError for a `first` outside 1 to len(bars).
    """
    if not 1 <= first <= len(bars.time):
        raise ValueError(f"bars can be permuted from 1 to {len(bars.time)} on, not {first}")
    return reordered(bars, settled, bar_order(bars.funding_rate, first, rng))


def bar_order(funding_rate: npt.NDArray[np.float64], first: int, rng: np.random.Generator) -> Order:
    """Which bar comes to each place, shape (n,); every order of each kind is equally likely."""
    order = np.arange(len(funding_rate), dtype=np.int64)
    settles = ~np.isnan(funding_rate[first:])
    for kind in (settles, ~settles):
        places = first + np.flatnonzero(kind)
        order[places] = rng.permutation(places)
    return order


def reordered(bars: Bars, settled: LastSettlement | None, order: Order) -> PermutedMarket:
    """The candles put in `order` (shape (n,), order[0] == 0), prices chained from the first bar."""
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    path = np.empty_like(bars.close)
    path[0] = bars.close[0]
    path[1:] = bars.close[0] * np.cumprod((bars.close / before)[order[1:]])
    base = np.concatenate([before[:1], path[:-1]])
    opened, high, low = (
        column[order] / before[order] * base for column in (bars.open, bars.high, bars.low)
    )
    # equal prices of a bar must not part by rounding
    high = np.maximum(high, np.maximum(opened, path))
    low = np.minimum(low, np.minimum(opened, path))
    market = Bars(bars.time, opened, high, low, path, bars.volume[order], bars.funding_rate[order])
    if settled is None:
        return PermutedMarket(market, None)
    inside = settled.time - bars.time
    return PermutedMarket(market, LastSettlement(settled.rate[order], bars.time + inside[order]))
