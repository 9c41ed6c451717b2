"""A span of time: parsed from what people write, cut to whole candles."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from numbers import Integral

from exchange.errors import DataError

Moment = str | int | date | datetime
"""What a user may give as a point in time; see `moment_ms`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST_MS = 100_000_000_000  # 1973; smaller numbers are seconds
_LARGEST_MS = 32_503_680_000_000  # 3000


@dataclass(frozen=True, slots=True)
class Span:
    """Times from `start_ms` up to, not including, `end_ms`; ms UTC.

    Raises:
        DataError: the end is not after the start.
    """

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.end_ms <= self.start_ms:
            raise DataError(
                f"nothing lies between start {moment_text(self.start_ms)} and end "
                f"{moment_text(self.end_ms)}: give an end that is later than the start"
            )

    def whole(self, step_ms: int) -> "Span":
        """The part made of whole candles of `step_ms`.

        Raises:
            DataError: not one whole candle fits.
        """
        start = -(-self.start_ms // step_ms) * step_ms
        end = self.end_ms // step_ms * step_ms
        if end <= start:
            raise DataError(
                f"no complete candle lies between {moment_text(self.start_ms)} and "
                f"{moment_text(self.end_ms)}: give an earlier start or a later end"
            )
        return Span(start, end)

    def __str__(self) -> str:
        return f"{moment_text(self.start_ms)} to {moment_text(self.end_ms)}"


def moment_ms(moment: Moment) -> int:
    """A point in time as int64 ms UTC.

    Takes `2024-01-31` (its midnight), ISO 8601 with a time, date and datetime objects, and
    integers (or their digits) that are ms already. What names no zone is UTC.

    Raises:
        DataError: none of these, or a time before 1973 or after 2999.
    """
    if isinstance(moment, bool):
        raise DataError(_complaint(moment))
    if isinstance(moment, str) and moment.strip().isdecimal() and len(moment.strip()) > 8:
        moment = int(moment)
    if isinstance(moment, Integral):
        return _of_this_age(int(moment), moment)
    written = moment
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise DataError(_complaint(moment)) from None
    elif isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise DataError(_complaint(moment))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not _SMALLEST_MS <= ms <= _LARGEST_MS:
        raise DataError(
            f"{str(written)[:40]!r} is not a time of this market: take one from 1973-03-04 to "
            "2999-12-31"
        )
    return ms


def moment_text(ms: int) -> str:
    """`2024-01-31 00:15 UTC`; seconds only where there are any."""
    time = _EPOCH + timedelta(milliseconds=ms)
    clock = "%H:%M" if ms % 60_000 == 0 else "%H:%M:%S"
    return time.strftime(f"%Y-%m-%d {clock} UTC")


def _of_this_age(ms: int, written: object) -> int:
    if not _SMALLEST_MS <= ms <= _LARGEST_MS:
        raise DataError(_complaint(written))
    return ms


def _complaint(moment: object) -> str:
    return (
        f"{str(moment)[:40]!r} is not a time: write 2024-01-31, 2024-01-31T12:00 (UTC) "
        "or milliseconds since 1970"
    )
