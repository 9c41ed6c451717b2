"""A part of the exchange fails for an hour: what can still be protected is. Costs 60 s."""

from collections.abc import AsyncIterator, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.live.health import Health
from engine.live.loop import LiveLoop
from exchange.outcomes import Failure
from exchange.paper.faults import Fault
from tests.live.busy import busy_scene
from tests.live.harness import LockStep
from tests.live.test_stops import held, resting
from tests.live.truth import check_resting, check_whole

pytestmark = pytest.mark.market_data


class Down(NamedTuple):
    """An endpoint that fails, and what is possible without it."""

    endpoint: str
    covers: bool = True
    """Whatever fills has a stop."""
    cancels: bool = True
    """Entries can be cancelled."""
    pauses: bool = True
    """... and it can be seen that none rests."""
    closes: bool = True
    """Both sides can be closed."""
    flattens: bool = True
    """... and it can be seen that nothing is left."""


DOWN: Mapping[str, Down] = {
    "candles": Down("GET /fapi/v1/klines"),
    "funding rates": Down("GET /fapi/v1/fundingRate"),
    "the mark price": Down("GET /fapi/v1/premiumIndex"),
    "the listing": Down("GET /fapi/v1/exchangeInfo"),
    "positions": Down("GET /fapi/v3/positionRisk", flattens=False),
    "open orders": Down("GET /fapi/v1/openOrders", pauses=False, flattens=False),
    "open stops": Down("GET /fapi/v1/openAlgoOrders", pauses=False, flattens=False),
    "trades": Down("GET /fapi/v1/userTrades", covers=False, closes=False, flattens=False),
    "placing": Down("POST /fapi/v1/order", closes=False, flattens=False),
    "placing stops": Down("POST /fapi/v1/algoOrder", covers=False),
    "cancelling": Down(
        "DELETE /fapi/v1/order", cancels=False, pauses=False, closes=False, flattens=False
    ),
    "cancelling stops": Down("DELETE /fapi/v1/algoOrder", flattens=False),
    "asking for an order": Down("GET /fapi/v1/order", pauses=False),
}


async def attempted(step: Coroutine[Any, Any, str]) -> str:
    """What a command says: what was done, or why it is not."""
    try:
        return await step
    except Failure as failure:
        return f"not yet: {failure}"


class Watched:
    """A run in the middle of a busy stretch, both sides held, with the loop that ticks it."""

    def __init__(self, walk: LockStep) -> None:
        self.walk = walk
        self.health = Health(walk.runner)
        walk.hear = self.health.hear
        self.loop = LiveLoop(walk.runner, self.health, walk.tell)
        self.bare = 0
        self._fault: Fault | None = None

    def fail(self, endpoint: str) -> None:
        """From now on, with an answer that leaves open whether anything was done."""
        self._fault = Fault(what="http", status=500, endpoint=endpoint, rate=1.0)
        self.walk.paper.faults.add(self._fault)

    async def bars(self, count: int) -> None:
        """Go on, and count the looks after which a position had no stop for all of it."""
        for _ in range(count):
            while True:
                for _ in range(3):
                    await self.loop._once()
                self.bare += not covered(self.walk)
                if self.walk.paper.step() is None:
                    break
            assert await self.walk.open_bar()

    async def recover(self) -> None:
        """With the exchange whole again, everything is."""
        self.walk.paper.faults.clear()
        for _ in range(3):
            await self.loop._once()
        assert self.health.errors == 0
        check_resting(self.walk.paper)
        check_whole(self.walk.runner, self.walk.paper)


def covered(walk: LockStep) -> bool:
    """Whether the exchange holds a stop for all of each position."""
    for position in walk.paper.venue.account.open_positions():
        stops = (
            stop.quantity
            for stop in walk.paper.venue.book.waiting()
            if stop.position_side == position.side and stop.closes
        )
        if max(stops, default=Decimal(0)) < abs(position.amount):
            return False
    return True


@pytest.fixture
async def watched(market_data: Path, run_files: Path) -> AsyncIterator[Watched]:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        while not all(held(walk, side) for side in ("LONG", "SHORT")):
            await walk.walk(1)
        await walk.look()
        yield Watched(walk)


@pytest.mark.parametrize("name", DOWN)
async def test_what_can_be_protected_is_while_a_part_of_the_exchange_fails(
    name: str, watched: Watched
) -> None:
    down, walk, loop = DOWN[name], watched.walk, watched.loop
    watched.fail(down.endpoint)
    await watched.bars(5)
    assert watched.bare == 0 or not down.covers
    if watched.health.errors > 5:
        assert {alarm.key for alarm in walk.alarms} >= {"errors"}
        assert resting(walk, "entry") == 0 or not down.cancels
    said = await attempted(loop.stops.pause())
    assert ("paused" in said) == down.pauses, said
    assert resting(walk, "entry") == 0 or not down.cancels
    await watched.recover()
    assert resting(walk, "entry") == 0
    assert "again" in await loop.stops.go_on()
    await watched.bars(1)
    await watched.recover()


@pytest.mark.parametrize("name", DOWN)
async def test_both_sides_are_closed_as_far_as_a_failing_exchange_allows(
    name: str, watched: Watched
) -> None:
    down, walk, loop = DOWN[name], watched.walk, watched.loop
    watched.fail(down.endpoint)
    for _ in range(3):
        said = await attempted(loop.stops.flatten())
        assert covered(walk)
    assert said.startswith("flat") == down.flattens, said
    flat = held(walk, "LONG") == held(walk, "SHORT") == 0
    assert flat or not down.closes
    assert resting(walk, "entry") == 0 or not down.cancels
    walk.paper.faults.clear()
    assert "flat" in await loop.stops.flatten()
    assert held(walk, "LONG") == held(walk, "SHORT") == 0
    assert not walk.paper.venue.book.resting()
    assert not walk.paper.venue.book.waiting()
    assert len([row for row in walk.trades if row["label"] == "FINAL_CLOSE"]) == 2
    check_whole(walk.runner, walk.paper)
