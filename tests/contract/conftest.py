"""The brokers that the contract is asked of, each with a market that a test can move.

Both markets on this machine swing by 100 USDT around 50,000 in every minute, low first; on the full
hour funding settles. Binance's demo trading is asked as well if GRIDTUI_DEMO_KEY and
GRIDTUI_DEMO_SECRET are set; its account must be flat, and nothing there is bought.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd
import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import Broker, ListedMarket, NewOrder
from exchange.client_ids import ClientId, Role, Side
from exchange.dryrun import DryRunBroker
from exchange.market import market_for
from exchange.paper.listing import Listing
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.paper.tape import Tape

MINUTE = 60_000
HISTORY = 1_704_067_200_000 + 45 * MINUTE  # 2024-01-01 00:45 UTC
BEGIN = HISTORY + 5 * MINUTE
HOUR = HISTORY + 15 * MINUTE
RATE = 0.0001


@dataclass
class Subject:
    """A broker under contract; `move` lets a minute pass, None where nobody can."""

    broker: Broker
    move: Callable[[], Awaitable[None]] | None
    unplug: Callable[[], Awaitable[None]] | None

    async def order(
        self,
        role: Role,
        price: Decimal | str | None = None,
        qty: str = "0.01",
        side: Side = "long",
        level: int = 0,
        post_only: bool | None = None,
    ) -> NewOrder:
        """An order on the market's grid; `price` is rounded to the tick."""
        market = (await self.broker.market()).market
        exact = None if price is None else Decimal(price) // market.tick * market.tick
        is_entry = role == "entry" if post_only is None else post_only
        return NewOrder(
            market, ClientId("contract", 7, side, role, level), Decimal(qty), exact, is_entry
        )

    async def below(self, share: str) -> Decimal:
        """A price under the mark by a share of it."""
        return await self.broker.mark_price() * (1 - Decimal(share))

    async def buy(self, level: int = 0, qty: str = "0.01") -> NewOrder:
        """A long entry that has filled at 49,950."""
        if self.move is None:
            pytest.skip("nobody can move this market")
        order = await self.order("entry", "49950", qty, level=level)
        await self.broker.place(order)
        await self.move()
        return order


def candles(count: int = 240) -> pd.DataFrame:
    """Minutes that open and close at 50,000 and swing, low first."""
    table = pd.DataFrame(
        [(50_000.0, 50_100.0, 49_900.0, 50_000.0)] * count,
        columns=["open", "high", "low", "close"],
    )
    table.insert(0, "timestamp", HISTORY + MINUTE * table.index.to_numpy())
    table["volume"] = 9.0
    table["funding_rate"] = [RATE if at == HOUR else float("nan") for at in table["timestamp"]]
    return table


@asynccontextmanager
async def paper_market() -> AsyncIterator[PaperExchange]:
    listing = Listing(market_for("BTC"), Tape(candles(), MINUTE))
    async with PaperExchange([listing], BEGIN, small_closes=True) as paper:
        paper.open_bar()
        yield paper


@asynccontextmanager
async def paper_subject() -> AsyncIterator[Subject]:
    async with paper_market() as paper:
        keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=paper.url)
        async with BinanceBroker(
            "BTC", keys, venue, timeout_s=2.0, settle_waits_s=(0.02, 0.02)
        ) as broker:
            await broker.set_leverage(10)
            yield Subject(broker, lambda: minute(paper), paper.stop)


@asynccontextmanager
async def dry_run_subject() -> AsyncIterator[Subject]:
    async with paper_market() as paper:
        market_data = BinanceBroker("BTC", None, Venue(base_url=paper.url), timeout_s=2.0)
        async with DryRunBroker(market_data, leverage=10, fresh_s=0.0) as broker:
            yield Subject(broker, lambda: minute(paper), paper.stop)


@asynccontextmanager
async def demo_subject() -> AsyncIterator[Subject]:
    keys = Keys(os.environ["GRIDTUI_DEMO_KEY"], os.environ["GRIDTUI_DEMO_SECRET"])
    async with BinanceBroker("BTC", keys, Venue(testnet=True)) as broker:
        try:
            yield Subject(broker, None, None)
        finally:
            for order in await broker.open_orders():
                if order.ours is not None:
                    await broker.cancel(order.ours)


async def minute(paper: PaperExchange) -> None:
    paper.walk_bar()
    paper.open_bar()


_HAS_DEMO = bool(os.environ.get("GRIDTUI_DEMO_KEY") and os.environ.get("GRIDTUI_DEMO_SECRET"))
_SUBJECTS = {"paper": paper_subject, "dry run": dry_run_subject, "demo": demo_subject}
_DEMO = pytest.param(
    "demo",
    marks=[
        pytest.mark.demo,
        pytest.mark.skipif(not _HAS_DEMO, reason="no GRIDTUI_DEMO_KEY and GRIDTUI_DEMO_SECRET"),
    ],
)


@pytest.fixture(params=["paper", "dry run", _DEMO])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each broker in turn."""
    async with _SUBJECTS[request.param]() as made:
        yield made


@pytest.fixture
def listed(subject: Subject) -> Callable[[], Awaitable[ListedMarket]]:
    return subject.broker.market
