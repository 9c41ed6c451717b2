"""What lies in the cache: every series with its span, its gaps, its size, and where it is from.

    for holding in holdings("data"):
        print(holding.series, holding.span, f"{holding.completeness:.2%}", gap_map(holding, 20))

Nothing is read but the Parquet footers; the times of a file only where its footer tells of a gap.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exchange.cache import CacheFile, cache_files, cache_folder
from exchange.errors import DataError
from exchange.funding_rates import SETTLEMENT_MS
from exchange.label import read_label
from exchange.series import Series
from exchange.span import Span
from exchange.tables import UNREADABLE
from exchange.timeframe import MINUTE_MS


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missing candles (or 8-hour settlements): the first of them, and how many.

    `outage`: the exchange was asked for all of it and has none. Otherwise it is not known, and a
    fetch may fill it where the series is Binance's.
    """

    start_ms: int
    bars: int
    outage: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """One series in the cache.

    `span`: from the first row up to the end of the last, ms UTC (of the files' names where not
    one file can be read). `rows` and `gaps` lie inside it. `origins`: "Binance", "imported from
    NAME". `paths`: its files; `damaged`: those among them that cannot be read, and files that were
    set aside as `*.damaged`; no row of them is counted. `size_bytes`: of all of them.
    """

    series: Series
    span: Span
    rows: int
    gaps: tuple[Gap, ...]
    origins: tuple[str, ...]
    size_bytes: int
    paths: tuple[Path, ...]
    damaged: tuple[Path, ...] = ()

    @property
    def missing(self) -> int:
        """Candles or settlements missing inside the span."""
        return sum(gap.bars for gap in self.gaps)

    @property
    def completeness(self) -> float:
        """Share of the span that is there, 0 to 1."""
        whole = (self.span.end_ms - self.span.start_ms) / self.series.step_ms
        return max(0.0, 1.0 - self.missing / whole) if self.rows else 0.0

    @property
    def origin(self) -> str:
        """`Binance, imported from btc.csv`."""
        return ", ".join(self.origins) or "unknown"


def holdings(data_dir: str | Path | None = None) -> tuple[Holding, ...]:
    """Every series in the cache, by symbol, then perpetual before spot, then timeframe.

    Args:
        data_dir: the cache lies in its folder `cache`. None: environment GRIDTUI_DATA, else data.
    """
    by_series: dict[Series, list[CacheFile]] = defaultdict(list)
    for file in cache_files(cache_folder(data_dir)):
        by_series[file.series].append(file)
    found = [_holding(series, files) for series, files in by_series.items()]
    return tuple(sorted(found, key=lambda holding: _order(holding.series)))


def holding_of(series: Series, data_dir: str | Path | None = None) -> Holding | None:
    """One series as it lies in the cache; None where there is no file of it."""
    files = [file for file in cache_files(cache_folder(data_dir)) if file.series == series]
    return _holding(series, files) if files else None


def gap_map(holding: Holding, width: int) -> list[float]:
    """The span cut into `width` equal cells: the share of each that is there, 0 to 1."""
    if not holding.gaps:
        return [1.0 if holding.rows else 0.0] * width
    edges = np.linspace(holding.span.start_ms, holding.span.end_ms, width + 1)
    starts = np.array([gap.start_ms for gap in holding.gaps])
    lengths = np.array([gap.bars for gap in holding.gaps]) * holding.series.step_ms
    so_far = np.cumsum(lengths)
    times = np.column_stack((starts, starts + lengths)).ravel()
    missing = np.column_stack((so_far - lengths, so_far)).ravel()
    gone = np.diff(np.interp(edges, times, missing)) / np.diff(edges)
    return [float(share) for share in np.clip(1.0 - gone, 0.0, 1.0)]


def _holding(series: Series, files: Sequence[CacheFile]) -> Holding:
    runs: list[NDArray[np.int64]] = []
    origins: dict[str, None] = {}
    promised: list[Span] = []
    paths, damaged, size = [], [], 0
    for file in files:
        try:
            stat = file.path.stat()
            size += stat.st_size
            paths.append(file.path)
            if file.set_aside:
                damaged.append(file.path)
                continue
            found = _footer(file.path, series, stat.st_mtime_ns, stat.st_size)
            if not _keeps(file.span, found.runs, series):
                raise DataError(f"{file.path}: holds rows outside the span in its name")
        except FileNotFoundError:
            continue  # joined into a larger one at this moment
        except (DataError, *UNREADABLE):
            damaged.append(file.path)
            continue
        runs.append(found.runs)
        origins |= dict.fromkeys(found.origins)
        promised.append(file.span)
    if not runs:
        span = Span(min(f.span.start_ms for f in files), max(f.span.end_ms for f in files))
        return Holding(series, span, 0, (), (), size, tuple(paths), tuple(damaged))
    known = _union(np.concatenate(runs))
    whole = _union(np.array([(span.start_ms, span.end_ms) for span in promised]))
    first, bars = (
        _settlements_missing(known) if series.timeframe is None else _between(known, series.step_ms)
    )
    inside = np.searchsorted(whole[:, 0], first, side="right") - 1
    outage = (inside >= 0) & (first + bars * series.step_ms <= whole[inside, 1])
    gaps = tuple(
        Gap(int(start), int(count), bool(asked))
        for start, count, asked in zip(first, bars, outage, strict=True)
        if count > 0
    )
    lengths = known[:, 1] - known[:, 0]
    rows = len(known) if series.timeframe is None else int(lengths.sum() // series.step_ms)
    span = Span(int(known[0, 0]), int(known[-1, 1]))
    return Holding(series, span, rows, gaps, tuple(origins), size, tuple(paths), tuple(damaged))


@dataclass(frozen=True, slots=True)
class _Footer:
    """Times of a file as runs [start, end) in ms, shape (runs, 2), and where its rows are from.

    Candles that follow one another are one run; each settlement is a run of a minute.
    """

    runs: NDArray[np.int64]
    origins: tuple[str, ...]


@lru_cache(maxsize=4096)
def _footer(path: Path, series: Series, changed_ns: int, size: int) -> _Footer:  # noqa: ARG001
    """Read anew when the file has changed: time of change and size are part of the key."""
    import pyarrow as pa  # costs 0.1 s
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        origins = read_label(file.schema_arrow.metadata, path, series)
        rows = file.metadata.num_rows
        if not rows:
            raise DataError(f"{path}: holds no rows")
        column = file.schema_arrow.names.index("timestamp")
        if not pa.types.is_int64(file.schema_arrow.types[column]):
            raise DataError(f"{path}: its times are not whole milliseconds")
        if series.timeframe is not None:
            groups = range(file.metadata.num_row_groups)
            found = [file.metadata.row_group(i).column(column).statistics for i in groups]
            if all(each is not None and each.has_min_max for each in found):
                first, last = min(each.min for each in found), max(each.max for each in found)
                if last - first == (rows - 1) * series.step_ms:
                    return _Footer(np.array([(first, last + series.step_ms)]), origins)
        stamps = file.read(columns=["timestamp"]).column(0)
    if stamps.null_count:
        raise DataError(f"{path}: has rows without a time")
    times = stamps.to_numpy()
    length = MINUTE_MS if series.timeframe is None else series.step_ms
    return _Footer(_union(np.column_stack((times, times + length))), origins)


def _keeps(promised: Span, runs: NDArray[np.int64], series: Series) -> bool:
    length = MINUTE_MS if series.timeframe is None else series.step_ms
    return promised.start_ms <= int(runs.min()) and int(runs.max()) - length < promised.end_ms


def _union(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs that overlap or touch become one; in time's order."""
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    ends = np.maximum.accumulate(runs[:, 1])
    opens = np.flatnonzero(np.append(True, runs[1:, 0] > ends[:-1]))
    closes = np.append(opens[1:] - 1, len(runs) - 1)
    return np.column_stack((runs[opens, 0], ends[closes]))


def _between(known: NDArray[np.int64], step_ms: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Open of the first missing candle, and how many, between each run and the next."""
    return known[:-1, 1], (known[1:, 0] - known[:-1, 1]) // step_ms


def _settlements_missing(
    known: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First of the 00, 08 and 16 UTC without a settlement in the 8 h up to it, and how many."""
    due = -(-(known[:-1, 0] + SETTLEMENT_MS) // SETTLEMENT_MS)
    end = -(-known[1:, 0] // SETTLEMENT_MS)
    return due * SETTLEMENT_MS, np.maximum(end - due, 0)


def _order(series: Series) -> tuple[str, str, bool, bool, bool, int]:
    return (
        series.symbol.coin,
        series.server,
        series.simulated,
        series.market == "spot",
        series.timeframe is None,
        series.step_ms,
    )
