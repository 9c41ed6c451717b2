"""Files of candles or funding taken into the cache, checked as everything that comes in.

What a file lacks is not known to be missing at the exchange: each run of rows without a gap is
kept as complete for itself, so that a later download fills the holes between them.
"""

import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from exchange.archive import OTHER_SERIES
from exchange.cache import Check, Merged, cache_folder, merge_into_cache
from exchange.checks import CANDLE_COLUMNS, check_candles, refuse_coarser
from exchange.errors import DataError
from exchange.funding_rates import check_funding
from exchange.holdings import Holding, holding_of
from exchange.series import Market, Series
from exchange.span import Span, moment_text
from exchange.symbol import Symbol
from exchange.tables import Table, read_table
from exchange.timeframe import MINUTE_MS, TIMEFRAMES

_MOST_RUNS = 1000
_MICROSECONDS_FROM = 10**14
_SUFFIXES = (".parquet", ".csv", ".zip")
_NAME = re.compile(
    r"(?P<symbol>[A-Z0-9]{1,20}USDT)(?P<spot>-spot)?(?P<simulated>-sim)?"
    r"[_-](?P<what>[0-9]{1,2}[mhd]|funding|fundingRate)(?:[_-].*)?"
)
_BINANCES_NAME = re.compile(r"[A-Z0-9]+-(?:[0-9]{1,2}[mhd]|fundingRate)-\d{4}-\d{2}(?:-\d{2})?")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says of the files; None: what their names and contents tell.

    `timeframe` may be "funding".
    """

    symbol: Symbol | None = None
    timeframe: str | None = None
    market: Market | None = None
    simulated: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What one series got from the files.

    `span`: first row to the end of the last; `rows`, and of them `merged`: new, known and replaced
    ones; `holding`: the series as it now lies in the cache, with its gaps.
    `notes`: sentences for the user.
    """

    series: Series
    paths: tuple[Path, ...]
    span: Span
    rows: int
    merged: Merged
    holding: Holding
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A file or a series that was not imported, and why."""

    path: Path
    reason: str


def import_file(
    path: Path, data_dir: str | Path | None = None, wishes: Wishes | None = None
) -> Imported:
    """Take one `.parquet`, `.csv` or Binance `.zip` into the cache.

    Symbol, timeframe and market are read from names like `BTCUSDT_15m.parquet`,
    `SOLUSDT-spot_1m_2021-04.csv`, `BTCUSDT-15m-2024-01.zip`, `BTCUSDT_funding.csv`, and from
    Binance's tree of folders; `wishes` win.

    Raises:
        DataError: the file is not there or cannot be read, its name tells too little, its rows are
            impossible or differ from those in the cache (see `Wishes.replace`).
        OSError: the cache cannot be written.
    """
    wishes = wishes or Wishes()
    if not path.exists():
        raise DataError(f"{path}: is not there: check its spelling")
    part = _read(path, wishes)
    return _merge([part], data_dir, wishes.replace)


def import_folder(
    folder: Path, data_dir: str | Path | None = None, wishes: Wishes | None = None
) -> tuple[list[Imported], list[Refused], list[Path]]:
    """Take every file of a folder, and of folders in it, into the cache, series by series.

    Files whose names do not say that they are candles or funding are passed over.

    Returns:
        What came in, what could not, and what was passed over (hidden files and checksums apart).

    Raises:
        DataError: no file there is of use.
        OSError: the cache cannot be written.
    """
    wishes = wishes or Wishes()
    parts: dict[Series, list[_Part]] = defaultdict(list)
    refused, passed_over = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or not _NAME.fullmatch(path.stem):
            if path.is_file() and path.suffix != ".CHECKSUM" and not path.name.startswith("."):
                passed_over.append(path)
            continue
        try:
            part = _read(path, wishes)
            parts[part.series].append(part)
        except DataError as error:
            refused.append(Refused(path, str(error)))
    if not parts and not refused:
        raise DataError(
            f"{folder}: no file in it is named like BTCUSDT_15m.parquet, BTCUSDT_funding.csv or "
            "BTCUSDT-15m-2024-01.zip: import single files, and say coin and timeframe"
        )
    imported = []
    for together in parts.values():
        try:
            imported.append(_merge(together, data_dir, wishes.replace))
        except DataError as error:
            refused.append(Refused(together[0].path, str(error)))
    return imported, refused, passed_over


def series_of(path: Path, wishes: Wishes) -> Series:
    """The series that a file's name and folders tell, with what the user says in its place.

    Raises:
        DataError: they tell too little, or a series that is not wanted.
    """
    parts = {part for part in path.parts[:-1] if part in OTHER_SERIES} - {"spot"}
    if parts:
        raise DataError(f"{path}: lies under {parts.pop()}, whose prices are not the perpetual's")
    match = _NAME.fullmatch(path.stem)
    symbol = wishes.symbol or (Symbol.parse(match["symbol"]) if match else None)
    what = match["what"] if match else ""
    what = wishes.timeframe or what
    timeframe = None if what.startswith("funding") else what
    if symbol is None or not (timeframe is None or timeframe in TIMEFRAMES):
        raise DataError(
            f"{path}: its name does not say what it holds, as BTCUSDT_15m.csv does: "
            "say the coin and the timeframe"
        )
    spot = bool(match and match["spot"]) or "spot" in path.parts[:-1]
    market = wishes.market or ("spot" if spot else "perpetual")
    simulated = wishes.simulated or bool(match and match["simulated"])
    return Series(symbol, timeframe, market, simulated)


@dataclass(frozen=True, slots=True)
class _Part:
    """One file's checked rows."""

    path: Path
    series: Series
    rows: pd.DataFrame
    notes: tuple[str, ...]


def _read(path: Path, wishes: Wishes) -> _Part:
    if path.suffix not in _SUFFIXES:
        raise DataError(f"{path}: is none of {', '.join(_SUFFIXES)}: convert it to one of them")
    series = series_of(path, wishes)
    table = read_table(path)
    notes = []
    if table.frame.attrs.get("simulated") is True and not series.simulated:
        series = replace(series, simulated=True)
        notes.append(f"{path.name} says of itself that it is simulated")
    if _in_microseconds(path, table) and wishes.market is None and series.market != "spot":
        series = replace(series, market="spot")
        notes.append(f"{path.name} has times in microseconds as only spot files do: taken for spot")
    if series.timeframe is None:
        rows = check_funding(table.frame, str(path), table.first_row)
    else:
        rows = check_candles(table.frame, series.step_ms, str(path), table.first_row).frame
        refuse_coarser(rows, series.timeframe, str(path))
        if "funding_rate" in rows:
            notes.append(f"the funding rates in {path.name} were left out: import a funding file")
        rows = rows[list(CANDLE_COLUMNS)]
        closed = rows["timestamp"] + series.step_ms <= time.time_ns() // 1_000_000
        if not closed.all():
            notes.append(f"candles of {path.name} not closed yet, left out: {(~closed).sum():,}")
            rows = rows[closed]
    if rows.empty:
        raise DataError(f"{path}: holds nothing that can be kept")
    rows.attrs = {}
    return _Part(path, series, rows.reset_index(drop=True), tuple(notes))


def _in_microseconds(path: Path, table: Table) -> bool:
    """Binance's own files: since 2025 spot in microseconds, futures in milliseconds throughout."""
    times = table.frame.get("timestamp")
    if times is None or not _BINANCES_NAME.fullmatch(path.stem) or times.dtype.kind not in "iuf":
        return False
    return bool((times >= _MICROSECONDS_FROM).any())


def _merge(parts: Sequence[_Part], data_dir: str | Path | None, replace_rows: bool) -> Imported:
    series = parts[0].series
    name = parts[0].path.name
    name += f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    rows = _together(parts)
    runs = _runs(series, rows)
    if len(runs) > _MOST_RUNS:
        raise DataError(
            f"{parts[0].path}: has {len(runs) - 1:,} gaps in {len(rows):,} rows, more than "
            f"{_MOST_RUNS - 1:,}: check the timeframe, or use its folder as the source"
        )
    notes = [note for part in parts for note in part.notes]
    merged = merge_into_cache(
        cache_folder(data_dir),
        series,
        runs,
        f"imported from {name}",
        _check(series),
        notes,
        replace=replace_rows,
    )
    span = Span(runs[0][0].start_ms, runs[-1][0].end_ms)
    paths = tuple(part.path for part in parts)
    holding = holding_of(series, data_dir)
    if holding is None:
        raise DataError(f"{cache_folder(data_dir)}: was cleared while {name} was imported")
    return Imported(series, paths, span, len(rows), merged, holding, tuple(notes))


def _check(series: Series) -> Check:
    if series.timeframe is None:
        return check_funding
    return lambda rows, where: check_candles(rows, series.step_ms, where).frame


def _together(parts: Sequence[_Part]) -> pd.DataFrame:
    """The rows of all files in time's order; those that two files have must be equal."""
    if len(parts) == 1:
        return parts[0].rows
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    rows = rows.drop_duplicates().sort_values("timestamp", kind="stable", ignore_index=True)
    twice = rows["timestamp"].duplicated()
    if twice.any():
        when = int(rows["timestamp"][twice].iloc[0])
        names = [part.path.name for part in parts if (part.rows["timestamp"] == when).any()]
        raise DataError(
            f"{' and '.join(names)} differ at {moment_text(when)} and {twice.sum() - 1:,} other "
            "times: import the one that is right by itself"
        )
    return rows


def _runs(series: Series, rows: pd.DataFrame) -> list[tuple[Span, pd.DataFrame]]:
    """Rows that follow one another, with the span for which they are complete."""
    stamps = rows["timestamp"].to_numpy()
    length = MINUTE_MS if series.timeframe is None else series.step_ms
    cuts = np.flatnonzero(np.diff(stamps) > series.step_ms) + 1
    edges = [0, *(int(cut) for cut in cuts), len(stamps)]
    return [
        (Span(int(stamps[a]), int(stamps[b - 1]) + length), rows.iloc[a:b])
        for a, b in pairwise(edges)
    ]
