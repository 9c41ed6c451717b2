"""Downloaded series kept as Parquet files, so that each candle is asked for once.

A file is named `{SYMBOL}_{timeframe}_{start_ms}_{end_ms}.parquet` (`funding` in place of the
timeframe; `-spot`, `-sim`, `-at-SERVER` behind the symbol) and holds everything the exchange has
from start up to, not including, end. Files that overlap or touch are joined into one when something
is added to them. Where the rows are from stands in the Parquet metadata (see `exchange.label`).
"""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exchange.durable import make_durable
from exchange.errors import DataError
from exchange.label import origins_of, write_labelled
from exchange.series import Series
from exchange.servers import BINANCE
from exchange.span import Span, moment_text
from exchange.tables import UNREADABLE

Check = Callable[[pd.DataFrame, str], pd.DataFrame]
"""Rows and the name of their file -> the same rows, checked; raises DataError."""

Download = Callable[[Span], Iterable[tuple[pd.DataFrame, int]]]
"""A span -> checked rows in time's order, each page with the time (ms) up to which all is known."""


_ROWS_AT_RISK = 50_000
"""So many downloaded rows are written before more are waited for."""

_NAME = re.compile(r"(.+)_(\d{1,15})_(\d{1,15})\.parquet(\.damaged)?")


@dataclass(frozen=True, slots=True)
class CacheFile:
    """A file by its name: the series and the span it promises; or one that was set aside."""

    path: Path
    series: Series
    span: Span
    set_aside: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of rows that were added: new ones, equal ones, and ones that took a place."""

    added: int
    known: int
    replaced: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows that are complete for a span, the files that hold them, and if just as they are."""

    span: Span
    rows: pd.DataFrame
    files: tuple[Path, ...]
    origins: tuple[str, ...]
    saved: bool = False


def through_cache(
    folder: Path,
    series: Series,
    wanted: Span,
    check: Check,
    download: Download,
    notes: list[str],
    origin: str = BINANCE,
) -> pd.DataFrame:
    """The rows of `wanted`: from files where they have it, else downloaded and then kept.

    A damaged file is renamed to `*.damaged` and downloaded anew. What was downloaded before an
    error or an interrupt is kept too. A folder that cannot be written costs nothing but the next
    download.

    Args:
        folder: made if it is missing.
        check: applied to every file read.
        notes: gets a sentence for each thing that a user should know.
        origin: where downloaded rows are from.

    Returns:
        The rows with `timestamp` inside `wanted`; fewer where the exchange has no more, maybe none.

    Raises:
        DataError: as `download` raises it.
    """
    pieces = _kept(folder, series, wanted, check, notes)
    try:
        for gap in _missing(wanted, [piece.span for piece in pieces]):
            _in_parts(
                gap,
                download,
                (origin,),
                lambda part: pieces.append(_store(folder, series, part, notes)),
            )
    finally:
        pieces = [_store(folder, series, joined, notes) for joined in _join(pieces)]
    table, origins = _inside(pieces, wanted)
    notes.extend(f"some rows of {series} are {name}" for name in origins if name != origin)
    return pd.DataFrame({"timestamp": []}) if table is None else table


def read_cache(
    folder: Path, series: Series, wanted: Span, check: Check, notes: list[str]
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """What the files have of `wanted`, and where it is from; None where they have nothing."""
    return _inside(_kept(folder, series, wanted, check, notes), wanted)


def merge_into_cache(
    folder: Path,
    series: Series,
    parts: Sequence[tuple[Span, pd.DataFrame]],
    origin: str,
    check: Check,
    notes: list[str],
    *,
    replace: bool,
) -> Merged:
    """Add checked rows, each part complete for its span; what lies between parts stays unknown.

    Args:
        parts: in time's order, apart from one another.
        origin: where they are from.
        replace: rows that differ from the cache's take their place.

    Raises:
        DataError: rows differ and may not be replaced; nothing was written then.
        OSError: the cache cannot be written.
    """
    around = Span(parts[0][0].start_ms, parts[-1][0].end_ms)
    pieces = _near(folder, series, around, check, notes)
    there = pd.concat([piece.rows for piece in _join(pieces)] or [parts[0][1].iloc[:0]])
    ours = pd.concat([rows for _, rows in parts], ignore_index=True)
    place = np.searchsorted(there["timestamp"], ours["timestamp"])
    found = place < len(there)
    found[found] = (
        there["timestamp"].to_numpy()[place[found]] == ours["timestamp"].to_numpy()[found]
    )
    values = list(ours.columns)
    differs = found.copy()
    differs[found] = (there[values].to_numpy()[place[found]] != ours[values].to_numpy()[found]).any(
        axis=1
    )
    if differs.any() and not replace:
        raise DataError(_difference(series, origin, there, ours, place, differs))
    taken = ours["timestamp"][differs]
    pieces = [_without(piece, taken) for piece in pieces]
    new = ~found | differs
    end = 0
    for span, rows in parts:
        begin, end = end, end + len(rows)
        if new[begin:end].any():
            pieces.append(_Piece(span, rows[new[begin:end]], (), (origin,)))
    for piece in _join(pieces):
        _write(folder, series, piece)
    replaced = int(differs.sum())
    return Merged(int((~found).sum()), int(found.sum()) - replaced, replaced)


def cache_folder(data_dir: str | Path | None) -> Path:
    """The cache below a data folder; None: environment GRIDTUI_DATA, else data."""
    return Path(data_dir or os.environ.get("GRIDTUI_DATA") or "data") / "cache"


def cache_files(folder: Path) -> list[CacheFile]:
    """The files that belong to the cache, in the order of their spans; none is opened."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        series = Series.of_stem(match[1]) if match else None
        if match and series and int(match[2]) < int(match[3]):
            span = Span(int(match[2]), int(match[3]))
            found.append(CacheFile(path, series, span, bool(match[4])))
    return sorted(found, key=lambda file: (file.span.start_ms, file.span.end_ms, file.path.name))


def kept_spans(folder: Path, series: Series) -> list[tuple[Span, Path]]:
    """What the names of the files promise, in time's order."""
    return [
        (file.span, file.path)
        for file in cache_files(folder)
        if file.series == series and not file.set_aside
    ]


def _in_parts(
    gap: Span, download: Download, origins: tuple[str, ...], keep: Callable[[_Piece], None]
) -> None:
    """Download in parts that are worth a file; the last one is kept even after an error."""
    pages: list[pd.DataFrame] = []
    since = known_until = gap.start_ms
    try:
        for page, known_until in download(gap):
            pages.append(page)
            if sum(map(len, pages)) >= _ROWS_AT_RISK:
                rows = pd.concat(pages, ignore_index=True)
                keep(_Piece(Span(since, known_until), rows, (), origins))
                pages, since = [], known_until
    finally:
        if known_until > since:
            rows = pd.concat(pages, ignore_index=True)
            keep(_Piece(Span(since, known_until), rows, (), origins))


def _kept(
    folder: Path, series: Series, wanted: Span, check: Check, notes: list[str]
) -> list[_Piece]:
    """Readable files that overlap or touch `wanted`; a single one where it suffices."""
    for span, path in kept_spans(folder, series):
        if _covers(span, wanted):
            piece = _read(path, series, span, check, notes)
            if piece:
                return [piece]
    return _near(folder, series, wanted, check, notes)


def _near(
    folder: Path, series: Series, around: Span, check: Check, notes: list[str]
) -> list[_Piece]:
    """Readable files that overlap or touch a span."""
    while True:
        listed = _listed_near(folder, series, around)
        pieces = [_read(path, series, span, check, notes) for span, path in listed]
        # what is gone may just have been joined into a larger one
        if all(pieces) or set(_listed_near(folder, series, around)) <= set(listed):
            return [piece for piece in pieces if piece]


def _listed_near(folder: Path, series: Series, around: Span) -> list[tuple[Span, Path]]:
    return [
        (span, path)
        for span, path in kept_spans(folder, series)
        if span.start_ms <= around.end_ms and span.end_ms >= around.start_ms
    ]


def _read(path: Path, series: Series, span: Span, check: Check, notes: list[str]) -> _Piece | None:
    try:
        rows = check(pd.read_parquet(path), str(path))
        inside = rows["timestamp"].between(span.start_ms, span.end_ms - 1)
        if rows.empty or not inside.all():
            raise DataError(f"{path}: holds no rows, or rows outside the span in its name")
        return _Piece(span, rows, (path,), origins_of(path, series), saved=True)
    except FileNotFoundError:
        return None
    except (DataError, *UNREADABLE) as error:
        aside = path.with_name(f"{path.name}.damaged")
        reason = " ".join(str(error).split())[:160]
        try:
            os.replace(path, aside)
        except OSError:
            note = f"cache file {path} is damaged ({reason}) and was passed over"
            if note not in notes:
                notes.append(note)
        else:
            notes.append(f"cache file {path} was damaged ({reason}); it is now {aside.name}")
        return None


def _missing(wanted: Span, known: list[Span]) -> list[Span]:
    gaps, position = [], wanted.start_ms
    for span in sorted(known, key=lambda span: span.start_ms):
        if span.start_ms > position:
            gaps.append(Span(position, min(span.start_ms, wanted.end_ms)))
        position = max(position, span.end_ms)
    if position < wanted.end_ms:
        gaps.append(Span(position, wanted.end_ms))
    return gaps


def _join(pieces: list[_Piece]) -> list[_Piece]:
    """Pieces that overlap or touch become one; the rest stay apart."""
    groups: list[list[_Piece]] = []
    end = 0
    for piece in sorted(pieces, key=lambda piece: piece.span.start_ms):
        if groups and piece.span.start_ms <= end:
            groups[-1].append(piece)
        else:
            groups.append([piece])
        end = max(end, piece.span.end_ms)
    return [group[0] if len(group) == 1 else _one(group) for group in groups]


def _one(group: list[_Piece]) -> _Piece:
    rows = pd.concat([piece.rows for piece in group], ignore_index=True)
    rows = rows.drop_duplicates("timestamp").sort_values("timestamp", ignore_index=True)
    span = Span(group[0].span.start_ms, max(piece.span.end_ms for piece in group))
    files = tuple(path for piece in group for path in piece.files)
    origins = dict.fromkeys(name for piece in group for name in piece.origins)
    return _Piece(span, rows, files, tuple(origins))


def _inside(pieces: list[_Piece], wanted: Span) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """The rows inside a span, and where they are from; None where there is not one."""
    tables, origins = [], dict[str, None]()
    for piece in _join(pieces):
        rows = piece.rows[piece.rows["timestamp"].between(wanted.start_ms, wanted.end_ms - 1)]
        if len(rows):
            tables.append(rows)
            origins |= dict.fromkeys(piece.origins)
    return (pd.concat(tables, ignore_index=True) if tables else None), tuple(origins)


def _without(piece: _Piece, stamps: "pd.Series[int]") -> _Piece:
    """The piece, less the rows of these times."""
    gone = piece.rows["timestamp"].isin(stamps)
    if not gone.any():
        return piece
    return _Piece(piece.span, piece.rows[~gone], piece.files, piece.origins)


def _store(folder: Path, series: Series, piece: _Piece, notes: list[str]) -> _Piece:
    """Write a piece, or note why it cannot be."""
    try:
        return _write(folder, series, piece)
    except OSError as error:
        note = f"the cache {folder} cannot be written ({error.strerror or error})"
        if note not in notes:
            notes.append(note)
        return piece


def _write(folder: Path, series: Series, piece: _Piece) -> _Piece:
    """Write a piece whole or not at all, then drop the files that it contains."""
    if piece.saved:
        return piece
    path = folder / f"{series.stem}_{piece.span.start_ms}_{piece.span.end_ms}.parquet"
    partial = folder / f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_labelled(piece.rows, partial, series, piece.origins)
        make_durable(partial)
        os.replace(partial, path)
        make_durable(folder)  # before the files go that it takes the place of
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    for old in piece.files:
        if old != path:
            old.unlink(missing_ok=True)
    return _Piece(piece.span, piece.rows, (path,), piece.origins, saved=True)


def _difference(
    series: Series,
    origin: str,
    there: pd.DataFrame,
    ours: pd.DataFrame,
    place: "np.typing.NDArray[np.int64]",
    differs: "np.typing.NDArray[np.bool_]",
) -> str:
    first = int(np.flatnonzero(differs)[0])
    new, old = ours.iloc[first], there.iloc[int(place[first])]
    column = next(name for name in ours.columns if new[name] != old[name])
    when = moment_text(int(ours["timestamp"].iloc[first]))
    return (
        f"{differs.sum():,} of {len(ours):,} rows of {series} {origin} differ from the cache, "
        f"first at {when} ({column} {new[column]!s}, in the cache {old[column]!s}): check that "
        "they are of the same market, or have the old ones replaced (--replace)"
    )


def _covers(outer: Span, inner: Span) -> bool:
    return outer.start_ms <= inner.start_ms and outer.end_ms >= inner.end_ms
