"""The server as a whole: where it listens, how it runs by itself, what it keeps. 6 s."""

import asyncio
import json
import re
import threading
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import ccxt.async_support
import pytest

from exchange.errors import DataError
from exchange.market import market_for
from exchange.paper.auth import Keys
from exchange.paper.listing import Listing, load_listing
from exchange.paper.server import PaperExchange, client_config, guard
from exchange.paper.tape import Tape
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import (
    BAR,
    FLAT,
    START,
    SYMBOL,
    UP,
    exchange,
    fills,
    frame,
    place,
    stop,
    wallet,
)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", ""])
async def test_it_listens_on_this_machine_alone(host: str) -> None:
    paper = exchange(FLAT, FLAT)
    with pytest.raises(DataError, match="this machine alone"):
        await paper.start(host=host)


async def test_a_taken_port_is_said_in_one_line() -> None:
    async with exchange(FLAT, FLAT) as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(DataError, match=f"cannot listen on port {port}"):
            await exchange(FLAT, FLAT).start(port)


def test_nothing_to_trade_is_refused() -> None:
    listing = Listing(market_for("BTC"), Tape(frame(FLAT, FLAT), BAR))
    with pytest.raises(DataError, match="at least one coin"):
        PaperExchange([], START)
    with pytest.raises(DataError, match="only once"):
        PaperExchange([listing, listing], START)
    with pytest.raises(DataError, match="no candle opens at or after"):
        PaperExchange([listing], START + 2 * BAR)
    with pytest.raises(DataError, match="asks nobody"):
        load_listing("BTC", "15m", "2024-01-01", "2024-01-02", source="binance")
    with pytest.raises(DataError, match="no detail"):
        Tape(frame(FLAT, FLAT), BAR, frame(FLAT, FLAT), BAR)


def test_a_failing_start_in_a_thread_reaches_the_caller() -> None:
    def broken() -> PaperExchange:
        raise DataError("cannot be built")

    with pytest.raises(DataError, match="cannot be built"), ThreadedExchange(broken):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
def test_an_exchange_whose_ledger_cannot_be_written_says_so_once_and_goes_on() -> None:
    listing = Listing(market_for("BTC"), Tape(frame(FLAT, UP, UP), BAR))
    threads = threading.active_count()
    said: list[str] = []

    def made() -> PaperExchange:
        paper = PaperExchange([listing], START + BAR, ledger=Path("/dev/full"))
        paper.ledger.listeners.append(said.append)
        return paper

    with ThreadedExchange(made) as exchange:
        for price in (98, 97):
            exchange.call(partial(place, side="BUY", position_side="LONG", quantity=1, price=price))
        assert exchange.call(lambda paper: len(paper.venue.book.resting())) == 2
        assert exchange.call(lambda paper: len(paper.ledger.entries)) >= 2
    assert len(said) == 1
    assert "/dev/full cannot be written (No space left on device)" in said[0]
    assert threading.active_count() == threads


def test_the_secret_is_never_shown() -> None:
    assert "hidden" not in repr(Keys("key", "hidden"))


async def test_at_many_times_real_speed_orders_fill_by_themselves() -> None:
    listing = Listing(market_for("BTC"), Tape(frame(FLAT, UP, UP), BAR))
    paper = PaperExchange([listing], START + BAR, speed=3600.0)
    order = place(paper, "BUY", "LONG", 1, 98, "GTX")
    async with paper:
        client = ccxt.async_support.binanceusdm(client_config(paper.url))
        await client.load_markets()
        for _ in range(500):
            found = await client.fetch_order(str(order.id), SYMBOL)
            if found["status"] == "closed":
                break
            await asyncio.sleep(0.01)
        await client.close()
    assert found["average"] == 98
    (trade,) = paper.ledger.of("trade")
    assert trade["maker"]


async def test_an_exchange_at_full_speed_stops_at_once_every_time() -> None:
    listing = Listing(market_for("BTC"), Tape(frame(*[UP] * 50), BAR))
    for _ in range(20):
        paper = PaperExchange([listing], START + BAR, speed=1e5)
        async with asyncio.timeout(5), paper:
            await asyncio.sleep(0.003)


async def test_a_request_that_was_kept_waiting_meets_the_market_of_now() -> None:
    """Half an hour passes; the price turns 5 and 10 minutes after the bar opened."""
    listing = Listing(market_for("BTC"), Tape(frame(FLAT, UP, UP), BAR))
    paper = PaperExchange([listing], START + BAR, speed=3600.0)
    async with paper, aiohttp.ClientSession() as session:
        paper.misbehave(what="latency", seconds=0.1)
        came_ms = paper.clock.due_ms()
        async with session.get(f"{paper.url}/fapi/v1/premiumIndex?symbol=BTCUSDT") as answer:
            told_ms = (await answer.json())["time"]
        assert told_ms - came_ms >= 100 * 3600


async def test_an_idle_exchange_costs_no_processor_time() -> None:
    listing = load_listing("BTC", "15m", "2024-01-01", "2024-01-03")
    async with PaperExchange([listing], "2024-01-02", speed=1.0):
        await asyncio.sleep(0.1)
        before = time.process_time()
        await asyncio.sleep(1.0)
        assert time.process_time() - before < 0.05


async def test_market_streams_tick_while_the_clock_runs_by_itself() -> None:
    listing = load_listing("BTC", "15m", "2024-01-01", "2024-01-03")
    paper = PaperExchange([listing], "2024-01-02", speed=60.0)
    async with paper, aiohttp.ClientSession() as session:
        url = paper.url.replace("http", "ws", 1) + "/ws/btcusdt@bookTicker"
        async with session.ws_connect(url) as socket:
            quotes = [json.loads(await socket.receive_str()) for _ in range(3)]
    assert quotes[0]["E"] < quotes[1]["E"] <= quotes[2]["E"]


async def test_two_coins_share_the_margin_and_the_clock() -> None:
    tape = Tape(frame(FLAT, UP, UP), BAR)
    other = Tape(frame(FLAT, (100.0, 100.0, 90.0, 95.0), FLAT), BAR)
    listings = [Listing(market_for("BTC"), tape), Listing(market_for("ETH"), other)]
    paper = PaperExchange(listings, START + BAR)
    assert paper.open_bar() == START + BAR
    place(paper, "BUY", "LONG", 1, 98)
    place(paper, "BUY", "LONG", 1, 98, symbol="ETHUSDT")
    happened = paper.walk_bar()
    assert [event.symbol for event in happened] == ["BTCUSDT", "ETHUSDT"]
    # BTC falls 100 to 97 in its first leg of 300 s, ETH 100 to 90 in its second
    assert [event.time_ms - START - BAR for event in happened] == [200_000, 360_000]


async def test_a_loss_in_one_coin_liquidates_the_other_as_well() -> None:
    flat = Tape(frame(FLAT, FLAT), BAR)
    falling = Tape(frame(FLAT, (100.0, 100.0, 50.0, 50.0)), BAR)
    listings = [Listing(market_for("ETH"), flat), Listing(market_for("BTC"), falling)]
    paper = PaperExchange(listings, START + BAR, wallet=100)
    paper.open_bar()
    place(paper, "BUY", "LONG", 10)
    place(paper, "BUY", "LONG", 1, symbol="ETHUSDT")
    happened = paper.walk_bar()
    assert [event.kind for event in happened] == ["liquidation"]
    assert not paper.venue.account.open_positions()
    closing = paper.ledger.of("trade")[2:]
    assert [trade["symbol"] for trade in closing] == ["BTCUSDT", "ETHUSDT"]
    # what is left is the maintenance margin, 0.4 %: the first fee of 1.25 % takes it all
    assert closing[1]["fee"] == "0"
    assert abs(wallet(paper)) < Decimal("1e-20")


async def test_the_ledger_has_requests_orders_and_trades_and_no_signature(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with exchange(FLAT, UP, ledger=path) as paper:
        paper.open_bar()
        client = ccxt.async_support.binanceusdm(client_config(paper.url))
        guard(client, paper.url)
        await client.load_markets()
        params = {"positionSide": "LONG", "clientOrderId": "mine"}
        await client.create_order(SYMBOL, "limit", "buy", 1, 98, params)
        await client.close()
        stop(paper, "SELL", "LONG", 1, 97)
        paper.walk_bar()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    kinds = [line["kind"] for line in lines]
    assert {"request", "order", "trade", "stop", "wallet"} == set(kinds)
    sent = next(line for line in lines if line.get("method") == "POST")
    assert (sent["path"], sent["status"], sent["code"]) == ("/fapi/v1/order", 200, 0)
    assert sent["params"]["newClientOrderId"] == "mine"
    assert not re.search("signature|paper-secret", path.read_text())


def test_the_same_script_gives_the_same_ledger_twice() -> None:
    def run() -> list[Any]:
        listing = load_listing("BTC", "15m", "2024-01-01", "2024-01-08")
        paper = PaperExchange([listing], "2024-01-02")
        while paper.open_bar() is not None:
            coin = paper.venue.instruments["BTCUSDT"]
            tick = coin.market.tick
            for side, where, away in (("BUY", "LONG", -300), ("SELL", "SHORT", 300)):
                price = coin.price + away * tick
                if len(paper.venue.book.open_orders) < 20:
                    place(paper, side, where, "0.002", price, "GTX")
            paper.walk_bar()
        return [(e.time_ms, e.kind, e.data) for e in paper.ledger.entries]

    first = run()
    assert sum(kind == "trade" for _, kind, _ in first) > 20
    assert run() == first


def test_sync_clients_can_use_an_exchange_in_a_thread() -> None:
    with ThreadedExchange(lambda: exchange(FLAT, UP)) as paper:
        paper.open_bar()
        client = ccxt.binanceusdm(client_config(paper.url))
        client.load_markets()
        client.create_order(SYMBOL, "limit", "buy", 1, 98, {"positionSide": "LONG"})
        event = paper.step()
        client.session.close()
        assert event is not None
        assert event.kind == "fill"
        assert paper.call(fills) == [("BUY LONG", "1", "98")]
        assert paper.walk_bar() == []
        assert paper.open_bar() is None
