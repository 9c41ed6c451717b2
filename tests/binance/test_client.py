"""Requests to Binance and every way in which they fail, over a real connection. Costs about 8 s."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import BinanceClient, Keys, Venue, open_ccxt
from exchange.binance.pace import Pace
from exchange.errors import DataError
from exchange.outcomes import (
    ClockSkew,
    Failure,
    NotAuthorised,
    Refused,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from tests.binance.server import (
    DROP,
    HANG,
    KEY,
    SECRET,
    Reply,
    Script,
    ScriptedBinance,
    refusal,
    scripted,
)

KEYS = Keys(KEY, SECRET)
PATH = "/fapi/v1/leverage"
READ, WRITE = "fapiPrivateGetSymbolConfig", "fapiPrivatePostLeverage"


@asynccontextmanager
async def client_of(
    server: ScriptedBinance, keys: Keys | None = KEYS, timeout_s: float = 5.0
) -> AsyncIterator[BinanceClient]:
    client = BinanceClient(keys, Venue(base_url=server.url), timeout_s)
    try:
        yield client
    finally:
        await client.close()


async def failures_of(reply: Script, timeout_s: float = 5.0) -> tuple[Failure, Failure]:
    """What a read and a write raise when the server answers so."""
    async with scripted() as server:
        server.on("GET", "/fapi/v1/symbolConfig", reply)
        server.on("POST", PATH, reply)
        async with client_of(server, timeout_s=timeout_s) as client:
            with pytest.raises(Failure) as read:
                await client.read(READ, {"symbol": "BTCUSDT"})
        async with client_of(server, timeout_s=timeout_s) as client:
            with pytest.raises(Failure) as write:
                await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
    return read.value, write.value


@pytest.mark.parametrize(
    ("reply", "read", "write"),
    [
        (refusal(-4028), Refused, Refused),
        (refusal(-2019), Refused, Refused),
        (refusal(-4164), Refused, Refused),
        (refusal(-1007, 408), Unreachable, UnknownOutcome),
        (refusal(-1000, 503), Unreachable, UnknownOutcome),
        (refusal(-2015, 401), NotAuthorised, NotAuthorised),
        (refusal(-1003, 429), Throttled, Throttled),
        (refusal(-1021), ClockSkew, ClockSkew),
        (Reply(418, ""), Throttled, Throttled),
        (Reply(451, "not in your region"), NotAuthorised, NotAuthorised),
        (Reply(403, "<html>WAF</html>"), Unreachable, Unreachable),
        (Reply(502, "<html>Bad Gateway</html>"), Unreachable, UnknownOutcome),
        (Reply(503, "Service Unavailable."), Unreachable, Unreachable),
        (Reply(503, "Unknown error, please check your request or try again later."), Unreachable,
         UnknownOutcome),
        (Reply(504, ""), Unreachable, UnknownOutcome),
        (Reply(200, "<html>please log in</html>"), Unreachable, UnknownOutcome),
        (Reply(200, {"code": -1001, "msg": "disconnected"}), Unreachable, UnknownOutcome),
        (DROP, Unreachable, UnknownOutcome),
    ],
)  # fmt: skip
async def test_an_answer_means_the_same_over_a_real_connection(
    reply: Script, read: type[Failure], write: type[Failure]
) -> None:
    failures = await failures_of(reply)
    assert [type(failure) for failure in failures] == [read, write]


async def test_no_answer_in_time_is_unknown_for_an_order_and_unreachable_for_a_read() -> None:
    read, write = await failures_of(HANG, timeout_s=0.2)
    assert type(read) is Unreachable
    assert type(write) is UnknownOutcome
    assert "no answer within 0.2 s" in str(write)


async def test_nobody_listening_is_unreachable_for_a_read_and_unknown_for_an_order() -> None:
    async with scripted() as server:
        address = server.url
    client = BinanceClient(KEYS, Venue(base_url=address))
    with pytest.raises(Unreachable, match=address.removeprefix("http://")):
        await client.read(READ, {"symbol": "BTCUSDT"})
    with pytest.raises(UnknownOutcome):
        await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
    await client.close()


async def test_a_signed_request_without_keys_is_not_authorised_and_not_sent() -> None:
    async with scripted() as server, client_of(server, keys=None) as client:
        with pytest.raises(NotAuthorised, match="needs an API key"):
            await client.read(READ, {"symbol": "BTCUSDT"})
        assert server.asked == []


@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
async def test_a_clock_that_is_off_is_set_and_the_request_sent_once_more(off_ms: int) -> None:
    async with scripted() as server, client_of(server) as client:
        server.clock_ms = off_ms
        server.on("POST", PATH, {"symbol": "BTCUSDT", "leverage": 3})
        answer = await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert answer["leverage"] == 3
        assert len(server.sent("POST", PATH)) == 2
        assert len(server.sent("GET", "/fapi/v1/time")) == 1
        assert abs(client.now_ms() - server.now_ms()) < 500


@pytest.mark.parametrize("answer", [{}, {"serverTime": "soon"}, {"serverTime": None}, []])
async def test_a_time_that_is_none_is_an_error(answer: Script) -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("GET", "/fapi/v1/time", answer)
        with pytest.raises(Unreachable, match="no time"):
            await client.sync_clock()


async def test_a_clock_that_is_off_and_cannot_be_set_is_told_as_such() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("GET", "/fapi/v1/time", Reply(502, ""))
        server.on("POST", PATH, refusal(-1021))
        with pytest.raises(ClockSkew):
            await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert len(server.sent("POST", PATH)) == 1


async def test_a_clock_that_stays_off_is_told_after_one_repetition() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("POST", PATH, refusal(-1021))
        with pytest.raises(ClockSkew):
            await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert len(server.sent("POST", PATH)) == 2


@pytest.mark.parametrize("reply", [DROP, Reply(503, "x"), refusal(-1007, 408), Reply(200, "x")])
async def test_a_request_of_unknown_outcome_is_sent_once(reply: Script) -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("POST", PATH, reply)
        with pytest.raises(UnknownOutcome):
            await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert len(server.sent("POST", PATH)) == 1


async def test_after_too_many_requests_nothing_is_sent_until_the_time_is_over() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on(
            "GET",
            "/fapi/v1/symbolConfig",
            Reply(429, {"code": -1003, "msg": "slow"}, {"Retry-After": "1"}),
            [],
        )
        with pytest.raises(Throttled) as first:
            await client.read(READ, {"symbol": "BTCUSDT"})
        assert 500 < first.value.until_ms - client.now_ms() <= 1000
        with pytest.raises(Throttled, match="not sent"):
            await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert len(server.asked) == 1
        time.sleep(1.05)
        assert await client.read(READ, {"symbol": "BTCUSDT"}) == []


async def test_brokers_of_one_account_are_silent_together() -> None:
    pace = Pace()
    async with scripted() as server:
        venue = Venue(base_url=server.url)
        btc = BinanceBroker("BTC", KEYS, venue, pace=pace)
        eth = BinanceBroker("ETH", KEYS, venue, pace=pace)
        server.on("GET", "/fapi/v1/premiumIndex", Reply(429, "", {"Retry-After": "60"}))
        async with btc, eth:
            asked = len(server.asked)
            for broker in (btc, eth):
                with pytest.raises(Throttled):
                    await broker.mark_price()
            assert len(server.asked) == asked + 1


async def test_a_ban_shuts_the_client_until_the_moment_that_it_names() -> None:
    async with scripted() as server, client_of(server) as client:
        until_ms = server.now_ms() + 600_000
        text = f"Way too many requests; IP(1.2.3.4) banned until {until_ms}."
        server.on("GET", "/fapi/v1/symbolConfig", refusal(-1003, 418, text))
        for _ in range(2):
            with pytest.raises(Throttled) as caught:
                await client.read(READ, {"symbol": "BTCUSDT"})
            assert caught.value.until_ms == until_ms
            assert caught.value.banned
        assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["X-MBX-USED-WEIGHT-1M", "x-mbx-used-weight-1m"])
async def test_the_used_weight_is_read_from_any_spelling_of_its_header(name: str) -> None:
    async with scripted() as server, client_of(server) as client:
        server.headers = {name: "2399"}
        server.on("GET", "/fapi/v1/symbolConfig", [])
        assert client.pace.delay_s(client.now_ms(), order=False) == 0
        await client.read(READ, {"symbol": "BTCUSDT"})
        left_s = 60 - client.now_ms() / 1000 % 60
        assert client.pace.delay_s(client.now_ms(), order=False) == pytest.approx(left_s, abs=0.2)
        assert client.pace.delay_s(client.now_ms(), order=True) == 0


async def test_at_the_limit_the_next_order_waits_for_the_next_window_of_the_exchange() -> None:
    async with scripted() as server, client_of(server) as client:
        server.clock_ms = 8_500 - server.now_ms() % 10_000  # 1.5 s before a window of 10 s ends
        await client.sync_clock()
        server.headers = {"X-MBX-ORDER-COUNT-10S": "300"}
        server.on("POST", "/fapi/v1/order", {"orderId": 1})
        await client.write("fapiPrivatePostOrder", {"symbol": "BTCUSDT"}, order=True)
        server.clock_ms -= 50  # by so much is the client's idea of it wrong
        begun = server.now_ms()
        await client.write("fapiPrivatePostOrder", {"symbol": "BTCUSDT"}, order=True)
        assert server.now_ms() // 10_000 > begun // 10_000
        assert server.now_ms() - begun < 2_000


async def test_too_many_orders_silence_orders_and_nothing_else() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("POST", "/fapi/v1/order", refusal(-1015, 429))
        server.on("GET", "/fapi/v1/symbolConfig", [])
        for _ in range(2):
            with pytest.raises(Throttled):
                await client.write("fapiPrivatePostOrder", {"symbol": "BTCUSDT"}, order=True)
        assert await client.read(READ, {"symbol": "BTCUSDT"}) == []
        assert len(server.sent("POST", "/fapi/v1/order")) == 1


async def test_a_ban_that_the_streams_run_into_silences_everything() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("POST", "/fapi/v1/listenKey", Reply(418, "", {"Retry-After": "300"}))
        streams = client.open_streams()
        with pytest.raises(Exception, match="418"):
            await streams.fapiPrivatePostListenKey()
        await streams.close()
        assert 290 < client.quiet_s() <= 300
        with pytest.raises(Throttled):
            await client.read(READ, {"symbol": "BTCUSDT"})


async def test_requests_carry_the_receive_window_and_no_more_than_they_were_given() -> None:
    async with scripted() as server, client_of(server) as client:
        server.on("POST", PATH, {"leverage": 3})
        await client.write(WRITE, {"symbol": "BTCUSDT", "leverage": "3"})
        assert server.sent("POST", PATH) == [
            {"symbol": "BTCUSDT", "leverage": "3", "recvWindow": "5000"}
        ]


@pytest.mark.parametrize(
    "reply",
    [
        DROP,
        HANG,
        refusal(-2019, text=f"echo {KEY} {SECRET}"),
        Reply(500, f"<html>{SECRET} {KEY}</html>"),
        Reply(400, f"{SECRET}"),
    ],
)
async def test_no_key_secret_or_signature_reaches_an_error_or_a_log(
    reply: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for failure in await failures_of(reply, timeout_s=0.2):
        shown = f"{failure!r} {failure} {failure.args} {failure.__cause__!r}"
        assert failure.__suppress_context__
        for secret in (KEY, SECRET, "signature"):
            assert secret not in shown
            assert secret not in caplog.text


def test_keys_are_not_shown() -> None:
    assert KEY not in repr(KEYS)
    assert SECRET not in f"{KEYS!r} {KEYS}"


@pytest.mark.parametrize("wrong", [("", "s"), ("k", ""), ("k k", "s"), ("k", "s\n"), (None, "s")])
def test_keys_that_cannot_be_right_are_refused_without_showing_them(
    wrong: tuple[str, str],
) -> None:
    with pytest.raises(DataError, match="BINANCE_API_KEY") as caught:
        Keys(*wrong)
    assert "k k" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "127.0.0.1:80"},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "http://"},
        {"stream_url": "http://127.0.0.1/ws"},
        {"stream_url": "ws://127.0.0.1/stream"},
    ],
)
def test_an_address_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(DataError, match="address"):
        Venue(**wrong)


async def addresses(venue: Venue, use: str) -> dict[str, str]:
    client = open_ccxt(KEYS, venue, 5.0, use)
    found = {name: url for name, url in client.urls["api"].items() if isinstance(url, str)}
    found |= {f"ws {name}": str(url) for name, url in client.urls["api"].get("ws", {}).items()}
    await client.close()
    return found


@pytest.mark.parametrize("use", ["rest", "streams"])
@pytest.mark.parametrize("testnet", [False, True])
async def test_with_an_address_of_ones_own_nothing_can_be_sent_elsewhere(
    use: str, testnet: bool
) -> None:
    found = await addresses(Venue(testnet=testnet, base_url="http://127.0.0.1:9/"), use)
    assert found["fapiPrivateV3"] == "http://127.0.0.1:9/fapi/v3"
    for name, url in found.items():
        assert url.startswith(("http://127.0.0.1:9/", "ws://127.0.0.1:9/")), name


async def test_testnet_is_demo_trading_and_its_stream_address_can_be_replaced() -> None:
    found = await addresses(Venue(testnet=True), "rest")
    assert found["fapiPrivate"] == "https://demo-fapi.binance.com/fapi/v1"
    own = "wss://demo-fstream.binance.com/ws"
    found = await addresses(Venue(testnet=True, stream_url=own), "streams")
    assert found["ws linear"] == own
    assert found["fapiPrivate"] == "https://demo-fapi.binance.com/fapi/v1"


async def test_without_testnet_it_is_the_real_exchange() -> None:
    found = await addresses(Venue(), "rest")
    assert found["fapiPrivate"] == "https://fapi.binance.com/fapi/v1"


async def test_a_broker_that_cannot_start_leaves_nothing_open() -> None:
    async with scripted() as server:
        address = server.url
    with pytest.raises(Unreachable):
        async with BinanceBroker("BTC", KEYS, Venue(base_url=address)):
            pass
