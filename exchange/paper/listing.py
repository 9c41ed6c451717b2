"""What the exchange lists: a coin with its rules and its tape, recorded or simulated."""

from dataclasses import dataclass
from pathlib import Path

from exchange.candles import fetch_data
from exchange.errors import DataError
from exchange.market import Market, market_for
from exchange.paper.tape import Tape
from exchange.simulated import DEFAULT_SEED
from exchange.span import Moment
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms


@dataclass(frozen=True, slots=True)
class Listing:
    """A coin that can be traded here; `source` says where its candles come from."""

    market: Market
    tape: Tape
    source: str = ""


def load_listing(
    symbol: str | Symbol,
    timeframe: str,
    start: Moment,
    end: Moment,
    source: str | Path = "sim",
    detail_timeframe: str | None = None,
    seed: int = DEFAULT_SEED,
    market: Market | None = None,
) -> Listing:
    """A coin on candles from a folder, or on the simulated market (source "sim").

    Args:
        detail_timeframe: finer candles from the same source, which the path then follows.
        market: its rules; None: what is known offline (see `exchange.market.market_for`).

    Raises:
        DataError: as `exchange.candles.fetch_data`; or the source is Binance, which this
            exchange never asks.
    """
    if source == "binance":
        raise DataError(
            "the paper exchange asks nobody: give a folder with candles, or 'sim', as its source"
        )
    name = Symbol.parse(symbol)
    bars = fetch_data(name, timeframe, start, end, source=source, seed=seed)
    detail = None
    if detail_timeframe is not None:
        detail = fetch_data(name, detail_timeframe, start, end, source=source, seed=seed)
    fine_ms = timeframe_ms(detail_timeframe) if detail_timeframe else None
    rules = market or market_for(name, float(bars["close"].iloc[0]))
    tape = Tape(bars, timeframe_ms(timeframe), detail, fine_ms)
    return Listing(rules, tape, str(bars.attrs["source"]))
