"""Each fault, one by one, through unmodified clients. 7 s."""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.async_support
import pytest
from pydantic import ValidationError

from exchange.paper.errors import known_codes
from exchange.paper.faults import Fault, Faults
from exchange.paper.server import PaperExchange
from tests.paper.support import BAR, SYMBOL

ORDER = "POST /fapi/v1/order"


async def buy(async_client: Any, cid: str = "mine") -> Any:
    params = {"positionSide": "LONG", "timeInForce": "GTX", "clientOrderId": cid}
    return await async_client.create_order(SYMBOL, "limit", "buy", 1, 98, params)


@pytest.mark.parametrize("executed", [False, True])
async def test_a_request_that_is_never_answered_may_have_been_executed(
    async_client: Any, paper: PaperExchange, executed: bool
) -> None:
    async_client.timeout = 300
    paper.misbehave(what="timeout", endpoint=ORDER, executed=executed)
    with pytest.raises(ccxt.RequestTimeout):
        await buy(async_client)
    async_client.timeout = 10_000
    assert len(await async_client.fetch_open_orders(SYMBOL)) == int(executed)


@pytest.mark.parametrize("executed", [False, True])
async def test_a_cut_line_says_nothing_of_what_happened(
    async_client: Any, paper: PaperExchange, executed: bool
) -> None:
    paper.misbehave(what="drop", endpoint=ORDER, executed=executed)
    with pytest.raises(ccxt.NetworkError):
        await buy(async_client)
    assert len(await async_client.fetch_open_orders(SYMBOL)) == int(executed)
    request = paper.ledger.requests("POST", "/fapi/v1/order")[-1]
    assert request["status"] == 0


async def test_http_errors_come_with_binance_s_bodies_and_nothing_is_executed(
    async_client: Any, paper: PaperExchange
) -> None:
    expected = [
        (408, None, ccxt.RequestTimeout),
        (418, None, ccxt.DDoSProtection),
        (429, None, ccxt.DDoSProtection),
        (403, None, ccxt.ExchangeNotAvailable),
        (500, None, ccxt.ExchangeNotAvailable),
        (502, None, ccxt.ExchangeNotAvailable),
        (503, None, ccxt.ExchangeNotAvailable),
        (503, "Service Unavailable.", ccxt.ExchangeNotAvailable),
        (504, None, ccxt.RequestTimeout),
    ]
    for status, text, kind in expected:
        paper.misbehave(what="http", endpoint=ORDER, status=status, text=text, retry_after=7)
        with pytest.raises(ccxt.BaseError) as error:
            await buy(async_client)
        assert (status, type(error.value)) == (status, kind)
        assert (text or "") in str(error.value)
        assert async_client.last_response_headers["Retry-After"] == "7"
    assert await async_client.fetch_open_orders(SYMBOL) == []


async def test_every_code_can_be_answered_executed_or_not(
    async_client: Any, paper: PaperExchange
) -> None:
    wrong = []
    for number, code in enumerate(known_codes()):
        executed = number % 2 == 1
        paper.misbehave(what="code", endpoint=ORDER, code=code, executed=executed)
        with pytest.raises(ccxt.BaseError) as error:
            await buy(async_client, f"c{number}")
        booked = paper.venue.book.find("BTCUSDT", None, f"c{number}") is not None
        if f'"code":{code},' not in str(error.value) or booked != executed:
            wrong.append((code, str(error.value)))
    assert not wrong


CLASSES: dict[type[Exception], tuple[int, ...]] = {
    ccxt.OperationFailed: (-1000, -1001, -1006, -1008, -2023),
    ccxt.RequestTimeout: (-1007,),
    ccxt.RateLimitExceeded: (-1015,),
    ccxt.InvalidNonce: (-1021,),
    ccxt.AuthenticationError: (-1002, -1022, -2014, -2015),
    ccxt.BadRequest: (
        *(-1102, -1106, -1111, -1130, -4003, -4004, -4005, -4014, -4015, -4016, -4023, -4024),
        *(-4028, -4060, -5028),
    ),
    ccxt.BadSymbol: (-1121,),
    ccxt.OrderNotFound: (-2011, -2013),
    ccxt.InsufficientFunds: (-2018, -2019),
    ccxt.OrderImmediatelyFillable: (-2021,),
    ccxt.InvalidOrder: (-2010, -2022, -4116, -4120, -4164),
    ccxt.OperationRejected: (-2025, -2027, -2028, -4047, -4048, -4059, -4061, -4067, -4068, -4131),
    ccxt.MarginModeAlreadySet: (-4046,),
    ccxt.PermissionDenied: (-4087, -4088, -4192, -4400),
    ccxt.OrderNotFillable: (-5021, -5022),
    ccxt.DDoSProtection: (-1003,),
}
"""What ccxt makes of each code of the live host; -1003 comes with HTTP 429."""


async def test_each_code_has_the_exception_class_of_the_live_host(
    async_client: Any, paper: PaperExchange
) -> None:
    await async_client.fetch_balance()
    wrong = []
    for kind, codes in CLASSES.items():
        for code in codes:
            paper.misbehave(what="code", endpoint=ORDER, code=code)
            with pytest.raises(ccxt.BaseError) as error:
                await buy(async_client)
            if type(error.value) is not kind:
                wrong.append((code, type(error.value).__name__, kind.__name__))
    assert not wrong


async def test_latency_delays_and_nothing_else(async_client: Any, paper: PaperExchange) -> None:
    paper.misbehave(what="latency", endpoint=ORDER, seconds=0.1)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await buy(async_client)
    assert 0.1 <= loop.time() - before < 2


async def test_a_slow_request_does_not_hold_up_another(
    async_client: Any, paper: PaperExchange
) -> None:
    paper.misbehave(what="latency", endpoint=ORDER, seconds=0.3)
    slow = asyncio.create_task(buy(async_client))
    await asyncio.sleep(0.02)
    await async_client.fetch_balance()
    assert not slow.done()
    await slow


async def test_a_stale_read_gives_yesterday_s_truth(
    async_client: Any, paper: PaperExchange
) -> None:
    assert await async_client.fetch_open_orders(SYMBOL) == []
    await buy(async_client)
    paper.misbehave(what="stale", endpoint="GET /fapi/v1/openOrders")
    assert await async_client.fetch_open_orders(SYMBOL) == []
    assert len(await async_client.fetch_open_orders(SYMBOL)) == 1


async def test_candles_go_missing_come_twice_or_change(
    async_client: Any, paper: PaperExchange
) -> None:
    paper.walk_bar()
    paper.open_bar()
    true = await async_client.fetch_ohlcv(SYMBOL, "15m")
    paper.misbehave(what="candle_missing", back=1)
    assert await async_client.fetch_ohlcv(SYMBOL, "15m") == [true[0], true[2]]
    paper.misbehave(what="candle_repeated", back=1)
    assert await async_client.fetch_ohlcv(SYMBOL, "15m") == [true[0], true[1], true[1], true[2]]
    paper.misbehave(what="candle_revised", back=1, share=Decimal("0.1"))
    (_, revised, _) = await async_client.fetch_ohlcv(SYMBOL, "15m")
    assert revised == [true[1][0], 100, 112.2, 97, 112.2, 9]
    assert await async_client.fetch_ohlcv(SYMBOL, "15m") == true


async def test_a_post_only_order_expires_where_it_was_refused(
    async_client: Any, paper: PaperExchange
) -> None:
    params = {"positionSide": "LONG", "timeInForce": "GTX"}
    paper.misbehave(what="expire_post_only")
    order = await async_client.create_order(SYMBOL, "limit", "buy", 1, 100, params)
    assert (order["status"], order["filled"]) == ("expired", 0)
    with pytest.raises(ccxt.OrderNotFillable):
        await async_client.create_order(SYMBOL, "limit", "buy", 1, 100, params)


async def test_a_partial_fill_is_seen_in_the_order(async_client: Any, paper: PaperExchange) -> None:
    await buy(async_client)
    paper.misbehave(what="partial", client_id="mine", share=Decimal("0.3"))
    paper.walk_bar()
    (order,) = await async_client.fetch_open_orders(SYMBOL)
    assert (order["filled"], order["remaining"]) == (0.3, 0.7)


async def test_skew_and_drift_strike_when_they_are_told_to(
    async_client: Any, paper: PaperExchange
) -> None:
    paper.misbehave(what="skew", ms=-5000, endpoint="GET /fapi/v3/account")
    with pytest.raises(ccxt.InvalidNonce):
        await async_client.fetch_balance()
    await async_client.load_time_difference()
    await async_client.fetch_balance()
    paper.misbehave(what="drift", ppm=100)
    await async_client.fetch_balance()
    assert paper.clock.drift_ppm == 100


async def test_a_fault_strikes_the_request_it_names_and_no_other(
    async_client: Any, paper: PaperExchange
) -> None:
    paper.misbehave(what="code", code=-1008, endpoint=ORDER, number=2, times=2)
    await buy(async_client, "one")
    for _ in range(2):
        with pytest.raises(ccxt.OperationFailed, match="-1008"):
            await buy(async_client, "two")
    await buy(async_client, "three")
    paper.misbehave(what="code", code=-2019, client_id="five", times=2)
    await buy(async_client, "four")
    for _ in range(2):
        with pytest.raises(ccxt.InsufficientFunds):
            await buy(async_client, "five")
    await buy(async_client, "five")


async def test_a_fault_waits_for_its_time(async_client: Any, paper: PaperExchange) -> None:
    later = paper.clock.market_ms + BAR
    paper.misbehave(what="code", code=-1001, endpoint=ORDER, at_ms=later)
    await buy(async_client, "early")
    paper.advance_to(later)
    with pytest.raises(ccxt.OperationFailed, match="-1001"):
        await buy(async_client, "late")


def test_chance_is_seeded() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults([Fault(what="code", code=-1000, rate=0.2)], seed)
        return [bool(faults.of_request(ORDER, "", 0)) for _ in range(500)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 60 < sum(struck(1)) < 140


def test_a_fault_cannot_be_made_wrong() -> None:
    with pytest.raises(ValidationError):
        Fault(what="partial", share=Decimal(2))
