"""The strategy once more, as plain Python that can be read beside its specification.

The compiled kernel is judged by this: both get the same candles and must give the same trades,
the same equity and the same regimes. Nothing here imports the engine or the indicators.

    from tests.oracle import Market, simulate
    result = simulate(candles, {"leverage": 5}, Market(0.1, 0.001, 50.0, tiers), funding=rates)
"""

from tests.oracle.params import Params
from tests.oracle.run import simulate
from tests.oracle.state import Market, Result, Trade

__all__ = ["Market", "Params", "Result", "Trade", "simulate"]
