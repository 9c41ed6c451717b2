"""Whole months from archives, the rest page by page. Costs 12 s: a page
takes a quarter of a second of the rate limit."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from exchange.candles import from_binance
from exchange.download import BinanceHistory
from exchange.errors import DataError
from exchange.servers import Server
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS, HOUR_MS
from exchange.vision import MonthlyArchives, Received
from tests.archive_server import ArchiveServer, serving_archives
from tests.history_server import HistoryServer, serving

BTC = Symbol("BTC")
LISTED = moment_ms("2023-11-10")
NOW = moment_ms("2024-04-01T10:07:30")
TIMEFRAME = "15m"


@pytest.fixture
def pages() -> Iterator[HistoryServer]:
    with serving(LISTED, NOW) as history:
        yield history


@pytest.fixture
def months(pages: HistoryServer) -> Iterator[ArchiveServer]:
    with serving_archives(pages.truth) as archives:
        yield archives


def span(start: str, end: str) -> Span:
    return Span(moment_ms(start), moment_ms(end))


def read(
    pages: HistoryServer, url: str, wanted: Span, timeframe: str = TIMEFRAME
) -> tuple[pd.DataFrame, list[int], Received]:
    """The rows, up to where each page said that all was known, and what came from where."""
    received = Received()
    history = BinanceHistory(pages.url, 2.0, 0.001, Server())
    archives = MonthlyArchives(url, timeout_s=2.0)
    found = list(archives.candles(history, BTC, timeframe, wanted, received))
    rows = pd.concat([page for page, _ in found], ignore_index=True)
    return rows, [until for _, until in found], received


def starts(pages: HistoryServer) -> list[int]:
    return [int(query["startTime"]) for query in pages.asked("klines")]


def test_whole_months_come_from_archives_and_the_days_around_them_page_by_page(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    months.put("2024-01", "2024-02", TIMEFRAME)
    months.put("2024-02", "2024-03", TIMEFRAME)
    wanted = span("2023-12-30", "2024-03-03")
    rows, until, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert until == [moment_ms(day) for day in ("2024-01-01", "2024-02-01", "2024-03-01")] + [
        wanted.end_ms
    ]
    assert starts(pages) == [wanted.start_ms, moment_ms("2024-03-01")]
    assert str(received) == "5,760 from 2 monthly archives, 384 page by page"
    assert received.notes == []


def test_where_every_month_is_archived_no_page_is_asked_for(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    months.put("2024-02", "2024-03", TIMEFRAME)
    rows, _, _ = read(pages, months.url, span("2024-02-01", "2024-03-01"))
    assert len(rows) == 29 * 96
    assert pages.requests == []


def test_a_month_without_an_archive_is_asked_page_by_page_and_the_next_is_not(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    months.put("2024-01", "2024-02", TIMEFRAME)
    months.put("2024-03", "2024-04", TIMEFRAME)
    wanted = span("2024-01-01", "2024-04-01")
    rows, _, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert (received.months, received.paged) == (2, 29 * 96)
    assert min(starts(pages)) == moment_ms("2024-02-01")


def test_years_before_the_listing_cost_one_look_each_way(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    months.put("2023-12", "2024-01", TIMEFRAME)
    wanted = span("2021-01-01", "2024-01-01")
    rows, _, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, Span(LISTED, wanted.end_ms)))
    assert received.months == 1
    assert len(months.asked) == 4  # January 2021, November 2023, December with its checksum
    assert rows["timestamp"].is_unique


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-02-10", "2024-02-12"), ("2024-02-01", "2024-02-03"), ("2024-02-27", "2024-03-01")],
)
def test_a_hole_in_an_archive_is_asked_page_by_page(
    pages: HistoryServer, months: ArchiveServer, first: str, last: str
) -> None:
    hole = span(first, last)
    months.put("2024-02", "2024-03", TIMEFRAME, without=hole)
    wanted = span("2024-02-01", "2024-03-01")
    rows, until, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert starts(pages) == [hole.start_ms]
    assert received.paged == (hole.end_ms - hole.start_ms) // (DAY_MS // 96)
    assert until == sorted(until)
    assert until[-1] == wanted.end_ms


def test_an_archive_that_does_not_match_its_checksum_is_not_used(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    path = months.put("2024-02", "2024-03", TIMEFRAME)
    months.files[path] = months.files[path][:-1] + b"\1"
    wanted = span("2024-02-01", "2024-03-01")
    rows, _, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert received.months == 0
    assert received.notes == [
        "archive BTCUSDT-15m-2024-02.zip: does not match its checksum; that month was asked page "
        "by page"
    ]


def test_an_archive_with_impossible_rows_or_another_month_is_not_used(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    march, february = (months.put("2024-03", "2024-04", TIMEFRAME), "2024-02")
    months.files[march.replace("2024-03", february)] = months.files[march]
    checksum = f"{march}.CHECKSUM"
    months.files[checksum.replace("2024-03", february)] = months.files[checksum]
    wanted = span("2024-02-01", "2024-03-01")
    rows, _, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert received.notes[0].startswith(
        "archive BTCUSDT-15m-2024-02.zip: holds candles of 2024-03-01"
    )


def test_a_server_that_refuses_is_asked_once_and_noted(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    months.status = 403
    wanted = span("2024-02-01", "2024-04-01")
    rows, _, received = read(pages, months.url, wanted)
    pd.testing.assert_frame_equal(rows, pages.truth(TIMEFRAME, wanted))
    assert len(months.asked) == 1
    assert received.notes == [
        "Binance's archives cannot be reached (status 403); all was asked page by page"
    ]


def test_a_server_that_is_not_there_is_not_knocked_at_twice(pages: HistoryServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    archives = MonthlyArchives(url)
    history = BinanceHistory(pages.url, 2.0, 0.001, Server())
    wanted = span("2024-02-01", "2024-03-01")
    for noted in (1, 0):
        received = Received()
        found = list(archives.candles(history, BTC, TIMEFRAME, wanted, received))
        assert sum(len(page) for page, _ in found) == 29 * 96
        assert len(received.notes) == noted


@pytest.mark.parametrize("timeframe", ["30m", "1h"])
def test_timeframes_of_which_a_month_is_two_pages_are_not_looked_for(
    pages: HistoryServer, months: ArchiveServer, timeframe: str
) -> None:
    rows, _, _ = read(pages, months.url, span("2024-02-01", "2024-03-01"), timeframe)
    assert len(rows) > 600
    assert months.asked == []


def test_a_month_that_is_not_over_is_not_looked_for(
    pages: HistoryServer, months: ArchiveServer
) -> None:
    this_month = datetime.now(UTC).strftime("%Y-%m-01")
    wanted = Span(moment_ms(this_month), moment_ms(this_month) + 70 * DAY_MS)
    history = BinanceHistory(pages.url, 2.0, 0.001, Server())
    found = MonthlyArchives(months.url).candles(history, BTC, TIMEFRAME, wanted, Received())
    assert list(found) == []
    assert months.asked == []


def test_a_fetch_through_the_cache_keeps_months_and_says_what_came_from_where(
    pages: HistoryServer, months: ArchiveServer, tmp_path: Path
) -> None:
    months.put("2024-01", "2024-02", TIMEFRAME)
    history = BinanceHistory(pages.url, 2.0, 0.001, Server())
    told: list[float] = []

    def fetch(start: str, end: str) -> str:
        loaded = from_binance(
            history,
            BTC,
            TIMEFRAME,
            span(start, end),
            tmp_path,
            lambda share, _: told.append(share),
            MonthlyArchives(months.url),
            funding=False,
        )
        pd.testing.assert_frame_equal(loaded.candles, pages.truth(TIMEFRAME, span(start, end)))
        assert loaded.rates is None
        return str(loaded.received)

    assert fetch("2024-01-01", "2024-02-02") == "2,976 from 1 monthly archive, 96 page by page"
    assert told == sorted(told)
    assert fetch("2024-01-01", "2024-02-03") == "3,072 from the cache, 96 page by page"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_came_before_the_pages_failed_is_kept(
    pages: HistoryServer, months: ArchiveServer, tmp_path: Path
) -> None:
    months.put("2024-01", "2024-02", TIMEFRAME)
    pages.troubles = [503] * 99
    history = BinanceHistory(pages.url, 2.0, 0.001, Server())
    wanted = span("2024-01-01", "2024-02-02")
    with pytest.raises(DataError, match=r"the cache has BTC/USDT 15m at \S+ from 2024-01-01"):
        from_binance(history, BTC, TIMEFRAME, wanted, tmp_path, None, MonthlyArchives(months.url))
    (kept,) = tmp_path.iterdir()
    assert kept.name.endswith(f"_15m_{wanted.start_ms}_{wanted.end_ms - 24 * HOUR_MS}.parquet")
