"""Random markets with everything that real ones do to us, on the market's own tick.

`random_market(seed, kind)` is deterministic. Kinds: calm, wild, crash (60 % down within a day),
flat (prices and volume stand still for long), gaps (bars are missing), jumpy (opens gap), fast
funding (every 2 h), trend.
"""

from typing import NamedTuple

import numpy as np

from engine.features import Bars
from exchange.market import Market, market_for

KINDS = ("calm", "wild", "crash", "flat", "gaps", "jumpy", "fast funding", "trend")
TIMEFRAME_MS = 900_000
START_MS = 1_640_995_200_000  # 2022-01-01


class RandomMarket(NamedTuple):
    """Candles, the settlements behind `bars.funding_rate`, and the market they trade on."""

    bars: Bars
    funding: list[tuple[int, float]]
    market: Market


def random_market(seed: int, kind: str, length: int = 700) -> RandomMarket:
    """`length` bars of 15 minutes (fewer where bars are missing)."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    coin, price = [("BTC", 40_000.0), ("ETH", 2_500.0), ("SOL", 90.0)][seed % 3]
    tick = float(market_for(coin).tick)
    offset = int(rng.integers(0, 8))
    time = START_MS + TIMEFRAME_MS * (offset + np.arange(length, dtype=np.int64))

    sigma = {"wild": 0.009, "jumpy": 0.006, "flat": 0.003, "trend": 0.004}.get(kind, 0.0035)
    cluster = np.exp(0.6 * np.convolve(rng.normal(size=length + 40), np.ones(41) / 6.4, "valid"))
    moves = rng.standard_t(4, length) * sigma * cluster[:length] / 1.4
    if kind == "trend":
        moves += rng.choice([-1, 1]) * 0.0015 * np.sign(np.sin(np.arange(length) / 90))
    if kind == "crash":
        begin = int(rng.integers(150, length - 150))
        moves[begin : begin + 60] -= np.log(2.5) / 60
    if kind == "flat":
        for begin in rng.integers(80, length - 130, 3):
            moves[begin : begin + int(rng.integers(5, 110))] = 0.0
    jumps = np.zeros(length)
    if kind in ("jumpy", "crash", "wild"):
        hit = rng.random(length) < 0.06
        jumps[hit] = rng.normal(0.0, 0.02, hit.sum())
    level = np.log(price) + np.cumsum(moves + jumps)
    close = np.exp(level)
    opened = np.exp(level - moves)
    spread = np.abs(rng.normal(0.0, 0.7 * sigma, (2, length))) * (np.abs(moves) > 0)
    close, opened = (np.maximum(np.rint(x / tick) * tick, tick) for x in (close, opened))
    high = np.ceil(np.maximum(opened, close) * (1 + spread[0]) / tick - 1e-6) * tick
    low = np.floor(np.minimum(opened, close) * (1 - spread[1]) / tick + 1e-6) * tick
    opened, high, low, close = (np.round(x, 8) for x in (opened, high, low, close))
    high = np.maximum(high, np.maximum(opened, close))
    low = np.maximum(np.minimum(low, np.minimum(opened, close)), tick)
    volume = rng.lognormal(3.0, 0.6, length)
    volume[rng.random(length) < 0.02] = 0.0
    if kind == "flat":
        volume[moves == 0.0] = 0.0

    keep = np.ones(length, bool)
    if kind == "gaps":
        for begin in rng.integers(30, length - 60, 6):
            keep[begin : begin + int(rng.integers(1, 40))] = False
    time = time[keep]
    every = 2 if kind == "fast funding" else 8
    settled = _settlements(rng, time, every * 3_600_000, synthetic=seed % 4 == 1)
    rate = np.full(len(time), np.nan)
    for at, value in settled:
        k = int(np.searchsorted(time, at, side="right")) - 1
        rate[k] = value if np.isnan(rate[k]) else rate[k] + value
    columns = (np.ascontiguousarray(x[keep]) for x in (opened, high, low, close, volume))
    return RandomMarket(Bars(time, *columns, rate), settled, market_for(coin))


def _settlements(
    rng: np.random.Generator, time: np.ndarray, step: int, *, synthetic: bool
) -> list[tuple[int, float]]:
    """Rates at multiples of `step` inside the data; with a hole, or none at all if `synthetic`."""
    if synthetic:
        return []
    first = -(-int(time[0]) // step) * step
    times = np.arange(first, int(time[-1]) + TIMEFRAME_MS, step)
    rates = np.clip(rng.normal(0.0001, 0.0003, len(times)), -0.02, 0.02)
    keep = np.ones(len(times), bool)
    if len(times) > 6 and rng.random() < 0.5:
        begin = int(rng.integers(2, len(times) - 3))
        keep[begin : begin + 3] = False
    in_a_bar = np.isin(times, time)  # a bar's open: one bar, one settlement
    return [(int(t), float(r)) for t, r, k in zip(times, rates, keep & in_a_bar, strict=True) if k]
