"""What a run does in single situations. Costs 6 s."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from engine.account import new_state
from engine.live.memory import Memory, Pending
from engine.live.orders import Sent
from engine.live.store import RunStore
from exchange.symbol import Symbol
from tests.live.busy import busy_scene
from tests.live.harness import LockStep, Scene
from tests.live.truth import check_ids, check_resting, check_whole

_STOP = "POST /fapi/v1/algoOrder"


def memory() -> Memory:
    made = Memory.fresh("test01", "BTCUSDT", "15m", {}, 10_000.0, 0)
    made.bar, made.kernel = 7, new_state(10_000.0)
    return made


def executed(pending: Pending, run: Memory) -> Sent:
    """The order of an exit that has filled and is accounted for."""
    qty = pending.qty
    return Sent(run.new_id(pending.purpose(run.bar)), qty, None, "gone", qty, qty)


def test_an_exit_that_is_booked_is_remembered_until_it_is_over() -> None:
    run = memory()
    run.pending = Pending(0, None, Decimal("0.5"), 4, 1)
    sent = executed(run.pending, run)
    run.orders[str(sent.client_id)] = sent
    run.forget_orders()
    assert list(run.orders.values()) == [sent]
    run.pending = None
    run.forget_orders()
    assert not run.orders


def test_the_journal_is_bounded(run_files: Path) -> None:
    store = RunStore(run_files, Symbol.parse("BTC"))
    hour = 3_600_000
    for at in range(14):
        store.journal.append_all([{"do": "place", "id": str(n)} for n in range(1000)])
        store.save(memory(), (at + 1) * hour)
    assert 5_000 <= len(store.journal.records(0)) <= 11_000
    assert store.journal.last_seq == 14_000
    store.close()


def test_a_journal_that_was_lost_goes_on_above_what_the_state_has_seen(run_files: Path) -> None:
    symbol = Symbol.parse("BTC")
    store = RunStore(run_files, symbol)
    store.journal.append_all([{"do": "place", "id": str(n)} for n in range(7)])
    store.save(memory(), 0)
    store.close()
    (run_files / "BTCUSDT_journal.jsonl").unlink()
    store = RunStore(run_files, symbol)
    restored = store.load()
    assert restored is not None
    written = store.journal.append({"do": "place", "id": "after"})
    assert [entry.seq for entry in store.journal.records(restored.memory.journal_seq)] == [written]
    store.close()


async def walk_until_held(walk: LockStep) -> None:
    """To the first look at which there is a position."""
    while True:
        await walk.look()
        while walk.paper.step() is not None:
            if walk.paper.venue.account.open_positions():
                return
            await walk.look()
        assert await walk.open_bar()


@pytest.mark.market_data
async def test_a_stop_that_is_refused_twice_because_the_price_is_past_it_is_an_exit_now(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk_until_held(walk)
        walk.paper.misbehave(what="code", code=-2021, endpoint=_STOP, times=2)
        await walk.look()
        assert not walk.paper.venue.account.open_positions()
        assert walk.trades[-1]["label"] in ("STOP_LONG", "STOP_SHORT")
        assert int(walk.runner.run.kernel.state["stops"][0]) == 1
        check_whole(walk.runner, walk.paper)


@pytest.mark.market_data
async def test_a_stop_that_is_refused_once_is_sent_again_at_once(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk_until_held(walk)
        walk.paper.misbehave(what="code", code=-2021, endpoint=_STOP)
        await walk.look()
        assert walk.paper.venue.account.open_positions()
        check_resting(walk.paper)


@pytest.mark.market_data
async def test_a_stop_that_is_refused_for_another_reason_is_sent_again_at_the_next_look(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk_until_held(walk)
        walk.paper.misbehave(what="code", code=-4061, endpoint=_STOP)
        await walk.look()
        assert not walk.paper.venue.book.waiting()
        assert "refused stop" in {alarm.key for alarm in walk.alarms}
        await walk.look()
        check_resting(walk.paper)


@pytest.mark.market_data
async def test_entries_that_were_held_back_come_back_with_new_ids(
    market_data: Path, run_files: Path
) -> None:
    def entries(walk: LockStep) -> int:
        return sum(order.opens for order in walk.paper.venue.book.resting())

    async with LockStep(Scene.of(market_data, "BTC", "2023-03-01", 75), run_files) as walk:
        await walk.look()
        prices = Counter(order.price for order in walk.paper.venue.book.resting())
        assert entries(walk)
        walk.runner.run.memory.paused.append("test")
        await walk.look()
        assert not entries(walk)
        await walk.walk(4)
        await walk.look()
        walk.runner.run.memory.paused.remove("test")
        await walk.look()
        assert Counter(order.price for order in walk.paper.venue.book.resting()) & prices
        await walk.walk()
        check_ids(walk.paper)


@pytest.mark.market_data
async def test_what_is_remembered_does_not_grow_with_the_bars(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        while await walk.open_bar():
            await walk.walk_bar()
            run = walk.runner.run.memory
            wanted = len(walk.runner.reconciler.wanted())
            assert len(run.orders) <= 4 * wanted + 20
            assert len(run.revisions) <= 8 * wanted + 40
