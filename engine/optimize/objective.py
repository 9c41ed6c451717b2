"""How good one run is: a single number that never lies about the order of two runs.

The guide's score is Calmar * sqrt(profit factor), of the worst coin and window. Taken literally it
has no value for a run without trades, losses or drawdown, and below zero it is upside down: a
deeper drawdown divides a loss into a better Calmar. Here it is

    growth >= 0:   growth / drawdown * sqrt(pf)
    growth <  0:   growth * drawdown / 0.10^2 / sqrt(pf)

with growth a year (at most +1000 %), drawdown (at least 1 %) and profit factor (0.1 to 10), all as
fractions. The two meet at 0, and at a drawdown of 10 % they have one scale. So the score rises with
growth and profit factor and falls with drawdown, everywhere, and is finite. A run that closes
nothing scores NO_TRADES, as one that loses 10 % a year at 10 % drawdown: standing aside
must not be the best answer to a market that is hard to trade.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.metrics import cagr, max_drawdown
from engine.trades import BUY_OPEN_LONG, CIRCUIT_BREAKER_HALT, SELL_OPEN_SHORT
from exchange.timeframe import DAY_MS

NO_TRADES = -1.0
SCALE = (
    "A score is yearly growth / drawdown x sqrt(profit factor); below zero it is growth x drawdown "
    "/ 0.01 / sqrt(profit factor), another scale on which more drawdown is worse, too; -1 without "
    "a closed trade."
)
"""What the score means, for people."""
LOWEST_DRAWDOWN = 0.01
MIDDLE_DRAWDOWN = 0.10
HIGHEST_GROWTH = 10.0
PROFIT_FACTORS = (0.1, 10.0)


class Numbers(NamedTuple):
    """What a run is judged by; fractions."""

    growth: float
    """Compound, a year."""
    drawdown: float
    gross_profit: float
    gross_loss: float
    """Quote currency, both positive."""
    closed: int

    @property
    def score(self) -> float:
        """`score` of these."""
        return score(self)


def score(run: Numbers) -> float:
    """The number that a search maximises; the formula stands at the top of this file."""
    if run.closed == 0:
        return NO_TRADES
    root = math.sqrt(_profit_factor(run))
    drawdown = max(run.drawdown, LOWEST_DRAWDOWN)
    if run.growth >= 0.0:
        return min(run.growth, HIGHEST_GROWTH) / drawdown * root
    return run.growth * drawdown / MIDDLE_DRAWDOWN**2 / root


def numbers(
    equity: npt.NDArray[np.float64], fills: npt.NDArray[Any], capital: float, timeframe_ms: int
) -> Numbers:
    """What `equity` (shape (bars,), at the closes of the judged span) and its fills say.

    `capital` was there before the first bar; `fills`: rows of layout TRADE.
    """
    curve = np.concatenate([[capital], equity])
    days = len(equity) * timeframe_ms / DAY_MS
    growth = cagr(float(equity[-1]) / capital, days)
    label, pnl = fills["label"], fills["pnl"]
    closing = (
        (label != BUY_OPEN_LONG) & (label != SELL_OPEN_SHORT) & (label != CIRCUIT_BREAKER_HALT)
    )
    closed = pnl[closing]
    return Numbers(
        HIGHEST_GROWTH if growth is None else growth / 100.0,
        min(max_drawdown(curve)[0], 1.0),
        float(closed[closed > 0.0].sum()),
        float(-closed[closed <= 0.0].sum()) + 0.0,
        len(closed),
    )


def _profit_factor(run: Numbers) -> float:
    lowest, highest = PROFIT_FACTORS
    if run.gross_profit >= highest * run.gross_loss:
        return highest if run.gross_profit > 0.0 else 1.0
    return max(run.gross_profit / run.gross_loss, lowest)
