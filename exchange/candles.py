"""Candles with their funding, from Binance, from files or from the simulated market."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exchange import archive
from exchange.cache import kept_spans, through_cache
from exchange.checks import CANDLE_COLUMNS, check_candles, find_gaps
from exchange.download import BinanceHistory, Progress
from exchange.errors import DataError
from exchange.funding_rates import SHORTEST_FUNDING_MS, check_funding, lay_funding
from exchange.simulated import DEFAULT_SEED, simulate, simulate_funding
from exchange.span import Moment, Span, moment_ms, moment_text
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms


def fetch_data(
    symbol: str | Symbol,
    timeframe: str,
    start: Moment,
    end: Moment | None = None,
    source: str | Path | None = None,
    data_dir: str | Path | None = None,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """All candles of `symbol` that lie wholly between `start` and `end`.

    >>> df = fetch_data("BTC", "1h", "2024-01-01", "2024-01-03", source="sim")
    >>> len(df), df.attrs["source"]
    (48, 'SIMULATED market, seed 4')

    Args:
        symbol: BTC, BTCUSDT, BTC/USDT or BTC/USDT:USDT.
        timeframe: 1m to 1d, see `exchange.timeframe.TIMEFRAMES`.
        start: the first moment: "2024-01-31" is its midnight UTC; ISO 8601 and int ms work too.
        end: the first moment that is left out, in the same forms: "2024-02-01" means up to the
            end of January 31. None means now; a candle that is still open is never included.
        source: "binance" (downloaded once, then read from the cache), "sim" (a made-up market),
            or a folder with files (see `exchange.archive`). None: environment GRIDTUI_SOURCE,
            else "binance".
        data_dir: the cache lies in its folder `cache`. None: environment GRIDTUI_DATA, else data.
        seed: which made-up market.
        progress: called with the share that is done and a line about it.

    Returns:
        `timestamp` (int64, ms UTC, open of the candle), `open`, `high`, `low`, `close` (USDT),
        `volume` (coins), `funding_rate` (fraction; where a real settlement falls into the candle,
        their sum if several, NaN elsewhere), with a RangeIndex. Missing candles stay missing.
        Where a candle may hold several settlements (gaps, long timeframes) also `funding_last`
        and `funding_last_ms`: rate and time of the last of them.
        `attrs`, fit for JSON: `symbol` "BTC/USDT"; `timeframe`; `source`, a sentence; `simulated`;
        `gaps`, [open of the first missing candle in ms, candles missing] each; `funding`: "real",
        "real with holes", "synthetic" (none known) or "simulated"; `funding_holes`,
        [first missing 8-hour settlement in ms, how many] each; `notes`, sentences for the user.

    Raises:
        DataError: a bad argument, no data, data that cannot be right, or no way to Binance.
    """
    symbol = Symbol.parse(symbol)
    length = timeframe_ms(timeframe)
    now = time.time_ns() // 1_000_000
    span = Span(moment_ms(start), now if end is None else moment_ms(end)).whole(length)
    chosen = source or os.environ.get("GRIDTUI_SOURCE") or "binance"
    if chosen == "sim":
        loaded = _from_simulation(symbol, length, span, seed)
    elif chosen == "binance":
        folder = Path(data_dir or os.environ.get("GRIDTUI_DATA") or "data") / "cache"
        past = Span(span.start_ms, min(span.end_ms, now)).whole(length)
        loaded = from_binance(BinanceHistory(), symbol, timeframe, past, folder, progress)
    else:
        loaded = _from_folder(Path(chosen), symbol, timeframe, span)
    return loaded.table(symbol, timeframe, span, open_ended=end is None)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked candles and settlements (None: none known) from one source."""

    candles: pd.DataFrame
    rates: pd.DataFrame | None
    source: str
    notes: tuple[str, ...] = ()
    simulated: bool = False

    def table(
        self, symbol: Symbol, timeframe: str, span: Span, *, open_ended: bool = False
    ) -> pd.DataFrame:
        """The table that `fetch_data` returns; `span` is what was asked for.

        With `open_ended` the last candle of the span may be missing without a note.
        """
        length = timeframe_ms(timeframe)
        stamps = self.candles["timestamp"].to_numpy()
        gaps = find_gaps(stamps, length)
        funding = lay_funding(stamps, length, self.rates)
        df = self.candles.assign(funding_rate=funding.column)
        if gaps or length > SHORTEST_FUNDING_MS:
            df = df.assign(funding_last=funding.last, funding_last_ms=funding.last_ms)
        notes = list(self.notes)
        first, end = int(stamps[0]), int(stamps[-1]) + length
        if first > span.start_ms:
            notes.append(
                f"asked from {moment_text(span.start_ms)}, candles begin {moment_text(first)}"
            )
        if end < span.end_ms and not (open_ended and span.end_ms - end <= length):
            notes.append(f"asked up to {moment_text(span.end_ms)}, candles end {moment_text(end)}")
        if gaps:
            missing = sum(gap.bars for gap in gaps)
            notes.append(f"candles missing: {missing:,}, in gaps: {len(gaps):,}")
        if funding.label == "synthetic":
            notes.append("no funding rates are known; all are estimated")
        elif funding.holes:
            due = sum(count for _, count in funding.holes)
            notes.append(f"funding is unknown at {due:,} settlements and is estimated there")
        df.attrs = {
            "symbol": symbol.pair,
            "timeframe": timeframe,
            "source": self.source,
            "simulated": self.simulated,
            "gaps": [list(gap) for gap in gaps],
            "funding": "simulated" if self.simulated else funding.label,
            "funding_holes": [list(hole) for hole in funding.holes],
            "notes": notes,
        }
        return df


def from_binance(
    history: BinanceHistory,
    symbol: Symbol,
    timeframe: str,
    span: Span,
    folder: Path,
    progress: Progress | None = None,
) -> Loaded:
    """Candles and funding of a span through the cache in `folder`.

    Raises:
        DataError: something is missing from the cache and Binance cannot be reached, has no such
            symbol, or has no candles of it in the span.
    """
    length = timeframe_ms(timeframe)
    notes: list[str] = []
    try:
        candles = through_cache(
            folder,
            f"{symbol.id}_{timeframe}",
            span,
            lambda rows, where: check_candles(rows, length, where).frame,
            lambda missing: history.candles(symbol, timeframe, missing, progress),
            notes,
        )
        rates = through_cache(
            folder,
            f"{symbol.id}_funding",
            span,
            check_funding,
            lambda missing: history.funding(symbol, missing, progress),
            notes,
        )
    except DataError as error:
        kept = ", ".join(str(part) for part, _ in kept_spans(folder, f"{symbol.id}_{timeframe}"))
        hint = f"; the cache holds {symbol} {timeframe} from {kept}" if kept else ""
        raise DataError(f"{error}{hint}") from error
    if candles.empty:
        raise DataError(
            f"Binance has no {timeframe} candles of {symbol} from {span}: choose a time in which "
            "it was traded"
        )
    return Loaded(candles, rates, "Binance USDT-margined futures", tuple(notes))


def _from_folder(folder: Path, symbol: Symbol, timeframe: str, span: Span) -> Loaded:
    if not folder.is_dir():
        raise DataError(
            f"source {str(folder)!r} is neither 'binance' nor 'sim' nor a folder: correct it"
        )
    checked, names = archive.load_candles(folder, symbol, timeframe, span)
    rates = archive.load_funding(folder, symbol, span)
    if rates is None and "funding_rate" in checked.frame:
        known = checked.frame[["timestamp", "funding_rate"]].dropna()
        rates = known.reset_index(drop=True)
    return Loaded(checked.frame[list(CANDLE_COLUMNS)], rates, f"files in {folder}: {names}")


def _from_simulation(symbol: Symbol, length: int, span: Span, seed: int) -> Loaded:
    return Loaded(
        simulate(symbol, length, span, seed),
        simulate_funding(symbol, span, seed),
        f"SIMULATED market, seed {seed}",
        simulated=True,
    )
