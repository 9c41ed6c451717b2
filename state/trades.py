"""A bot's trades, twice: as CSV for people and spreadsheets, as JSON lines for programs.

The JSON lines are the truth, written first; the CSV is what follows from them. Rows are numbered,
so that a state that knows how many trades it has booked can drop those booked after it was saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from state.durable import AppendFile, lines_of, make_folder, read_file, replace_file, set_aside
from state.errors import StateError
from state.exact_json import decode, encode
from state.rows import Scalar, csv_text

Row = Mapping[str, Scalar]
_Kept = dict[str, Any]


class TradeFiles:
    """`{SYMBOL}_trades.csv` and `{SYMBOL}_trades.jsonl`: the same rows, numbered by `n` from 0.

    After a crash: open, then `keep_first` as many as the state knows.

    Args:
        folder: made if it is missing.
        symbol_id: `BTCUSDT`.
        columns: in the CSV's order, without `n`, which comes first. Files with other columns are
            kept aside as `*.old` and new ones begun.

    Attributes:
        notes: a sentence for each thing that was repaired.

    Raises:
        StateError: if a file cannot be read or written.
    """

    def __init__(self, folder: Path, symbol_id: str, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._notes: list[str] = []
        csv_path = folder / f"{symbol_id}_trades.csv"
        json_path = folder / f"{symbol_id}_trades.jsonl"
        make_folder(folder)
        rows = self._read_lines(json_path)
        self._repair_csv(csv_path, rows)
        self._json = AppendFile(json_path)
        self._csv = AppendFile(csv_path)
        self._count = rows[-1]["n"] + 1 if rows else 0

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @property
    def count(self) -> int:
        """The `n` of the next row."""
        return self._count

    def restored(self) -> list[str]:
        """See `AppendFile.restored`."""
        return [*self._json.restored(), *self._csv.restored()]

    def append(self, rows: Iterable[Row]) -> int:
        """Write rows to both files; on return they are on disk. Returns the new `count`.

        Raises:
            StateError: keys other than the columns, NaN or infinity, disk full. Nothing is written
                then.
        """
        numbered = [self._numbered(n, row) for n, row in enumerate(rows, start=self._count)]
        if numbered:
            before = self._json.size
            lines = _json_lines(numbered)
            self._json.append(lines)
            try:
                self._csv.append(_csv_lines([decode(line) for line in lines_of(lines)]))
            except StateError:
                self._json.cut(before)
                raise
            self._count += len(numbered)
        return self._count

    def keep_first(self, count: int) -> None:
        """Drop rows with n >= count, so that the next row is number `count`.

        Raises:
            StateError: if a file cannot be written.
        """
        rows = self.rows()
        kept = [row for row in rows if row["n"] < count]
        next_number = kept[-1]["n"] + 1 if kept else 0
        if next_number < count:
            missing = f"{next_number} to {count - 1}"
            self._notes.append(f"trades {missing} are missing in {self._json.path}")
        if len(kept) < len(rows):
            # the CSV first: after a crash in between it lacks rows, which opening puts back
            self._csv.replace(self._csv_whole(kept))
            self._json.replace(_json_lines(kept))
        self._count = count

    def rows(self) -> list[dict[str, Any]]:
        """All rows, with `n`, in order.

        Raises:
            StateError: if the file cannot be read.
        """
        lines = lines_of(self._json.read()[: self._json.size])
        return [row for line in lines if (row := self._row(line)) is not None]

    def close(self) -> None:
        """Close the files; a second time does nothing."""
        self._json.close()
        self._csv.close()

    def _read_lines(self, path: Path) -> list[_Kept]:
        """The rows that are good; on return the file holds these and nothing else."""
        if not path.exists():
            return []
        lines = lines_of(read_file(path))
        if lines and self._is_of_other_columns(lines[0]):
            aside = set_aside(path, "old")
            self._notes.append(f"{path} has other columns and was kept aside as {aside.name}")
            return []
        found = [self._row(line) for line in lines]
        rows = _rising(row for row in found if row is not None)
        if len(rows) < len(lines):
            if rows == found[:-1]:
                self._notes.append(f"the last line of {path} was torn and cut off")
            else:
                aside = set_aside(path, "damaged")
                lost = len(lines) - len(rows)
                self._notes.append(f"{path} had {lost} damaged lines; it was kept as {aside.name}")
            replace_file(path, _json_lines(rows))
        return rows

    def _repair_csv(self, path: Path, rows: list[_Kept]) -> None:
        whole = self._csv_whole(rows)
        if path.exists():
            present = read_file(path)
            if present == whole:
                return
            # a crash leaves less than there should be; anything else is somebody's work
            if not whole.startswith(present):
                aside = set_aside(path, "old")
                self._notes.append(
                    f"{path} did not agree with the JSON lines; it was written anew and the old "
                    f"one kept aside as {aside.name}"
                )
        replace_file(path, whole)

    def _is_of_other_columns(self, line: bytes) -> bool:
        try:
            row = decode(line)
        except ValueError:
            return False
        return isinstance(row, dict) and "n" in row and tuple(row) != ("n", *self._columns)

    def _row(self, line: bytes) -> _Kept | None:
        try:
            row: _Kept = decode(line)
            return row if _json_lines([row]) == line and self._fits(row) else None
        except (ValueError, TypeError, AttributeError, StateError):
            return None

    def _fits(self, row: _Kept) -> bool:
        return tuple(row) == ("n", *self._columns) and type(row["n"]) is int

    def _numbered(self, n: int, row: Row) -> _Kept:
        other = row.keys() ^ set(self._columns)
        if other:
            names = ", ".join(sorted(map(str, other)))
            raise StateError(f"a trade must have the columns of its file; look at {names}")
        for column, value in row.items():
            if not (value is None or isinstance(value, (str, int, float))):
                raise StateError(f"a trade's {column} is a {type(value).__name__}, not a value")
        return {"n": n, **{column: row[column] for column in self._columns}}

    def _csv_whole(self, rows: list[_Kept]) -> bytes:
        return csv_text([("n", *self._columns)]).encode() + _csv_lines(rows)


def _csv_lines(rows: list[_Kept]) -> bytes:
    return csv_text(tuple(row.values()) for row in rows).encode("utf-8", "backslashreplace")


def _json_lines(rows: Iterable[_Kept]) -> bytes:
    return "".join(f"{encode(row, 'trade')}\n" for row in rows).encode()


def _rising(rows: Iterable[_Kept]) -> list[_Kept]:
    kept: list[_Kept] = []
    for row in rows:
        if not kept or row["n"] > kept[-1]["n"]:
            kept.append(row)
    return kept
