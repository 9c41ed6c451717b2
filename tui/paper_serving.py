"""A paper exchange that serves until it is told to stop, saying in lines of text what happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.wording import plural
from tui.paper_feed import PaperFeed

if TYPE_CHECKING:
    from exchange.paper.listing import Offer
    from exchange.paper.server import PaperExchange

_SHOWN = ("trade", "refused", "fault")
_LABEL = 9


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
        _say(f"{'ccxt':<{_LABEL}} {ccxt_lines(exchange.url)}")
        while not stopped.is_set():
            await something.wait()
            something.clear()
            for line in feed.drain():
                if line.kind in _SHOWN:
                    _say(line.written(with_date=True))
    finally:
        await exchange.stop()
    _say(f"stopped after {plural(feed.served, 'request')} and {plural(feed.trades, 'trade')}")


def ccxt_lines(url: str) -> str:
    """What makes a ccxt `binanceusdm` talk to this exchange and to nobody else."""
    return (
        'client.urls["api"] = {name: '
        f'"{url}/" + address.split("/", 3)[3] '
        'for name, address in client.urls["api"].items()}'
    )


def _say(text: str) -> None:
    print(text, flush=True)
