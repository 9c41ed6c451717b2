"""Candles with their funding, from Binance, from files or from the simulated market."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from exchange import archive
from exchange.cache import cache_files, cache_folder, kept_spans, read_cache, through_cache
from exchange.checks import CANDLE_COLUMNS, check_candles, find_gaps
from exchange.download import BinanceHistory, Progress
from exchange.errors import DataError
from exchange.funding_rates import SHORTEST_FUNDING_MS, check_funding, lay_funding
from exchange.series import Market, Series
from exchange.servers import url_in_environment
from exchange.simulated import DEFAULT_SEED, simulate, simulate_funding
from exchange.span import Moment, Span, moment_ms, moment_text
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms
from exchange.vision import MonthlyArchives, Received, shared_archives

CACHE_SOURCES: dict[str, tuple[Market, bool]] = {
    "cache": ("perpetual", False),
    "cache-spot": ("spot", False),
    "cache-sim": ("perpetual", True),
}
"""Sources that take what lies in the cache: its market, and whether it is simulated."""


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
            "cache" (what the cache holds, imports too, and no network), "cache-spot" and
            "cache-sim" (imported candles of the spot market, of a made-up one), or a folder with
            files (see `exchange.archive`). None: environment GRIDTUI_SOURCE, else "binance".
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
        loaded = fetch_into_cache(symbol, timeframe, start, end, data_dir, progress)
    elif chosen in CACHE_SOURCES:
        market, simulated = CACHE_SOURCES[str(chosen)]
        series = Series(symbol, timeframe, market, simulated)
        loaded = _from_cache(series, span, cache_folder(data_dir))
    else:
        loaded = _from_folder(Path(chosen), symbol, timeframe, span)
    return loaded.table(symbol, timeframe, span, open_ended=end is None)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Checked candles and settlements (None: none known) from one source.

    `series` and `received`: as what the cache keeps a download, and what of it came from where.
    """

    candles: pd.DataFrame
    rates: pd.DataFrame | None
    source: str
    notes: tuple[str, ...] = ()
    simulated: bool = False
    received: Received | None = None
    series: Series | None = None

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


def fetch_into_cache(
    symbol: Symbol,
    timeframe: str,
    start: Moment,
    end: Moment | None = None,
    data_dir: str | Path | None = None,
    progress: Progress | None = None,
    *,
    funding: bool = True,
) -> Loaded:
    """From Binance what the cache lacks; `received` of the result says what came from where.

    Another server that the environment's GRIDTUI_BINANCE_URL names has series of its own, and no
    archives but those of GRIDTUI_ARCHIVES_URL. Arguments and errors are those of `fetch_data`.
    """
    length = timeframe_ms(timeframe)
    now = time.time_ns() // 1_000_000
    until = now if end is None else min(moment_ms(end), now)
    url, archives = binance_url(), archives_url()
    history = BinanceHistory(url)
    return from_binance(
        history,
        symbol,
        timeframe,
        Span(moment_ms(start), until).whole(length),
        cache_folder(data_dir),
        progress,
        shared_archives(archives) if archives or url is None else None,
        funding=funding,
    )


def from_binance(
    history: BinanceHistory,
    symbol: Symbol,
    timeframe: str,
    span: Span,
    folder: Path,
    progress: Progress | None = None,
    archives: MonthlyArchives | None = None,
    *,
    funding: bool = True,
) -> Loaded:
    """Candles and funding of a span through the cache in `folder`.

    Args:
        archives: where whole months are looked for first; None: everything page by page.
        funding: whether to get the settlements too.

    What another server than Binance has is kept as series of its own; the paper exchange says of
    itself whether they are simulated.

    Raises:
        DataError: something is missing from the cache and Binance cannot be reached, has no such
            symbol, or has no candles of it in the span.
    """
    length = timeframe_ms(timeframe)
    received = Received()
    server = history.server
    if archives and not server.name:
        server = archives.server
    series = Series(symbol, timeframe, "perpetual", server.simulated, server.name)

    def download(missing: Span) -> Iterator[tuple[pd.DataFrame, int]]:
        if archives:
            yield from archives.candles(history, symbol, timeframe, missing, received, progress)
            return
        for page, until in history.candles(symbol, timeframe, missing, progress):
            received.paged += len(page)
            yield page, until

    rates = None
    try:
        candles = through_cache(
            folder,
            series,
            span,
            lambda rows, where: check_candles(rows, length, where).frame,
            download,
            received.notes,
            server.origin,
        )
        if funding:
            rates = through_cache(
                folder,
                replace(series, timeframe=None),
                span,
                check_funding,
                lambda missing: history.funding(symbol, missing, progress),
                received.notes,
                server.origin,
            )
    except DataError as error:
        kept = ", ".join(str(part) for part, _ in kept_spans(folder, series))
        where = "the cache" if server.name else "the source cache"
        hint = f"; {where} has {series} from {kept}" if kept else ""
        raise DataError(f"{error}{hint}") from error
    if candles.empty:
        raise DataError(
            f"{server.origin} has no {timeframe} candles of {symbol} from {span}: choose a time "
            "in which it was traded"
        )
    received.cached = len(candles) - received.archived - received.paged
    return Loaded(
        candles,
        rates,
        f"{server.origin}, in Binance's place" if server.name else "Binance USDT-margined futures",
        tuple(received.notes),
        simulated=server.simulated,
        received=received,
        series=series,
    )


def binance_url() -> str | None:
    """The server that the environment's GRIDTUI_BINANCE_URL names in Binance's place.

    Raises:
        DataError: it is not an address.
    """
    return url_in_environment("GRIDTUI_BINANCE_URL")


def archives_url() -> str | None:
    """The archive server that the environment's GRIDTUI_ARCHIVES_URL names; None: Binance's.

    Raises:
        DataError: it is not an address.
    """
    return url_in_environment("GRIDTUI_ARCHIVES_URL")


def _from_cache(series: Series, span: Span, folder: Path) -> Loaded:
    length = series.step_ms
    notes: list[str] = []
    candles, origins = read_cache(
        folder,
        series,
        span,
        lambda rows, where: check_candles(rows, length, where).frame,
        notes,
    )
    if candles is None:
        kept = ", ".join(str(part) for part, _ in kept_spans(folder, series))
        others = {file.series for file in cache_files(folder)} - {series}
        alike = sorted(
            str(other)
            for other in others
            if (other.symbol, other.timeframe) == (series.symbol, series.timeframe)
        )
        there = ", ".join(filter(None, [kept, *alike])) or "nothing of it"
        raise DataError(
            f"the cache {folder} has no candles of {series} from {span}, but {there}: "
            "choose another time, fetch it, or import a file"
        )
    rates = None
    if series.market == "spot":
        notes.append(
            "these are SPOT candles: the prices of the perpetual differ, and spot pays no funding"
        )
    else:
        settled = replace(series, timeframe=None)
        rates, _ = read_cache(folder, settled, span, check_funding, notes)
    kind = "SIMULATED " if series.simulated else "SPOT " if series.market == "spot" else ""
    return Loaded(
        candles,
        rates,
        f"{kind}cache: {', '.join(origins)}",
        tuple(notes),
        simulated=series.simulated,
    )


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
