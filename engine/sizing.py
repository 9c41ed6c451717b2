"""How large an order is: quarter Kelly over the lots closed in the same regime.

Kelly (1956): the fraction `f = W - (1 - W) / (average win / average loss)`; a quarter of it is
used, expressed as a multiplier of `order_pct` in [0.25, 1].
"""

import numpy as np
import numpy.typing as npt

from indicators.compiled import compiled

KELLY_FRACTION = 0.25
KELLY_MINIMUM = 0.25
KELLY_FEW_RECORDS = 0.5
KELLY_RECORDS_NEEDED = 20


@compiled
def kelly_multiplier(results: npt.NDArray[np.float64], count: int, order_pct: float) -> float:
    """Multiplier of the order size from the net results of closed lots, in quote currency.

    `results` has shape (window,) and is a ring of which `count` results were ever written. A
    result <= 0 is a loss. Fewer than 20 results: 0.5; no win: 0.25; no loss: f = W.
    """
    n = min(count, results.shape[0])
    if n < KELLY_RECORDS_NEEDED:
        return KELLY_FEW_RECORDS
    wins = 0
    won = 0.0
    lost = 0.0
    for k in range(n):
        if results[k] > 0.0:
            wins += 1
            won += results[k]
        else:
            lost -= results[k]
    if wins == 0 or order_pct <= 0.0:
        return KELLY_MINIMUM
    win_rate = wins / n
    fraction = win_rate
    if lost > 0.0:
        fraction -= (1.0 - win_rate) * (lost / (n - wins)) / (won / wins)
    return min(max(KELLY_FRACTION * fraction / order_pct, KELLY_MINIMUM), 1.0)
