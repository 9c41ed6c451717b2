"""A made-up market: seeded, endless, and the same however it is asked.

Every UTC day has its own random numbers (Philox, a counter-based generator, keyed by seed and
symbol, counted by day), so any range can be made alone and agrees with every other range. All
candles are sums of one-minute candles, so a coarse timeframe is exactly the finer one added up.

Days come first: each has a variance (a slow AR(1) of log variance, quieter at weekends), now and
then a jump in some minutes of it, and a normal return of that variance. Half-hours within a day
carry a faster AR(1) and a daily shape. Minutes are normal with the variance these give them,
conditioned (as a Brownian bridge is) to add up to their day. The price is a martingale: the mean
of a day's log return is minus half its variance, so nothing in past returns tells the next one.
(Each market is at its coin's usual price when 2024 begins; before that, the level does tell where
it will end.) Coins share part of their daily returns and variances, as coins do.

Funding follows Binance's formula, premium + clamp(0.01 % - premium, +-0.05 %), on a premium that
leans with the last days' return; as on real markets longs pay on average.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.errors import DataError
from exchange.market import market_for
from exchange.span import Span
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS, MINUTE_MS

DEFAULT_SEED = 4
"""A market in which BTC, ETH and SOL stay near what they have cost since 2022."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MINUTES = DAY_MS // MINUTE_MS
_NODES = 48
_BLOCK_DAYS = 32
_FIRST_DAY = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp()) * 1000 // DAY_MS
_LAST_DAY = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000 // DAY_MS
_PINNED_DAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1000 // DAY_MS
"""The day at whose start the price is the coin's usual level, whatever the seed."""

_SLOW, _SLOW_SD = 0.97, 0.4
_FAST, _FAST_SD = 0.9, 0.45
_SHARED = 0.75
_JUMP_CHANCE, _JUMP_SIZE, _JUMP_MINUTES = 0.04, 1.5, 6.0
_WEEKEND_VARIANCE, _WEEKEND_VOLUME = 0.5, 0.85
_HOURLY_VARIANCE = np.array(
    [
        [1.1, 0.9, 0.8, 0.7, 0.65, 0.65, 0.7, 0.8, 0.85, 0.8, 0.8, 0.9],
        [1.2, 1.5, 1.75, 1.6, 1.4, 1.2, 1.15, 1.1, 1.0, 0.9, 0.85, 0.85],
    ]
).ravel()
_HOURLY_VOLUME = np.sqrt(_HOURLY_VARIANCE)


class _Habit(NamedTuple):
    """Usual price (USDT), daily volatility, and volume a minute (USDT) of a coin."""

    price: float
    volatility: float
    turnover: float


_HABITS = {
    "BTC": _Habit(42_000, 0.026, 6e6),
    "ETH": _Habit(2_300, 0.032, 3e6),
    "SOL": _Habit(100, 0.048, 8e5),
    "BNB": _Habit(310, 0.03, 4e5),
    "XRP": _Habit(0.6, 0.042, 5e5),
    "DOGE": _Habit(0.09, 0.046, 4e5),
    "ADA": _Habit(0.6, 0.043, 2e5),
    "LTC": _Habit(73, 0.038, 2e5),
    "LINK": _Habit(15, 0.045, 2e5),
    "AVAX": _Habit(38, 0.05, 2e5),
}


def simulate(symbol: Symbol, timeframe_ms: int, span: Span, seed: int) -> pd.DataFrame:
    """Candles of the made-up market, every candle of the span, on the coin's tick.

    Args:
        span: whole candles of `timeframe_ms`, between 2010 and 2100.
        seed: 0 to 2**64 - 1; each is another market.

    Returns:
        `timestamp` int64 ms UTC, `open`, `high`, `low`, `close`, `volume` (coins) float64.

    Raises:
        DataError: the span or the seed is outside its bounds.
    """
    days = _days(symbol, span, seed)
    first, last = span.start_ms // DAY_MS, -(-span.end_ms // DAY_MS)
    skipped = (span.start_ms - first * DAY_MS) // timeframe_ms
    count = (span.end_ms - span.start_ms) // timeframe_ms
    blocks = [
        _added_up(_minutes(days, start, min(start + _BLOCK_DAYS, last)), timeframe_ms // MINUTE_MS)
        for start in range(first, last, _BLOCK_DAYS)
    ]
    ticks = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    frame: dict[str, Floats | Ints] = {
        "timestamp": np.arange(span.start_ms, span.end_ms, timeframe_ms, dtype=np.int64)
    }
    for name, values in ticks.items():
        grid = days.per_step if name == "volume" else days.per_tick
        frame[name] = values[skipped : skipped + count] / grid
    return pd.DataFrame(frame)


def simulate_funding(symbol: Symbol, span: Span, seed: int) -> pd.DataFrame:
    """Settlements of the made-up market at 00, 08 and 16 UTC inside the span.

    Returns:
        `timestamp` int64 ms UTC, `funding_rate` float64 (fraction of the position).

    Raises:
        DataError: the span or the seed is outside its bounds.
    """
    days = _days(symbol, span, seed)
    first, last = span.start_ms // DAY_MS, -(-span.end_ms // DAY_MS)
    every = DAY_MS // 3
    stamps = np.arange(first * 3, last * 3, dtype=np.int64) * every
    generators = (_generator(days.key, 2, day) for day in range(first, last))
    noise = np.stack([generator.standard_normal(3) for generator in generators])
    # the last three days' returns, all known before the first settlement of a day
    before = days.log_price[first - _FIRST_DAY : last - _FIRST_DAY]
    earlier = days.log_price[np.maximum(np.arange(first, last) - _FIRST_DAY - 3, 0)]
    premium = -1.5e-4 + 4e-3 * (before - earlier)[:, None] + 2e-4 * noise
    rate = premium + np.clip(1e-4 - premium, -5e-4, 5e-4)
    rounded = np.round(np.clip(rate, -3e-3, 3e-3), 8).ravel()
    inside = (stamps >= span.start_ms) & (stamps < span.end_ms)
    return pd.DataFrame({"timestamp": stamps[inside], "funding_rate": rounded[inside]})


@dataclass(frozen=True, slots=True)
class _Days:
    """What is fixed for each day since `_FIRST_DAY`, before any minute is made.

    float64, shape (days,): `variance` without the jump, `jump` (variance of the jump, mostly 0),
    `jump_minute`; shape (days + 1,): `log_price` at each midnight.
    """

    key: tuple[int, int]
    per_tick: float
    per_step: float
    turnover: float
    volatility: float
    variance: Floats
    jump: Floats
    jump_minute: Floats
    log_price: Floats


def _days(symbol: Symbol, span: Span, seed: int) -> _Days:
    if not 0 <= seed < 1 << 64:
        raise DataError(f"seed {seed} is out of range: choose one from 0 to 2**64 - 1")
    first, last = span.start_ms // DAY_MS, -(-span.end_ms // DAY_MS)
    if first < _FIRST_DAY or last > _LAST_DAY:
        raise DataError(f"the simulated market runs from 2010 to 2100, not {span}: choose a part")
    # a whole number of years, so that a live market does not make them anew each day
    until = -(-(max(last, _PINNED_DAY) - _FIRST_DAY) // 366) * 366
    return _days_until(symbol, seed, until)


@lru_cache(maxsize=16)
def _days_until(symbol: Symbol, seed: int, count: int) -> _Days:
    name_key = _hash(symbol.id)
    habit = _habit(symbol, name_key)
    own = _generator((seed, name_key), 0, 0)
    shared = _generator((seed, _hash("every coin")), 0, 0)
    # one row a day, so that a longer history begins with the same numbers
    normal = own.standard_normal((count, 2))
    common = shared.standard_normal((count, 2))
    mixed = _SHARED * common + np.sqrt(1 - _SHARED**2) * normal
    chance = _generator((seed, name_key), 3, 0).random((count, 2))

    innovation = mixed[:, 0] * _SLOW_SD * np.sqrt(1 - _SLOW**2)
    slow = np.fromiter(accumulate(innovation, lambda h, e: _SLOW * h + e), np.float64, count)
    weekend = _weekend(np.arange(_FIRST_DAY, _FIRST_DAY + count))
    rhythm = np.where(weekend, _WEEKEND_VARIANCE, (7 - 2 * _WEEKEND_VARIANCE) / 5)
    variance = habit.volatility**2 * rhythm * np.exp(2 * slow - 2 * _SLOW_SD**2)
    jump = np.where(chance[:, 0] < _JUMP_CHANCE, (_JUMP_SIZE * habit.volatility) ** 2, 0.0)
    total = variance + jump
    path = np.concatenate(([0.0], np.cumsum(np.sqrt(total) * mixed[:, 1] - total / 2)))
    market = market_for(symbol, habit.price)
    return _Days(
        key=(seed, name_key),
        per_tick=float(1 / market.tick),
        per_step=float(1 / market.step),
        turnover=habit.turnover,
        volatility=habit.volatility,
        variance=variance,
        jump=jump,
        jump_minute=np.floor(chance[:, 1] * _MINUTES),
        log_price=path - path[_PINNED_DAY - _FIRST_DAY] + np.log(habit.price),
    )


def _minutes(days: _Days, first: int, last: int) -> dict[str, Ints]:
    """One-minute candles of the days first..last-1: prices in ticks, volume in steps."""
    rows = slice(first - _FIRST_DAY, last - _FIRST_DAY)
    count = last - first
    normal = np.empty((count, 2 * _MINUTES + _NODES))
    excess = np.empty((count, 2 * _MINUTES))
    for row in range(count):
        generator = _generator(days.key, 1, first + row)
        generator.standard_normal(out=normal[row])
        generator.standard_exponential(out=excess[row])

    shape = _intraday(normal[:, 2 * _MINUTES :])
    variance = shape * (days.variance[rows] / shape.sum(axis=1))[:, None]
    _add_jumps(variance, days.jump[rows], days.jump_minute[rows])
    deviation = np.sqrt(variance)
    log_price = days.log_price[first - _FIRST_DAY : last - _FIRST_DAY + 1]
    moves = deviation * normal[:, :_MINUTES]
    missing = np.diff(log_price) - moves.sum(axis=1)
    moves += variance * (missing / variance.sum(axis=1))[:, None]
    path = np.empty((count, _MINUTES + 1))
    path[:, 0] = log_price[:-1]
    np.cumsum(moves, axis=1, out=path[:, 1:])
    path[:, 1:] += path[:, :1]
    path[:, -1] = log_price[1:]  # rounding must not open a gap at midnight

    # extremes of a Brownian bridge: (d + sqrt(d^2 + 2 s^2 E)) / 2 above its start, E exponential
    half = 2 * variance
    up = (moves + np.sqrt(moves**2 + half * excess[:, :_MINUTES])) / 2
    down = (np.sqrt(moves**2 + half * excess[:, _MINUTES:]) - moves) / 2
    ticks = np.maximum(np.rint(np.exp(path) * days.per_tick), 1.0)
    opened, closed = ticks[:, :-1], ticks[:, 1:]
    price = np.exp(path[:, :-1])
    high = np.maximum(np.rint(price * np.exp(up) * days.per_tick), np.maximum(opened, closed))
    low = np.rint(price * np.exp(-down) * days.per_tick)
    low = np.maximum(np.minimum(low, np.minimum(opened, closed)), 1.0)

    usual = days.turnover * _daily(_HOURLY_VOLUME) / price
    usual *= np.where(_weekend(np.arange(first, last)), _WEEKEND_VOLUME, 1.0)[:, None]
    spread = (up + down) * (np.sqrt(_MINUTES) / days.volatility)
    volume = usual * spread * np.exp(0.5 * normal[:, _MINUTES : 2 * _MINUTES])
    made = {
        "open": opened,
        "high": high,
        "low": low,
        "close": closed,
        "volume": np.rint(volume * days.per_step),
    }
    return {name: values.ravel().astype(np.int64) for name, values in made.items()}


def _added_up(minutes: dict[str, Ints], count: int) -> dict[str, Ints]:
    """Candles of `count` minutes each."""
    grouped = {name: values.reshape(-1, count) for name, values in minutes.items()}
    return {
        "open": grouped["open"][:, 0],
        "high": grouped["high"].max(axis=1),
        "low": grouped["low"].min(axis=1),
        "close": grouped["close"][:, -1],
        "volume": grouped["volume"].sum(axis=1),
    }


def _intraday(normal: Floats) -> Floats:
    """Variance of each minute relative to its day's; shape (days, minutes)."""
    node = normal[:, 0] * _FAST_SD
    nodes = np.empty_like(normal)
    for column in range(_NODES):
        nodes[:, column] = node
        if column + 1 < _NODES:
            node = _FAST * node + normal[:, column + 1] * _FAST_SD * np.sqrt(1 - _FAST**2)
    relative: Floats = np.repeat(np.exp(2 * nodes), _MINUTES // _NODES, axis=1)
    return relative * _daily(_HOURLY_VARIANCE)


def _add_jumps(variance: Floats, jump: Floats, minute: Floats) -> None:
    """Spread each jump's variance over the minutes after it begins, most of it at once."""
    for row in np.flatnonzero(jump):
        start = int(minute[row])
        fading = np.exp(-np.arange(_MINUTES - start) / _JUMP_MINUTES)
        variance[row, start:] += jump[row] * fading / fading.sum()


def _weekend(day: Ints) -> NDArray[np.bool_]:
    """Whether days since 1970-01-01, a Thursday, are Saturdays or Sundays."""
    return np.asarray((day + 3) % 7 >= 5)


def _daily(hourly: Floats) -> Floats:
    repeated: Floats = np.repeat(hourly, 60)
    return repeated


def _habit(symbol: Symbol, name_key: int) -> _Habit:
    if symbol.coin in _HABITS:
        return _HABITS[symbol.coin]
    level, size = (name_key & 0xFFFF) / 0xFFFF, (name_key >> 16 & 0xFFFF) / 0xFFFF
    return _Habit(0.05 * 1000**level, 0.04 + 0.02 * size, 10 ** (4.5 + size))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _generator(key: tuple[int, int], stream: int, day: int) -> np.random.Generator:
    counter = np.array([0, 0, stream, day], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=np.array(key, np.uint64)))
