"""The records of bots on a disk: found, named, opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.live.folders import MODES, state_folder
from exchange.errors import DataError
from exchange.symbol import Symbol
from tui.bot.record import ENDING, parts_of

_SHELF = "old"
"""Where the files of earlier runs lie (`engine.live.earlier`)."""


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record that has not been opened.

    Attributes:
        mode: of its bot; "" where its folder does not say.
        put_aside: it is of a run before the last one that was begun anew.
    """

    symbol: Symbol
    mode: str
    path: Path
    put_aside: bool = False

    @property
    def line(self) -> str:
        """One line for people."""
        files = [part.stat() for part in parts_of(self.path) if part.exists()]
        written = datetime.fromtimestamp(max((file.st_mtime for file in files), default=0), UTC)
        size = sum(file.st_size for file in files) / 1e6
        return (
            f"{self.symbol.id:<12} {self.mode:<8} written {written:%Y-%m-%d %H:%M}  "
            f"{size:5.1f} MB  {self.path}"
        )


def records_in(folders: Iterable[Path]) -> list[FoundRecord]:
    """Those in data folders, the last runs' first, then what was put aside, the newest first."""
    last, aside = [], []
    for folder in folders:
        for mode in MODES:
            state = state_folder(folder, mode)
            last += _in(state, mode, put_aside=False)
            shelf = sorted(state.glob(f"{_SHELF}/*/"), reverse=True)
            aside += [found for old in shelf for found in _in(old, mode, put_aside=True)]
    return [*last, *aside]


def record_at(path: Path) -> FoundRecord:
    """The record in a file, whose mode its folder says.

    Raises:
        DataError: its name is not that of a record.
    """
    if not path.name.endswith(ENDING):
        raise DataError(f"{path}: the name of a record ends with {ENDING}, as BTCUSDT{ENDING} does")
    folder = path.absolute().parent
    aside = folder.parent.name == _SHELF
    state = folder.parent.parent if aside else folder
    mode = state.name if state.name in MODES else ""
    if state.name == "live_state":
        mode = "live"
    return FoundRecord(Symbol.parse(path.name.removesuffix(ENDING)), mode, path, aside)


def _in(folder: Path, mode: str, *, put_aside: bool) -> list[FoundRecord]:
    names = {path.name.partition(ENDING)[0] for path in folder.glob(f"*{ENDING}*")}
    found = []
    for name in sorted(names):
        try:
            symbol = Symbol.parse(name)
        except DataError:
            continue
        found.append(FoundRecord(symbol, mode, folder / f"{name}{ENDING}", put_aside))
    return found
