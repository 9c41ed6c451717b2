"""Random markets with everything that real ones do to us, on the market's own tick.

`random_market(seed, kind)` is deterministic. Kinds: calm, wild, crash (60 % down within a day),
flat (prices and volume stand still for long), gaps (bars are missing), jumpy (opens gap), fast
funding (every 2 h), trend.
"""

from typing import NamedTuple

import numpy as np

from engine.features import Bars, LastSettlement
from exchange.market import Market, market_for

KINDS = ("calm", "wild", "crash", "flat", "gaps", "jumpy", "fast funding", "trend")
TIMEFRAME_MS = 900_000
START_MS = 1_640_995_200_000  # 2022-01-01


class RandomMarket(NamedTuple):
    """Candles, the settlements (ms, rate) inside them, and the market they trade on."""

    bars: Bars
    settled: LastSettlement
    funding: list[tuple[int, float]]
    market: Market
    timeframe_ms: int


def random_market(
    seed: int, kind: str, length: int = 700, timeframe_ms: int = TIMEFRAME_MS
) -> RandomMarket:
    """`length` bars (fewer where bars are missing)."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    coin, price = [("BTC", 40_000.0), ("ETH", 2_500.0), ("SOL", 90.0)][seed % 3]
    tick = float(market_for(coin).tick)
    offset = int(rng.integers(0, 8))
    time = START_MS + timeframe_ms * (offset + np.arange(length, dtype=np.int64))

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
    end = int(time[-1]) + timeframe_ms
    funding = _settlements(rng, int(time[0]), end, every * 3_600_000, none=seed % 4 == 1)
    if kind != "gaps" and timeframe_ms <= 8 * 3_600_000:
        funding = _with_a_hole(rng, funding)
    rate, last, last_ms = np.full((3, len(time)), np.nan)
    for at, value in funding:
        k = int(np.searchsorted(time, at, side="right")) - 1
        rate[k] = value if np.isnan(rate[k]) else rate[k] + value
        last[k], last_ms[k] = value, at
    columns = (np.ascontiguousarray(x[keep]) for x in (opened, high, low, close, volume))
    bars = Bars(time, *columns, rate)
    settled = LastSettlement(last, last_ms)
    return RandomMarket(bars, settled, funding, market_for(coin), timeframe_ms)


def _settlements(
    rng: np.random.Generator, start: int, end: int, step: int, *, none: bool
) -> list[tuple[int, float]]:
    """Rates at multiples of `step` inside the data; or none at all."""
    if none:
        return []
    times = np.arange(-(-start // step) * step, end, step)
    rates = np.clip(rng.normal(0.0001, 0.0003, len(times)), -0.02, 0.02)
    return [(int(t), float(r)) for t, r in zip(times, rates, strict=True)]


def _with_a_hole(
    rng: np.random.Generator, funding: list[tuple[int, float]]
) -> list[tuple[int, float]]:
    """Sometimes three settlements in a row are not known.

    A bar holds one of them at most: the table of a DataFrame cannot tell of a hole between two
    settlements of the same bar.
    """
    if len(funding) < 7 or rng.random() < 0.5:
        return funding
    begin = int(rng.integers(2, len(funding) - 3))
    return funding[:begin] + funding[begin + 3 :]
