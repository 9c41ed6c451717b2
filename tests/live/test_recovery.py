"""What an outage, a damaged file or an unexplained payment leaves behind. Costs 25 s."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.events import (
    Noted,
)
from engine.live.asked import BY_OPERATOR
from engine.live.health import Budgeted, Health
from engine.live.memory import Pending
from engine.live.orders import in_steps
from engine.live.stops import Stops
from engine.live.view import View
from engine.trades import PRUNE_DEVIANCE
from exchange.binance import BinanceBroker
from exchange.binance.client import Venue
from exchange.dryrun import DryRunBroker
from exchange.paper.door import ROUTES
from exchange.paper.faults import Fault
from exchange.paper.listing import load_listing
from exchange.paper.routes.endpoint import Endpoint, Security
from exchange.paper.server import PaperExchange
from tests.live.busy import busy_scene
from tests.live.harness import LockStep
from tests.live.test_stops import held, resting
from tests.live.truth import check_ids, check_resting, check_whole

COIN = load_listing("BTC", "15m", "2024-01-01", "2024-01-04")


@pytest.fixture
async def walk(market_data: Path, run_files: Path) -> AsyncIterator[LockStep]:
    """A run at the begin of a busy stretch."""
    async with LockStep(busy_scene(market_data), run_files) as walk:
        await walk.look()
        yield walk


def lots(walk: LockStep) -> list[list[tuple[Any, ...]]]:
    """Name and size of each lot, by side."""
    names = ("born", "level", "generation", "price", "qty")
    return [
        [tuple(lot[name].item() for name in names) for lot in side["lots"][: side["lot_count"]]]
        for side in walk.runner.run.kernel.state[0]["sides"]
    ]


def apart(walk: LockStep) -> float:
    """USDT by which our equity differs from the exchange's."""
    account, instruments = walk.paper.venue.account, walk.paper.venue.instruments
    price = float(instruments[walk.scene.symbol.id].price)
    there = float(account.wallet + account.profit(instruments))
    return walk.runner.run.kernel.equity_at(price) - there


async def miss(walk: LockStep, bars: int) -> None:
    """Be down while the market goes on for so many bars."""
    await walk.drop()
    for _ in range(bars):
        while walk.paper.step() is not None:
            pass
        await walk.open_bar()


def keys(walk: LockStep) -> set[str]:
    """Of the alarms that are not over."""
    view = View({})
    for event in walk.events:
        view.take(event)
    return {alarm["key"] for alarm in view.snapshot(None)["alarms"] if not alarm["over"]}


@pytest.mark.market_data
class TestADamagedState:
    async def test_after_it_no_exit_is_sent_twice_and_lots_are_what_they_were(
        self, walk: LockStep
    ) -> None:
        seen, lost = 0, set()
        while await walk.open_bar():
            await walk.look()
            exits = [
                row["label"]
                for row in walk.trades[seen:]
                if row["label"].startswith(("PRUNE", "STOP"))
            ]
            if exits:
                before = lots(walk), len(walk.paper.venue.account.trades)
                sides = walk.runner.run.kernel.state["sides"][0]
                fired = [(int(s["last_prune"]), int(s["stage1_fired"])) for s in sides]
                (walk.folder / "BTCUSDT_state.json").write_text("garbage")
                await walk.restart()
                await walk.look()
                assert (lots(walk), len(walk.paper.venue.account.trades)) == before, exits
                sides = walk.runner.run.kernel.state["sides"][0]
                assert [(int(s["last_prune"]), int(s["stage1_fired"])) for s in sides] == fired
                assert abs(apart(walk)) < 1e-6
                check_resting(walk.paper)
                await Stops(walk.runner).go_on()
                lost |= set(exits)
            seen = len(walk.trades)
            while walk.paper.step() is not None:
                await walk.look()
        assert {label.split("_")[0] for label in lost} == {"PRUNE", "STOP"}
        check_ids(walk.paper)

    async def test_after_it_an_exit_is_booked_on_the_lot_that_it_closed(
        self, walk: LockStep
    ) -> None:
        def first_side() -> int:
            return next((side for side, held in enumerate(lots(walk)) if len(held) > 1), -1)

        while first_side() < 0:
            assert walk.paper.step() is not None or await walk.open_bar()
            await walk.look()
        side = first_side()
        born, level, generation, _, qty = lots(walk)[side][-1]
        kept = lots(walk)[side][:-1]
        name = (born, level, generation)
        step = walk.runner.run.listed.market.step
        pending = Pending(side, name, in_steps(qty, step), PRUNE_DEVIANCE, 3)
        walk.runner.run.memory.pending = pending
        while not await walk.runner.exits.finish():
            pass
        assert lots(walk)[side] == kept
        (walk.folder / "BTCUSDT_state.json").write_text("garbage")
        await walk.restart()
        await walk.look()
        assert lots(walk)[side] == kept

    async def test_after_it_entries_wait_until_the_operator_has_looked(
        self, walk: LockStep
    ) -> None:
        await walk.walk(6)
        (walk.folder / "BTCUSDT_state.json").write_text("garbage")
        await walk.restart()
        await walk.walk(2)
        assert resting(walk, "entry") == 0
        assert BY_OPERATOR in walk.runner.run.memory.paused
        assert "doubt" in keys(walk)
        assert any("the last state is lost" in alarm.text for alarm in walk.alarms)
        await Stops(walk.runner).go_on()
        await walk.walk(3)
        assert resting(walk, "entry") > 0
        assert "doubt" not in keys(walk)
        check_whole(walk.runner, walk.paper)

    async def test_a_damaged_journal_is_passed_over_and_entries_wait(self, walk: LockStep) -> None:
        await walk.walk(2)
        await walk.look()
        store = walk.runner.run.store
        store.journal.append_all([{"do": "place", "id": "x"}, {"do": "place", "id": "y"}])
        path = walk.folder / "BTCUSDT_journal.jsonl"
        path.write_text(path.read_text().replace('"id":"x"', '"id":"z"'))
        await walk.restart()
        await walk.look()
        assert any("damaged; an order may have been sent" in a.text for a in walk.alarms)
        assert resting(walk, "entry") == 0
        check_whole(walk.runner, walk.paper)


@pytest.mark.market_data
class TestFundingAfterAnOutage:
    @pytest.mark.parametrize(("until", "missed"), [(61, 6), (63, 8), (90, 20), (93, 12), (94, 8)])
    async def test_it_is_what_was_paid_whatever_has_traded_since(
        self, walk: LockStep, until: int, missed: int
    ) -> None:
        while walk.bar < until:
            await walk.walk(1)
        await walk.look()
        await miss(walk, missed)
        await walk.come_back()
        await walk.look()
        await walk.walk(1)
        await walk.look()
        paid = sum(payment.amount for payment in await walk.broker.funding_paid(0))
        booked = float(walk.runner.run.kernel.state["funding"][0])
        assert paid
        assert booked == pytest.approx(float(paid), abs=1e-5)
        assert abs(apart(walk)) < 1e-5

    async def test_what_was_settled_and_never_paid_is_not_booked(
        self, walk: LockStep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nothing = Endpoint(lambda *_: [], Security.SIGNED, weight=30)
        monkeypatch.setitem(ROUTES, ("GET", "/fapi/v1/income"), nothing)
        await walk.walk()
        assert len(walk.runner.run.store.rates.rows()) > 1
        assert walk.paper.venue.account.wallet != walk.scene.params.initial_capital
        assert float(walk.runner.run.kernel.state["funding"][0]) == 0.0


@pytest.mark.market_data
class TestTheWallet:
    async def test_money_that_no_trade_explains_is_told_once_and_stays_in_the_reading(
        self, walk: LockStep
    ) -> None:
        def reading() -> tuple[str, str]:
            readings = Health(walk.runner).readings(walk.broker)
            return next((r.value, r.state) for r in readings if r.name == "wallet")

        await walk.walk(6)
        assert "wallet" not in keys(walk)
        assert reading() == ("as ours", "ok")
        walk.paper.venue.account.wallet += Decimal("-2.5")
        for _ in range(6):
            await walk.walk(1)
            if "wallet" in keys(walk):
                break
            await walk.look()
            await walk.look()
        assert "wallet" in keys(walk)
        assert reading() == ("-2.50 USDT unexplained", "warning")
        await walk.walk(4)
        assert "wallet" not in keys(walk)
        assert sum(alarm.key == "wallet" for alarm in walk.alarms) == 1
        assert reading()[1] == "warning"

    async def test_it_is_as_ours_through_all_that_happens(self, walk: LockStep) -> None:
        await walk.walk()
        assert "wallet" not in {alarm.key for alarm in walk.alarms}
        assert walk.runner.run.memory.unexplained == 0.0


@pytest.mark.market_data
class TestCandles:
    async def test_what_is_revised_is_recorded_and_no_trouble_that_lasts(
        self, walk: LockStep
    ) -> None:
        walk.paper.faults.add(Fault(what="candle_revised", share="0.001", rate=0.3))
        await walk.walk(20)
        await walk.look()
        run = walk.runner.run
        assert any("was revised" in e.text for e in walk.events if isinstance(e, Noted))
        assert not any("revised" in key for key in keys(walk))
        assert run.store.candles.rows() == run.history.rows()

    async def test_one_that_is_missing_among_others_is_asked_for_again(
        self, walk: LockStep
    ) -> None:
        await miss(walk, 6)
        await walk.come_back()
        walk.paper.faults.add(Fault(what="candle_missing", rate=1.0, times=2))
        await walk.look()
        await walk.look()
        times = walk.runner.run.history.time
        assert set((times[1:] - times[:-1]).tolist()) == {900_000}


@pytest.mark.market_data
async def test_what_is_refused_is_over_with_the_bar_in_which_it_was_not_refused_again(
    walk: LockStep,
) -> None:
    while not held(walk, "LONG"):
        await walk.walk(1)
    walk.paper.faults.add(
        Fault(what="code", code=-4061, endpoint="POST /fapi/v1/algoOrder", rate=1.0)
    )
    await walk.walk(4)
    assert "refused stop" in keys(walk)
    walk.paper.faults.clear()
    await walk.walk(3)
    assert not {key for key in keys(walk) if key.startswith("refused")}


@pytest.mark.market_data
async def test_fills_that_are_not_due_wait_with_all_that_came_after_them(walk: LockStep) -> None:
    await walk.walk(8)
    run = walk.runner.run
    fills = await walk.broker.trades_since(None)
    assert len(fills) > 2
    due = fills[0].time_ms
    run.memory.last_trade_id = 0
    run._waiting = [fills[1], fills[0]]
    later = max(fills[1].time_ms, due + 1)
    assert not run.book_fills(min(later, fills[1].time_ms))
    assert run._waiting == [fills[1], fills[0]]


@pytest.mark.market_data
async def test_a_trade_between_two_answers_is_no_difference(walk: LockStep) -> None:
    while not held(walk, "LONG"):
        await walk.walk(1)
    await walk.look()
    account = walk.paper.venue.account
    account.position(walk.scene.symbol.id, "LONG").amount += Decimal("0.001")

    async def sleep_ms(ms: float) -> None:
        assert ms >= 500
        account.position(walk.scene.symbol.id, "LONG").amount -= Decimal("0.001")

    walk.runner.run.clock.sleep_ms = sleep_ms  # type: ignore[method-assign]
    assert await walk.runner.reconciler.check_positions()
    assert walk.runner.run.memory.paused == []
    assert "positions" not in {alarm.key for alarm in walk.alarms}


async def test_a_dry_run_tells_of_the_budget_of_its_market() -> None:
    async with PaperExchange([COIN], start="2024-01-03") as paper:
        paper.open_bar()
        market = BinanceBroker("BTC", venue=Venue(base_url=paper.url))
        broker = DryRunBroker(market)
        await broker.mark_price()
        assert isinstance(broker, Budgeted)
        assert broker.weight == market.weight
        assert broker.weight[0] > 0
        assert broker.quiet_s == 0.0
        await broker.close()
