"""Who is behind a request, in what a run tells of it. Costs about 6 s."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.events import OrderAnswered, OrderSent
from engine.live.asked import BY_ERRORS, by_operator
from engine.live.health import Health
from engine.live.loop import LiveLoop
from engine.live.memory import Pending
from engine.live.repair import Repair
from engine.live.stops import Stops
from engine.trades import LABELS, PRUNE_GAP, STOP_LONG
from exchange.client_ids import ClientId
from exchange.paper.faults import Fault
from state.errors import StateError
from tests.live.busy import busy_scene
from tests.live.harness import LockStep

pytestmark = pytest.mark.market_data

SCREENS = "the screens, process 7"


@pytest.fixture
async def walk(market_data: Path, run_files: Path) -> AsyncIterator[LockStep]:
    """A run in the middle of a busy stretch, both sides held, whose events are forgotten."""
    async with LockStep(busy_scene(market_data), run_files) as walk:
        while not all(
            walk.paper.venue.account.position("BTCUSDT", side).amount for side in ("LONG", "SHORT")
        ):
            await walk.walk(1)
        await walk.look()
        walk.events.clear()
        yield walk


def askers(walk: LockStep) -> set[tuple[str, str, str]]:
    """(verb, role, who) of what was sent."""
    return {(sent.verb, role_of(sent), sent.by) for sent in sent_by(walk)}


def sent_by(walk: LockStep) -> list[OrderSent]:
    return [event for event in walk.events if isinstance(event, OrderSent)]


def role_of(sent: OrderSent) -> str:
    parsed = ClientId.parse(sent.client_id)
    assert parsed is not None
    return parsed.role


async def test_what_the_rules_want_is_the_strategys_and_an_exit_has_its_reason(
    walk: LockStep,
) -> None:
    await walk.walk(30)
    whos = {who for _, _, who in askers(walk)}
    exits = {who for _, role, who in askers(walk) if role == "exit"}
    assert whos - exits == {"strategy", "guard: circuit breaker"}
    labels = {row["label"] for row in walk.trades if row["label"].startswith("PRUNE")}
    assert labels
    assert {f"strategy: {label}" for label in labels} <= exits


async def test_a_pause_and_its_end_are_the_operators(walk: LockStep) -> None:
    stops = Stops(walk.runner)
    by = by_operator("pause", SCREENS)
    await stops.pause(by)
    assert askers(walk) == {("cancel", "entry", "operator: pause, by the screens, process 7")}
    walk.events.clear()
    await stops.go_on(by_operator("resume", "gridtui resume"))
    assert askers(walk) == {("place", "entry", "operator: resume, by gridtui resume")}
    walk.events.clear()
    await walk.walk(4)
    assert {who.partition(":")[0] for _, _, who in askers(walk)} == {"strategy"}


async def test_what_a_pause_could_not_cancel_at_once_is_still_its(walk: LockStep) -> None:
    stops, by = Stops(walk.runner), by_operator("pause", SCREENS)
    down = Fault(what="http", status=503, endpoint="DELETE /fapi/v1/order", rate=1.0)
    walk.paper.faults.add(down)
    with pytest.raises(Exception, match="entries"):
        await stops.pause(by)
    walk.paper.faults.clear()
    walk.events.clear()
    await walk.look()
    assert askers(walk) == {("cancel", "entry", by)}


async def test_closing_everything_is_asked_for_by_who_wanted_it(walk: LockStep) -> None:
    loop = LiveLoop(walk.runner, Health(walk.runner), walk.tell)
    loop.stop(by_operator("stop", "key S"))
    loop.flatten(by_operator("flatten", SCREENS))
    loop.flatten(by_operator("flatten", "somebody later"))
    assert "flat" in await loop.run()
    by = "operator: flatten, by the screens, process 7"
    assert {who for _, _, who in askers(walk)} == {by}
    assert {("place", "exit", by), ("cancel", "stop", by)} <= askers(walk)


async def test_a_shutdown_and_the_equity_limit_say_so(walk: LockStep) -> None:
    loop = LiveLoop(walk.runner, Health(walk.runner), walk.tell)
    loop.stop("shutdown: SIGTERM")
    await loop.run()
    assert askers(walk) == {("cancel", "entry", "shutdown: SIGTERM")}
    await walk.restart()
    walk.events.clear()
    walk.runner.run.memory.peak_equity *= 2
    assert "flat" in await LiveLoop(walk.runner, Health(walk.runner), walk.tell).run()
    exits = {who for _, role, who in askers(walk) if role == "exit"}
    assert exits == {"guard: equity limit"}


async def test_a_run_that_goes_on_puts_orders_back_before_it_decides(walk: LockStep) -> None:
    for order in await walk.broker.open_orders():
        assert order.ours is not None
        await walk.broker.cancel(order.ours)
    await walk.restart()
    await walk.look()
    assert {who for _, _, who in askers(walk)} == {"resume: the run goes on"}
    walk.events.clear()
    await walk.walk(4)
    assert {who.partition(":")[0] for _, _, who in askers(walk)} == {"strategy"}


async def test_entries_that_errors_keep_away_are_a_guards(walk: LockStep) -> None:
    walk.runner.run.memory.paused.append(BY_ERRORS)
    await walk.runner.protect()
    assert askers(walk) == {("cancel", "entry", "guard: too many failures in a row")}


async def test_what_the_circuit_breaker_cancels_is_a_guards(walk: LockStep) -> None:
    run = walk.runner.run
    run.kernel.state["halted"] = 1
    run.kernel.state[0]["sides"]["entry_count"] = 0
    await walk.look()
    assert askers(walk) == {("cancel", "entry", "guard: circuit breaker")}


async def test_an_exit_in_place_of_a_refused_stop_is_a_guards(walk: LockStep) -> None:
    asked = walk.runner.run.asked
    lot = walk.runner.run.kernel.state[0]["sides"][0]["qty"]
    instead = Pending(0, None, lot, STOP_LONG, 101, stop=True)
    assert asked.to_exit(instead) == "guard: a stop was refused"
    pruned = Pending(0, None, lot, PRUNE_GAP, 1)
    assert asked.to_exit(pruned) == f"strategy: {LABELS[PRUNE_GAP]}"


async def test_what_follows_from_adopting_is_the_operators(walk: LockStep) -> None:
    side = walk.runner.run.kernel.state[0]["sides"][0]
    side["stop_price"] *= 0.99
    await Repair(walk.runner).adopt(by_operator("adopt", "gridtui adopt"))
    assert {("place", "stop", "operator: adopt, by gridtui adopt")} <= askers(walk)


async def test_entries_that_a_run_takes_with_it_are_in_the_audit_too(walk: LockStep) -> None:
    loop = LiveLoop(walk.runner, Health(walk.runner), walk.tell)
    broken = asyncio.Event()

    async def full() -> None:
        broken.set()
        raise StateError("cannot write: no space left")

    walk.runner.tick = full  # type: ignore[method-assign]
    with pytest.raises(StateError):
        await loop.run()
    assert broken.is_set()
    sent = {each.client_id for each in sent_by(walk)}
    assert {who for _, _, who in askers(walk)} == {"guard: the run ends by an error"}
    answers = {e.client_id: e.answer for e in walk.events if isinstance(e, OrderAnswered)}
    assert answers == dict.fromkeys(sent, "cancelled")
