"""Request weights, order counts, bans, and the headers that tell of them. 1 s."""

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from exchange.paper.errors import RefusalError
from exchange.paper.limits import Limits, Quota
from exchange.paper.server import client_config, guard
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import FLAT, SYMBOL, exchange

SMALL = Quota(weight=100, orders_10s=3, orders_1m=5)
MINUTE = 60_000


@pytest.fixture
def paper() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(lambda: exchange(FLAT, FLAT, quota=SMALL)) as running:
        running.open_bar()
        yield running


@pytest.fixture
def client(paper: ThreadedExchange) -> Iterator[Any]:
    ccxt_client = ccxt.binanceusdm(client_config(paper.url))
    guard(ccxt_client, paper.url)
    ccxt_client.load_markets()
    yield ccxt_client
    ccxt_client.session.close()


def used(client: Any, name: str = "X-MBX-USED-WEIGHT-1M") -> int:
    return int(client.last_response_headers[name])


def buy(client: Any) -> Any:
    return client.create_order(SYMBOL, "limit", "buy", 1, 98, {"positionSide": "LONG"})


def test_each_call_costs_what_binance_says(client: Any) -> None:
    before = used(client)
    spent = []
    for call in (
        client.fetch_time,
        lambda: client.fetch_ohlcv(SYMBOL, "15m", limit=99),
        lambda: client.fetch_ohlcv(SYMBOL, "15m", limit=499),
        lambda: client.fetch_ohlcv(SYMBOL, "15m", limit=1000),
        client.fetch_balance,
        lambda: buy(client),
        lambda: client.fetch_open_orders(SYMBOL),
        lambda: client.fetch_order_book(SYMBOL, 100),
        lambda: client.fapiPrivateGetIncome(),
    ):
        call()
        spent.append(used(client) - before)
        before = used(client)
    assert spent == [1, 1, 2, 5, 5, 0, 1, 5, 30]


def test_too_much_weight_is_refused_until_the_next_minute(
    client: Any, paper: ThreadedExchange
) -> None:
    for _ in range(3):
        client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match=r"429.*-1003"):
        client.fapiPrivateGetPositionSideDual()
    wait = int(client.last_response_headers["Retry-After"])
    assert 0 < wait <= 60
    paper.advance_to(paper.exchange.clock.market_ms + wait * 1000)
    client.fapiPrivateGetPositionSideDual()
    assert used(client) == 30


def test_who_goes_on_over_the_limit_is_banned(client: Any, paper: ThreadedExchange) -> None:
    for _ in range(3):
        client.fapiPrivateGetPositionSideDual()
    for _ in range(5):
        with pytest.raises(ccxt.DDoSProtection, match="429"):
            client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match=r"418.*banned until"):
        client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match="418"):
        client.fetch_time()
    assert int(client.last_response_headers["Retry-After"]) in (119, 120)
    paper.advance_to(paper.exchange.clock.market_ms + 2 * MINUTE + 1000)
    client.fetch_time()


def test_orders_are_counted_by_ten_seconds_and_by_the_minute(
    client: Any, paper: ThreadedExchange
) -> None:
    for number in (1, 2, 3):
        buy(client)
        assert used(client, "X-MBX-ORDER-COUNT-10S") == number
    with pytest.raises(ccxt.RateLimitExceeded, match=r"-1015.*TEN_SECONDS"):
        buy(client)
    client.fetch_open_orders(SYMBOL)
    paper.advance_to(paper.exchange.clock.market_ms + 10_000)
    buy(client)
    buy(client)
    assert used(client, "X-MBX-ORDER-COUNT-1M") == 5
    paper.advance_to(paper.exchange.clock.market_ms + 10_000)
    with pytest.raises(ccxt.RateLimitExceeded, match=r"-1015.*MINUTE"):
        buy(client)
    paper.advance_to(paper.exchange.clock.market_ms + MINUTE)
    buy(client)


def test_exchange_info_tells_the_limits(client: Any) -> None:
    told = client.fapiPublicGetExchangeInfo()["rateLimits"]
    assert [(each["rateLimitType"], each["intervalNum"], each["limit"]) for each in told] == [
        ("REQUEST_WEIGHT", 1, 100),
        ("ORDERS", 1, 5),
        ("ORDERS", 10, 3),
    ]


def test_a_second_ban_lasts_longer_than_the_first() -> None:
    limits = Limits(Quota(weight=1))
    lasts = []
    now = 0
    for _ in range(3):
        while True:
            try:
                limits.count(2, 0, now)
            except RefusalError as error:
                if error.status == 418:
                    lasts.append(error.retry_after)
                    break
        now = limits.banned_until_ms
    assert lasts == [120, 240, 480]


def test_a_limit_of_nothing_is_no_limit() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Quota(weight=0)
