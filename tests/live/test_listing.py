"""The exchange changes tick, step or minimum notional under a run. Costs 8 s."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.account import SIDE_NAMES
from engine.live.filters import Filters
from engine.live.memory import Memory
from engine.live.orders import held_qty, in_steps
from engine.live.stops import Stops
from exchange.errors import DataError
from exchange.market import Market, market_for
from tests.live.busy import busy_scene
from tests.live.harness import LockStep
from tests.live.truth import check_ids, check_resting, check_whole

BTC = Filters(61, Decimal("0.1"), Decimal("0.001"), Decimal("50"))


def lists(walk: LockStep, **numbers: str) -> None:
    """Have the exchange list other filters from now on."""
    coin = walk.paper.venue.instruments[walk.scene.symbol.id]
    coin.market = replace(coin.market, **{name: Decimal(text) for name, text in numbers.items()})


def listed(walk: LockStep) -> Market:
    return walk.paper.venue.instruments[walk.scene.symbol.id].market


def off_grid(walk: LockStep, tick: str, step: str = "0.001") -> int:
    """How many of the orders that rest lie on another grid than this."""
    book = walk.paper.venue.book
    resting = [(order.price, order.quantity - order.filled) for order in book.resting()]
    resting += [(stop.trigger, stop.quantity) for stop in book.waiting()]
    assert resting
    return sum(price % Decimal(tick) != 0 or qty % Decimal(step) != 0 for price, qty in resting)


def told(walk: LockStep) -> list[str]:
    """What the run said of changed filters."""
    return [alarm.text for alarm in walk.alarms if alarm.key.startswith("filters")]


async def walk_until_held(walk: LockStep) -> None:
    """To the open of a bar before which there is a position."""
    while not walk.paper.venue.account.open_positions():
        await walk.walk(1)
    await walk.look()


@pytest.mark.market_data
async def test_on_another_tick_everything_is_laid_anew_as_soon_as_an_order_is_refused(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk_until_held(walk)
        assert off_grid(walk, "10")
        lists(walk, tick="10")
        await walk.walk(2)
        await walk.look()
        assert off_grid(walk, "10") == 0
        check_resting(walk.paper)
        (words,) = told(walk)
        assert words.startswith("the exchange lists tick 10, step 0.001, minimum notional 50; ")
        assert words.endswith("it was tick 0.1, step 0.001, minimum notional 50")
        first, second = walk.runner.run.memory.filters
        assert (first, second.tick) == (BTC, Decimal(10))
        await walk.restart()
        await walk.walk()
        assert off_grid(walk, "10") == 0
        assert len(told(walk)) == 1
        check_whole(walk.runner, walk.paper)
        check_ids(walk.paper)


@pytest.mark.market_data
async def test_another_minimum_notional_is_found_within_the_hour_and_asked_of_new_entries(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk.walk(1)
        lists(walk, min_notional="1")
        await walk.walk(5)
        assert len(told(walk)) == 1
        lists(walk, min_notional="1000000")
        before = len(walk.trades)
        await walk.walk(30)
        book = walk.paper.venue.book
        assert not any(order.opens for order in book.resting())
        assert len(told(walk)) == 2
        assert float(walk.runner.run.kernel.rules["min_notional"][0]) == 1e6
        assert len(walk.trades) > before  # what was held was closed, whatever it was worth
        check_whole(walk.runner, walk.paper)


@pytest.mark.market_data
async def test_under_a_coarser_step_no_more_is_closed_than_is_held_and_positions_stay_equal(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk_until_held(walk)
        await walk.drop()
        lists(walk, step="0.02")
        held = [abs(p.amount) for p in walk.paper.venue.account.open_positions()]
        assert any(qty % Decimal("0.02") for qty in held)
        await walk.come_back()
        (words,) = told(walk)
        assert f"; {walk.runner.run.less_than_a_step()} can be closed by hand only" in words
        await walk.look()
        assert off_grid(walk, "0.1", "0.02") == 0
        await walk.walk()
        check_whole(walk.runner, walk.paper)
        # of "revised" candles too: volumes are told in whole steps
        alarms = {alarm.key.partition(" ")[0] for alarm in walk.troubles}
        assert alarms <= {"filters", "revised"}
        state = walk.runner.run.kernel.state
        left = [held_qty(state, side) for side in range(len(SIDE_NAMES))]
        assert any(qty % Decimal("0.02") for qty in left)
        done = await Stops(walk.runner).flatten()
        assert done.endswith(
            f"; {walk.runner.run.less_than_a_step()} is less than a step and stays"
        )
        there = [abs(p.amount) for p in walk.paper.venue.account.open_positions()]
        assert there
        assert max(there) < Decimal("0.02")


def test_a_quantity_in_steps_is_never_more_than_there_is() -> None:
    step = Decimal("0.001")
    assert in_steps(0.1 + 0.2, step) == Decimal("0.3")
    assert in_steps(0.3 - 1e-13, step) == Decimal("0.3")
    assert in_steps(0.0179, Decimal("0.01")) == Decimal("0.01")
    assert in_steps(0.009, Decimal("0.01")) == 0


def test_what_was_listed_is_remembered_exactly() -> None:
    memory = Memory.fresh("test01", "BTCUSDT", "15m", {}, 10_000.0, 0)
    memory.began, memory.filters = 61, [BTC, replace(BTC, bar=70, tick=Decimal("1e-7"))]
    again = Memory.from_document(json.loads(json.dumps(memory.to_document())))
    assert (again.began, again.filters) == (61, memory.filters)
    market = again.filters[1].laid_on(market_for("BTC"))
    assert (market.tick, market.step) == (Decimal("1e-7"), Decimal("0.001"))
    assert market.source.startswith("tick 0.0000001, step 0.001, minimum notional 50: listed when")
    assert again.filters[1].are_of(market)
    assert not BTC.are_of(market)


@pytest.mark.parametrize("text", ["0", "-0.1", "NaN", "Infinity", "a tenth"])
def test_filters_that_no_exchange_lists_are_no_state(text: str) -> None:
    memory = Memory.fresh("test01", "BTCUSDT", "15m", {}, 10_000.0, 0)
    document = memory.to_document() | {"filters": [BTC.to_json() | {"tick": text}]}
    with pytest.raises(DataError, match="the state cannot be read"):
        Memory.from_document(document)
