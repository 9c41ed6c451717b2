"""Throughput of the paper exchange, printed: `pytest tests/bench -k paper --benchmark-only -s`."""

import asyncio
import hashlib
import hmac
import time
import urllib.parse
from typing import Any

import aiohttp

from exchange.paper.limits import Quota
from exchange.paper.listing import load_listing, load_offer
from exchange.paper.server import PAPER_KEYS, PaperExchange
from tests.paper.support import FLAT, exchange, place

_UNLIMITED = Quota(weight=10**9, orders_10s=10**9, orders_1m=10**9)
_ORDERS, _LINES, _BARS = 2000, 8, 96 * 30
_IDLE_S = 25.0


async def _orders() -> float:
    """Orders a second: half of the requests place one, half cancel it; 8 at once."""
    async with exchange(FLAT, FLAT, quota=_UNLIMITED) as paper, aiohttp.ClientSession() as session:
        paper.open_bar()
        url = f"{paper.url}/fapi/v1/order"
        headers = {"X-MBX-APIKEY": PAPER_KEYS.key}

        def signed(**params: str) -> str:
            text = urllib.parse.urlencode(params | {"timestamp": str(paper.clock.wall_ms())})
            key = PAPER_KEYS.secret.encode()
            return f"{text}&signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}"

        limit = {"symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT"}
        limit |= {"timeInForce": "GTX", "quantity": "1", "price": "98"}

        async def line(number: int) -> None:
            for k in range(_ORDERS // _LINES):
                cid = f"b{number}-{k}"
                body = signed(**limit, newClientOrderId=cid)
                async with session.post(f"{url}?{body}", headers=headers) as answer:
                    assert answer.status == 200
                query = signed(symbol="BTCUSDT", origClientOrderId=cid)
                async with session.delete(f"{url}?{query}", headers=headers) as answer:
                    assert answer.status == 200

        before = time.perf_counter()
        await asyncio.gather(*(line(number) for number in range(_LINES)))
        return 2 * _ORDERS / (time.perf_counter() - before)


async def _events() -> float:
    """Account events a second to one listener."""
    async with exchange(FLAT, FLAT, wallet=10**9) as paper, aiohttp.ClientSession() as session:
        paper.open_bar()
        key = paper.venue.listen_keys.create(paper.clock.running_ms())
        url = paper.url.replace("http", "ws", 1) + f"/private/ws?listenKey={key}"
        async with session.ws_connect(url) as socket:
            before = time.perf_counter()
            for _ in range(_ORDERS):
                place(paper, "BUY", "LONG", 1)
            for _ in range(3 * _ORDERS):
                await socket.receive_str()
            return 3 * _ORDERS / (time.perf_counter() - before)


def _bars() -> float:
    """Bars a second in lock step with 20 orders resting."""
    paper = PaperExchange([load_listing("BTC", "15m", "2024-01-01", "2024-02-02")], "2024-01-02")
    walked = 0
    before = time.perf_counter()
    while walked < _BARS and paper.open_bar() is not None:
        coin = paper.venue.instruments["BTCUSDT"]
        while len(paper.venue.book.open_orders) < 20:
            away = 100 + 50 * len(paper.venue.book.open_orders)
            place(paper, "BUY", "LONG", "0.002", coin.price - away * coin.market.tick, "GTX")
            place(paper, "SELL", "SHORT", "0.002", coin.price + away * coin.market.tick, "GTX")
        paper.walk_bar()
        walked += 1
    return walked / (time.perf_counter() - before)


def _idle() -> float:
    """Processor seconds a minute of real time, of a market by the real clock that nobody asks."""

    async def rest() -> float:
        offer = load_offer(["BTC"])
        async with PaperExchange(offer.listings, offer.start_ms, speed=1.0, from_now=True):
            await asyncio.sleep(0.5)
            before = time.process_time()
            await asyncio.sleep(_IDLE_S)
            return (time.process_time() - before) * 60 / _IDLE_S

    return asyncio.run(rest())


def test_throughput_of_the_paper_exchange(benchmark: Any) -> None:
    def run() -> tuple[float, float, float, float]:
        return asyncio.run(_orders()), asyncio.run(_events()), _bars(), _idle()

    orders, events, bars, idle = benchmark.pedantic(run, rounds=1)
    print(f"\n{orders:,.0f} order requests/s, {events:,.0f} stream events/s, {bars:,.0f} bars/s")
    print(f"idle: {idle * 1000:.0f} ms of processor time a minute")
