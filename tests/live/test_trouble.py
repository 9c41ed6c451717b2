"""What a run does when single things go wrong that keep positions protected. Costs 15 s."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import state.durable
from engine.events import Alarm
from engine.live.asked import FLATTENING
from engine.live.health import BARE, Health
from engine.live.loop import LiveLoop
from engine.live.stops import Stops
from engine.wording import lasting
from exchange.outcomes import Failure
from exchange.paper.faults import Fault
from exchange.paper.server import Served
from exchange.timeframe import DAY_MS
from state.errors import StateError
from tests.live.busy import busy_scene
from tests.live.harness import LockStep
from tests.live.test_outage import Watched
from tests.live.test_stops import held, resting
from tests.live.truth import check_resting, check_whole

pytestmark = pytest.mark.market_data

_CANCEL, _STOP = "DELETE /fapi/v1/order", "POST /fapi/v1/algoOrder"


@pytest.fixture
async def watched(market_data: Path, run_files: Path) -> AsyncIterator[Watched]:
    """A run in the middle of a busy stretch, both sides held."""
    async with LockStep(busy_scene(market_data), run_files) as walk:
        while not all(held(walk, side) for side in ("LONG", "SHORT")):
            await walk.walk(1)
        await walk.look()
        yield Watched(walk)


def entry_ids(walk: LockStep) -> set[str]:
    """Of the entries at the exchange."""
    return {order.client_id for order in walk.paper.venue.book.resting() if order.opens}


def alarm_keys(walk: LockStep) -> set[str]:
    return {alarm.key for alarm in walk.alarms}


class FullDisk:
    """The module `os` as `state` sees it: nothing can be written any more."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, *_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestFailuresInARow:
    async def test_entries_are_gone_at_the_sixth_and_not_before(self, watched: Watched) -> None:
        walk = watched.walk
        before = entry_ids(walk)
        watched.fail("GET /fapi/v1/userTrades")
        for _ in range(5):
            await watched.loop._once()
        assert entry_ids(walk) == before
        await watched.loop._once()
        assert not entry_ids(walk)
        assert "errors" in alarm_keys(walk)
        await watched.recover()
        assert entry_ids(walk)

    async def test_entries_that_could_not_be_cancelled_keep_their_places(
        self, watched: Watched
    ) -> None:
        walk = watched.walk
        before = entry_ids(walk)
        walk.paper.faults.add(Fault(what="http", status=500, rate=1.0))
        for _ in range(8):
            await watched.loop._once()
        assert walk.runner.run.memory.paused == ["errors"]
        await watched.recover()
        assert walk.runner.run.memory.paused == []
        assert entry_ids(walk) == before


class TestCancels:
    async def test_an_order_whose_cancel_is_refused_rests_still(self, watched: Watched) -> None:
        walk = watched.walk
        before = entry_ids(walk)
        restricted = Fault(what="code", code=-4087, endpoint=_CANCEL, rate=1.0)
        walk.paper.faults.add(restricted)
        for ending in (watched.loop.stops.pause, watched.loop.stops.graceful):
            with pytest.raises(Failure, match=f"{len(before)} entries"):
                await ending()
        assert entry_ids(walk) == before
        walk.paper.faults.remove(restricted)
        assert "paused" in await watched.loop.stops.pause()
        assert not entry_ids(walk)

    async def test_an_order_that_is_said_to_be_gone_is_asked_for(self, watched: Watched) -> None:
        walk = watched.walk
        walk.paper.faults.add(Fault(what="code", code=-2011, endpoint=_CANCEL, rate=1.0))
        with pytest.raises(Failure, match="entries"):
            await watched.loop.stops.pause()
        walk.paper.faults.clear()
        assert "paused" in await watched.loop.stops.pause()
        assert not entry_ids(walk)

    async def test_stops_go_first(self, watched: Watched) -> None:
        walk, served = watched.walk, []
        side = walk.runner.run.kernel.state[0]["sides"][0]
        side["stop_price"] *= 0.99
        walk.runner.run.memory.paused.append("test")

        def note(each: Served) -> None:
            served.append(f"{each.method} {each.path}")

        walk.paper.on_served.append(note)
        await walk.look()
        assert _CANCEL in served
        assert served.index(_STOP) < served.index(_CANCEL)
        check_resting(walk.paper)

    async def test_an_order_that_was_forgotten_comes_back_with_what_is_booked_of_it(
        self, market_data: Path, run_files: Path
    ) -> None:
        async with LockStep(busy_scene(market_data), run_files) as walk:
            walk.paper.faults.add(Fault(what="partial", rate=1.0))
            await walk.look()
            while not walk.paper.venue.account.trades:
                if walk.paper.step() is None:
                    assert await walk.open_bar()
                    await walk.look()
            memory = walk.runner.run.memory
            name = walk.paper.venue.account.trades[-1].order.client_id
            del memory.orders[name]
            await walk.runner.reconciler.read_orders()
            found = memory.orders[name]
            assert found.booked == 0 < found.filled < found.qty
            walk.paper.faults.clear()
            await walk.look()
            check_whole(walk.runner, walk.paper)
            check_resting(walk.paper)


class TestEndings:
    async def test_a_full_disk_takes_the_entries_along(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        walk = watched.walk
        assert entry_ids(walk)
        await walk.walk_bar()
        await walk.open_bar()
        monkeypatch.setattr(state.durable, "os", FullDisk())
        with pytest.raises(StateError, match="No space"):
            await watched.loop.run()
        assert not entry_ids(walk)
        ended = next(alarm for alarm in walk.alarms if alarm.key == "ended")
        assert "its entries are cancelled" in ended.text
        monkeypatch.undo()
        await walk.restart()
        await walk.look()
        check_whole(walk.runner, walk.paper)
        check_resting(walk.paper)

    async def test_it_says_which_entries_an_unplanned_end_leaves(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        walk = watched.walk
        left = len(entry_ids(walk))
        await walk.walk_bar()
        await walk.open_bar()
        watched.fail(_CANCEL)
        monkeypatch.setattr(state.durable, "os", FullDisk())
        with pytest.raises(StateError):
            await watched.loop.run()
        ended = next(alarm for alarm in walk.alarms if alarm.key == "ended")
        assert f"{len(entry_ids(walk))} entries may rest still" in ended.text
        assert left

    async def test_closing_everything_is_gone_on_with_after_a_crash(self, watched: Watched) -> None:
        walk = watched.walk
        watched.fail("POST /fapi/v1/order")
        with pytest.raises(Failure):
            await watched.loop.stops.flatten()
        walk.paper.faults.clear()
        await walk.restart()
        assert FLATTENING in walk.runner.run.memory.paused
        loop = LiveLoop(walk.runner, Health(walk.runner), walk.tell)
        assert "flat" in await loop.run()
        assert FLATTENING in alarm_keys(walk)
        assert held(walk, "LONG") == held(walk, "SHORT") == 0
        check_whole(walk.runner, walk.paper)

    async def test_a_run_whose_closing_is_done_trades_when_it_is_gone_on_with(
        self, watched: Watched
    ) -> None:
        walk = watched.walk
        await watched.loop.stops.flatten()
        await walk.restart()
        assert walk.runner.run.memory.paused == []
        await walk.walk(3)
        assert entry_ids(walk)

    async def test_a_stop_is_over_once_the_run_goes_on(self, watched: Watched) -> None:
        walk = watched.walk
        await watched.loop.stops.graceful()
        await walk.restart()
        loop = LiveLoop(walk.runner, Health(walk.runner), walk.tell)
        loop.flatten()
        assert "flat" in await loop.run()
        assert walk.runner.run.memory.paused == []


class TestUnprotectedTime:
    async def test_a_fill_while_the_run_is_down_counts_from_when_it_filled(
        self, market_data: Path, run_files: Path
    ) -> None:
        async with LockStep(busy_scene(market_data), run_files) as walk:
            await walk.look()
            await walk.drop()
            while not walk.paper.venue.account.open_positions():
                if walk.paper.step() is None:
                    walk.paper.open_bar()
            filled_ms = walk.paper.venue.account.trades[-1].time_ms
            while walk.paper.step() is not None:
                pass
            walk.paper.open_bar()
            await walk.come_back()
            watched = Watched(walk)
            await watched.loop._once()
            bare_s = (walk.paper.clock.market_ms - filled_ms) / 1000
            assert bare_s > 60
            assert watched.health.unprotected_s == pytest.approx(bare_s, abs=1)
            told = [e.text for e in walk.events if isinstance(e, Alarm) and e.key == BARE]
            assert told[:1] == [
                f"unprotected: for {lasting(bare_s)} a position was without a stop for all of it "
                "at the exchange"
            ]
            await walk.restart()
            assert Health(walk.runner).unprotected_s == pytest.approx(bare_s, abs=1)

    async def test_it_is_a_warning_for_a_day_and_counted_in_the_time_of_the_bot(
        self, watched: Watched
    ) -> None:
        run = watched.walk.runner.run
        run.memory.unprotected_ms = 26_580_000
        for ago_ms, grade in ((DAY_MS - 60_000, "warning"), (DAY_MS + 60_000, "ok")):
            run.memory.naked_until_ms = run.clock.now_ms() - ago_ms
            for speed in (1.0, 900.0):
                readings = Health(watched.walk.runner, speed).readings(watched.walk.broker)
                found = next(each for each in readings if each.name == "unprotected")
                assert (found.value, found.state) == ("7h23", grade)

    async def test_it_goes_on_over_a_crash(self, watched: Watched) -> None:
        walk = watched.walk
        watched.fail(_STOP)
        before_s = watched.health.unprotected_s
        while watched.health.unprotected_s == before_s:
            await watched.bars(1)
        began_ms = walk.runner.run.memory.naked_since_ms
        await walk.restart()
        assert walk.runner.run.memory.naked_since_ms == began_ms


class TestThePrice:
    async def test_the_equity_limit_holds_while_the_mark_price_cannot_be_read(
        self, watched: Watched
    ) -> None:
        walk = watched.walk
        walk.runner.run.memory.peak_equity *= 2
        watched.fail("GET /fapi/v1/premiumIndex")
        assert "flat" in await watched.loop.run()
        assert "equity limit" in alarm_keys(walk)
        assert held(walk, "LONG") == held(walk, "SHORT") == 0

    @pytest.mark.parametrize("also", [None, "GET /fapi/v3/positionRisk"])
    async def test_a_price_that_is_a_minute_old_is_an_alarm(
        self, also: str | None, watched: Watched
    ) -> None:
        walk = watched.walk
        await watched.loop._once()
        assert self.reading(watched) == "ok"
        watched.fail("GET /fapi/v1/premiumIndex")
        if also:
            watched.fail(also)
        await watched.bars(1)
        assert self.reading(watched) == "bad"
        assert "price" in alarm_keys(walk)
        await watched.recover()
        assert self.reading(watched) == "ok"

    async def test_a_position_without_a_stop_is_an_alarm_until_it_has_one(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("engine.live.loop._HEALTH_S", 0.001)
        walk = watched.walk
        report = asyncio.create_task(watched.loop._report())
        watched.fail(_STOP)
        await watched.bars(5)
        await told(walk, over=False)
        await watched.recover()
        await told(walk, over=True)
        report.cancel()
        await asyncio.gather(report, return_exceptions=True)

    def reading(self, watched: Watched) -> str:
        readings = watched.health.readings(watched.walk.broker)
        return next(each.state for each in readings if each.name == "price")


async def told(walk: LockStep, *, over: bool) -> None:
    """Until the newest that was told of what is unprotected is that it is over, or is not."""
    async with asyncio.timeout(10):
        while [
            event.over
            for event in walk.events
            if isinstance(event, Alarm) and event.key == "health: unprotected"
        ][-1:] != [over]:
            await asyncio.sleep(0.01)


async def test_the_other_side_is_closed_though_one_cannot_be(watched: Watched) -> None:
    walk = watched.walk
    place = {"endpoint": "POST /fapi/v1/order", "side": "SELL"}
    walk.paper.faults.add(Fault(what="code", code=-4131, rate=1.0, **place))
    with pytest.raises(Failure, match="long"):
        await Stops(walk.runner).flatten()
    assert held(walk, "LONG") > 0
    assert held(walk, "SHORT") == 0
    assert resting(walk, "stop") == 1
    assert resting(walk, "entry") == 0
    await watched.recover()
