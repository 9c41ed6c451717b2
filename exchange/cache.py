"""Downloaded series kept as Parquet files, so that each candle is asked for once.

A file is named `{SYMBOL}_{timeframe}_{start_ms}_{end_ms}.parquet` (`funding` in place of the
timeframe) and holds everything the exchange has from start up to, not including, end. Files that
overlap or touch are joined into one when something is added to them.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exchange.errors import DataError
from exchange.span import Span

Check = Callable[[pd.DataFrame, str], pd.DataFrame]
"""Rows and the name of their file -> the same rows, checked; raises DataError."""

Download = Callable[[Span], Iterable[tuple[pd.DataFrame, int]]]
"""A span -> checked rows in time's order, each page with the time (ms) up to which all is known."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows that are complete for a span, and the files that hold them."""

    span: Span
    rows: pd.DataFrame
    files: tuple[Path, ...]


def through_cache(
    folder: Path, stem: str, wanted: Span, check: Check, download: Download, notes: list[str]
) -> pd.DataFrame:
    """The rows of `wanted`: from files where they have it, else downloaded and then kept.

    A damaged file is renamed to `*.damaged` and downloaded anew. What was downloaded before an
    error is kept too. A folder that cannot be written costs nothing but the next download.

    Args:
        folder: made if it is missing.
        stem: `BTCUSDT_15m` or `BTCUSDT_funding`.
        check: applied to every file read.
        notes: gets a sentence for each thing that a user should know.

    Returns:
        The rows with `timestamp` inside `wanted`; fewer where the exchange has no more, maybe none.

    Raises:
        DataError: as `download` raises it.
    """
    pieces = _kept(folder, stem, wanted, check, notes)
    for gap in _missing(wanted, [piece.span for piece in pieces]):
        pages: list[pd.DataFrame] = []
        known_until = gap.start_ms
        try:
            for page, known_until in download(gap):  # noqa: B007 (kept even after an error)
                pages.append(page)
        finally:
            if known_until > gap.start_ms:
                rows = pd.concat(pages, ignore_index=True)
                pieces.append(_Piece(Span(gap.start_ms, known_until), rows, ()))
                pieces = [_store(folder, stem, joined, notes) for joined in _join(pieces)]
    inside = [
        piece.rows[piece.rows["timestamp"].between(wanted.start_ms, wanted.end_ms - 1)]
        for piece in _join(pieces)
    ]
    return pd.concat(inside, ignore_index=True) if inside else pd.DataFrame({"timestamp": []})


def kept_spans(folder: Path, stem: str) -> list[tuple[Span, Path]]:
    """What the names of the files promise, in time's order."""
    pattern = re.compile(rf"{re.escape(stem)}_(\d{{1,15}})_(\d{{1,15}})\.parquet")
    found = []
    for path in folder.glob(f"{stem}_*_*.parquet"):
        match = pattern.fullmatch(path.name)
        if match and int(match[1]) < int(match[2]):
            found.append((Span(int(match[1]), int(match[2])), path))
    return sorted(found, key=lambda item: (item[0].start_ms, item[0].end_ms))


def _kept(folder: Path, stem: str, wanted: Span, check: Check, notes: list[str]) -> list[_Piece]:
    """Readable files that overlap or touch `wanted`; a single one where it suffices."""
    near = [
        (span, path)
        for span, path in kept_spans(folder, stem)
        if span.start_ms <= wanted.end_ms and span.end_ms >= wanted.start_ms
    ]
    covering = [item for item in near if _covers(item[0], wanted)]
    for span, path in covering:
        piece = _read(path, span, check, notes)
        if piece:
            return [piece]
    others = [
        _read(path, span, check, notes) for span, path in near if (span, path) not in covering
    ]
    return [piece for piece in others if piece]


def _read(path: Path, span: Span, check: Check, notes: list[str]) -> _Piece | None:
    try:
        rows = check(pd.read_parquet(path), str(path))
        inside = rows["timestamp"].between(span.start_ms, span.end_ms - 1)
        if rows.empty or not inside.all():
            raise DataError(f"{path}: holds no rows, or rows outside the span in its name")
        return _Piece(span, rows, (path,))
    except FileNotFoundError:
        return None  # another process has just joined it into a larger one
    except (DataError, OSError, ValueError, KeyError) as error:
        aside = path.with_name(f"{path.name}.damaged")
        reason = " ".join(str(error).split())[:160]
        try:
            os.replace(path, aside)
        except OSError:
            notes.append(f"cache file {path} is damaged ({reason}) and was passed over")
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
    joined: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.span.start_ms):
        if joined and piece.span.start_ms <= joined[-1].span.end_ms:
            last = joined.pop()
            rows = pd.concat([last.rows, piece.rows], ignore_index=True)
            rows = rows.drop_duplicates("timestamp").sort_values("timestamp", ignore_index=True)
            end = max(last.span.end_ms, piece.span.end_ms)
            piece = _Piece(Span(last.span.start_ms, end), rows, last.files + piece.files)
        joined.append(piece)
    return joined


def _store(folder: Path, stem: str, piece: _Piece, notes: list[str]) -> _Piece:
    """Write a piece whole or not at all, then drop the files that it contains."""
    path = folder / f"{stem}_{piece.span.start_ms}_{piece.span.end_ms}.parquet"
    if piece.files == (path,):
        return piece
    partial = folder / f".{path.name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        piece.rows.to_parquet(partial, index=False)
        os.replace(partial, path)
        for old in piece.files:
            if old != path:
                old.unlink(missing_ok=True)
    except OSError as error:
        note = f"the cache {folder} cannot be written ({error.strerror or error})"
        if note not in notes:
            notes.append(note)
        return piece
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return _Piece(piece.span, piece.rows, (path,))


def _covers(outer: Span, inner: Span) -> bool:
    return outer.start_ms <= inner.start_ms and outer.end_ms >= inner.end_ms
