"""Times for an axis that are read at a glance: full hours, midnights, Mondays, first of months."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile

from tui.figures import date_label

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_STEPS = (
    *(minutes * _MINUTE for minutes in (1, 5, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 14)),
)
_MONDAY = 4 * _DAY
"""The first one of all."""

_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 600)
_MIDNIGHT = " 00:00"
_APART = 4
"""Cells between two labels."""


def axis_dates(first_ms: int, last_ms: int, columns: int) -> list[tuple[int, str]]:
    """Round times with their labels, as many as so many columns have room for."""
    span = last_ms - first_ms
    full = len(date_label(first_ms, span)) + _APART
    for wide in (full - len(_MIDNIGHT), full):
        times = round_times(first_ms, last_ms, max(1, columns // wide))
        labels = [date_label(at, span) for at in times]
        if all(label.endswith(_MIDNIGHT) for label in labels):
            labels = [label.removesuffix(_MIDNIGHT) for label in labels]
            break
    return list(zip(times, labels, strict=True))


def round_times(first_ms: int, last_ms: int, most: int) -> list[int]:
    """Equally distant times within a span, ms UTC: as many as there may be, `most` at most, but
    one at least, which need not be round."""
    for step in _STEPS:
        begin = _MONDAY if step % (7 * _DAY) == 0 else 0
        at = begin + -(-(first_ms - begin) // step) * step
        if (last_ms - at) // step < most:
            return list(range(at, last_ms + 1, step)) or [first_ms]
    for months in _MONTHS:
        found = list(takewhile(lambda at: at <= last_ms, _firsts(first_ms, months)))
        if len(found) <= most:
            return found or [first_ms]
    return [first_ms]


def _firsts(from_ms: int, months: int) -> Iterator[int]:
    """Every first of so many months from a time on."""
    day = datetime.fromtimestamp(from_ms / 1000, UTC)
    month = (day.year * 12 + day.month - 1) // months * months
    while True:
        at = int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000
        if at >= from_ms:
            yield at
        month += months
