"""The candles that a run saw, so that its decisions can be followed afterwards and after a restart.

A CSV file to which rows are added; its last line counts only with its line feed.
"""

import csv
from collections.abc import Iterable, Sequence
from math import isfinite
from operator import index
from pathlib import Path
from typing import SupportsIndex

from state.durable import AppendFile, lines_of, make_folder, read_file, replace_file, set_aside
from state.errors import StateError
from state.rows import csv_text

Row = tuple[int | float | None, ...]


class Recording:
    """Candles in the order in which they came; a later row of the same time is a revision.

    Args:
        path: a CSV file, made if it is missing, with its folder.
        columns: the first is `time` (int64 ms UTC). A file with other columns is kept aside as
            `*.old` and a new one begun.

    Attributes:
        notes: a sentence for each thing that was repaired at opening.

    Raises:
        StateError: if the file cannot be read or written.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._head = csv_text([self._columns]).encode()
        make_folder(path.parent)
        notes: list[str] = []
        if path.exists():
            self._repair(path, notes)
        if not path.exists():
            replace_file(path, self._head)
        self._file = AppendFile(path)
        self.notes = tuple(notes)

    def append(self, rows: Iterable[Sequence[int | float | None]]) -> None:
        """Write rows; on return they are on disk.

        Args:
            rows: an int time, then a finite number or None for each other column.

        Raises:
            StateError: a row of another shape, NaN or infinity, disk full. Nothing is written then.
        """
        text = csv_text(self._checked(row) for row in rows)
        if text:
            self._file.append(text.encode())

    def restored(self) -> list[str]:
        """See `AppendFile.restored`."""
        return self._file.restored()

    def rows(self, since_ms: int | None = None) -> list[Row]:
        """The last revision of each time, in time's order: an int, then floats or None.

        Raises:
            StateError: if the file cannot be read.
        """
        lines = lines_of(self._file.read()[: self._file.size])[1:]
        found = dict(row for line in lines if (row := self._row(line)) is not None)
        return [found[time] for time in sorted(found) if since_ms is None or time >= since_ms]

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def _repair(self, path: Path, notes: list[str]) -> None:
        lines = lines_of(read_file(path))
        if not lines or lines[0] != self._head:
            aside = set_aside(path, "old")
            notes.append(f"{path} has other columns and was kept aside as {aside.name}")
            return
        good = [line for line in lines[1:] if self._row(line) is not None]
        if len(good) == len(lines) - 1:
            return
        if good == lines[1:-1]:
            notes.append(f"the last line of {path} was torn and cut off")
        else:
            aside = set_aside(path, "damaged")
            lost = len(lines) - 1 - len(good)
            notes.append(f"{path} had {lost} damaged lines; it was kept as {aside.name}")
        replace_file(path, self._head + b"".join(good))

    def _checked(self, row: Sequence[int | float | None]) -> Row:
        try:
            time, *values = row
            numbers = [None if value is None else float(value) for value in values]
            finite = all(number is None or isfinite(number) for number in numbers)
            if finite and len(row) == len(self._columns) and isinstance(time, SupportsIndex):
                return index(time), *numbers
        except (TypeError, ValueError):
            pass
        raise StateError(
            f"{row!r} cannot be recorded: it needs an int time, then a finite number or nothing "
            f"for each of {', '.join(self._columns[1:])}"
        )

    def _row(self, line: bytes) -> tuple[int, Row] | None:
        try:
            text, *values = next(csv.reader([line.decode("ascii")]))
            time = int(text)
            row = (time, *(float(value) if value else None for value in values))
            # what does not give the same line again was not written by `append`
            return (time, row) if csv_text([self._checked(row)]).encode() == line else None
        except (ValueError, StateError, csv.Error):
            return None
