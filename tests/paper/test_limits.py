"""Request weights, order counts, bans, and the headers that tell of them. 1 s."""

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from exchange.paper.errors import RefusalError
from exchange.paper.limits import Limits, Quota
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import FLAT, SYMBOL, exchange

SMALL = Quota(weight=100, orders_10s=3, orders_1m=5)
MINUTE = 60_000


@pytest.fixture
def threaded() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(lambda: exchange(FLAT, FLAT, quota=SMALL)) as running:
        running.open_bar()
        yield running


def used(sync_client: Any, name: str = "X-MBX-USED-WEIGHT-1M") -> int:
    return int(sync_client.last_response_headers[name])


def buy(sync_client: Any) -> Any:
    return sync_client.create_order(SYMBOL, "limit", "buy", 1, 98, {"positionSide": "LONG"})


def test_each_call_costs_what_binance_says(sync_client: Any) -> None:
    before = used(sync_client)
    spent = []
    for call in (
        sync_client.fetch_time,
        lambda: sync_client.fetch_ohlcv(SYMBOL, "15m", limit=99),
        lambda: sync_client.fetch_ohlcv(SYMBOL, "15m", limit=499),
        lambda: sync_client.fetch_ohlcv(SYMBOL, "15m", limit=1000),
        sync_client.fetch_balance,
        lambda: buy(sync_client),
        lambda: sync_client.fetch_open_orders(SYMBOL),
        lambda: sync_client.fetch_order_book(SYMBOL, 100),
        lambda: sync_client.fapiPrivateGetIncome(),
    ):
        call()
        spent.append(used(sync_client) - before)
        before = used(sync_client)
    assert spent == [1, 1, 2, 5, 5, 0, 1, 5, 30]


def test_too_much_weight_is_refused_until_the_next_minute(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    for _ in range(3):
        sync_client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match=r"429.*-1003"):
        sync_client.fapiPrivateGetPositionSideDual()
    wait = int(sync_client.last_response_headers["Retry-After"])
    assert 0 < wait <= 60
    threaded.advance_to(threaded.exchange.clock.market_ms + wait * 1000)
    sync_client.fapiPrivateGetPositionSideDual()
    assert used(sync_client) == 30


def test_who_goes_on_over_the_limit_is_banned(sync_client: Any, threaded: ThreadedExchange) -> None:
    for _ in range(3):
        sync_client.fapiPrivateGetPositionSideDual()
    for _ in range(5):
        with pytest.raises(ccxt.DDoSProtection, match="429"):
            sync_client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match=r"418.*banned until"):
        sync_client.fapiPrivateGetPositionSideDual()
    with pytest.raises(ccxt.DDoSProtection, match="418"):
        sync_client.fetch_time()
    assert int(sync_client.last_response_headers["Retry-After"]) in (119, 120)
    threaded.advance_to(threaded.exchange.clock.market_ms + 2 * MINUTE + 1000)
    sync_client.fetch_time()


def test_orders_are_counted_by_ten_seconds_and_by_the_minute(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    for number in (1, 2, 3):
        buy(sync_client)
        assert used(sync_client, "X-MBX-ORDER-COUNT-10S") == number
    with pytest.raises(ccxt.RateLimitExceeded, match=r"-1015.*TEN_SECONDS"):
        buy(sync_client)
    sync_client.fetch_open_orders(SYMBOL)
    threaded.advance_to(threaded.exchange.clock.market_ms + 10_000)
    buy(sync_client)
    buy(sync_client)
    assert used(sync_client, "X-MBX-ORDER-COUNT-1M") == 5
    threaded.advance_to(threaded.exchange.clock.market_ms + 10_000)
    with pytest.raises(ccxt.RateLimitExceeded, match=r"-1015.*MINUTE"):
        buy(sync_client)
    threaded.advance_to(threaded.exchange.clock.market_ms + MINUTE)
    buy(sync_client)


def test_exchange_info_tells_the_limits(sync_client: Any) -> None:
    told = sync_client.fapiPublicGetExchangeInfo()["rateLimits"]
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
