"""Binance's streams, as hints: they say when to ask, never what is true.

Events can be late, repeated, reordered or missing, and a socket can stay open and say nothing. So
every connection begins with "reconcile", and a stream that is silent too long is connected anew.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Literal

from exchange.background import end_all, require_all, start_all
from exchange.binance.client import BinanceClient
from exchange.broker import Hint, News
from exchange.outcomes import Failure
from exchange.symbol import Symbol

Stream = Literal["account", "candles"]

SILENCE_S: Mapping[Stream, float] = {"account": 600.0, "candles": 60.0}
"""Longer than this without a word and a stream is connected anew. Candles move with every trade; an
account without orders has nothing to say."""

RENEW_S = 1200.0
"""A listen key lives for an hour."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_NEWS: Mapping[str, News] = {
    "ORDER_TRADE_UPDATE": "order",
    "ALGO_UPDATE": "order",
    "TRADE_LITE": "fill",
    "ACCOUNT_UPDATE": "account",
    "listenKeyExpired": "reconcile",
}


class BinanceStreams:
    """The account's stream and the candles' of one symbol.

    Args:
        client: opens the connections; without keys only candles are watched.
        silence_s: see `SILENCE_S`.
        renew_s: seconds between renewals of the listen key.
    """

    def __init__(
        self,
        client: BinanceClient,
        symbol: Symbol,
        timeframe: str,
        silence_s: Mapping[Stream, float] = SILENCE_S,
        renew_s: float = RENEW_S,
    ) -> None:
        self._client = client
        self._silence_s = silence_s
        self._renew_s = renew_s
        ccxt = self._ccxt = client.open_streams()
        self._watched: dict[Stream, Callable[[], Awaitable[Any]]] = {
            "candles": lambda: ccxt.watch_ohlcv(symbol.ccxt, timeframe)
        }
        if client.has_keys:
            self._watched["account"] = lambda: ccxt.watch_my_trades(symbol.ccxt)
        self._heard: dict[Stream, float] = {}
        self._alive: dict[Stream, float] = {}
        self._sockets: dict[Stream, Any] = {}
        self._pending: dict[tuple[News, str], Hint] = {}
        self._something = asyncio.Event()
        self._ccxt_message = ccxt.handle_message
        self._ccxt_connected = ccxt.on_connected
        ccxt.handle_message = self._on_message
        ccxt.on_connected = self._on_connected
        # ccxt's timer renews a listen key once and forgets it then; `_keep_listen_key` does not
        ccxt.delay = lambda *_: None

    async def hints(self) -> AsyncGenerator[Hint, None]:
        """Hints until the generator is closed; several of one kind may come as one.

        Raises:
            Unreachable: what keeps the streams has failed in a way that it should not.
        """
        works = [self._keep(stream) for stream in self._watched]
        works.append(self._watch_silence())
        if "account" in self._watched:
            works.append(self._keep_listen_key())
        tasks = start_all(works, self._something)
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                require_all(tasks)
                pending, self._pending = self._pending, {}
                for hint in pending.values():
                    yield hint
        finally:
            await end_all(tasks)
            with contextlib.suppress(Exception):  # the connections may be broken already
                await self._ccxt.close()

    def ages(self) -> Mapping[str, float | None]:
        """Seconds since each stream last said anything, of the account's also since it let us in:
        without orders it has nothing to say. None: not yet."""
        now = time.monotonic()
        return {
            stream: now - self._heard[stream] if stream in self._heard else None
            for stream in self._watched
        }

    async def _keep(self, stream: Stream) -> None:
        """Keep one stream connected; ccxt connects when it is asked to watch."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await asyncio.sleep(self._client.quiet_s())
            try:
                await self._watched[stream]()
                pause_s = _FIRST_PAUSE_S
            except (Exception, asyncio.CancelledError) as error:
                # whatever it is, connect again; ccxt cancels what waits for a socket it closes
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                kind = type(error).__name__
                self._tell("reconcile", f"the {stream} stream broke ({kind}); connecting again")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _keep_listen_key(self) -> None:
        """Renew the account's listen key; a connection without one stays open and silent."""
        while True:
            await asyncio.sleep(self._renew_s)
            await asyncio.sleep(self._client.quiet_s())
            try:
                await self._client.write("fapiPrivatePutListenKey", {})
            except Failure as failure:
                self._tell("reconcile", f"the listen key was not renewed ({failure.reason})")
                self._drop("account")

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(min(self._silence_s.values()) / 4)
            now = time.monotonic()
            for stream, since in tuple(self._alive.items()):
                if now - since > self._silence_s[stream]:
                    self._alive[stream] = now
                    self._tell("reconcile", f"the {stream} stream is silent; connecting again")
                    self._drop(stream)

    def _on_message(self, socket: Any, message: Any) -> None:
        """ccxt's handler, after we have heard what there is."""
        stream = _stream_of(socket)
        self._heard[stream] = self._alive[stream] = time.monotonic()
        self._sockets[stream] = socket
        event = _event_in(message)
        kind = event.get("e")
        news = _NEWS.get(str(kind))
        if kind == "ORDER_TRADE_UPDATE" and _part(event, "o").get("x") == "TRADE":
            news = "fill"
        if kind == "kline" and _part(event, "k").get("x") is True:
            news = "candle"
        if news is not None:
            self._tell(news, str(kind))
        if kind == "listenKeyExpired":
            self._drop("account")
            return
        # one event that ccxt cannot read would end its receiving without a word
        with contextlib.suppress(Exception):
            self._ccxt_message(socket, message)

    def _on_connected(self, socket: Any, message: Any = None) -> None:
        stream = _stream_of(socket)
        self._alive[stream] = time.monotonic()
        if stream == "account":
            self._heard[stream] = self._alive[stream]
        self._sockets[stream] = socket
        self._tell("reconcile", f"the {stream} stream is connected")
        self._ccxt_connected(socket, message)

    def _drop(self, stream: Stream) -> None:
        """Break a stream's connection, so that `_keep` makes a new one."""
        from ccxt import NetworkError

        if stream == "account":
            # ccxt would go on with the listen key that it has
            self._ccxt.options["linear"] = {}
        socket = self._sockets.pop(stream, None)
        if socket is not None:
            socket.on_error(NetworkError(f"the {stream} stream is given up"))

    def _tell(self, news: News, text: str) -> None:
        self._pending[news, text] = Hint(news, text)
        self._something.set()


def _stream_of(socket: Any) -> Stream:
    return "account" if "listenKey=" in socket.url else "candles"


def _event_in(message: Any) -> Mapping[str, Any]:
    """The event in a message, unwrapped if it is one of a combined stream."""
    if not isinstance(message, dict):
        return {}
    inner = message.get("data")
    return inner if isinstance(inner, dict) else message


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    return part if isinstance(part, dict) else {}
