"""Market data from files on disk: Parquet, CSV, and Binance's monthly and daily zips.

A folder may hold, for BTC in 15m candles:

- `BTCUSDT_15m.parquet` or `BTCUSDT_15m.csv`, `BTCUSDT_funding.parquet` or `.csv`;
- parts of them, `BTCUSDT_15m_2023-07.parquet`, `BTCUSDT_15m_crash.csv`, in folders too;
- `BTCUSDT-15m-2024-01.zip`, `BTCUSDT-15m-2024-02-01.zip`, `BTCUSDT-fundingRate-2024-01.zip` as
  data.binance.vision serves them (or the CSV inside), flat or in Binance's own tree of folders.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from exchange.checks import CheckedCandles, check_candles, find_gaps, refuse_coarser
from exchange.errors import DataError
from exchange.funding_rates import check_funding
from exchange.span import Span
from exchange.symbol import Symbol
from exchange.tables import read_table
from exchange.timeframe import TIMEFRAMES, timeframe_ms

OTHER_SERIES = {
    "markPriceKlines",
    "indexPriceKlines",
    "premiumIndexKlines",
    "spot",
    "cm",
    "option",
}
"""Folders of Binance's tree whose files bear the same names and hold something else."""

_PERIOD = r"(\d{4})-(\d{2})(?:-(\d{2}))?"


def load_candles(
    folder: Path, symbol: Symbol, timeframe: str, span: Span
) -> tuple[CheckedCandles, str]:
    """Candles of `span` from the files of a folder, and the names of the files.

    `{SYMBOL}_{timeframe}.parquet` comes first, then `.csv`, then the zips, then the parts. They
    may begin later and end earlier than the span.

    Raises:
        DataError: no file fits (names the timeframes that are there), none reaches into the
            span, or one of them is damaged or has impossible rows.
    """
    length = timeframe_ms(timeframe)
    files: list[_PeriodFile] = []
    single = _single_file(folder, f"{symbol.id}_{timeframe}")
    if single:
        table = read_table(single)
        parts = [check_candles(table.frame, length, str(single), table.first_row).frame]
        names = single.name
    else:
        files = _periods(folder, f"{symbol.id}-{timeframe}")
        paths = [file.path for file in _of_span(files, span, folder, symbol)] if files else []
        paths = paths or _parts(folder, f"{symbol.id}_{timeframe}")
        if not paths:
            raise DataError(_nothing_found(folder, symbol, timeframe))
        parts = []
        for path in paths:
            table = read_table(path)
            parts.append(check_candles(table.frame, length, str(path), table.first_row).frame)
        names = f"{symbol.id}{'-' if files else '_'}{timeframe}{'-' if files else '_'}*: "
        names += f"{len(parts)} file{'s' * (len(parts) > 1)}"
    frame = _joined(parts, may_overlap=not files)
    if len(parts) > 1:
        frame = check_candles(frame, length, f"{folder} ({names}, together)").frame
    refuse_coarser(frame, timeframe, str(single or folder))
    first, last = int(frame["timestamp"].iloc[0]), int(frame["timestamp"].iloc[-1])
    stamps = frame["timestamp"]
    inside = frame[(stamps >= span.start_ms) & (stamps + length <= span.end_ms)]
    if inside.empty:
        raise DataError(
            f"{folder}: the {timeframe} candles of {symbol} there cover "
            f"{Span(first, last + length)}, none of {span}: choose another start and end"
        )
    inside = inside.reset_index(drop=True)
    return CheckedCandles(inside, find_gaps(inside["timestamp"].to_numpy(), length)), names


def load_funding(folder: Path, symbol: Symbol, span: Span) -> pd.DataFrame | None:
    """Settlements from the files of a folder; None where there is no funding file.

    All of a single file is read, of the zips those of the span.

    Raises:
        DataError: a file is damaged or has impossible rows.
    """
    single = _single_file(folder, f"{symbol.id}_funding")
    if single:
        table = read_table(single)
        return check_funding(table.frame, str(single), table.first_row)
    files = _periods(folder, f"{symbol.id}-fundingRate")
    paths = [file.path for file in files if file.reaches_into(span)]
    parts = []
    for path in paths if files else _parts(folder, f"{symbol.id}_funding"):
        table = read_table(path)
        parts.append(check_funding(table.frame, str(path), table.first_row))
    if not parts:
        return None
    joined = _joined(parts, may_overlap=not files)
    return check_funding(joined, f"{folder} (funding files, together)")


def has_candles(folder: Path, symbol: Symbol, timeframe: str) -> bool:
    """Whether a folder has files of a timeframe, whatever is in them."""
    return bool(
        _single_file(folder, f"{symbol.id}_{timeframe}")
        or _periods(folder, f"{symbol.id}-{timeframe}")
        or _parts(folder, f"{symbol.id}_{timeframe}")
    )


@dataclass(frozen=True, slots=True)
class _PeriodFile:
    """A file that holds one month or one day."""

    path: Path
    start: datetime
    end: datetime

    def reaches_into(self, span: Span) -> bool:
        return (
            self.start.timestamp() * 1000 < span.end_ms
            and self.end.timestamp() * 1000 > span.start_ms
        )


def _single_file(folder: Path, stem: str) -> Path | None:
    candidates = (folder / f"{stem}.parquet", folder / f"{stem}.csv")
    return next((path for path in candidates if path.is_file()), None)


def _parts(folder: Path, stem: str) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob(f"{stem}_*"))
        if path.suffix in (".parquet", ".csv", ".zip")
        and not OTHER_SERIES.intersection(path.relative_to(folder).parts)
    ]


def _joined(parts: list[pd.DataFrame], *, may_overlap: bool) -> pd.DataFrame:
    """All rows; of files that may overlap in time's order, and those that two have alike once."""
    if len(parts) == 1:
        return parts[0]
    rows = pd.concat(parts, ignore_index=True)
    if not may_overlap:
        return rows
    rows = rows.drop_duplicates()
    return rows.sort_values("timestamp", kind="stable", ignore_index=True)


def _periods(folder: Path, stem: str) -> list[_PeriodFile]:
    """Month and day files of a series in time's order; a day inside a month there is left out."""
    pattern = re.compile(rf"{re.escape(stem)}-{_PERIOD}\.(?:zip|csv)")
    found: dict[tuple[str, str, str | None], Path] = {}
    for path in sorted(folder.rglob(f"{stem}-*"), reverse=True):
        match = pattern.fullmatch(path.name)
        if match and not OTHER_SERIES.intersection(path.relative_to(folder).parts):
            found.setdefault((match[1], match[2], match[3]), path)
    files = []
    for (year, month, day), path in found.items():
        if day and (year, month, None) in found:
            continue
        try:
            start = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
            next_month = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        except (ValueError, OverflowError):
            raise DataError(f"{path}: the date in its name does not exist: rename it") from None
        files.append(_PeriodFile(path, start, start + timedelta(days=1) if day else next_month))
    return sorted(files, key=lambda file: file.start)


def _of_span(
    files: list[_PeriodFile], span: Span, folder: Path, symbol: Symbol
) -> list[_PeriodFile]:
    inside = [file for file in files if file.reaches_into(span)]
    if not inside:
        raise DataError(
            f"{folder}: its files of {symbol} are for {files[0].start:%Y-%m-%d} to "
            f"{files[-1].end:%Y-%m-%d}, none of {span}: choose another start and end"
        )
    return inside


def _nothing_found(folder: Path, symbol: Symbol, timeframe: str) -> str:
    wanted = (
        f"{folder}: neither {symbol.id}_{timeframe}.parquet nor .csv nor "
        f"{symbol.id}-{timeframe}-YYYY-MM.zip is there"
    )
    others = [name for name in TIMEFRAMES if has_candles(folder, symbol, name)]
    if not others:
        return f"{wanted}; nor is any other timeframe of {symbol}. Check the folder and the symbol"
    known = [
        f"{name} ({'finer' if TIMEFRAMES[name] < TIMEFRAMES[timeframe] else 'coarser'})"
        for name in others
    ]
    return (
        f"{wanted}; of {symbol} there is only {', '.join(known)}. "
        f"Choose the timeframe {others[0]} or add the missing file"
    )
