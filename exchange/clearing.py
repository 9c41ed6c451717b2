"""What may be removed from the cache, listed before anything is."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from exchange.cache import cache_files, cache_folder
from exchange.series import Market, Series
from exchange.symbol import Symbol

_PARTIAL = re.compile(r"\.(.+)_\d{1,15}_\d{1,15}\.parquet\.(\d+)\.\d+\.partial")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which series: None leaves open. `timeframe` may be "funding". `damaged`: leavings alone."""

    symbol: Symbol | None = None
    timeframe: str | None = None
    market: Market | None = None
    damaged: bool = False

    def takes(self, series: Series) -> bool:
        return (
            self.symbol in (None, series.symbol)
            and self.timeframe in (None, series.timeframe or "funding")
            and self.market in (None, series.market)
        )


@dataclass(frozen=True, slots=True)
class Removable:
    """Files of one series that a choice takes, and their size on disk."""

    series: Series
    paths: tuple[Path, ...]
    size_bytes: int


def removable(data_dir: str | Path | None, choice: Choice) -> tuple[Removable, ...]:
    """The cache's files that `choice` takes, series by series: also what was set aside as
    `*.damaged`, and what a process that is gone has left half written. Other files stay.
    """
    folder = cache_folder(data_dir)
    found: dict[Series, list[Path]] = {}
    for file in cache_files(folder):
        if choice.takes(file.series) and (file.set_aside or not choice.damaged):
            found.setdefault(file.series, []).append(file.path)
    for path in sorted(folder.glob(".*.partial")) if folder.is_dir() else ():
        match = _PARTIAL.fullmatch(path.name)
        series = Series.of_stem(match[1]) if match else None
        if match and series and choice.takes(series) and not _runs(int(match[2])):
            found.setdefault(series, []).append(path)
    return tuple(
        Removable(series, tuple(paths), sum(_size(path) for path in paths))
        for series, paths in sorted(found.items(), key=lambda item: str(item[0]))
    )


def remove(files: tuple[Removable, ...]) -> int:
    """Remove them; returns how many were still there.

    Raises:
        OSError: one of them may not be removed.
    """
    count = 0
    for path in (path for each in files for path in each.paths):
        try:
            path.unlink()
            count += 1
        except FileNotFoundError:
            continue
    return count


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
