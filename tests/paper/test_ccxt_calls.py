"""Every call that a bot makes, by an unmodified ccxt: sync, async and pro. Costs 7 s."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import aiohttp
import ccxt
import ccxt.async_support
import pytest

from exchange.paper.errors import known_codes, refusal
from exchange.paper.server import PaperExchange, client_config, guard
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import BAR, FLAT, START, SYMBOL, UP, exchange, place

ID = "BTCUSDT"
LATER = (102.0, 102.0, 102.0, 102.0)
LONG = {"positionSide": "LONG"}
GTX = {**LONG, "timeInForce": "GTX"}


class Row(NamedTuple):
    """A call, its arguments, and what must hold of its answer; or the refusal that it meets."""

    call: str
    args: tuple[Any, ...]
    holds: Callable[[Any], Any] = lambda answer: answer
    refused: type[Exception] | None = None


def named(client_id: str) -> dict[str, Any]:
    return {"origClientOrderId": client_id}


def resting(client_id: str, price: float = 90) -> tuple[Any, ...]:
    return (SYMBOL, "limit", "buy", 1, price, {**GTX, "clientOrderId": client_id})


def raw(client_id: str, price: str = "91") -> dict[str, str]:
    return {
        "symbol": ID,
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "1",
        "price": price,
        "newClientOrderId": client_id,
        **GTX,
    }


UNIFIED = {
    "symbol": SYMBOL,
    "type": "limit",
    "side": "buy",
    "amount": 1,
    "price": 92,
    "params": GTX,
}
NAMED = {"newClientOrderId": "rests"}
STOP = {**LONG, "triggerPrice": 80}

READS = [
    Row("load_markets", (True,), lambda a: a[SYMBOL]["precision"]["price"] == 0.1),
    Row("fetch_markets", (), lambda a: a[0]["id"] == ID),
    Row("fetch_time", (), lambda a: a > START),
    Row("load_time_difference", ()),
    Row("fetch_ohlcv", (SYMBOL, "15m"), lambda a: a[1][:5] == [START + BAR, 100, 104, 97, 102]),
    Row("fetch_ohlcv", (SYMBOL, "15m", START, 1), lambda a: [row[0] for row in a] == [START]),
    Row("fetch_ohlcv", (SYMBOL, "15m", START, 5000), lambda a: len(a) == 3),
    Row("fetch_ticker", (SYMBOL,), lambda a: a["last"] == 102),
    Row("fetch_tickers", (), lambda a: a[SYMBOL]["last"] == 102),
    Row("fetch_bids_asks", ([SYMBOL],), lambda a: a[SYMBOL]["bid"] == 101.9),
    Row("fetch_last_prices", ([SYMBOL],), lambda a: a[SYMBOL]["price"] == 102),
    Row("fetch_order_book", (SYMBOL, 5), lambda a: len(a["bids"]) == 5 and a["nonce"]),
    Row("fetch_mark_price", (SYMBOL,), lambda a: a["markPrice"] == 102),
    Row("fetch_mark_prices", (), lambda a: a[SYMBOL]["markPrice"] == 102),
    Row("fetch_funding_rate", (SYMBOL,), lambda a: a["fundingRate"] == 0.001),
    Row("fetch_funding_rates", (), lambda a: SYMBOL in a),
    Row("fetch_funding_rate_history", (SYMBOL,), lambda a: a[0]["fundingRate"] == 0.001),
    Row("fetch_funding_intervals", (), lambda a: a == {}),
    Row("fetch_balance", (), lambda a: a["USDT"]["total"] == pytest.approx(10_005.393925)),
    Row("fetch_balance", ({"useV2": True},), lambda a: a["USDT"]["total"] > 10_000),
    Row("fetch_positions", ([SYMBOL],), lambda a: a[0]["side"] == "long" and a[0]["hedged"]),
    Row("fetch_positions", ([SYMBOL], {"method": "account"}), lambda a: a[0]["contracts"] == 3),
    Row("fetch_position_mode", (SYMBOL,), lambda a: a["hedged"]),
    Row("fapiPrivateGetAccountConfig", (), lambda a: a["dualSidePosition"]),
    Row("fapiPrivateGetMultiAssetsMargin", (), lambda a: not a["multiAssetsMargin"]),
    Row("fetch_leverage", (SYMBOL,), lambda a: a["longLeverage"] == 20),
    Row("fetch_leverages", ([SYMBOL],), lambda a: a[SYMBOL]["longLeverage"] == 20),
    Row("fetch_margin_mode", (SYMBOL,), lambda a: a["marginMode"] == "cross"),
    Row("fetch_margin_modes", ([SYMBOL],), lambda a: a[SYMBOL]["marginMode"] == "cross"),
    Row("fetch_leverage_tiers", ([SYMBOL],), lambda a: a[SYMBOL][1]["info"]["cum"] == 50),
    Row("fetch_market_leverage_tiers", (SYMBOL,), lambda a: a[0]["maxLeverage"] == 125),
    Row("fetch_trading_fee", (SYMBOL,), lambda a: (a["maker"], a["taker"]) == (0.0002, 0.0005)),
    Row("fetch_my_trades", (SYMBOL,), lambda a: [t["amount"] for t in a] == [3]),
    Row("fetch_my_trades", (SYMBOL, START), lambda a: len(a) == 1),
    Row("fetch_my_trades", (SYMBOL, None, None, {"fromId": 2}), lambda a: a == []),
    Row("fetch_my_trades", (SYMBOL, None, None, {"orderId": 1001}), lambda a: len(a) == 1),
    Row("fetch_funding_history", (SYMBOL,), lambda a: a[0]["amount"] == pytest.approx(-0.306)),
    Row("fetch_order", ("1001", SYMBOL), lambda a: a["status"] == "closed"),
    Row("fetch_order", (None, SYMBOL, named("rests")), lambda a: a["status"] == "open"),
    Row("fetch_open_order", ("1002", SYMBOL), lambda a: a["clientOrderId"] == "rests"),
    Row("fetch_open_orders", (SYMBOL,), lambda a: [o["clientOrderId"] for o in a] == ["rests"]),
    Row("fetch_orders", (SYMBOL,), lambda a: len(a) == 2),
    Row("fetch_closed_orders", (SYMBOL,), lambda a: len(a) == 1),
    Row("fetch_canceled_orders", (SYMBOL,), lambda a: a == []),
    Row("fetch_order", ("77", SYMBOL), refused=ccxt.OrderNotFound),
    Row("fetch_ohlcv", ("ETH/USDT:USDT",), refused=ccxt.BadSymbol),
]


@pytest.fixture(scope="module")
def lived_in() -> Iterator[ThreadedExchange]:
    """A position, a resting order, a settlement; nothing moves any more."""
    with ThreadedExchange(lambda: exchange(FLAT, UP, LATER, rates={2: 0.001})) as running:
        running.open_bar()
        running.call(lambda paper: place(paper, "BUY", "LONG", 3))
        running.call(lambda paper: place(paper, "BUY", "LONG", 1, 90, "GTX", **NAMED))
        running.walk_bar()
        running.open_bar()
        running.walk_bar()
        yield running


@pytest.fixture(scope="module")
def sync_of(lived_in: ThreadedExchange) -> Iterator[Any]:
    client = ccxt.binanceusdm(client_config(lived_in.url))
    guard(client, lived_in.url)
    client.load_markets()
    yield client
    client.session.close()


async def meet(client: Any, row: Row) -> None:
    """Make the call with a client of either kind."""

    async def ask() -> Any:
        answer = getattr(client, row.call)(*row.args)
        return await answer if inspect.isawaitable(answer) else answer

    if row.refused:
        with pytest.raises(row.refused):
            await ask()
    else:
        answer = await ask()
        assert row.holds(answer) not in (False, None), (row, answer)


@pytest.mark.parametrize("row", READS, ids=lambda row: row.call)
async def test_a_sync_client_reads(sync_of: Any, row: Row) -> None:
    await meet(sync_of, row)


async def test_an_async_client_reads_the_same(lived_in: ThreadedExchange) -> None:
    client = ccxt.async_support.binanceusdm(client_config(lived_in.url))
    guard(client, lived_in.url)
    async with client:
        for row in READS:
            await meet(client, row)


WRITES = [
    Row("set_position_mode", (True,), refused=ccxt.OperationRejected),
    Row("set_leverage", (5, SYMBOL), lambda a: a["leverage"] == 5),
    Row("set_leverage", (200, SYMBOL), refused=ccxt.BadRequest),
    Row("set_margin_mode", ("cross", SYMBOL), refused=ccxt.MarginModeAlreadySet),
    Row("set_margin_mode", ("isolated", SYMBOL), refused=ccxt.BadRequest),
    Row("fapiPrivatePostOrderTest", (raw("t"),), lambda a: a["clientOrderId"] == "t"),
    Row("fapiPrivatePostOrderTest", (raw("t", "91.05"),), refused=ccxt.BadRequest),
    Row("fetch_order", (None, SYMBOL, named("t")), refused=ccxt.OrderNotFound),
    Row("create_order", resting("a"), lambda a: (a["timeInForce"], a["postOnly"]) == ("PO", True)),
    Row("create_order", resting("a"), refused=ccxt.InvalidOrder),
    Row("create_order", resting("b", 100), refused=ccxt.OrderNotFillable),
    Row("create_order", (SYMBOL, "limit", "buy", 1, 90), refused=ccxt.OperationRejected),
    Row("create_order", (SYMBOL, "market", "sell", 9, None, LONG), refused=ccxt.InvalidOrder),
    Row("edit_order", ("1002", SYMBOL, "limit", "buy", 2, 89), lambda a: a["amount"] == 2),
    Row("cancel_order", (None, SYMBOL, named("a")), lambda a: a["status"] == "canceled"),
    Row("cancel_order", (None, SYMBOL, named("a")), refused=ccxt.OrderNotFound),
    Row(
        "fapiPrivatePostBatchOrders",
        ({"batchOrders": [raw("c"), raw("d", "101"), raw("e")]},),
        lambda a: [each.get("clientOrderId", each.get("code")) for each in a] == ["c", -5022, "e"],
    ),
    Row("create_orders", ([UNIFIED, UNIFIED],), lambda a: len(a) == 2),
    Row("cancel_orders", (None, SYMBOL, {"clientOrderIds": ["c", "e"]}), lambda a: len(a) == 2),
    Row("fetch_open_orders", (SYMBOL,), lambda a: len(a) == 2),
    Row("fapiPrivatePostCountdownCancelAll", ({"symbol": ID, "countdownTime": 0},)),
    Row("cancel_all_orders", (SYMBOL,)),
    Row("fetch_open_orders", (SYMBOL,), lambda a: a == []),
    Row("create_order", (SYMBOL, "market", "buy", 2, None, LONG), lambda a: a["filled"] == 2),
    Row("create_order", (SYMBOL, "limit", "sell", 1, 104, LONG), lambda a: a["side"] == "sell"),
    Row("create_order", (SYMBOL, "STOP_MARKET", "sell", 1, None, {**STOP, "clientAlgoId": "s"})),
    Row("fetch_open_orders", (SYMBOL, None, None, {"trigger": True}), lambda a: len(a) == 1),
    Row("fapiPrivateGetAlgoOrder", ({"clientAlgoId": "s"},), lambda a: a["algoStatus"] == "NEW"),
    Row("cancel_order", (None, SYMBOL, {"trigger": True, "clientAlgoId": "s"})),
    Row("cancel_all_orders", (SYMBOL, {"trigger": True})),
    Row("set_position_mode", (False,), refused=ccxt.OperationRejected),
    Row("fapiPrivatePostListenKey", (), lambda a: a["listenKey"]),
    Row("fapiPrivatePutListenKey", (), lambda a: a["listenKey"]),
    Row("fapiPrivateDeleteListenKey", (), lambda a: a == {}),
]


async def test_a_sync_client_trades(sync_client: Any) -> None:
    for row in WRITES:
        await meet(sync_client, row)


async def test_an_async_client_trades_the_same(async_client: Any) -> None:
    for row in WRITES:
        await meet(async_client, row)


WATCHES = [
    Row("watch_ohlcv", (SYMBOL, "15m"), lambda a: a[-1][0] == START + BAR),
    Row("watch_ticker", (SYMBOL,), lambda a: a["last"] == 100),
    Row("watch_tickers", ([SYMBOL],), lambda a: a[SYMBOL]["last"] == 100),
    Row("watch_mark_price", (SYMBOL,), lambda a: a["markPrice"] == 100),
    Row("watch_bids_asks", ([SYMBOL],), lambda a: a[SYMBOL]["bid"] == 99.9),
    Row("watch_order_book", (SYMBOL, 5), lambda a: a["bids"][0][0] == 99.9),
    Row("watch_trades", (SYMBOL,), lambda a: a[-1]["price"] == 100),
    Row(
        "watch_trades",
        (SYMBOL, None, None, {"name": "aggTrade"}),
        lambda a: a[-1]["price"] == 100,
    ),
]


@pytest.mark.parametrize("row", WATCHES, ids=lambda row: row.call)
async def test_a_streaming_client_watches_the_market(pro_client: Any, row: Row) -> None:
    answer = await asyncio.wait_for(getattr(pro_client, row.call)(*row.args), 5)
    assert row.holds(answer), answer


async def test_a_streamed_book_stays_the_book_that_is_asked_for(
    paper: PaperExchange, pro_client: Any, async_client: Any
) -> None:
    first = await asyncio.wait_for(pro_client.watch_order_book(SYMBOL), 5)
    assert first["bids"][0][0] == 99.9
    prices = set()
    for _ in range(30):
        paper.advance_to(paper.clock.market_ms + 40_000)
        asked = await async_client.fetch_order_book(SYMBOL)
        streamed = pro_client.orderbooks[SYMBOL]
        while streamed["bids"][0] != asked["bids"][0]:
            streamed = await asyncio.wait_for(pro_client.watch_order_book(SYMBOL), 5)
        for side in ("bids", "asks"):
            assert [list(level) for level in streamed[side]] == asked[side]
        prices.add(asked["bids"][0][0])
    assert len(prices) > 20


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.mark.parametrize("door", ["", "/market"])
async def test_a_combined_stream_wraps_each_event_with_its_stream_s_name(
    paper: PaperExchange, session: aiohttp.ClientSession, door: str
) -> None:
    names = ["btcusdt@kline_15m", "btcusdt@ticker", "btcusdt@miniTicker", "btcusdt@markPrice@1s"]
    url = f"{paper.url}{door}/stream?streams={'/'.join(names)}"
    async with session.ws_connect(url) as socket:
        heard = [await asyncio.wait_for(socket.receive_json(), 5) for _ in names]
    assert [each["stream"] for each in heard] == names
    assert [each["data"]["e"] for each in heard] == [
        "kline",
        "24hrTicker",
        "24hrMiniTicker",
        "markPriceUpdate",
    ]


async def test_the_best_levels_come_as_a_whole(
    paper: PaperExchange, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{paper.url}/public/ws/btcusdt@depth5@100ms") as socket:
        event = await asyncio.wait_for(socket.receive_json(), 5)
    assert [level[0] for level in event["b"]] == ["99.9", "99.8", "99.7", "99.6", "99.5"]


def class_on_the_live_host(status: int, body: str) -> type[Exception]:
    """What ccxt raises for an answer of the live host; nothing is sent."""
    live = ccxt.binanceusdm()
    url = "https://fapi.binance.com/fapi/v1/order"
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    try:
        live.handle_errors(status, "", url, "POST", {}, body, parsed, {}, "")
        live.handle_http_status_code(status, "", url, "POST", body)
    except ccxt.BaseError as error:
        return type(error)
    raise AssertionError(f"{status} {body} is no error")


@pytest.mark.parametrize("code", known_codes())
def test_a_code_is_the_same_class_of_error_as_on_the_live_host(
    threaded: ThreadedExchange, sync_client: Any, code: int
) -> None:
    threaded.call(lambda p: p.misbehave(what="code", code=code, endpoint="POST /fapi/v1/order"))
    with pytest.raises(ccxt.BaseError) as caught:
        sync_client.create_order(*resting("x"))
    sent = refusal(code)
    expected = class_on_the_live_host(sent.status, json.dumps(sent.body))
    assert type(caught.value) is expected
    assert f'"code":{code}' in str(caught.value)


@pytest.mark.parametrize("status", [403, 404, 408, 418, 429, 500, 502, 503, 504])
def test_a_status_is_the_same_class_of_error_as_on_the_live_host(
    threaded: ThreadedExchange, sync_client: Any, status: int
) -> None:
    threaded.call(lambda p: p.misbehave(what="http", status=status, endpoint="POST /fapi/v1/order"))
    with pytest.raises(ccxt.BaseError) as caught:
        sync_client.create_order(*resting("x"))
    body = str(caught.value)
    text = body[body.index("{") :] if "{" in body else "<html></html>"
    assert type(caught.value) is class_on_the_live_host(status, text)


def test_every_code_of_the_table_can_be_produced() -> None:
    listed = """
        -1000 -1001 -1002 -1003 -1006 -1007 -1008 -1015 -1021 -1022 -1102 -1106 -1111 -1121 -1130
        -2010 -2011 -2013 -2014 -2015 -2018 -2019 -2021 -2022 -2023 -2025 -2027 -2028 -4003 -4004
        -4005 -4014 -4015 -4016 -4023 -4024 -4028 -4046 -4047 -4048 -4059 -4060 -4061 -4067 -4068
        -4087 -4088 -4116 -4120 -4131 -4164 -4192 -4400 -5021 -5022 -5028
    """
    assert {int(code) for code in listed.split()} <= set(known_codes())
