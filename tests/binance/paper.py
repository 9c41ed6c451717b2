"""A paper exchange with a broker at its door, for tests: one coin, simulated, in lock step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import ListedMarket, NewOrder
from exchange.client_ids import ClientId, Role
from exchange.paper.listing import load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange

FIRST, START, END = "2024-01-01", "2024-01-02", "2024-01-04"
BAR_MS = 900_000
KEYS = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
COIN = load_listing("BTC", "15m", FIRST, END)


@asynccontextmanager
async def market(**options: Any) -> AsyncIterator[tuple[PaperExchange, BinanceBroker]]:
    async with PaperExchange([COIN], start=START, **options) as paper:
        paper.open_bar()
        venue = Venue(base_url=paper.url)
        waits = (0.02, 0.02, 0.02)
        async with BinanceBroker("BTC", KEYS, venue, timeout_s=2.0, settle_waits_s=waits) as broker:
            yield paper, broker


async def price_of(broker: BinanceBroker) -> Decimal:
    return await broker.mark_price()


def new(
    listed: ListedMarket,
    role: Role,
    price: Decimal | None = None,
    qty: str = "0.01",
    side: str = "long",
    **parts: Any,
) -> NewOrder:
    """An order `price` (rounded to the tick) away; a level of its own for each price."""
    number = parts.pop("number", 0)
    grid = listed.market.tick
    rounded = None if price is None else (price / grid).to_integral_value() * grid
    post_only = parts.pop("post_only", role == "entry")
    client_id = ClientId("paper", 1, side, role, number)
    return NewOrder(listed.market, client_id, Decimal(qty), rounded, post_only)


async def bought(paper: PaperExchange, broker: BinanceBroker, number: int = 0) -> NewOrder:
    """A long entry that has filled: laid just under the price, then the market walks."""
    listed = await broker.market()
    while True:
        order = new(listed, "entry", await price_of(broker) - 20, number=number)
        await broker.place(order)
        paper.walk_bar()
        found = await broker.find(order.client_id)
        assert found is not None
        if found.state == "filled":
            return order
        await broker.cancel(order.client_id)
        paper.open_bar()
        number += 1
