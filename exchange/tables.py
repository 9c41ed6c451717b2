"""Reads one file of candles or of funding into a table with the project's column names."""

import hashlib
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from textwrap import shorten

import pandas as pd

from exchange.errors import DataError

_LARGEST_BYTES = 1 << 30
_CANDLES = ["timestamp", "open", "high", "low", "close", "volume"]
_NAMES = {
    "open_time": "timestamp",
    "calc_time": "timestamp",
    "fundingtime": "timestamp",
    "last_funding_rate": "funding_rate",
    "fundingrate": "funding_rate",
}
_UNNAMED = {
    2: ["timestamp", "funding_rate"],
    3: ["timestamp", "interval_hours", "funding_rate"],
    6: _CANDLES,
    12: _CANDLES,
}
"""Columns of a text file without a header row, by how many there are; 3 and 12 are Binance's."""

UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What pandas, pyarrow and zipfile raise over damaged or locked files."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, unchecked, and the number of its first row as its reader counts."""

    frame: pd.DataFrame
    first_row: int


def read_table(path: Path) -> Table:
    """Read `.parquet`, `.csv` or `.zip` (one CSV inside; checked against `.CHECKSUM` if there).

    A CSV may have a header row or not. Column names of Binance's files become the project's.

    Raises:
        DataError: the file cannot be read as what its name says; names it and the reason.
    """
    try:
        if path.suffix == ".parquet":
            return Table(_renamed(pd.read_parquet(path), str(path)), 0)
        return _read_text(
            _unzipped(path) if path.suffix == ".zip" else path.read_bytes(), str(path)
        )
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({_reason(error, path)}): get it again") from error


def read_zip(raw: bytes, name: str) -> Table:
    """Read a zip that is in memory (one CSV inside); `name` is for messages.

    Raises:
        DataError: it cannot be read, or is not one CSV.
    """
    try:
        return _read_text(_unpacked(raw, name), name)
    except UNREADABLE as error:
        raise DataError(f"{name}: cannot be read ({_reason(error, name)}): get it again") from error


def _reason(error: Exception, name: str | Path) -> str:
    """What a reader says, on one short line and without the name that stands before it."""
    said = str(error).replace(f" '{name}'", "").strip(": ")
    return shorten(said, 120, placeholder=" ...") or type(error).__name__


def _unzipped(path: Path) -> bytes:
    raw = path.read_bytes()
    checksum = path.with_name(f"{path.name}.CHECKSUM")
    if checksum.is_file():
        wanted = checksum.read_text(encoding="ascii").split()[:1]
        if wanted != [hashlib.sha256(raw).hexdigest()]:
            raise DataError(f"{path}: does not match {checksum.name}: download both again")
    return _unpacked(raw, str(path))


def _unpacked(raw: bytes, name: str) -> bytes:
    with zipfile.ZipFile(BytesIO(raw)) as packed:
        members = [item for item in packed.infolist() if item.filename.lower().endswith(".csv")]
        if len(members) != 1:
            raise DataError(f"{name}: holds {len(members)} CSV files instead of one: get it again")
        if members[0].file_size > _LARGEST_BYTES:
            raise DataError(
                f"{name}: unpacks to {members[0].file_size:,} bytes, more than a month of candles "
                "can be: get it again"
            )
        return packed.read(members[0])


def _read_text(raw: bytes, path: str) -> Table:
    text = raw.removeprefix(b"\xef\xbb\xbf")
    first_line = text.split(b"\n", 1)[0].decode("utf-8").strip()
    cells = [cell.strip().strip('"') for cell in first_line.split(",")]
    if not first_line:
        raise DataError(f"{path}: its first line is empty: get it again")
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(cells) == 1 and sign in first_line:
            raise DataError(
                f"{path}: its columns are parted by {name}: save it with commas between them, and "
                "points in the numbers"
            )
    if not cells[0][:1].isdigit():
        return Table(_renamed(_with_header(text, path), path), 2)
    if len(cells) not in _UNNAMED:
        raise DataError(
            f"{path}: has {len(cells)} columns and no header row; without one it must have "
            f"{', '.join(str(count) for count in _UNNAMED)}: add a header row with "
            f"{','.join(_CANDLES)}"
        )
    names = _UNNAMED[len(cells)]
    used = list(range(len(names)))
    table = pd.read_csv(BytesIO(text), header=None, names=names, usecols=used, low_memory=False)
    return Table(table, 1)


def _with_header(text: bytes, path: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            # without index_col a comma at the end of the rows would shift every column by one
            return pd.read_csv(
                BytesIO(text), skipinitialspace=True, low_memory=False, index_col=False
            )
        except pd.errors.ParserWarning:
            raise DataError(
                f"{path}: rows have more fields than the header row names: correct it"
            ) from None


def _renamed(frame: pd.DataFrame, path: str) -> pd.DataFrame:
    names = {column: str(column).strip().lower() for column in frame.columns}
    for name in names.values():
        if list(names.values()).count(name) > 1:
            raise DataError(f"{path}: has more than one column '{name}': keep one of them")
    taken = set(names.values())
    for column, name in names.items():
        ours = _NAMES.get(name, name)
        if ours not in taken:
            names[column] = ours
            taken.add(ours)
    return frame.rename(columns=names)
