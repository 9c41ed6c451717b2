"""The paper exchange as a server on this machine.

    listing = load_listing("BTC", "15m", "2024-01-01", "2024-02-01")
    async with PaperExchange([listing], start="2024-01-10") as paper:
        client = ccxt.async_support.binanceusdm(client_config(paper.url))
        while paper.open_bar() is not None:
            ...                             # the client acts
            paper.walk_bar()                # its orders fill

In lock step (`speed=None`) time stands still until one of the stepping methods is called, from the
server's own loop; `exchange.paper.threaded` offers the same to other threads. With a speed it runs
by itself. It sleeps whenever nothing is asked and nothing is due.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from exchange.errors import DataError
from exchange.paper.account import Account
from exchange.paper.auth import Keys
from exchange.paper.clock import Clock
from exchange.paper.door import Answer, Door, Request
from exchange.paper.faults import Fault, Faults
from exchange.paper.instrument import Instrument
from exchange.paper.ledger import KEPT, Ledger
from exchange.paper.limits import Limits, Quota
from exchange.paper.listing import Listing
from exchange.paper.misbehaviour import Misbehaviour
from exchange.paper.notices import Notice, PriceMoved
from exchange.paper.params import Params
from exchange.paper.streams import Streams
from exchange.paper.venue import Happening, Venue
from exchange.servers import HEADER, said_of_paper
from exchange.span import Moment, moment_ms, moment_text

HOST = "127.0.0.1"
PAPER_KEYS = Keys("paper-key", "paper-secret")
_LOCAL = (HOST, "localhost", "::1")
_QUOTE_SECONDS = 1.0
_SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """A request that is over: when it came (market time), what came of it, how long it took.

    Status 0: no answer was sent; `code` is Binance's in a refusal, else 0.
    """

    time_ms: int
    method: str
    path: str
    status: int
    code: int
    took_ms: float


class PaperExchange:
    """See the module.

    `on_served` hear of every request; `venue.listeners` and `faults.listeners` of the rest.

    Args:
        listings: the coins; at least one, each once.
        start: the first bar that opens; everything before it is history. Same forms as elsewhere.
        from_now: bars up to this machine's time have passed when it begins to listen, so that its
            clock, at speed 1, is the real one: for clients that never ask for the time.
        speed: None for lock step; 1.0 is real time, 60.0 an hour a minute.
        wallet: USDT at the start.
        hedge_mode: how the account is set when it starts.
        maker, taker: fee rates.
        small_closes: see `exchange.paper.venue.Venue`.
        quota: the rate limits; None: Binance's.
        ledger: a JSONL file that gets every entry; None keeps them in memory alone.
        kept: how many entries stay in memory.

    Raises:
        DataError: no coin, one twice, or no bar at or after `start`.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        start: Moment,
        *,
        speed: float | None = None,
        from_now: bool = False,
        keys: Keys = PAPER_KEYS,
        wallet: Decimal | int = 10_000,
        hedge_mode: bool = True,
        maker: Decimal = Decimal("0.0002"),
        taker: Decimal = Decimal("0.0005"),
        slippage: Decimal = Decimal("0.0005"),
        small_closes: bool = False,
        quota: Quota | None = None,
        faults: Faults | None = None,
        ledger: Path | None = None,
        kept: int = KEPT,
    ) -> None:
        start_ms = moment_ms(start)
        coins = [Instrument(each.market, each.tape, start_ms) for each in listings]
        by_symbol = {coin.symbol: coin for coin in coins}
        if not coins or len(by_symbol) < len(coins):
            raise DataError("the paper exchange needs at least one coin, and each only once")
        opens = [coin.next_open_ms for coin in coins if coin.next_open_ms is not None]
        if not opens:
            raise DataError(
                f"no candle opens at or after {moment_text(start_ms)}: choose an earlier start"
            )
        self.faults = faults or Faults()
        self.clock = Clock(min(opens) - 1, speed)
        self.ledger = Ledger(ledger, kept)
        account = Account(Decimal(wallet), hedge_mode, maker, taker)
        self.venue = Venue(
            by_symbol,
            account,
            self.clock,
            self.faults,
            slippage=slippage,
            small_closes=small_closes,
            quota=quota,
        )
        self.venue.listeners.append(self._note)
        self.faults.listeners.append(self._note_fault)
        self.on_served: list[Callable[[Served], None]] = []
        self._from_now = from_now
        sources = [listing.source for listing in listings]
        said = said_of_paper(sources, simulated=any(listing.simulated for listing in listings))
        self._said = {HEADER: said}
        self.streams = Streams(self.venue, self.faults)
        self.door = Door(self.venue, keys, Limits(self.venue.quota))
        self.url = ""
        self._misbehaviour = Misbehaviour(self.faults, self.clock)
        self._runner: web.AppRunner | None = None
        self._driver: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0, host: str = HOST) -> None:
        """Listen; `url` is known afterwards.

        Raises:
            DataError: the host is not this machine, or the port is taken.
        """
        if host not in _LOCAL:
            raise DataError(
                f"the paper exchange serves this machine alone and will not listen on {host}: "
                f"use {HOST}"
            )
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST if host == "localhost" else host, port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            self.ledger.close()
            raise DataError(
                f"the paper exchange cannot listen on port {port} ({error.strerror}): choose "
                "another"
            ) from error
        self._runner = runner
        bound = runner.addresses[0][1]
        self.url = f"http://{f'[{host}]' if ':' in host else HOST}:{bound}"
        if self._from_now:
            self.venue.advance_to(int(time.time() * 1000))
        self.clock.begin()
        if self.clock.speed is not None:
            self._driver = asyncio.create_task(self._drive())

    async def stop(self) -> None:
        """Cut all lines and end; the ledger's file is complete then."""
        self._misbehaviour.closing.set()
        self._wake.set()
        try:
            if self._driver:
                await self._driver
        finally:
            await self.streams.close()
            if self._runner:
                await self._runner.cleanup()
            self._runner = self._driver = None
            self.ledger.close()

    @property
    def clients(self) -> int:
        """Lines that are open, of requests and of streams."""
        return len(self._runner.server.connections) if self._runner and self._runner.server else 0

    def catch_up(self) -> None:
        """Let the market reach the clock, where it runs by itself."""
        if self.clock.speed is not None:
            self.venue.advance_to(self.clock.due_ms())

    def open_bar(self) -> int | None:
        """See `Venue.open_bar`."""
        return self.venue.open_bar()

    def walk_bar(self) -> list[Happening]:
        """See `Venue.walk_bar`."""
        return self.venue.walk_bar()

    def step(self) -> Happening | None:
        """See `Venue.step`."""
        return self.venue.step()

    def advance_to(self, ms: int) -> list[Happening]:
        """See `Venue.advance_to`."""
        return self.venue.advance_to(ms)

    def misbehave(self, **fault: Any) -> None:
        """Add a fault while running; arguments as in `exchange.paper.faults.Fault`."""
        self.faults.add(Fault(**fault))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        path, _, query = request.raw_path.partition("?")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self._wake.set()
            return await self.streams.serve(request)
        body = (await request.read()).decode("utf-8", "replace")
        asked = Request(request.method, path, query, body, request.headers.get("X-MBX-APIKEY"))
        params = Params.parse(query, body)
        self.catch_up()
        came_ms = self.clock.market_ms
        self._wake.set()

        async def carry_out() -> Answer:
            self.catch_up()  # a fault may have kept it waiting
            return self.door.answer(asked, params)

        answer = await self._misbehaviour.around(asked, params, carry_out)
        self.ledger.note_request(
            self.clock.market_ms, asked.method, path, params.values, answer.status, answer.code
        )
        took_ms = (time.monotonic() - began) * 1000
        served = Served(came_ms, asked.method, path, answer.status, answer.code, took_ms)
        for listener in self.on_served:
            listener(served)
        if not answer.status:
            if request.transport:
                request.transport.abort()
            return web.Response()
        kind = "text/html" if isinstance(answer.content, str) else "application/json"
        return web.Response(
            status=answer.status,
            text=answer.text,
            headers=answer.headers | self._said,
            content_type=kind,
        )

    async def _drive(self) -> None:
        """Let time pass while the clock runs by itself; asleep until something is due."""
        speed = self.clock.speed or 1.0
        while not self._misbehaviour.closing.is_set():
            now = self.clock.due_ms()
            self.venue.advance_to(now)
            due = self.venue.next_event_ms()
            wait = None if due is None else max(due - now, 1) / 1000 / speed
            if self.streams.has_market_listeners:
                wait = min(_QUOTE_SECONDS, wait or _QUOTE_SECONDS)
                for symbol in self.venue.instruments:
                    self.venue.tell(PriceMoved(symbol))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            self._wake.clear()

    def _note(self, notice: Notice) -> None:
        self.ledger.note_notice(notice, self.clock.market_ms)

    def _note_fault(self, fault: Fault, target: str) -> None:
        said = fault.model_dump(mode="json", exclude_defaults=True)
        self.ledger.note("fault", self.clock.market_ms, target=target, **said)


def client_config(url: str, keys: Keys = PAPER_KEYS) -> dict[str, Any]:
    """Constructor options with which a ccxt `binanceusdm` (sync, async, pro) talks to `url` alone.

    Afterwards `guard(client, url)` bends every other host as well.
    """
    socket = url.replace("http", "ws", 1)
    return {
        "apiKey": keys.key,
        "secret": keys.secret,
        "enableRateLimit": False,
        "timeout": 10_000,
        "options": {
            "fetchCurrencies": False,
            "fetchMargins": False,
            "adjustForTimeDifference": True,
        },
        "urls": {
            "api": {
                "fapiPublic": f"{url}/fapi/v1",
                "fapiPrivate": f"{url}/fapi/v1",
                "fapiPublicV2": f"{url}/fapi/v2",
                "fapiPrivateV2": f"{url}/fapi/v2",
                "fapiPublicV3": f"{url}/fapi/v3",
                "fapiPrivateV3": f"{url}/fapi/v3",
                "fapiData": f"{url}/futures/data",
                "ws": {"linear": f"{socket}/ws"},
            }
        },
    }


def guard(client: Any, url: str) -> None:
    """Bend a ccxt client's other hosts to a path that does not exist, so that nothing leaves here.

    ccxt also picks some error classes by the host's name; this gives it those of the real host.
    """
    _bend(client.urls["api"], url)
    client.exceptions["exact"].update(client.exceptions["linear"]["exact"])


def _bend(addresses: dict[str, Any], url: str) -> None:
    """Bend those that do not begin with `url`, those of the sockets below them too."""
    for name, address in addresses.items():
        if isinstance(address, dict):
            _bend(address, url.replace("http", "ws", 1))
        elif not address.startswith(url):
            addresses[name] = f"{url}/blocked/{name}"
