"""The ways to stop. Each can be asked for twice, and is done only when the exchange shows it."""

from decimal import Decimal

from engine.live.memory import Pending
from engine.live.orders import in_steps
from engine.live.runner import LiveRunner
from engine.trades import FINAL_CLOSE
from exchange.outcomes import Refused, Unreachable

BY_OPERATOR, STOPPING, FLATTENING = "operator", "stopping", "flattening"
"""Reasons for which no entry rests; the last two end with the run."""

_FLATTEN_STEP = 900
_LOOKS = 3


class Stops:
    """Pause, graceful stop and flatten of one run."""

    def __init__(self, runner: LiveRunner) -> None:
        self._runner = runner
        self._exits = 0

    async def pause(self) -> str:
        """Cancel the entries and lay no new ones; take-profits and stops stay.

        Raises:
            Failure: the exchange has not confirmed it; call again.
        """
        await self._without_entries(BY_OPERATOR)
        return "entries are paused; take-profits and stops stay"

    async def go_on(self) -> str:
        """Take back a pause by the operator.

        Raises:
            Failure: the entries could not all be laid; the run tries again by itself.
        """
        memory = self._runner.run.memory
        if BY_OPERATOR in memory.paused:
            memory.paused.remove(BY_OPERATOR)
            self._runner.run.save()
            await self._runner.tick()
        others = ", ".join(memory.paused)
        return f"still paused: {others}" if others else "entries are laid again"

    async def graceful(self) -> str:
        """Cancel the entries, leave take-profits and stops at the exchange, save the state.

        Raises:
            Failure: the exchange has not confirmed it; call again.
        """
        await self._without_entries(STOPPING)
        run = self._runner.run
        naked = self._runner.unprotected()
        if naked:
            raise Unreachable(f"the stop of the {' and '.join(naked)} position does not rest yet")
        run.save()
        held = ", ".join(self._held()) or "no position"
        return f"entries cancelled, state saved; {held} with its stops and take-profits"

    async def flatten(self) -> str:
        """Cancel every order of ours and close both sides at market.

        Raises:
            Failure: the exchange has not confirmed it; call again. What is open keeps its stop.
        """
        runner, run = self._runner, self._runner.run
        async with runner.lock:
            self._pause_for(FLATTENING)
            await run.desk.settle()
            for _ in range(_LOOKS):
                await run.read_fills()
                run.book_fills()
                await runner.reconciler.settle_difference()
                for side in range(2):
                    await self._close(side)
                await runner.reconciler.settle_difference()
                await runner.reconciler.read_orders()
                if not run.memory.alive and not self._held():
                    break
            if not await runner.reconciler.check_positions() or self._held():
                raise Unreachable(f"still open: {', '.join(self._held()) or 'see the alarms'}")
            if run.memory.alive:
                raise Unreachable(f"{len(run.memory.alive)} orders of ours still rest")
            run.save()
        stuck = run.less_than_a_step()
        rest = f"; {stuck} is less than a step and stays" if stuck else ""
        return f"flat: every order of ours is cancelled, both sides are closed{rest}"

    async def _without_entries(self, reason: str) -> None:
        runner = self._runner
        async with runner.lock:
            self._pause_for(reason)
        runner.look_at_orders()
        await runner.tick()
        entries = [s for s in runner.run.memory.alive if s.purpose.role == "entry"]
        if entries:
            raise Unreachable(f"{len(entries)} entries still rest")

    def _pause_for(self, reason: str) -> None:
        run = self._runner.run
        if reason not in run.memory.paused:
            run.memory.paused.append(reason)
            run.save()

    async def _close(self, side: int) -> None:
        run = self._runner.run
        qty = self._qty(side)
        if qty <= 0 or run.memory.pending is not None:
            return
        self._exits += 1
        step = _FLATTEN_STEP + self._exits
        run.memory.pending = Pending(side, None, qty, FINAL_CLOSE, step, stop=True)
        run.save()
        while not await self._runner.exits.finish():
            pass
        if self._qty(side) > 0:
            raise Refused(f"the exchange does not close {self._qty(side)}")

    def _qty(self, side: int) -> Decimal:
        run = self._runner.run
        qty = float(run.kernel.state[0]["sides"][side]["qty"])
        return in_steps(qty, run.listed.market.step)

    def _held(self) -> list[str]:
        names = ("long", "short")
        return [f"{name} {self._qty(i)}" for i, name in enumerate(names) if self._qty(i) > 0]
