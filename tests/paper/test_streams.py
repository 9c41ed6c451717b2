"""ccxt.pro watches the market and the account; raw sockets see what ccxt hides. 6 s."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import aiohttp
import ccxt
import ccxt.pro
import pytest

from exchange.paper.listen_keys import ListenKeys
from exchange.paper.server import PaperExchange
from tests.paper.support import BAR, START, SYMBOL, place, stop


async def within(waiting: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(waiting, 5)


async def until_listening(paper: PaperExchange, connections: int = 1) -> None:
    while len(paper.streams.connections) < connections:
        await asyncio.sleep(0.005)


class Socket:
    """A plain websocket to one of the doors."""

    def __init__(self, paper: PaperExchange, path: str) -> None:
        self.url = paper.url.replace("http", "ws", 1) + path

    async def __aenter__(self) -> "Socket":
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def ask(self, method: str, *names: str) -> Any:
        await self.socket.send_json({"method": method, "params": list(names), "id": 7})
        return await self.next()

    async def next(self) -> Any:
        return json.loads(await within(self.socket.receive_str()))

    async def names(self, count: int) -> list[str]:
        return [(await self.next())["e"] for _ in range(count)]

    async def is_silent(self, seconds: float = 0.1) -> bool:
        try:
            await asyncio.wait_for(self.socket.receive(), seconds)
        except TimeoutError:
            return True
        return False


async def private(paper: PaperExchange) -> Socket:
    key = paper.venue.listen_keys.create(paper.clock.running_ms())
    return Socket(paper, f"/private/ws?listenKey={key}")


async def test_candles_are_watched_and_a_new_open_time_ends_one(
    pro_client: Any, paper: PaperExchange
) -> None:
    first = await within(pro_client.watch_ohlcv(SYMBOL, "15m"))
    assert first[-1][:5] == [START + BAR, 100, 100, 100, 100]

    async def next_candle() -> Any:
        seen = first
        while seen[-1][0] == START + BAR:
            seen = await pro_client.watch_ohlcv(SYMBOL, "15m")
        return seen[-1]

    waiting = asyncio.create_task(next_candle())
    await asyncio.sleep(0.02)
    paper.walk_bar()
    await asyncio.sleep(0.02)
    paper.open_bar()
    assert (await within(waiting))[:5] == [START + 2 * BAR, 100, 100, 100, 100]


async def test_orders_and_trades_are_watched(pro_client: Any, paper: PaperExchange) -> None:
    watching = asyncio.create_task(pro_client.watch_orders(SYMBOL))
    await until_listening(paper)
    await pro_client.create_order(
        SYMBOL, "limit", "buy", 1, 98, {"positionSide": "LONG", "clientOrderId": "g1-L-1"}
    )
    (order,) = await within(watching)
    assert (order["clientOrderId"], order["status"], order["price"]) == ("g1-L-1", "open", 98)
    trading = asyncio.create_task(pro_client.watch_my_trades(SYMBOL))
    watching = asyncio.create_task(pro_client.watch_orders(SYMBOL))
    await asyncio.sleep(0.05)
    paper.walk_bar()
    (trade,) = await within(trading)
    assert (trade["price"], trade["amount"], trade["takerOrMaker"]) == (98, 1, "maker")
    assert trade["fee"]["cost"] == 0.0196
    (filled,) = await within(watching)
    assert (filled["status"], filled["average"]) == ("closed", 98)


async def test_positions_and_balance_are_watched(pro_client: Any, paper: PaperExchange) -> None:
    assert await within(pro_client.watch_positions([SYMBOL])) == []  # the snapshot: flat
    watching = asyncio.create_task(pro_client.watch_positions([SYMBOL]))
    money = asyncio.create_task(pro_client.watch_balance())
    await asyncio.sleep(0.1)
    place(paper, "SELL", "SHORT", 2)
    positions = await within(watching)
    assert [(p["side"], p["contracts"], p["entryPrice"]) for p in positions] == [
        ("short", 2, 99.95)
    ]
    balance = await within(money)
    assert balance["USDT"]["total"] == pytest.approx(10_000 - 2 * 99.95 * 0.0005)


async def test_a_cut_line_is_an_error_and_the_next_call_reconnects(
    pro_client: Any, paper: PaperExchange
) -> None:
    await within(pro_client.watch_ohlcv(SYMBOL, "15m"))
    waiting = asyncio.create_task(pro_client.watch_ohlcv(SYMBOL, "15m"))
    await asyncio.sleep(0.02)
    await paper.streams.close()
    with pytest.raises(ccxt.NetworkError):
        await within(waiting)
    again = await within(pro_client.watch_ohlcv(SYMBOL, "15m"))
    assert again[-1][0] == START + BAR


async def test_the_market_s_doors_carry_each_their_own(paper: PaperExchange) -> None:
    names = ["btcusdt@bookTicker", "btcusdt@kline_15m", "btcusdt@markPrice@1s", "btcusdt@aggTrade"]
    async with Socket(paper, "/public/ws/0") as public:
        assert await public.ask("SUBSCRIBE", *names) == {"result": None, "id": 7}
        assert await public.names(1) == ["bookTicker"]
        assert (await public.ask("LIST_SUBSCRIPTIONS"))["result"] == names[:1]
        assert await public.is_silent()
    async with Socket(paper, "/market/ws") as market:
        await market.ask("SUBSCRIBE", *names)
        assert sorted(await market.names(3)) == ["aggTrade", "kline", "markPriceUpdate"]
    async with Socket(paper, "/ws/btcusdt@bookTicker") as plain:
        assert (await plain.next())["b"] == "99.9"
        paper.walk_bar()
        quotes = [(await plain.next())["b"] for _ in range(3)]
        assert quotes == ["96.9", "103.9", "101.9"]


async def test_an_order_by_socket_does_not_leave_this_machine(
    paper: PaperExchange, pro_client: Any
) -> None:
    def hosts(tree: dict[str, Any]) -> set[str]:
        found: set[str] = set()
        for each in tree.values():
            found |= hosts(each) if isinstance(each, dict) else {each.split("/")[2]}
        return found

    assert hosts(pro_client.urls["api"]) == {paper.url.split("/")[2]}
    with pytest.raises(ccxt.ExchangeError, match="expected SUBSCRIBE"):
        await pro_client.create_order_ws(SYMBOL, "market", "buy", 1, None, {"positionSide": "LONG"})


async def test_unsubscribing_ends_a_stream(paper: PaperExchange) -> None:
    async with Socket(paper, "/market/ws") as market:
        await market.ask("SUBSCRIBE", "btcusdt@aggTrade")
        await market.next()
        await market.ask("UNSUBSCRIBE", "btcusdt@aggTrade")
        paper.walk_bar()
        assert await market.is_silent()
        assert "error" in await market.ask("NONSENSE")
        await market.socket.send_str("no json")
        assert "error" in await market.next()


async def test_a_closed_candle_says_so(paper: PaperExchange) -> None:
    async with Socket(paper, "/market/ws") as market:
        await market.ask("SUBSCRIBE", "btcusdt@kline_15m", "btcusdt@kline_30m")
        paper.walk_bar()
        paper.open_bar()
        events = []
        while not events or events[-1]["k"]["t"] < START + 2 * BAR or len(events) < 4:
            events.append(await market.next())
        closed = [(e["k"]["i"], e["k"]["t"], e["k"]["c"]) for e in events if e["k"]["x"]]
    assert sorted(closed) == [("15m", START + BAR, "102"), ("30m", START, "102")]


async def test_a_fired_stop_tells_of_itself_and_of_its_child(paper: PaperExchange) -> None:
    async with await private(paper) as own:
        await until_listening(paper)
        place(paper, "BUY", "LONG", 1)
        stop(paper, "SELL", "LONG", None, 98, clientAlgoId="guard")
        paper.walk_bar()
        events = [await own.next() for _ in range(9)]
    told = [
        (e["e"], e["o"]["X"], e["o"].get("x", "")) if "o" in e else (e["e"], "", "") for e in events
    ]
    assert told == [
        ("ORDER_TRADE_UPDATE", "NEW", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED", "TRADE"),
        ("ACCOUNT_UPDATE", "", ""),
        ("ALGO_UPDATE", "NEW", ""),
        ("ALGO_UPDATE", "TRIGGERED", ""),
        ("ORDER_TRADE_UPDATE", "NEW", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED", "TRADE"),
        ("ACCOUNT_UPDATE", "", ""),
        ("ALGO_UPDATE", "FINISHED", ""),
    ]
    assert events[-1]["o"]["ai"] == str(events[6]["o"]["i"])
    assert events[7]["a"]["P"][0]["pa"] == "0"


async def test_an_expired_listen_key_is_told_once_and_then_nothing(
    pro_client: Any, paper: PaperExchange
) -> None:
    key = (await pro_client.fapiPrivatePostListenKey())["listenKey"]
    assert (await pro_client.fapiPrivatePostListenKey())["listenKey"] == key
    await pro_client.fapiPrivatePutListenKey()
    async with Socket(paper, f"/private/ws?listenKey={key}") as own:
        await until_listening(paper)
        paper.venue.listen_keys.expire()
        with pytest.raises(ccxt.ExchangeError, match="-1125"):
            await pro_client.fapiPrivatePutListenKey()
        assert (await own.next())["e"] == "listenKeyExpired"
        place(paper, "BUY", "LONG", 1)
        assert await own.is_silent()
    assert (await pro_client.fapiPrivatePostListenKey())["listenKey"] != key
    await pro_client.fapiPrivateDeleteListenKey()
    assert not paper.venue.listen_keys.key


def test_a_listen_key_lasts_an_hour_unless_it_is_kept() -> None:
    keys = ListenKeys()
    ended: list[str] = []
    keys.on_expiry.append(ended.append)
    key = keys.create(0)
    assert keys.keep(3_599_999)
    assert keys.create(7_199_998) == key
    assert keys.is_valid(key, 10_799_997)
    assert not keys.is_valid(key, 10_799_998)
    assert ended == [key]
    assert not keys.keep(10_799_998)
    assert keys.create(10_799_999) != key


async def test_a_private_stream_with_an_unknown_key_stays_silent(paper: PaperExchange) -> None:
    async with Socket(paper, "/private/ws?listenKey=guessed") as other:
        await until_listening(paper)
        place(paper, "BUY", "LONG", 1)
        assert await other.is_silent()


ORDER, ACCOUNT = "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"what": "stream_drop"}, [ORDER, ACCOUNT]),
        ({"what": "stream_repeat"}, [ORDER, ORDER, ORDER, ACCOUNT]),
        ({"what": "stream_late", "seconds": 0.05}, [ORDER, ACCOUNT, ORDER]),
        ({"what": "stream_reorder"}, [ORDER, ORDER, ACCOUNT]),
        ({"what": "stream_silent", "endpoint": ORDER}, [ACCOUNT]),
        ({"what": "stream_silent"}, []),
        ({"what": "listen_key_expires"}, ["listenKeyExpired"]),
    ],
    ids=lambda value: str(value.get("what")) if isinstance(value, dict) else "",
)
async def test_streams_misbehave_as_told(
    paper: PaperExchange, what: dict[str, Any], expected: list[str]
) -> None:
    """A market order tells NEW, TRADE and ACCOUNT_UPDATE; the fault strikes the first."""
    async with await private(paper) as own:
        await until_listening(paper)
        paper.misbehave(**what)
        place(paper, "BUY", "LONG", 1)
        events = [await own.next() for _ in expected]
        assert [event["e"] for event in events] == expected
        if what["what"] == "stream_reorder":
            assert [event["o"]["x"] for event in events[:2]] == ["TRADE", "NEW"]
        assert await own.is_silent()


async def test_a_silence_ends_when_its_time_is_over(paper: PaperExchange) -> None:
    async with await private(paper) as own:
        await until_listening(paper)
        paper.misbehave(what="stream_silent", seconds=0.05)
        place(paper, "BUY", "LONG", 1)
        assert await own.is_silent(0.06)
    async with await private(paper) as own:
        await until_listening(paper)
        place(paper, "BUY", "LONG", 1)
        assert await own.names(3) == [ORDER, ORDER, ACCOUNT]


async def test_a_silence_ends_when_the_exchange_is_told_to_behave(paper: PaperExchange) -> None:
    async with await private(paper) as own:
        await until_listening(paper)
        paper.misbehave(what="stream_silent")
        place(paper, "BUY", "LONG", 1)
        assert await own.is_silent(0.05)
    async with await private(paper) as own:
        await until_listening(paper)
        paper.faults.clear()
        place(paper, "BUY", "LONG", 1)
        assert await own.names(3) == [ORDER, ORDER, ACCOUNT]


@pytest.mark.parametrize(
    "sent",
    [
        "no json",
        "[" * 100_000,
        "[]",
        '{"params": []}',
        '{"method": "SUBSCRIBE", "params": 5, "id": 1}',
        '{"method": "SUBSCRIBE", "params": null, "id": 1}',
        '{"method": "UNSUBSCRIBE", "params": 5, "id": 1}',
        '{"method": ["SUBSCRIBE"], "id": 1}',
    ],
    ids=lambda sent: sent[:40],
)
async def test_a_request_that_is_none_is_answered_and_the_line_stays(
    paper: PaperExchange, sent: str
) -> None:
    async with Socket(paper, "/market/ws") as market:
        await market.socket.send_str(sent)
        assert "error" in await market.next()
        assert await market.ask("LIST_SUBSCRIPTIONS") == {"result": [], "id": 7}
