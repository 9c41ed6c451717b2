"""The websockets: the market's streams, and the account's own under a listen key.

`/public/ws` carries bookTicker, depth and trade, `/market/ws` the rest, `/private/ws?listenKey=`
the account, and plain `/ws` everything; a stream asked for on the wrong one stays silent, as on
Binance. `/stream?streams=A/B` (also behind `/public` and `/market`) wraps each event with its
stream's name. A market stream begins with what is known now, since between two steps nothing moves;
the differences of a book begin with the next one.
"""

import asyncio
import contextlib
import json
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

from exchange.paper import events
from exchange.paper.events import Event
from exchange.paper.faults import Fault, Faults
from exchange.paper.instrument import Instrument
from exchange.paper.notices import (
    BarClosed,
    Notice,
    OrderChanged,
    PriceMoved,
    StopChanged,
    WalletChanged,
)
from exchange.paper.venue import Venue
from exchange.timeframe import TIMEFRAMES

_PUBLIC_KINDS = ("bookTicker", "depth", "trade")
_MARKET_KINDS = ("kline", "markPrice", "aggTrade", "ticker", "miniTicker")
_PARTIAL_BOOKS = {"depth5": 5, "depth10": 10, "depth20": 20}


class Connection:
    """One websocket: what it listens to, and what waits to be sent."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        kinds: tuple[str, ...],
        listen_key: str,
        *,
        combined: bool = False,
    ) -> None:
        self.socket = socket
        self.combined = combined
        self.kinds = kinds
        self.listen_key = listen_key
        self.names: set[str] = set()
        self.waiting: asyncio.Queue[str] = asyncio.Queue()

    def send(self, data: Any) -> None:
        self.waiting.put_nowait(json.dumps(data, separators=(",", ":")))

    def send_event(self, name: str, event: Event) -> None:
        """An event of the stream `name`; "" is the account's."""
        wrapped = {"stream": name or self.listen_key, "data": event}
        self.send(wrapped if self.combined else event)


class Streams:
    """Turns what the venue tells into events and sends them to whoever listens."""

    def __init__(self, venue: Venue, faults: Faults) -> None:
        self.venue = venue
        self.faults = faults
        self.connections: set[Connection] = set()
        self._numbers = count(1)
        self._books: dict[str, events.Book] = {}
        self._kept_back: list[tuple[str, Event]] = []
        venue.listeners.append(self.hear)
        venue.listen_keys.on_expiry.append(self._key_ended)

    @property
    def has_market_listeners(self) -> bool:
        return any(connection.names for connection in self.connections)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one connection until either side ends it."""
        door, _, rest = request.path.lstrip("/").partition("/")
        kinds = {"public": _PUBLIC_KINDS, "market": _MARKET_KINDS, "private": ()}.get(
            door, _PUBLIC_KINDS + _MARKET_KINDS
        )
        key = request.query.get("listenKey", "")
        combined = "stream" in (door, rest)
        asked = request.query.get("streams", "") if combined else rest.removeprefix("ws/")
        names = asked.split("/")
        if not key and self.venue.listen_keys.key in names:
            key = self.venue.listen_keys.key
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, kinds, key, combined=combined)
        self.connections.add(connection)
        writer = asyncio.create_task(self._write(connection))
        self._subscribe(connection, [name for name in names if "@" in name])
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._obey(connection, message.data)
        finally:
            self.connections.discard(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    async def close(self) -> None:
        """Cut every connection, as the exchange does once a day."""
        for connection in list(self.connections):
            await connection.socket.close()

    def hear(self, notice: Notice) -> None:
        """A listener of the venue."""
        if not self.connections:
            return
        now = self.venue.clock.market_ms
        if isinstance(notice, PriceMoved):
            self._price_moved(self.venue.instruments[notice.symbol])
        elif isinstance(notice, BarClosed):
            coin = self.venue.instruments[notice.symbol]
            self._klines(coin, bar_ends=notice.bar.time + coin.tape.bars.length_ms)
        elif isinstance(notice, OrderChanged):
            self._publish("", events.order_event(notice, now))
        elif isinstance(notice, StopChanged):
            self._publish("", events.stop_event(notice.stop, now))
        elif isinstance(notice, WalletChanged):
            self._publish("", events.account_event(self.venue, notice, now))

    def _price_moved(self, coin: Instrument) -> None:
        now, prefix = self.venue.clock.market_ms, coin.symbol.lower()
        self._klines(coin)
        wanted = {name for connection in self.connections for name in connection.names}
        for name in wanted:
            if name.startswith(f"{prefix}@"):
                event = self._quote(coin, name, now)
                if event:
                    self._publish(name, event)

    def _quote(self, coin: Instrument, name: str, now: int) -> Event | None:
        kind = name.split("@")[1]
        if kind == "bookTicker":
            return events.book_ticker_event(coin, now, next(self._numbers))
        if kind == "markPrice":
            return events.mark_price_event(self.venue, coin, now)
        if kind == "aggTrade":
            return events.trade_event(coin, now, next(self._numbers))
        if kind == "trade":
            return events.public_trade_event(coin, now, next(self._numbers))
        if kind in ("ticker", "miniTicker"):
            return events.ticker_event(self.venue, coin, now, short=kind == "miniTicker")
        if kind == "depth":
            return self._difference(coin, name, now)
        if kind in _PARTIAL_BOOKS:
            empty = events.Book(coin.moves - 1, {}, {})
            book = events.Book.of(coin, _PARTIAL_BOOKS[kind])
            return events.depth_event(coin, empty, book, now)
        return None

    def _difference(self, coin: Instrument, name: str, now: int) -> Event | None:
        """From the book that the stream told last to the present one."""
        book = events.Book.of(coin)
        before = self._books.setdefault(name, book)
        event = events.depth_event(coin, before, book, now)
        if event:
            self._books[name] = book
        return event

    def _klines(self, coin: Instrument, bar_ends: int | None = None) -> None:
        """The open candle of every interval that is listened to; closed if it ends with a bar."""
        prefix = f"{coin.symbol.lower()}@kline_"
        wanted = {name for connection in self.connections for name in connection.names}
        for name in wanted:
            if name.startswith(prefix):
                event = self._kline(coin, name.removeprefix(prefix), bar_ends)
                if event:
                    self._publish(name, event)

    def _kline(self, coin: Instrument, interval: str, bar_ends: int | None) -> Event | None:
        length = TIMEFRAMES.get(interval)
        if length is None or coin.row < 0 or coin.tape.series(length) is None:
            return None
        candle = coin.open_candle(length)
        closed = bar_ends is not None and candle.time + length <= bar_ends
        now = self.venue.clock.market_ms
        return events.kline_event(coin, candle, interval, length, closed, now)

    def _publish(self, name: str, event: Event) -> None:
        """Send an event of a market stream, or (name "") of the account, faults permitting."""
        kind = str(event["e"])
        fault = self.faults.of_event(kind, self.venue.clock.market_ms)
        if not self.faults.is_silent(kind):
            self._send_with(fault, name, event)

    def _send_with(self, fault: Fault | None, name: str, event: Event) -> None:
        what = fault.what if fault else ""
        if what == "stream_drop":
            return
        if what == "stream_reorder":
            self._kept_back.append((name, event))
            return
        if what == "listen_key_expires":
            self.venue.listen_keys.expire()
            return
        if what == "stream_late" and fault:
            asyncio.get_running_loop().call_later(fault.seconds, self._send, name, event)
            return
        self._send(name, event)
        if what == "stream_repeat":
            self._send(name, event)
        kept, self._kept_back = self._kept_back, []
        for kept_name, kept_event in kept:
            self._send(kept_name, kept_event)

    def _send(self, name: str, event: Event) -> None:
        keys = self.venue.listen_keys
        key = keys.key if keys.is_valid(keys.key, self.venue.clock.running_ms()) else ""
        for connection in self.connections:
            if name in connection.names or (not name and key and connection.listen_key == key):
                connection.send_event(name, event)

    def _key_ended(self, key: str) -> None:
        now = self.venue.clock.market_ms
        for connection in self.connections:
            if connection.listen_key == key:
                event = {"e": "listenKeyExpired", "E": now, "listenKey": key}
                connection.send_event("", event)

    def _obey(self, connection: Connection, text: str) -> None:
        try:
            asked = json.loads(text)
            method, number = asked["method"], asked.get("id")
            names = [str(name) for name in asked.get("params", [])]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            connection.send({"error": {"code": 3, "msg": "Invalid JSON: expected value"}})
            return
        if method == "LIST_SUBSCRIPTIONS":
            connection.send({"result": sorted(connection.names), "id": number})
            return
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            error = {"code": 1, "msg": "Invalid value type: expected SUBSCRIBE"}
            connection.send({"error": error, "id": number})
            return
        connection.send({"result": None, "id": number})
        if method == "SUBSCRIBE":
            self._subscribe(connection, names)
        else:
            connection.names.difference_update(names)

    def _subscribe(self, connection: Connection, names: list[str]) -> None:
        for name in names:
            symbol, _, kind = name.partition("@")
            coin = self.venue.instruments.get(symbol.upper())
            if coin is None or not kind.startswith(connection.kinds):
                continue
            connection.names.add(name)
            kind = kind.partition("@")[0]
            if kind.startswith("kline_"):
                event = self._kline(coin, kind.removeprefix("kline_"), None)
            elif kind == "depth":
                others = self.connections - {connection}
                if not any(name in other.names for other in others):
                    self._books[name] = events.Book.of(coin)
                continue
            else:
                event = self._quote(coin, name, self.venue.clock.market_ms)
            if event:
                connection.send_event(name, event)

    async def _write(self, connection: Connection) -> None:
        while True:
            text = await connection.waiting.get()
            try:
                await connection.socket.send_str(text)
            except ConnectionError:
                return
