"""Every way to stop, and whose a position is. Costs about 15 s."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.events import Noted
from engine.live.health import Health
from engine.live.loop import LiveLoop
from engine.live.repair import Repair
from engine.live.stops import Stops
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import NewOrder
from exchange.client_ids import ClientId, Role, Side
from exchange.outcomes import Failure
from exchange.paper.faults import Fault
from exchange.paper.server import PAPER_KEYS
from state.control import CommandError
from tests.live.busy import busy_scene
from tests.live.harness import LockStep
from tests.live.truth import check_whole

pytestmark = pytest.mark.market_data


@pytest.fixture
async def walk(market_data: Path, run_files: Path) -> AsyncIterator[LockStep]:
    """A run in the middle of a busy stretch, both sides held."""
    async with LockStep(busy_scene(market_data), run_files) as walk:
        while not all(held(walk, side) for side in ("LONG", "SHORT")):
            await walk.walk(1)
        await walk.look()
        yield walk


def held(walk: LockStep, side: str) -> Decimal:
    return abs(walk.paper.venue.account.position(walk.scene.symbol.id, side).amount)


def resting(walk: LockStep, role: str) -> int:
    """Orders of a role at the exchange."""
    book = walk.paper.venue.book
    names = [o.client_id for o in book.resting()] + [s.client_id for s in book.waiting()]
    ids = [ClientId.parse(name) for name in names]
    return sum(1 for client_id in ids if client_id is not None and client_id.role == role)


async def trade_by_hand(walk: LockStep, side: Side, role: Role, qty: str) -> None:
    """An order of somebody else on the same account, at market."""
    symbol = walk.scene.symbol.id
    keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=walk.paper.url)
    async with BinanceBroker(walk.scene.coin, keys, venue) as broker:
        if role == "exit":
            # open take-profits count against the position: a person would cancel them first
            for order in await broker.open_orders():
                if order.side == side and order.ours and order.ours.role.endswith("profit"):
                    await broker.cancel(order.ours)
            market = (await broker.market()).market
            client_id = ClientId("hand", walk.bar, side, "exit")
            await broker.place(NewOrder(market, client_id, Decimal(qty)))
            return
        order_side = "BUY" if side == "long" else "SELL"
        request = {"symbol": symbol, "side": order_side, "positionSide": side.upper()}
        request |= {"type": "MARKET", "quantity": qty, "newClientOrderId": f"by-hand-{walk.bar}"}
        await broker._client.write("fapiPrivatePostOrder", request)


class TestPausing:
    async def test_a_pause_takes_the_entries_and_nothing_else(self, walk: LockStep) -> None:
        stops = Stops(walk.runner)
        kept = resting(walk, "stop"), resting(walk, "near take-profit")
        for _ in range(2):
            assert "paused" in await stops.pause()
        assert resting(walk, "entry") == 0
        assert (resting(walk, "stop"), resting(walk, "near take-profit")) == kept
        await walk.walk(5)
        assert resting(walk, "entry") == 0
        assert not walk.runner.unprotected()

    async def test_going_on_lays_the_entries_again(self, walk: LockStep) -> None:
        stops = Stops(walk.runner)
        await stops.pause()
        await walk.walk(2)
        assert "again" in await stops.go_on()
        await walk.walk(4)
        assert resting(walk, "entry") > 0
        check_whole(walk.runner, walk.paper)

    async def test_going_on_promises_no_entries_that_the_circuit_breaker_keeps_away(
        self, walk: LockStep
    ) -> None:
        stops = Stops(walk.runner)
        await stops.pause()
        walk.runner.run.kernel.state["halted"][0] = 1
        assert await stops.go_on() == (
            "the pause is over, but the circuit breaker has halted: no entries yet"
        )

    async def test_a_pause_outlives_a_restart(self, walk: LockStep) -> None:
        await Stops(walk.runner).pause()
        await walk.restart()
        await walk.walk(3)
        assert resting(walk, "entry") == 0


class TestStopping:
    async def test_a_graceful_stop_leaves_positions_with_stops_and_take_profits(
        self, walk: LockStep
    ) -> None:
        before = held(walk, "LONG"), held(walk, "SHORT")
        for _ in range(2):
            said = await Stops(walk.runner).graceful()
        assert said.startswith("entries cancelled, state saved; long ")
        assert said.count(" with 1 stop and ") == 2
        assert (held(walk, "LONG"), held(walk, "SHORT")) == before
        assert resting(walk, "entry") == 0
        assert resting(walk, "stop") == 2
        assert resting(walk, "near take-profit") > 0

    async def test_it_is_not_done_before_the_exchange_has_confirmed_it(
        self, walk: LockStep
    ) -> None:
        walk.paper.misbehave(what="code", code=-1008, endpoint="DELETE /fapi/v1/order", times=1)
        with pytest.raises(Failure):
            await Stops(walk.runner).graceful()
        assert "state saved" in await Stops(walk.runner).graceful()
        assert resting(walk, "entry") == 0

    async def test_flatten_closes_both_sides_and_leaves_no_order(self, walk: LockStep) -> None:
        for _ in range(2):
            assert "flat" in await Stops(walk.runner).flatten()
        assert held(walk, "LONG") == held(walk, "SHORT") == 0
        assert not walk.paper.venue.book.resting()
        assert not walk.paper.venue.book.waiting()
        assert {row["label"] for row in walk.trades[-2:]} == {"FINAL_CLOSE"}
        check_whole(walk.runner, walk.paper)

    @pytest.mark.parametrize("executed", [False, True])
    async def test_flatten_goes_on_after_every_cut(self, walk: LockStep, executed: bool) -> None:
        walk.paper.faults.add(Fault(what="drop", executed=executed, rate=0.3))
        for _ in range(60):
            try:
                await Stops(walk.runner).flatten()
                break
            except Failure:
                assert not walk.runner.unprotected() or held(walk, "LONG") + held(walk, "SHORT")
        walk.paper.faults.clear()
        await Stops(walk.runner).flatten()
        assert held(walk, "LONG") == held(walk, "SHORT") == 0
        closed = [row for row in walk.trades if row["label"] == "FINAL_CLOSE"]
        assert len(closed) == 2
        check_whole(walk.runner, walk.paper)

    async def test_at_the_equity_limit_everything_is_closed(self, walk: LockStep) -> None:
        memory = walk.runner.run.memory
        memory.peak_equity = 2 * float(walk.runner.run.kernel.state["equity"][0])
        health = Health(walk.runner)
        loop = LiveLoop(walk.runner, health, walk.events.append)
        assert "flat" in await loop.run()
        assert health.drawdown > 0.25
        assert any(alarm.key == "equity limit" for alarm in walk.alarms)
        assert held(walk, "LONG") == held(walk, "SHORT") == 0


class TestWhoseAPositionIs:
    async def test_what_a_person_closes_is_booked_at_its_price(self, walk: LockStep) -> None:
        await trade_by_hand(walk, "long", "exit", "0.001")
        await walk.look()
        assert walk.trades[-1]["label"] == "EXTERNAL_CLOSE"
        assert walk.trades[-1]["qty"] == pytest.approx(0.001)
        assert any("not ours" in alarm.text for alarm in walk.alarms)
        check_whole(walk.runner, walk.paper)
        assert walk.runner.run.memory.paused == []

    async def test_what_a_person_opens_is_left_alone(self, walk: LockStep) -> None:
        before = held(walk, "LONG")
        await trade_by_hand(walk, "long", "entry", "0.004")
        walk.runner.look_at_orders()
        await walk.look()
        assert held(walk, "LONG") == before + Decimal("0.004")
        assert walk.runner.run.memory.not_ours[0] == Decimal("0.004")
        assert walk.runner.run.memory.paused == []
        await walk.walk(3)
        assert held(walk, "LONG") >= Decimal("0.004")

    async def test_what_is_not_ours_and_remains_is_named_when_all_of_ours_is_closed(
        self, walk: LockStep
    ) -> None:
        await trade_by_hand(walk, "long", "entry", "0.004")
        await walk.look()
        said = await Stops(walk.runner).flatten()
        assert said.startswith("ours is flat: ")
        assert said.endswith("; not ours remain: long 0.004")
        assert held(walk, "LONG") == Decimal("0.004")

    async def test_a_stop_that_is_cancelled_elsewhere_is_told_and_laid_again(
        self, walk: LockStep
    ) -> None:
        keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=walk.paper.url)
        async with BinanceBroker(walk.scene.coin, keys, venue) as broker:
            for order in await broker.open_orders():
                if order.side == "short" and order.ours and order.ours.role == "stop":
                    await broker.cancel(order.ours)
        walk.runner.look_at_orders()
        await walk.look()
        noted = [event.text for event in walk.events if isinstance(event, Noted)]
        assert [text for text in noted if text.startswith("our short stop of ")]
        assert "was cancelled elsewhere" in noted[-1]
        assert not walk.runner.unprotected()

    async def test_it_becomes_a_lot_when_the_operator_adopts_it(self, walk: LockStep) -> None:
        await trade_by_hand(walk, "long", "entry", "0.004")
        await walk.look()
        assert "adopted" in await Repair(walk.runner).adopt()
        assert walk.runner.run.memory.not_ours[0] == 0
        side = walk.runner.run.kernel.state[0]["sides"][0]
        assert float(side["qty"]) == pytest.approx(float(held(walk, "LONG")))
        assert not walk.runner.unprotected()

    async def test_an_unexplained_difference_pauses_entries_until_it_is_settled(
        self, walk: LockStep
    ) -> None:
        await trade_by_hand(walk, "short", "exit", "0.001")
        # a trade that the exchange never shows
        shown = await walk.broker.trades_since(walk.runner.run.memory.last_trade_id)
        walk.runner.run.memory.last_trade_id = shown[-1].trade_id
        walk.runner.look_at_orders()
        await walk.look()
        assert walk.runner.run.memory.paused == ["positions"]
        await walk.walk(2)
        assert resting(walk, "entry") == 0
        with pytest.raises(CommandError, match=r"`gridtui adopt` books what is gone"):
            await Repair(walk.runner).disown()
        assert "gone" in await Repair(walk.runner).adopt()
        assert walk.runner.run.memory.paused == []
        assert walk.trades[-1]["label"] == "EXTERNAL_CLOSE"

    async def test_what_is_disowned_is_left_alone(self, walk: LockStep) -> None:
        await trade_by_hand(walk, "long", "entry", "0.004")
        shown = await walk.broker.trades_since(walk.runner.run.memory.last_trade_id)
        walk.runner.run.memory.last_trade_id = shown[-1].trade_id
        walk.runner.look_at_orders()
        await walk.look()
        assert walk.runner.run.memory.paused == ["positions"]
        assert "not ours" in await Repair(walk.runner).disown()
        assert walk.runner.run.memory.not_ours[0] == Decimal("0.004")
        assert walk.runner.run.memory.paused == []
