"""Whole months of candles from Binance's public archives, and the rest page by page.

A month is one zip beside its SHA-256 under `data.binance.vision`; the same month of 1m candles is
44 pages of the exchange's interface. What cannot be had or trusted comes page by page instead.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from exchange.checks import check_candles, find_gaps
from exchange.download import BinanceHistory, Progress, tell
from exchange.errors import DataError
from exchange.servers import Server, server_at
from exchange.span import Span
from exchange.symbol import Symbol
from exchange.tables import read_zip
from exchange.timeframe import DAY_MS, MINUTE_MS, timeframe_ms

if TYPE_CHECKING:
    import requests

_ARCHIVES = "https://data.binance.vision"
_LARGEST_BYTES = 1 << 28
_PUBLISHED_AFTER_MS = 7 * DAY_MS
"""A month appears on the first Monday of the next."""

_LONGEST_TIMEFRAME_MS = 15 * MINUTE_MS
"""A page of 1000 candles takes 0.25 s of the rate limit: 15m, 3 pages a month, is the longest
timeframe of which the two requests for an archive are not slower."""

_SILENCE_S = 600.0


@dataclass(slots=True)
class Received:
    """What a series came from, counted while it comes: rows, and whole months of archives."""

    cached: int = 0
    archived: int = 0
    paged: int = 0
    months: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """`3 from the cache, 89,280 from 2 monthly archives, 20 page by page`."""
        archives = f"from {self.months} monthly archive{'s' * (self.months != 1)}"
        parts = (
            (self.cached, "from the cache"),
            (self.archived, archives),
            (self.paged, "page by page"),
        )
        return ", ".join(f"{rows:,} {what}" for rows, what in parts if rows) or "nothing"


class MonthlyArchives:
    """Candles of whole months, and of the time around them.

    An archive server that does not answer is not asked again for ten minutes.

    Args:
        base_url: scheme, host and port of another server with the same files.
        timeout_s: how long a connection, and a pause in an answer, may last.
    """

    def __init__(self, base_url: str | None = None, timeout_s: float = 4.0) -> None:
        self._base_url = (base_url or _ARCHIVES).rstrip("/")
        self._timeout_s = timeout_s
        self._silent_until = 0.0

    @property
    def server(self) -> Server:
        """Whose archives these are."""
        return server_at(self._base_url)

    def candles(
        self,
        history: BinanceHistory,
        symbol: Symbol,
        timeframe: str,
        span: Span,
        received: Received,
        progress: Progress | None = None,
    ) -> Iterator[tuple[pd.DataFrame, int]]:
        """Closed candles of `span`: archives for its whole months, `history` for the rest.

        Holes inside an archive are asked of `history` too: months exist that are incomplete.

        `received` is kept up to date, with a note where an archive could not be used.

        Yields, raises: as `BinanceHistory.candles`.
        """
        import requests  # costs 0.1 s, and cached candles do not need it

        length = timeframe_ms(timeframe)
        months = _published_months(span) if length <= _LONGEST_TIMEFRAME_MS else {}
        what = f"{symbol} {timeframe} candles"
        position = span.start_ms
        with requests.Session() as session:
            while position < span.end_ms:
                month = months.pop(position, None)
                rows = self._month(session, symbol, timeframe, month, received) if month else None
                if month and rows is not None:
                    received.months += 1
                    received.archived += len(rows)
                    yield from _holes_asked(history, symbol, timeframe, month, rows, received)
                    position = month.end_ms
                    tell(progress, span, position, what)
                    continue
                rest = Span(position, span.end_ms)
                position = span.end_ms
                for page, until in history.candles(symbol, timeframe, rest):
                    next_month = max((m for m in months if m <= until), default=None)
                    if next_month is not None and self._answers:
                        months = {start: m for start, m in months.items() if start >= next_month}
                        page, until = page[page["timestamp"] < next_month], next_month
                        position = next_month
                    if len(page):
                        received.paged += len(page)
                        yield page, until
                    tell(progress, span, until, what)
                    if position < span.end_ms:
                        break

    @property
    def _answers(self) -> bool:
        return time.monotonic() >= self._silent_until

    def _month(
        self,
        session: "requests.Session",
        symbol: Symbol,
        timeframe: str,
        month: Span,
        received: Received,
    ) -> pd.DataFrame | None:
        """Checked candles of a month; None where there is no archive that can be trusted."""
        if not self._answers:
            return None
        name = f"{symbol.id}-{timeframe}-{_day(month.start_ms):%Y-%m}.zip"
        path = f"data/futures/um/monthly/klines/{symbol.id}/{timeframe}/{name}"
        try:
            wanted = self._get(session, f"{path}.CHECKSUM")
            raw = self._get(session, path) if wanted is not None else None
        except _SilenceError as error:
            self._silent_until = time.monotonic() + _SILENCE_S
            received.notes.append(
                f"Binance's archives cannot be reached ({error}); all was asked page by page"
            )
            return None
        if raw is None or wanted is None:
            return None
        length = timeframe_ms(timeframe)
        try:
            if wanted.split()[:1] != [hashlib.sha256(raw).hexdigest().encode()]:
                raise DataError(f"{name}: does not match its checksum")
            table = read_zip(raw, name)
            rows = check_candles(table.frame, length, name, table.first_row).frame
            first, last = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1])
            if first < month.start_ms or last >= month.end_ms:
                raise DataError(f"{name}: holds candles of {Span(first, last + length)}")
        except DataError as error:
            received.notes.append(f"archive {error}; that month was asked page by page")
            return None
        return rows

    def _get(self, session: "requests.Session", path: str) -> bytes | None:
        """The body; None where there is no such file."""
        import requests

        try:
            with session.get(
                f"{self._base_url}/{path}", timeout=self._timeout_s, stream=True
            ) as answer:
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise _SilenceError(f"status {answer.status_code}")
                body = bytearray()
                for chunk in answer.iter_content(1 << 20):
                    body += chunk
                    if len(body) > _LARGEST_BYTES:
                        raise _SilenceError("its answer does not end")
                return bytes(body)
        except requests.Timeout:
            raise _SilenceError(f"no answer within {self._timeout_s:g} s") from None
        except requests.RequestException as error:
            raise _SilenceError(type(error).__name__) from error


@lru_cache(maxsize=4)
def shared_archives(base_url: str | None) -> MonthlyArchives:
    """One for all runs of this process, so that a silent server costs one wait."""
    return MonthlyArchives(base_url)


class _SilenceError(Exception):
    """The archive server gave no answer that can be used."""


def _holes_asked(
    history: BinanceHistory,
    symbol: Symbol,
    timeframe: str,
    month: Span,
    rows: pd.DataFrame,
    received: Received,
) -> Iterator[tuple[pd.DataFrame, int]]:
    """A month's rows, and what the exchange has where they are missing, in time's order."""
    length = timeframe_ms(timeframe)
    stamps = rows["timestamp"].to_numpy()
    holes = [(gap.first_missing_ms, gap.bars) for gap in find_gaps(stamps, length)]
    lead = (int(stamps[0]) - month.start_ms) // length
    tail = (month.end_ms - int(stamps[-1])) // length - 1
    holes = [(month.start_ms, lead)] * (lead > 0) + holes
    holes += [(int(stamps[-1]) + length, tail)] * (tail > 0)
    begin = 0
    for start, bars in holes:
        end = int(stamps.searchsorted(start))
        if end > begin:
            yield rows.iloc[begin:end], start
        begin = end
        hole = Span(start, start + bars * length)
        for page, until in history.candles(symbol, timeframe, hole):
            received.paged += len(page)
            yield page, until
    yield rows.iloc[begin:], month.end_ms


def _published_months(span: Span) -> dict[int, Span]:
    """Whole months inside the span that have been published by now, by their start in ms."""
    until = min(span.end_ms, int(time.time() * 1000) - _PUBLISHED_AFTER_MS)
    start = _day(span.start_ms).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months: dict[int, Span] = {}
    while True:
        following = (start + timedelta(days=32)).replace(day=1)
        begin, end = int(start.timestamp() * 1000), int(following.timestamp() * 1000)
        if end > until:
            return months
        if begin >= span.start_ms:
            months[begin] = Span(begin, end)
        start = following


def _day(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
