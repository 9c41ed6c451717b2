"""Volume against its own recent past."""

import numpy as np

from indicators.compiled import compiled
from indicators.rolling import rolling_sum
from indicators.series import Column


@compiled
def volume_ratio_column(volume: Column, period: int) -> Column:
    """`volume[t]` over the mean of the `period` bars before t; 1 until they exist or if it is 0."""
    ratio = np.ones(volume.size)
    past = rolling_sum(volume, period)
    for t in range(period, volume.size):
        if past[t - 1] > 0.0:
            ratio[t] = volume[t] * period / past[t - 1]
    return ratio
