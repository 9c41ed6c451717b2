"""A paper exchange that serves until it is told to stop, saying in lines of text what happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.wording import plural
from tui.paper_feed import PaperFeed, has_ended

if TYPE_CHECKING:
    from exchange.paper.listing import Offer
    from exchange.paper.server import PaperExchange

_SHOWN = ("trade", "refused", "fault", "ledger", "end")
_LABEL = 9
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served and where: `make` builds the exchange, `about` is label and text of it."""

    make: Callable[[], PaperExchange]
    port: int
    about: tuple[tuple[str, str], ...]
    offer: Offer
    speed: float


def serve_in_text(serving: Serving) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code, 0.

    Raises:
        DataError: the port is taken.
        OSError: the ledger's file cannot be written.
    """
    asyncio.run(_serve(serving))
    return 0


async def _serve(serving: Serving) -> None:
    something, stopped = asyncio.Event(), asyncio.Event()

    def stop() -> None:
        stopped.set()
        something.set()

    exchange = serving.make()
    feed = PaperFeed(something.set)
    feed.listen_to(exchange)
    await exchange.start(serving.port)
    try:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        _say(f"PAPER EXCHANGE at {exchange.url}, for clients on this machine alone")
        for label, text in serving.about:
            _say(f"{label:<{_LABEL}} {text}")
        _say(f"{'ccxt':<{_LABEL}} {' '.join(map(str.strip, ccxt_lines(exchange.url)))}")
        watch = asyncio.create_task(_watch_for_the_end(exchange, feed))
        while not stopped.is_set():
            await something.wait()
            something.clear()
            for line in feed.drain():
                if line.kind in _SHOWN:
                    _say(line.written(with_date=True))
        watch.cancel()
    finally:
        await exchange.stop()
    say_stopped(feed)


def say_stopped(feed: PaperFeed) -> None:
    """The last line: what it was good for."""
    _say(f"stopped after {plural(feed.served, 'request')} and {plural(feed.trades, 'trade')}")


async def _watch_for_the_end(exchange: PaperExchange, feed: PaperFeed) -> None:
    while not has_ended(exchange):
        await asyncio.sleep(_LOOK_S)
        exchange.catch_up()
    feed.tell_of_the_end()


def ccxt_lines(url: str) -> tuple[str, ...]:
    """What makes a ccxt `binanceusdm` (sync, async, pro) talk to this exchange and nobody else."""
    return (
        'client.urls["api"] = {',
        f'    name: "{url}/" + address.split("/", 3)[3]',
        '    for name, address in client.urls["api"].items() if name != "ws"',
        f'}} | {{"ws": {{"linear": "{url.replace("http", "ws", 1)}/ws"}}}}',
    )


def _say(text: str) -> None:
    print(text, flush=True)
