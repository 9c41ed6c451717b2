"""The door for candles: nothing impossible comes in, and what is missing is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.errors import DataError
from exchange.span import moment_text
from exchange.symbol import Symbol
from exchange.timeframe import MINUTE_MS, TIMEFRAMES

CANDLE_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
FUNDING_OF_A_CANDLE = ("funding_rate", "funding_last", "funding_last_ms")
FEWEST_CANDLES = 100

_LISTED = 5
_FEWEST_TO_TELL = 3
_FILES = (".csv", ".parquet", ".zip")
_OTHER_NAMES_OF_TIME = ("open time", "open_time", "date", "datetime", "time", "opentime", "ts")
_SECONDS_BELOW = 10**11
_MICROSECONDS_FROM = 10**14
_NANOSECONDS_FROM = 10**17


class Gap(NamedTuple):
    """A run of missing candles: the open of the first (ms UTC) and how many."""

    first_missing_ms: int
    bars: int


@dataclass(frozen=True, slots=True)
class CheckedCandles:
    """Candles that can be trusted.

    `frame` has `CANDLE_COLUMNS` (timestamp int64 ms UTC, the rest float64), the columns
    `FUNDING_OF_A_CANDLE` (float64, NaN where nothing settles) that it came with, a RangeIndex and
    the attrs of its source. `gaps` are listed in time's order, never filled.
    """

    frame: pd.DataFrame
    gaps: tuple[Gap, ...]


def check_candles(
    df: pd.DataFrame, timeframe_ms: int, where: str, first_row: int = 0
) -> CheckedCandles:
    """Check candles from a file, an exchange or a script, and bring them into one form.

    Timestamps are candle opens: integers in s, ms, us or ns since 1970 (told apart row by row by
    their size), datetimes (UTC unless they say otherwise) or ISO 8601 text. Further columns are
    left out.

    Args:
        df: at least `CANDLE_COLUMNS`.
        timeframe_ms: length of a candle; every timestamp must be a multiple of it.
        where: the file, or what else the rows came from, for messages.
        first_row: number of the first row as its reader counts: 0 for a DataFrame, the line
            number in a text file.

    Raises:
        DataError: columns or all rows are missing, or any row is impossible; names each row and
            value, up to a few, and how many more there are.
    """
    _require_columns(df, where)
    if df.empty:
        raise DataError(f"{where}: there are no candles in it")
    problems = Problems(where, first_row)
    timestamp = read_timestamps(df["timestamp"], problems)
    columns = {name: read_numbers(df[name], problems) for name in CANDLE_COLUMNS[1:]}
    _check_times(timestamp, timeframe_ms, problems)
    _check_prices(columns, problems)
    for name in FUNDING_OF_A_CANDLE:
        if name in df.columns:
            columns[name] = read_numbers(df[name], problems, may_be_missing=True)
    problems.raise_any()
    frame = pd.DataFrame({"timestamp": timestamp, **columns})
    frame.attrs = dict(df.attrs)
    return CheckedCandles(frame, find_gaps(timestamp, timeframe_ms))


def require_enough(df: pd.DataFrame, symbol: str | Symbol) -> None:
    """Refuse a history that is too short for the indicators to warm up.

    Raises:
        DataError: fewer than `FEWEST_CANDLES` rows.
    """
    if len(df) < FEWEST_CANDLES:
        raise DataError(
            f"Insufficient data for {Symbol.parse(symbol).pair}: {len(df)} candles, at least "
            f"{FEWEST_CANDLES} are needed (give an earlier start or a later end, and check that "
            "the symbol was traded then)"
        )


def find_gaps(timestamp: NDArray[np.int64], timeframe_ms: int) -> tuple[Gap, ...]:
    """Runs of missing candles between the first and the last of `timestamp` (ms, ascending)."""
    steps = np.diff(timestamp)
    return tuple(
        Gap(int(timestamp[i]) + timeframe_ms, int(steps[i]) // timeframe_ms - 1)
        for i in np.flatnonzero(steps > timeframe_ms)
    )


def refuse_coarser(df: pd.DataFrame, timeframe: str, where: str) -> None:
    """Refuse checked candles of which no two are as near to one another as the timeframe says.

    Raises:
        DataError: their smallest distance, and the timeframe that it is.
    """
    if len(df) < _FEWEST_TO_TELL:
        return
    step = int(np.diff(df["timestamp"].to_numpy()).min())
    if step <= TIMEFRAMES[timeframe]:
        return
    real = next((name for name, length in TIMEFRAMES.items() if length == step), None)
    hint = f"name it {real}" if real else "add up or get candles of a known timeframe"
    raise DataError(
        f"{where}: no two of its rows are nearer than {step // MINUTE_MS:,} minutes, so these are "
        f"no candles of {timeframe}: {hint}"
    )


class Problems:
    """Collects what is wrong with the rows of one source, and says it all at once."""

    def __init__(self, where: str, first_row: int = 0) -> None:
        self.where = where
        self.first_row = first_row
        self._count = 0
        self._listed: list[tuple[int, str]] = []

    def add(self, bad: NDArray[np.bool_], describe: Callable[[int], str]) -> None:
        """Note every row where `bad`; `describe(position)` words the few that are listed."""
        rows = np.flatnonzero(bad)
        self._count += len(rows)
        self._listed += [(int(row), describe(int(row))) for row in rows[:_LISTED]]

    def raise_any(self) -> None:
        """End the check.

        Raises:
            DataError: anything was added.
        """
        if not self._count:
            return
        first = sorted(self._listed, key=lambda problem: problem[0])[:_LISTED]
        text = "; ".join(f"row {row + self.first_row}: {what}" for row, what in first)
        more = self._count - len(first)
        tail = f"; and {more:,} more" if more else ""
        raise DataError(f"{self.where}: {text}{tail}. Correct these rows or get the data again")


def read_timestamps(column: "pd.Series[Any]", problems: Problems) -> NDArray[np.int64]:
    """Times in any accepted form as int64 ms UTC; 0 where a problem was added."""
    if column.dtype.kind == "M":
        return _datetimes(column, column, problems)
    if column.dtype.kind not in "iuf":
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().all():
            times = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
            return _datetimes(times, column, problems)
    else:
        numbers = column
    floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(floats) | (floats <= 0) | (floats >= 2.0**63) | (floats % 1 != 0)
    problems.add(bad, lambda row: f"timestamp {column.iloc[row]!s} is not a time")
    if bad.any():
        numbers = pd.Series(np.where(bad, 0, floats))
    stamps = numbers.to_numpy().astype(np.int64)
    return np.select(
        [stamps < _SECONDS_BELOW, stamps < _MICROSECONDS_FROM, stamps < _NANOSECONDS_FROM],
        [stamps * 1000, stamps, stamps // 1000],
        stamps // 1_000_000,
    )


def read_numbers(
    column: "pd.Series[Any]", problems: Problems, *, may_be_missing: bool = False
) -> NDArray[np.float64]:
    """A column as float64; every value that is no finite number becomes a problem.

    With `may_be_missing`, NaN and None are allowed and come out as NaN.
    """
    numbers = pd.to_numeric(column, errors="coerce")
    values: NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(values)
    if may_be_missing:
        bad &= ~column.isna().to_numpy()
    problems.add(bad, lambda row: f"{column.name} {column.iloc[row]!s} is not a number")
    return values


def _datetimes(
    times: "pd.Series[Any]", written: "pd.Series[Any]", problems: Problems
) -> NDArray[np.int64]:
    utc = pd.to_datetime(times, utc=True).dt.tz_localize(None)
    stamps: NDArray[np.int64] = utc.to_numpy(dtype="datetime64[ms]").astype(np.int64)
    bad = times.isna().to_numpy() | (stamps <= 0)
    problems.add(bad, lambda row: f"timestamp {written.iloc[row]!s} is not a time")
    return np.where(bad, 0, stamps)


def _require_columns(df: pd.DataFrame, where: str) -> None:
    missing = [name for name in CANDLE_COLUMNS if name not in df.columns]
    if missing:
        found = ", ".join(str(name) for name in df.columns[:12]) or "none"
        raise DataError(
            f"{where}: no column {' and '.join(repr(name) for name in missing)}. The "
            f"{'file' if where.endswith(_FILES) else 'DataFrame'} must have columns "
            f"{', '.join(CANDLE_COLUMNS)}; found: {found}{_time_hint(df, missing)}"
        )


def _time_hint(df: pd.DataFrame, missing: list[str]) -> str:
    names = (str(name) for name in df.columns)
    time = next((name for name in names if name.lower() in _OTHER_NAMES_OF_TIME), None)
    return f"; rename {time!r} to 'timestamp'" if time and "timestamp" in missing else ""


def _check_times(timestamp: NDArray[np.int64], timeframe_ms: int, problems: Problems) -> None:
    known = timestamp > 0
    problems.add(
        known & (timestamp % timeframe_ms != 0),
        lambda row: (
            f"timestamp {timestamp[row]} ({moment_text(int(timestamp[row]))}) is not the open of "
            f"a candle of {timeframe_ms // 60_000} minutes"
        ),
    )
    step = np.diff(timestamp, prepend=timestamp[:1] - 1)
    both = known & np.concatenate(([True], known[:-1]))
    problems.add(
        both & (step == 0),
        lambda row: f"timestamp {timestamp[row]} ({moment_text(int(timestamp[row]))}) occurs twice",
    )
    problems.add(
        both & (step < 0),
        lambda row: (
            f"timestamp {timestamp[row]} ({moment_text(int(timestamp[row]))}) comes after "
            f"{timestamp[row - 1]}: rows must be in the order of time"
        ),
    )


def _check_prices(columns: dict[str, NDArray[np.float64]], problems: Problems) -> None:
    high, low = columns["high"], columns["low"]
    for name in ("open", "high", "low", "close"):
        price = columns[name]
        problems.add(price <= 0, _says(name, price, "is not above 0"))
    for name in ("open", "close"):
        price = columns[name]
        problems.add(high < price, _says("high", high, f"is below {name}", price))
        problems.add(low > price, _says("low", low, f"is above {name}", price))
    problems.add(high < low, _says("high", high, "is below low", low))
    volume = columns["volume"]
    problems.add(volume < 0, _says("volume", volume, "is below 0"))


def _says(
    name: str,
    values: NDArray[np.float64],
    what: str,
    other: NDArray[np.float64] | None = None,
) -> Callable[[int], str]:
    def describe(row: int) -> str:
        compared = "" if other is None else f" {other[row]!s}"
        return f"{name} {values[row]!s} {what}{compared}"

    return describe
