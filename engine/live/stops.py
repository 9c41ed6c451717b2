"""The ways to stop. Each can be asked for twice, and is done only when the exchange shows it."""

import asyncio
import contextlib
from decimal import Decimal

from engine.account import SIDE_NAMES
from engine.live.asked import BY_OPERATOR, FLATTENING, RUN_ENDS, STOPPING, by_operator
from engine.live.farewell import left_behind, remains
from engine.live.kept import Kept
from engine.live.memory import Pending
from engine.live.orders import Sent, in_steps
from engine.live.runner import LiveRunner
from engine.trades import FINAL_CLOSE
from exchange.outcomes import Failure, NotAuthorised, Refused, Throttled, Unreachable
from state.errors import StateError

_FLATTEN_STEP = 900
_LOOKS = 3
_LEAVING_S = 30.0
"""Who restarts a run that has ended must not wait longer for it."""


class Stops:
    """Pause, graceful stop and flatten of one run; `by`: see `engine.live.asked`."""

    def __init__(self, runner: LiveRunner) -> None:
        self._runner = runner
        self._exits = 0

    async def pause(self, by: str = by_operator("pause")) -> str:
        """Cancel the entries and lay no new ones; take-profits and stops stay.

        Raises:
            Failure: the exchange has not confirmed it; call again.
        """
        await self._without_entries(BY_OPERATOR, by)
        return "entries are paused; take-profits and stops stay"

    async def go_on(self, by: str = by_operator("resume")) -> str:
        """Take back a pause by the operator.

        Raises:
            Failure: the entries could not all be laid; the run tries again by itself.
        """
        memory = self._runner.run.memory
        if BY_OPERATOR in memory.paused:
            memory.paused.remove(BY_OPERATOR)
            self._runner.run.save()
            self._runner.run.asked.act_for(by)
            await self._runner.tick()
        others = ", ".join(memory.paused)
        if others:
            return f"still paused: {others}"
        if self._runner.run.kernel.state["halted"][0]:
            return "the pause is over, but the circuit breaker has halted: no entries yet"
        return "entries are laid again"

    async def graceful(self, by: str = by_operator("stop")) -> str:
        """Cancel the entries, leave take-profits and stops at the exchange, save the state.

        Raises:
            Failure: the exchange has not confirmed it; call again.
        """
        (await self._without_entries(STOPPING, by)).throw()
        run = self._runner.run
        naked = self._runner.unprotected()
        if naked:
            raise Unreachable(f"the stop of the {' and '.join(naked)} position does not rest yet")
        run.save()
        return f"entries cancelled, state saved; {left_behind(run)}"

    async def flatten(self, by: str = by_operator("flatten")) -> str:
        """Close both sides at market and cancel every order of ours.

        Raises:
            Failure: the exchange has not confirmed it; call again. What is open keeps its stop.
        """
        runner, run = self._runner, self._runner.run
        async with runner.lock:
            self._pause_for(FLATTENING, by)
            run.asked.act_for(by)
            for _ in range(_LOOKS):
                kept = Kept()
                await self._look(kept)
                if kept or not (run.memory.alive or self._held()):
                    break
            if kept and (run.memory.alive or self._held()):
                raise _still(self._open(), kept)
            kept.throw()
            if not await runner.reconciler.check_positions() or run.memory.alive or self._held():
                raise Unreachable(f"still open: {self._open()}")
            run.memory.paused.remove(FLATTENING)
            run.save()
        stuck = run.less_than_a_step()
        rest = f"; {stuck} is less than a step and stays" if stuck else ""
        theirs = remains(run)
        flat = "ours is flat" if theirs else "flat"
        rest += f"; not ours remain: {theirs}" if theirs else ""
        return f"{flat}: every order of ours is cancelled, both sides are closed{rest}"

    async def leave(self, error: Exception) -> None:
        """Before a run ends that nobody has stopped: cancel its entries, for what fills afterwards
        would get no stop. Needs no disk; says what could not be done."""
        run = self._runner.run
        kept = Kept()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                for sent in self._entries():
                    await kept.of(run.desk.drop(sent, by=RUN_ENDS))
        left = self._entries()
        words = "its entries are cancelled"
        if left:
            why = f" ({kept.gravest})" if kept else ""
            words = f"{len(left)} entries may rest still{why}: cancel them by hand"
        naked = " and ".join(self._runner.unprotected())
        if naked:
            words += f"; the {naked} position has no stop for all of it: go on at once, or close it"
        # what is wrong with the disk has its own alarm
        why = "" if isinstance(error, StateError) else f" ({error})"
        run.alarm("ended", f"the run ends{why}; {words}; --resume goes on")

    async def _look(self, kept: Kept) -> None:
        """One attempt: one side's trouble does not keep the other from being closed."""
        runner, run = self._runner, self._runner.run
        await kept.of(run.desk.settle())
        await kept.of(run.read_fills())
        run.book_fills()
        for side in range(len(SIDE_NAMES)):
            await kept.of(self._close(side))
        await kept.of(runner.reconciler.settle_difference(opening=False))
        await kept.of(runner.reconciler.read_orders())

    async def _without_entries(self, reason: str, by: str) -> Kept:
        """Have no entry rest; what else has failed on the way.

        Raises:
            Failure: an entry rests, or it cannot be seen that none does.
        """
        runner = self._runner
        async with runner.lock:
            self._pause_for(reason, by)
        kept = Kept()
        await kept.of(runner.protect())
        async with runner.lock:
            # that they are gone is seen where they rested
            seen = await kept.of(runner.reconciler.read_orders())
        if self._entries():
            raise _still(f"{len(self._entries())} entries", kept)
        if not seen:
            kept.throw()
        return kept

    def _entries(self) -> list[Sent]:
        """Entries that rest, or may."""
        alive = self._runner.run.memory.alive
        return [sent for sent in alive if sent.purpose.role == "entry" and sent.status != "gone"]

    def _pause_for(self, reason: str, by: str) -> None:
        run = self._runner.run
        run.asked.paused(reason, by)
        if reason not in run.memory.paused:
            run.memory.paused.append(reason)
            run.save()

    async def _close(self, side: int) -> None:
        run = self._runner.run
        if run.memory.pending is not None:
            await self._finish_other()
        qty = self._qty(side)
        if qty <= 0:
            return
        self._exits += 1
        step = _FLATTEN_STEP + self._exits
        run.memory.pending = Pending(side, None, qty, FINAL_CLOSE, step, stop=True)
        run.save()
        await self._finish()
        if self._qty(side) > 0:
            raise Refused(f"the exchange does not close {self._qty(side)}")

    async def _finish(self) -> None:
        exits = self._runner.exits
        try:
            while not await exits.finish():
                pass
        except Failure:
            exits.withdraw()
            raise

    async def _finish_other(self) -> None:
        """An exit that was under way; if nothing of it can exist, it is given up for this one."""
        try:
            await self._finish()
        except Failure:
            if self._runner.run.memory.pending is not None:
                raise

    def _open(self) -> str:
        held, orders = self._held(), len(self._runner.run.memory.alive)
        return ", ".join([*held, f"{orders} orders"] if orders else held) or "see the alarms"

    def _qty(self, side: int) -> Decimal:
        run = self._runner.run
        qty = float(run.kernel.state[0]["sides"][side]["qty"])
        return in_steps(qty, run.listed.market.step)

    def _held(self) -> list[str]:
        sides = enumerate(SIDE_NAMES)
        return [f"{name} {self._qty(i)}" for i, name in sides if self._qty(i) > 0]


def _still(what: str, kept: Kept) -> Failure:
    """What is still open, and the failure for which it is."""
    failure = kept.gravest
    if isinstance(failure, Throttled | NotAuthorised):
        return failure  # its own kind says how long to wait
    return Unreachable(f"still open: {what}" + (f" ({failure})" if failure else ""))
