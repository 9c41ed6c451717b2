"""Candles of the simulated market for benchmarks, which must run anywhere."""

import numpy as np
import pandas as pd

from engine.features import Bars
from exchange.candles import fetch_data

QUARTER_MS = 900_000
_START_MS = 1_640_995_200_000  # 2022-01-01


def made_up_candles(bars: int) -> pd.DataFrame:
    """`bars` candles of 15 minutes of BTC, with funding."""
    return fetch_data("BTC", "15m", _START_MS, _START_MS + bars * QUARTER_MS, source="sim")


def made_up_bars(bars: int) -> Bars:
    """The same as the arrays that features are built from."""
    df = made_up_candles(bars)
    names = ("open", "high", "low", "close", "volume", "funding_rate")
    columns = (np.ascontiguousarray(df[name].to_numpy(np.float64)) for name in names)
    return Bars(df["timestamp"].to_numpy(np.int64), *columns)
