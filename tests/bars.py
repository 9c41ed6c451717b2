"""Bars for tests: random ones from a seed, and the recorded ones."""

from pathlib import Path

import numpy as np
import pandas as pd

from engine.features import Bars

QUARTER_MS = 900_000
HOUR_MS = 3_600_000
NEW_YEAR_2022_MS = 1_640_995_200_000


def random_bars(
    n: int, seed: int = 0, gaps: float = 0.0, start: int = NEW_YEAR_2022_MS, settled: float = 0.02
) -> Bars:
    """A random walk in 15m candles; a share `gaps` of bars comes late, `settled` has real rates."""
    rng = np.random.default_rng(seed)
    late = np.where(rng.random(n) < gaps, rng.integers(1, 70, n), 0)
    time = start + QUARTER_MS * (np.arange(n) + np.cumsum(late) - late[:1])
    close = 40_000 * np.exp(np.cumsum(rng.normal(0, 0.003, n)))
    open_ = np.concatenate(([40_000.0], close[:-1]))
    high = np.maximum(open_, close) * np.exp(rng.exponential(0.001, n))
    low = np.minimum(open_, close) * np.exp(-rng.exponential(0.001, n))
    rate = np.where(rng.random(n) < settled, rng.normal(1e-4, 1e-4, n), np.nan)
    return Bars(time, open_, high, low, close, rng.lognormal(5, 1, n), rate)


def recorded_bars(folder: Path, coin: str) -> Bars:
    """The 15m perpetual of `coin` with its real settlements, each in the bar that contains it."""
    candles = pd.read_parquet(folder / f"{coin}USDT_15m.parquet")
    funding = pd.read_parquet(folder / f"{coin}USDT_funding.parquet")
    opened = funding["timestamp"] // QUARTER_MS * QUARTER_MS
    rates = funding.groupby(opened)["funding_rate"].sum().reindex(candles["timestamp"])
    columns = (candles[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    return Bars(candles["timestamp"].to_numpy(), *columns, rates.to_numpy())
