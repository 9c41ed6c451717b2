"""An unmodified sync ccxt reads the market; results worked out from the candles. 1 s."""

from collections.abc import Iterator
from typing import Any

import ccxt
import pandas as pd
import pytest

from exchange.candles import fetch_data
from exchange.market import market_for
from exchange.paper.listing import Listing, load_listing
from exchange.paper.params import Params
from exchange.paper.routes.public import klines
from exchange.paper.server import PaperExchange, client_config, guard
from exchange.paper.tape import Tape
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import BAR, FLAT, START, SYMBOL, frame

CANDLES = [FLAT, (100.0, 104.0, 97.0, 102.0), (102.0, 103.0, 98.0, 99.0), (99.0, 101.0, 98.5, 101)]
RATES = {0: 0.0001, 2: -0.0002}


def build() -> PaperExchange:
    btc = Listing(market_for("BTC"), Tape(frame(*CANDLES, rates=RATES), BAR))
    eth = Listing(market_for("ETH"), Tape(frame(*CANDLES), BAR))
    return PaperExchange([btc, eth], START + BAR)


@pytest.fixture
def paper() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(build) as running:
        running.open_bar()
        yield running


@pytest.fixture
def client(paper: ThreadedExchange) -> Iterator[Any]:
    ccxt_client = ccxt.binanceusdm(client_config(paper.url))
    guard(ccxt_client, paper.url)
    ccxt_client.load_markets()
    yield ccxt_client
    ccxt_client.session.close()


def test_the_market_s_rules_are_read_from_exchange_info(client: Any) -> None:
    market = client.market(SYMBOL)
    assert sorted(client.markets) == [SYMBOL, "ETH/USDT:USDT"]
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.1)
    assert market["limits"]["cost"]["min"] == 50
    assert market["swap"]
    assert market["linear"]
    kinds = {entry["filterType"] for entry in market["info"]["filters"]}
    assert kinds >= {
        "PRICE_FILTER",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "MAX_NUM_ORDERS",
        "MIN_NOTIONAL",
        "PERCENT_PRICE",
    }


def test_the_clock_is_told_and_taken_over(client: Any, paper: ThreadedExchange) -> None:
    told = client.fetch_time()
    assert 0 <= told - paper.exchange.clock.market_ms < 2000
    assert abs(client.nonce() - told) < 2000


def test_candles_end_with_the_open_one_as_far_as_it_has_gone(
    client: Any, paper: ThreadedExchange
) -> None:
    assert client.fetch_ohlcv(SYMBOL, "15m") == [
        [START, 100.0, 100.0, 100.0, 100.0, 9.0],
        [START + BAR, 100.0, 100.0, 100.0, 100.0, 0.0],
    ]
    paper.advance_to(START + BAR + 300_000)
    last = client.fetch_ohlcv(SYMBOL, "15m")[-1]
    assert last[:5] == [START + BAR, 100.0, 100.0, 97.0, 97.0]
    assert last[5] == pytest.approx(3.0, abs=0.01)
    paper.walk_bar()
    assert client.fetch_ohlcv(SYMBOL, "15m")[-1] == [START + BAR, 100.0, 104.0, 97.0, 102.0, 9.0]


def test_coarser_candles_are_added_up(client: Any, paper: ThreadedExchange) -> None:
    for _ in range(2):
        paper.walk_bar()
        paper.open_bar()
    paper.walk_bar()
    assert client.fetch_ohlcv(SYMBOL, "30m") == [
        [START, 100.0, 104.0, 97.0, 102.0, 18.0],
        [START + 2 * BAR, 102.0, 103.0, 98.0, 101.0, 18.0],
    ]
    assert client.fetch_ohlcv(SYMBOL, "1h") == [[START, 100.0, 104.0, 97.0, 101.0, 36.0]]


def test_candles_can_be_asked_by_time_and_number(client: Any, paper: ThreadedExchange) -> None:
    for _ in range(2):
        paper.walk_bar()
        paper.open_bar()

    def opens(**asked: int) -> list[int]:
        wanted = {"symbol": "BTCUSDT", "interval": "15m", **asked}
        rows = client.fapiPublicGetKlines(wanted)
        return [(int(row[0]) - START) // BAR for row in rows]

    assert opens() == [0, 1, 2, 3]
    assert opens(limit=2) == [2, 3]
    assert opens(limit=2, startTime=START) == [0, 1]
    assert opens(startTime=START + 1) == [1, 2, 3]
    assert opens(endTime=START + 2 * BAR - 1) == [0, 1]
    assert opens(limit=1, endTime=START + 2 * BAR) == [2]
    assert opens(startTime=START + BAR, endTime=START + 2 * BAR) == [1, 2]
    assert opens(startTime=START + 9 * BAR) == []


def test_bad_questions_about_candles_are_refused(client: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="-1120"):
        client.fetch_ohlcv(SYMBOL, "1m")
    with pytest.raises(ccxt.BadSymbol, match="-1121"):
        client.fapiPublicGetKlines({"symbol": "NOPEUSDT", "interval": "15m"})
    with pytest.raises(ccxt.BadRequest, match="-1130"):
        client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "15m", "limit": 1501})
    with pytest.raises(ccxt.BadRequest, match="-1102"):
        client.fapiPublicGetKlines({"symbol": "BTCUSDT"})


def test_prices_are_those_of_the_path(client: Any, paper: ThreadedExchange) -> None:
    paper.walk_bar()
    ticker = client.fetch_ticker(SYMBOL)
    assert (ticker["last"], ticker["high"], ticker["low"], ticker["open"]) == (102, 104, 97, 100)
    assert ticker["bid"] is None
    quote = client.fetch_bids_asks([SYMBOL])[SYMBOL]
    assert (quote["bid"], quote["ask"]) == (102, 102)
    book = client.fetch_order_book(SYMBOL, 5)
    assert (book["bids"][0][0], book["asks"][0][0]) == (102, 102)
    assert [row[0] for row in book["bids"]] == [102, 101.9, 101.8, 101.7, 101.6]
    assert client.fetch_mark_price(SYMBOL)["markPrice"] == 102
    assert set(client.fetch_tickers()) == {SYMBOL, "ETH/USDT:USDT"}


def test_funding_is_told_when_it_has_settled_and_not_before(
    client: Any, paper: ThreadedExchange
) -> None:
    rate = client.fetch_funding_rate(SYMBOL)
    assert rate["fundingRate"] == 0.0001
    assert rate["fundingTimestamp"] == START + 2 * BAR
    assert [r["fundingRate"] for r in client.fetch_funding_rate_history(SYMBOL)] == [0.0001]
    paper.walk_bar()
    paper.open_bar()
    history = client.fetch_funding_rate_history(SYMBOL)
    assert [(r["timestamp"], r["fundingRate"]) for r in history] == [
        (START, 0.0001),
        (START + 2 * BAR, -0.0002),
    ]
    assert client.fetch_funding_rate(SYMBOL)["fundingRate"] == -0.0002


def test_intervals_of_funding_other_than_eight_hours_are_listed(client: Any) -> None:
    assert client.fapiPublicGetFundingInfo() == []
    hourly = dict.fromkeys(range(0, 12, 4), 0.0001)
    tape = Tape(frame(*[FLAT] * 12, rates=hourly), BAR)
    with ThreadedExchange(
        lambda: PaperExchange([Listing(market_for("BTC"), tape)], START + 9 * BAR)
    ) as other:
        second = ccxt.binanceusdm(client_config(other.url))
        (info,) = second.fapiPublicGetFundingInfo()
        second.session.close()
    assert (info["symbol"], info["fundingIntervalHours"]) == ("BTCUSDT", 1)


def test_a_bar_follows_its_finer_candles_where_they_are_complete() -> None:
    minutes = [(100.0, 100.0, 99.0, 99.0), (99.0, 102.0, 99.0, 102.0), (102.0, 103.0, 102.0, 103.0)]
    fine = frame(*minutes * 2, length=BAR // 3)
    bars = frame((100.0, 103.0, 99.0, 103.0), (100.0, 103.0, 99.0, 103.0))
    tape = Tape(bars, BAR, fine, BAR // 3)
    path = [(str(leg.start), str(leg.end)) for leg in tape.path(0) if leg.start != leg.end]
    assert path == [
        ("100.0", "99.0"),
        ("99.0", "102.0"),
        ("102.0", "103.0"),
    ]
    holed = Tape(bars, BAR, fine.drop(index=4).reset_index(drop=True), BAR // 3)
    assert len(holed.path(0)) > len(holed.path(1))
    with ThreadedExchange(
        lambda: PaperExchange([Listing(market_for("BTC"), tape)], START + BAR)
    ) as paper:
        paper.open_bar()
        paper.advance_to(START + BAR + BAR // 3 + 10_000)
        client = ccxt.binanceusdm(client_config(paper.url))
        rows = client.fetch_ohlcv(SYMBOL, "5m")
        client.session.close()
    assert [row[4] for row in rows[:4]] == [99, 102, 103, 99]
    assert rows[4][:2] == [START + BAR + BAR // 3, 99.0]


def test_a_hole_in_the_candles_is_stepped_over_and_not_filled() -> None:
    holed = frame(*CANDLES).drop(index=2).reset_index(drop=True)
    paper = PaperExchange([Listing(market_for("BTC"), Tape(holed, BAR))], START + BAR)
    assert paper.open_bar() == START + BAR
    paper.walk_bar()
    assert paper.open_bar() == START + 3 * BAR
    asked = Params({"symbol": "BTCUSDT", "interval": "15m"})
    rows = klines(paper.venue, asked)
    assert [(row[0] - START) // BAR for row in rows] == [0, 1, 3]
    assert paper.open_bar() is None


def test_the_simulated_market_can_be_listed_with_detail() -> None:
    listing = load_listing("SOL", "1h", "2024-01-01", "2024-01-03", detail_timeframe="15m")
    assert listing.market.symbol.id == "SOLUSDT"
    assert listing.source == "SIMULATED market, seed 4"
    assert len(listing.tape.path(5)) == 16
    low = min(leg.end for leg in listing.tape.path(5))
    assert low == listing.tape.bars.at(5).low


@pytest.mark.market_data
def test_recorded_candles_are_walked_from_low_to_high(market_data: Any) -> None:
    fine = pd.read_parquet(market_data / "BTCUSDT_1m_2023-07.parquet")
    first, last = int(fine["timestamp"].iloc[0]), int(fine["timestamp"].iloc[-1])
    bars = fetch_data("BTC", "15m", first, last + 60_000, source=market_data)
    tape = Tape(bars, BAR, fine, 60_000)
    for row in range(1, 960, 10):
        bar, path = tape.bars.at(row), tape.path(row)
        assert len(path) == 60
        ends = [leg.end for leg in path]
        assert (max(ends), min(ends), ends[-1]) == (bar.high, bar.low, bar.close)
