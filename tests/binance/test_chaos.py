"""A client that follows the rules survives an exchange that misbehaves at random. Costs about 6 s.

What must hold at the end, whatever was dropped, delayed or answered wrongly: no client id was ever
executed twice, every trade was learned once and with its own id, and what is believed to rest does.
"""

import random
from decimal import Decimal
from typing import Any

import pytest

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import Fill, ListedMarket, NewOrder, PlacedOrder
from exchange.client_ids import ClientId
from exchange.outcomes import ClockSkew, Refused, Throttled, UnknownOutcome, Unreachable
from exchange.paper.faults import Fault, Faults
from exchange.paper.listing import load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange

COIN = load_listing("BTC", "15m", "2024-01-01", "2024-01-03")
START = "2024-01-02"
STEPS, BARS_LEFT = 45, 90
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
AGAIN = (Unreachable, ClockSkew, Throttled)


def misbehaviour(seed: int) -> Faults:
    """Faults by chance at everything that the client asks."""
    faults = []
    for path in (ORDER, ALGO):
        for executed in (False, True):
            each: dict[str, Any] = {"endpoint": f"POST {path}", "executed": executed}
            faults += [Fault(what="drop", rate=0.06, **each)]
            faults += [Fault(what="code", code=c, rate=0.02, **each) for c in (-1000, -1007, -1008)]
            faults += [Fault(what="http", status=s, rate=0.02, **each) for s in (500, 502, 503)]
            faults += [Fault(what="drop", rate=0.06, **each | {"endpoint": f"DELETE {path}"})]
        faults += [
            Fault(what="http", status=429, retry_after=0, rate=0.03, endpoint=f"POST {path}"),
            Fault(what="code", code=-1021, rate=0.03, endpoint=f"POST {path}"),
        ]
    for path in (
        ORDER,
        ALGO,
        "/fapi/v1/userTrades",
        "/fapi/v1/openOrders",
        "/fapi/v1/premiumIndex",
    ):
        faults += [
            Fault(what="drop", rate=0.05, endpoint=f"GET {path}"),
            Fault(what="http", status=502, rate=0.05, endpoint=f"GET {path}"),
            Fault(what="code", code=-1007, rate=0.03, endpoint=f"GET {path}"),
        ]
    faults += [Fault(what="partial", rate=0.2), Fault(what="expire_post_only", rate=0.2)]
    faults += [Fault(what="skew", ms=7_000, rate=0.004), Fault(what="skew", ms=-7_000, rate=0.004)]
    return Faults(faults, seed)


class Careful:
    """Keeps the rules of the page: an intent, one request, and questions until it is known."""

    def __init__(self, broker: BinanceBroker) -> None:
        self.broker = broker
        self.fills: list[Fill] = []
        self.resting: dict[ClientId, PlacedOrder] = {}
        self.unknown = 0

    async def place(self, order: NewOrder) -> None:
        for _ in range(50):
            try:
                placed: PlacedOrder | None = await self.broker.place(order)
            except AGAIN:
                continue
            except Refused:
                return
            except UnknownOutcome:
                self.unknown += 1
                placed = await self.settled(order.client_id)
            if placed is not None:
                self.note(order.client_id, placed)
                return
        raise AssertionError("the order could not be placed")

    async def settled(self, client_id: ClientId) -> PlacedOrder | None:
        for _ in range(50):
            try:
                return await self.broker.settle(client_id)
            except UnknownOutcome:
                continue
        raise AssertionError("the outcome could not be found out")

    async def cancel(self, client_id: ClientId) -> None:
        for _ in range(50):
            try:
                self.note(client_id, await self.broker.cancel(client_id))
            except AGAIN:
                continue
            except UnknownOutcome:
                if await self.look(client_id):
                    return
            else:
                return
        raise AssertionError("the order could not be cancelled")

    async def look(self, client_id: ClientId) -> bool:
        """Whether it is known not to rest any more."""
        try:
            found = await self.broker.find(client_id)
        except AGAIN:
            return False
        assert found is not None
        self.note(client_id, found)
        return client_id not in self.resting

    async def learn_fills(self) -> None:
        for _ in range(50):
            last = self.fills[-1].trade_id if self.fills else 0
            try:
                self.fills += await self.broker.trades_since(last)
            except AGAIN:
                continue
            break
        for client_id in tuple(self.resting):
            for _ in range(50):
                if await self.look(client_id) or client_id in self.resting:
                    break

    def note(self, client_id: ClientId, order: PlacedOrder) -> None:
        if order.state == "open":
            self.resting[client_id] = order
        else:
            self.resting.pop(client_id, None)


def some_order(dice: random.Random, number: int, price: Decimal, listed: ListedMarket) -> NewOrder:
    side = dice.choice(("long", "short"))
    role = dice.choices(("entry", "stop", "near take-profit", "exit"), (6, 2, 2, 1))[0]
    away = Decimal(dice.randint(-5, 60)) / 10_000
    below = (role in ("entry", "stop")) == (side == "long")
    level = price * (1 - away if below else 1 + away)
    tick = listed.market.tick
    return NewOrder(
        listed.market,
        ClientId("chaos", number, side, role, number % 7),
        qty=listed.market.step * dice.randint(2, 9),
        price=None if role == "exit" else (level / tick).to_integral_value() * tick,
        post_only=role == "entry",
    )


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_executed_twice_and_no_fill_is_lost(seed: int) -> None:
    dice = random.Random(seed)
    async with PaperExchange([COIN], start=START, faults=misbehaviour(seed)) as paper:
        paper.open_bar()
        waits = (0.0, 0.001, 0.002)
        venue = Venue(base_url=paper.url)
        keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
        async with BinanceBroker("BTC", keys, venue, settle_waits_s=waits) as broker:
            client = Careful(broker)
            listed = await broker.market()
            for number in range(STEPS):
                price = paper.venue.instruments["BTCUSDT"].price
                await client.place(some_order(dice, number, price, listed))
                if client.resting and dice.random() < 0.3:
                    await client.cancel(dice.choice(list(client.resting)))
                if dice.random() < 0.7:
                    paper.walk_bar()
                    await client.learn_fills()
                    paper.open_bar()
            paper.faults.clear()
            await client.learn_fills()
            await client.learn_fills()
            resting = await broker.open_orders()

        born = [o["client_id"] for o in paper.ledger.of("order") if o["change"] == "NEW"]
        stops = [s["client_id"] for s in paper.ledger.of("stop") if s["status"] == "NEW"]
        assert len(born) == len(set(born))
        assert len(stops) == len(set(stops))

        traded = paper.ledger.of("trade")
        assert [fill.trade_id for fill in client.fills] == [trade["id"] for trade in traded]
        assert [fill.qty for fill in client.fills] == [Decimal(t["quantity"]) for t in traded]
        assert all(fill.ours is not None for fill in client.fills)
        by_market = {str(i) for i in (fill.ours for fill in client.fills) if i and i.role != "stop"}
        assert by_market <= set(born)

        assert {order.ours for order in resting} == set(client.resting)
        assert client.unknown > 3
        assert len(traded) > 3
