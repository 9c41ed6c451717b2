"""An unmodified sync ccxt reads the market; results worked out from the candles. 1 s."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pandas as pd
import pytest

from exchange.candles import fetch_data
from exchange.market import market_for
from exchange.paper.listing import Listing, load_listing
from exchange.paper.params import Params
from exchange.paper.routes.public import klines
from exchange.paper.server import PaperExchange, client_config
from exchange.paper.tape import Tape
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import BAR, FLAT, START, SYMBOL, UP, exchange, frame

CANDLES = [FLAT, (100.0, 104.0, 97.0, 102.0), (102.0, 103.0, 98.0, 99.0), (99.0, 101.0, 98.5, 101)]
RATES = {0: 0.0001, 2: -0.0002}


def build() -> PaperExchange:
    btc = Listing(market_for("BTC"), Tape(frame(*CANDLES, rates=RATES), BAR))
    eth = Listing(market_for("ETH"), Tape(frame(*CANDLES), BAR))
    return PaperExchange([btc, eth], START + BAR)


@pytest.fixture
def threaded() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(build) as running:
        running.open_bar()
        yield running


def test_the_market_s_rules_are_read_from_exchange_info(sync_client: Any) -> None:
    market = sync_client.market(SYMBOL)
    assert sorted(sync_client.markets) == [SYMBOL, "ETH/USDT:USDT"]
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


def test_the_clock_is_told_and_taken_over(sync_client: Any, threaded: ThreadedExchange) -> None:
    told = sync_client.fetch_time()
    assert 0 <= told - threaded.exchange.clock.market_ms < 2000
    assert abs(sync_client.nonce() - told) < 2000


def test_candles_end_with_the_open_one_as_far_as_it_has_gone(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    assert sync_client.fetch_ohlcv(SYMBOL, "15m") == [
        [START, 100.0, 100.0, 100.0, 100.0, 9.0],
        [START + BAR, 100.0, 100.0, 100.0, 100.0, 0.0],
    ]
    threaded.advance_to(START + BAR + 300_000)
    last = sync_client.fetch_ohlcv(SYMBOL, "15m")[-1]
    assert last[:5] == [START + BAR, 100.0, 100.0, 97.0, 97.0]
    assert last[5] == pytest.approx(3.0, abs=0.01)
    threaded.walk_bar()
    assert sync_client.fetch_ohlcv(SYMBOL, "15m")[-1] == [
        START + BAR,
        100.0,
        104.0,
        97.0,
        102.0,
        9.0,
    ]


def test_coarser_candles_are_added_up(sync_client: Any, threaded: ThreadedExchange) -> None:
    for _ in range(2):
        threaded.walk_bar()
        threaded.open_bar()
    threaded.walk_bar()
    assert sync_client.fetch_ohlcv(SYMBOL, "30m") == [
        [START, 100.0, 104.0, 97.0, 102.0, 18.0],
        [START + 2 * BAR, 102.0, 103.0, 98.0, 101.0, 18.0],
    ]
    assert sync_client.fetch_ohlcv(SYMBOL, "1h") == [[START, 100.0, 104.0, 97.0, 101.0, 36.0]]


def test_candles_can_be_asked_by_time_and_number(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    for _ in range(2):
        threaded.walk_bar()
        threaded.open_bar()

    def opens(**asked: int) -> list[int]:
        wanted = {"symbol": "BTCUSDT", "interval": "15m", **asked}
        rows = sync_client.fapiPublicGetKlines(wanted)
        return [(int(row[0]) - START) // BAR for row in rows]

    assert opens() == [0, 1, 2, 3]
    assert opens(limit=2) == [2, 3]
    assert opens(limit=2, startTime=START) == [0, 1]
    assert opens(startTime=START + 1) == [1, 2, 3]
    assert opens(endTime=START + 2 * BAR - 1) == [0, 1]
    assert opens(limit=1, endTime=START + 2 * BAR) == [2]
    assert opens(startTime=START + BAR, endTime=START + 2 * BAR) == [1, 2]
    assert opens(startTime=START + 9 * BAR) == []


def test_bad_questions_about_candles_are_refused(sync_client: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="-1120"):
        sync_client.fetch_ohlcv(SYMBOL, "1m")
    with pytest.raises(ccxt.BadSymbol, match="-1121"):
        sync_client.fapiPublicGetKlines({"symbol": "NOPEUSDT", "interval": "15m"})
    with pytest.raises(ccxt.BadRequest, match="-1130"):
        sync_client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "15m", "limit": 1501})
    with pytest.raises(ccxt.BadRequest, match="-1102"):
        sync_client.fapiPublicGetKlines({"symbol": "BTCUSDT"})


def test_prices_are_those_of_the_path(sync_client: Any, threaded: ThreadedExchange) -> None:
    threaded.walk_bar()
    ticker = sync_client.fetch_ticker(SYMBOL)
    assert (ticker["last"], ticker["high"], ticker["low"], ticker["open"]) == (102, 104, 97, 100)
    assert ticker["bid"] is None
    quote = sync_client.fetch_bids_asks([SYMBOL])[SYMBOL]
    assert (quote["bid"], quote["ask"]) == (101.9, 102.1)
    book = sync_client.fetch_order_book(SYMBOL, 5)
    assert (book["bids"][0][0], book["asks"][0][0]) == (101.9, 102.1)
    assert [row[0] for row in book["bids"]] == [101.9, 101.8, 101.7, 101.6, 101.5]
    assert sync_client.fetch_mark_price(SYMBOL)["markPrice"] == 102
    assert set(sync_client.fetch_tickers()) == {SYMBOL, "ETH/USDT:USDT"}


def test_a_post_only_order_at_the_best_price_of_its_side_rests(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    threaded.walk_bar()
    quote = sync_client.fetch_bids_asks([SYMBOL])[SYMBOL]
    for side, own, other in (("buy", "bid", "ask"), ("sell", "ask", "bid")):
        params = {"positionSide": "LONG" if side == "buy" else "SHORT", "timeInForce": "GTX"}
        order = sync_client.create_order(SYMBOL, "limit", side, 1, quote[own], params)
        assert order["status"] == "open"
        with pytest.raises(ccxt.InvalidOrder, match="-5022"):
            sync_client.create_order(SYMBOL, "limit", side, 1, quote[other], params)


def test_funding_is_told_when_it_has_settled_and_not_before(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    rate = sync_client.fetch_funding_rate(SYMBOL)
    assert rate["fundingRate"] == 0.0001
    assert rate["fundingTimestamp"] == START + 2 * BAR
    assert [r["fundingRate"] for r in sync_client.fetch_funding_rate_history(SYMBOL)] == [0.0001]
    threaded.walk_bar()
    threaded.open_bar()
    history = sync_client.fetch_funding_rate_history(SYMBOL)
    assert [(r["timestamp"], r["fundingRate"]) for r in history] == [
        (START, 0.0001),
        (START + 2 * BAR, -0.0002),
    ]
    assert sync_client.fetch_funding_rate(SYMBOL)["fundingRate"] == -0.0002


def test_intervals_of_funding_other_than_eight_hours_are_listed(sync_client: Any) -> None:
    assert sync_client.fapiPublicGetFundingInfo() == []
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
    ) as threaded:
        threaded.open_bar()
        threaded.advance_to(START + BAR + BAR // 3 + 10_000)
        sync_client = ccxt.binanceusdm(client_config(threaded.url))
        rows = sync_client.fetch_ohlcv(SYMBOL, "5m")
        sync_client.session.close()
    assert [row[4] for row in rows[:4]] == [99, 102, 103, 99]
    assert rows[4][:2] == [START + BAR + BAR // 3, 99.0]


def test_a_hole_in_the_candles_is_stepped_over_and_not_filled() -> None:
    holed = frame(*CANDLES).drop(index=2).reset_index(drop=True)
    threaded = PaperExchange([Listing(market_for("BTC"), Tape(holed, BAR))], START + BAR)
    assert threaded.open_bar() == START + BAR
    threaded.walk_bar()
    assert threaded.open_bar() == START + 3 * BAR
    asked = Params({"symbol": "BTCUSDT", "interval": "15m"})
    rows = klines(threaded.venue, asked)
    assert [(row[0] - START) // BAR for row in rows] == [0, 1, 3]
    assert threaded.open_bar() is None


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


def test_trades_are_the_corners_of_the_closed_bars_and_can_be_paged() -> None:
    with ThreadedExchange(lambda: exchange(FLAT, UP, UP, UP)) as paper:
        paper.open_bar()
        paper.walk_bar()
        paper.open_bar()
        client = ccxt.binanceusdm(client_config(paper.url))
        trades = client.fetch_trades(SYMBOL)
        assert [t["price"] for t in trades] == [100, 100, 100, 100, 100, 97, 104, 102]
        assert [t["side"] for t in trades[4:]] == ["buy", "sell", "buy", "sell"]
        assert {t["amount"] for t in trades} == {2.25}
        assert [t["price"] for t in client.fetch_trades(SYMBOL, limit=3)] == [97, 104, 102]
        later = client.fetch_trades(SYMBOL, since=START + BAR, limit=2)
        assert [t["timestamp"] for t in later] == [START + BAR, START + BAR + BAR // 3]
        paged = client.fapiPublicGetAggTrades({"symbol": "BTCUSDT", "fromId": 6})
        assert [int(t["a"]) for t in paged] == [6, 7]


def test_volumes_are_on_the_step_of_the_coin() -> None:
    rows = frame(UP, UP, UP).assign(volume=1.23456789012345)
    listing = Listing(market_for("BTC", 100.0), Tape(rows, BAR))
    with ThreadedExchange(lambda: PaperExchange([listing], START + BAR)) as paper:
        paper.open_bar()
        paper.advance_to(START + BAR + 123_457)
        client = ccxt.binanceusdm(client_config(paper.url))
        closed, opened = client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "15m"})
        assert (closed[5], closed[7]) == ("1.235", "125.92592479")
        ticker = client.fapiPublicGetTicker24hr({"symbol": "BTCUSDT"})
        for volume in (opened[5], ticker["volume"]):
            assert Decimal(volume) % Decimal("0.001") == 0
        assert len(ticker["quoteVolume"].partition(".")[2]) <= 8
