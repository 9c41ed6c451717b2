"""What the exchange lists: a coin with its rules and its tape, recorded or simulated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.archive import has_candles
from exchange.cache import cache_folder, kept_spans
from exchange.candles import CACHE_SOURCES, fetch_data
from exchange.errors import DataError
from exchange.market import Market, market_for
from exchange.paper.tape import Tape
from exchange.series import Series
from exchange.simulated import DEFAULT_SEED
from exchange.span import Moment, moment_ms, moment_text
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS, timeframe_ms

_HISTORY_MS = 30 * DAY_MS
_SIMULATED_AHEAD_MS = 180 * DAY_MS
_MOST_BARS = 1_000_000
_NEVER = "2100-01-01"
_SOURCES = f"sim, {', '.join(CACHE_SOURCES)} or a folder with candles"


@dataclass(frozen=True, slots=True)
class Listing:
    """A coin that can be traded here; `source` says where its candles come from."""

    market: Market
    tape: Tape
    source: str = ""
    simulated: bool = False


def load_listing(
    symbol: str | Symbol,
    timeframe: str,
    start: Moment,
    end: Moment,
    source: str | Path = "sim",
    detail_timeframe: str | None = None,
    seed: int = DEFAULT_SEED,
    market: Market | None = None,
    data_dir: str | Path | None = None,
) -> Listing:
    """A coin on candles from a folder or the cache, or on the simulated market (source "sim").

    Args:
        source: see `exchange.candles.fetch_data`.
        detail_timeframe: finer candles from the same source, which the path then follows.
        market: its rules; None: what is known offline (see `exchange.market.market_for`).
        data_dir: where the cache lies.

    Raises:
        DataError: as `exchange.candles.fetch_data`; or the source is Binance, which this
            exchange never asks.
    """
    if source == "binance":
        raise DataError(f"the paper exchange asks nobody: use {_SOURCES} as its source")
    name = Symbol.parse(symbol)
    where: dict[str, Any] = {"source": source, "seed": seed, "data_dir": data_dir}
    bars = fetch_data(name, timeframe, start, end, **where)
    detail = None
    if detail_timeframe is not None:
        detail = fetch_data(name, detail_timeframe, start, end, **where)
    fine_ms = timeframe_ms(detail_timeframe) if detail_timeframe else None
    rules = market or market_for(name, float(bars["close"].iloc[0]))
    tape = Tape(bars, timeframe_ms(timeframe), detail, fine_ms)
    return Listing(rules, tape, str(bars.attrs["source"]), bool(bars.attrs["simulated"]))


@dataclass(frozen=True, slots=True)
class Offer:
    """What an exchange that is left to itself lists, and from when to when; ms UTC."""

    listings: tuple[Listing, ...]
    timeframe: str
    start_ms: int
    """The first bar that opens; what is before is history."""
    end_ms: int
    """Where the first of the tapes ends."""
    simulated: bool
    from_now: bool
    """Whether it begins at this machine's time."""


def load_offer(
    coins: Sequence[str],
    source: str | Path = "sim",
    start: Moment | None = None,
    timeframe: str | None = None,
    speed: float = 1.0,
    seed: int = DEFAULT_SEED,
    data_dir: str | Path | None = None,
) -> Offer:
    """Coins with a month of history before `start`, and all that there is after it.

    Args:
        start: None: on the simulated market now; on recorded candles as soon as a month (of short
            records: half) is history.
        timeframe: of the bars that are walked; None: 1m where the source has it, else 15m. Longer
            candles are added up from them.
        speed: how fast time will pass; a simulated market is made for half a year of real time, as
            far as a million bars go.
        data_dir: where the cache lies.

    Raises:
        DataError: as `load_listing`; or the candles begin after `start`, or end before it.
    """
    if str(source) == "sim":
        return _simulated(coins, start, timeframe or "1m", speed, seed)
    if str(source) not in CACHE_SOURCES and not Path(source).is_dir():
        raise DataError(
            f"source {str(source)!r} is not known: the paper exchange downloads nothing, so use "
            f"{_SOURCES}"
        )
    return _recorded(coins, source, start, timeframe, data_dir)


def _simulated(
    coins: Sequence[str], start: Moment | None, timeframe: str, speed: float, seed: int
) -> Offer:
    length = timeframe_ms(timeframe)
    now = int(time.time() * 1000)
    start_ms = -(-(now if start is None else moment_ms(start)) // length) * length
    if start is None:
        start_ms -= length
    ahead = min(max(int(_SIMULATED_AHEAD_MS * max(speed, 1.0)), length), _MOST_BARS * length)
    end_ms = min(start_ms + ahead // length * length, moment_ms(_NEVER))
    span = (start_ms - _HISTORY_MS, end_ms)
    listings = tuple(load_listing(coin, timeframe, *span, "sim", seed=seed) for coin in coins)
    return Offer(listings, timeframe, start_ms, end_ms, simulated=True, from_now=start is None)


def _recorded(
    coins: Sequence[str],
    source: str | Path,
    start: Moment | None,
    timeframe: str | None,
    data_dir: str | Path | None,
) -> Offer:
    names = [Symbol.parse(coin) for coin in coins]
    if timeframe is None:
        has_minutes = all(_has_minutes(source, name, data_dir) for name in names)
        timeframe = "1m" if has_minutes else "15m"
    first_ms = moment_ms("1980-01-01") if start is None else moment_ms(start) - _HISTORY_MS
    listings = tuple(
        load_listing(name, timeframe, first_ms, _NEVER, source, data_dir=data_dir) for name in names
    )
    bars = [listing.tape.bars for listing in listings]
    begin = max(int(each.time[0]) for each in bars)
    end = min(int(each.time[-1]) + each.length_ms for each in bars)
    start_ms = moment_ms(start) if start is not None else begin + min(_HISTORY_MS, end - begin >> 1)
    if start_ms >= end:
        raise DataError(
            f"{source}: its {timeframe} candles of {', '.join(map(str, names))} end together at "
            f"{moment_text(end)}: choose an earlier start, or coins with candles of one time"
        )
    if start_ms < begin:
        raise DataError(
            f"{source}: its {timeframe} candles of {', '.join(map(str, names))} begin together at "
            f"{moment_text(begin)}: choose a start from then on"
        )
    simulated = any(listing.simulated for listing in listings)
    return Offer(listings, timeframe, start_ms, end, simulated=simulated, from_now=False)


def _has_minutes(source: str | Path, symbol: Symbol, data_dir: str | Path | None) -> bool:
    if str(source) not in CACHE_SOURCES:
        return has_candles(Path(source), symbol, "1m")
    series = Series(symbol, "1m", *CACHE_SOURCES[str(source)])
    return bool(kept_spans(cache_folder(data_dir), series))
