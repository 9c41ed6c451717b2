"""Paging through Binance's public history, and its bad days. Costs 7 s, 1 s of it ccxt's import."""

import socket
import time
from collections.abc import Iterator

import pandas as pd
import pytest

from exchange.download import BinanceHistory
from exchange.errors import DataError
from exchange.simulated import simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS, TIMEFRAMES
from tests.history_server import SEED, HistoryServer, serving

BTC = Symbol("BTC")
LISTED = moment_ms("2024-01-01")
NOW = moment_ms("2024-03-01T10:07:30")
QUARTER_MS = TIMEFRAMES["15m"]


@pytest.fixture
def server() -> Iterator[HistoryServer]:
    with serving(LISTED, NOW) as history:
        yield history


def reader(server: HistoryServer, timeout_s: float = 2.0) -> BinanceHistory:
    return BinanceHistory(server.url, timeout_s=timeout_s, pause_s=0.001)


def span(start: str, end: str) -> Span:
    return Span(moment_ms(start), moment_ms(end))


def refusal(reading: BinanceHistory, symbol: Symbol = BTC) -> str:
    with pytest.raises(DataError) as caught:
        list(reading.candles(symbol, "15m", span("2024-01-05", "2024-01-06")))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_long_range_is_read_in_pages_of_a_thousand_without_hole_or_overlap(
    server: HistoryServer,
) -> None:
    month = span("2024-01-05", "2024-02-05")
    told: list[tuple[float, str]] = []
    pages = list(reader(server).candles(BTC, "15m", month, lambda *said: told.append(said)))
    assert [len(page) for page, _ in pages] == [1000, 1000, 976]
    together = pd.concat([page for page, _ in pages], ignore_index=True)
    pd.testing.assert_frame_equal(together, server.truth("15m", month))
    assert [until for _, until in pages] == [
        int(page["timestamp"].iloc[-1]) + QUARTER_MS for page, _ in pages
    ]
    assert pages[-1][1] == month.end_ms
    asked = server.asked("klines")
    assert {query["limit"] for query in asked} == {"1000"}
    assert len(asked) == 3
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1] == (1.0, "downloading BTC/USDT 15m candles: 100%")


def test_the_candle_that_is_still_open_by_the_servers_clock_is_left_out(
    server: HistoryServer,
) -> None:
    pages = list(reader(server).candles(BTC, "15m", span("2024-03-01", "2024-03-02")))
    assert len(pages) == 1
    assert pages[0][0]["timestamp"].iloc[-1] == moment_ms("2024-03-01T09:45")
    assert pages[0][1] == moment_ms("2024-03-01T10:00")


def test_history_begins_with_the_listing(server: HistoryServer) -> None:
    pages = list(reader(server).candles(BTC, "1h", span("2023-06-01", "2024-01-03")))
    assert [len(page) for page, _ in pages] == [48]
    assert pages[0][0]["timestamp"].iloc[0] == LISTED


def test_before_the_listing_there_is_nothing(server: HistoryServer) -> None:
    assert list(reader(server).candles(BTC, "1h", span("2023-06-01", "2023-07-01"))) == []
    assert list(reader(server).funding(BTC, span("2023-06-01", "2023-07-01"))) == []


def test_funding_is_complete_up_to_the_end_once_nothing_more_can_be_due(
    server: HistoryServer,
) -> None:
    month = span("2024-01-05", "2024-02-05T03:00")
    pages = list(reader(server).funding(BTC, month))
    together = pd.concat([page for page, _ in pages], ignore_index=True)
    pd.testing.assert_frame_equal(together, simulate_funding(BTC, month, SEED))
    assert pages[-1][1] == month.end_ms
    (last,) = list(reader(server).funding(BTC, span("2024-03-01", "2024-03-05")))
    assert last[1] == moment_ms("2024-03-01T10:02")


def test_funding_longer_than_a_page_is_read_on() -> None:
    with serving(moment_ms("2022-01-01"), NOW) as server:
        years = span("2022-03-01", "2024-02-01")
        pages = list(reader(server).funding(BTC, years))
    assert [len(page) for page, _ in pages] == [1000, 1000, 106]
    together = pd.concat([page for page, _ in pages], ignore_index=True)
    pd.testing.assert_frame_equal(together, simulate_funding(BTC, years, SEED))


@pytest.mark.parametrize("trouble", ["drop", 500, 503, 429, "hang"])
def test_a_passing_trouble_is_waited_out(server: HistoryServer, trouble: str | int) -> None:
    server.troubles = [trouble, trouble]
    day = span("2024-01-05", "2024-01-06")
    pages = list(reader(server, timeout_s=0.2).candles(BTC, "15m", day))
    pd.testing.assert_frame_equal(pages[0][0], server.truth("15m", day))


def test_trouble_in_the_middle_gets_more_patience_but_not_without_end() -> None:
    with serving(moment_ms("2022-01-01"), NOW) as server:
        pages = reader(server).funding(BTC, span("2022-03-01", "2024-02-01"))
        next(pages)
        server.troubles = [503] * 5
        next(pages)
        server.troubles = [503] * 100
        with pytest.raises(DataError, match=r"cannot reach Binance \(127.0.0.1:\d+: .*503"):
            next(pages)
        assert len(server.troubles) == 94


def test_a_server_that_is_not_there_gives_one_line_that_says_what_to_do_instead() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    message = refusal(BinanceHistory(f"http://127.0.0.1:{port}", pause_s=0.001))
    assert message == (
        f"cannot reach Binance (127.0.0.1:{port}: Connection refused). "
        "Without the network `gridtui data import FILE` takes files from elsewhere; the source sim "
        "needs none"
    )


def test_a_server_that_never_answers_is_given_up_after_three_tries(server: HistoryServer) -> None:
    server.troubles = ["hang"] * 10
    began = time.perf_counter()
    message = refusal(reader(server, timeout_s=0.2))
    assert "no answer within 0.2 s" in message
    assert time.perf_counter() - began < 3
    assert len(server.requests) == 3


def test_a_ban_is_not_knocked_at_again(server: HistoryServer) -> None:
    server.troubles = [418] * 10
    assert "banned for a while" in refusal(reader(server))
    assert len(server.requests) == 1


def test_an_unknown_symbol_is_named_at_once(server: HistoryServer) -> None:
    message = refusal(reader(server), Symbol("BTTC"))
    assert message == "Binance has no perpetual BTTC/USDT: check the symbol's spelling"
    assert len(server.asked("klines")) == 1


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["<html>Please log in</html>"], "something in between may be answering"),
        (['{"serverTime": "soon"}'], "something in between may be answering"),
        (['{"serverTime": 1709287650000}', "[1, 2, 3]"], "does not consist of candles"),
        (['{"serverTime": 1709287650000}', "[[1704412800000]]"], "does not consist of candles"),
        (
            ['{"serverTime": 1709287650000}', '[[1704412800000, "5", "4", "3", "4", "1"]]'],
            "row 0: high 4.0 is below open 5.0",
        ),
        (
            ['{"serverTime": 1709287650000}', '[[1704326400000, "4", "5", "3", "4", "1"]]'],
            "asked for 2024-01-05 00:00 UTC to 2024-01-06 00:00 UTC, got 2024-01-04",
        ),
    ],
)
def test_an_answer_that_cannot_be_is_refused(
    server: HistoryServer, answers: list[str | int], said: str
) -> None:
    server.troubles = answers
    assert said in refusal(reader(server))


def test_funding_that_cannot_be_is_refused(server: HistoryServer) -> None:
    server.troubles = ['{"serverTime": 1709287650000}', '[{"fundingTime": 1}]']
    with pytest.raises(DataError, match="does not consist of rates"):
        list(reader(server).funding(BTC, Span(LISTED, LISTED + 9 * HOUR_MS)))
