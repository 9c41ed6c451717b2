"""Market exits: room is made for them, they are sent, and they are booked before anything else."""

from dataclasses import replace

from engine.live.kept import Kept
from engine.live.memory import Pending
from engine.live.orders import Purpose, Sent, Wanted, in_steps, wanted_orders
from engine.live.run import Run
from exchange.outcomes import Action, Refused, Unreachable

_LOOKS = 40
_LOOK_MS = 250
_MOST_ATTEMPTS = 3


class Exits:
    """Executes the exit that `memory.pending` names."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def finish(self) -> bool:
        """Execute the pending exit; True once it is done or was given up, and nothing is pending.

        Raises:
            Failure: it is under way still; call again.
        """
        run, memory = self._run, self._run.memory
        pending = memory.pending
        if pending is None:
            return True
        sent = self._order_of(pending)
        if sent is not None and sent.status == "sent":
            raise Unreachable(f"whether the exit {sent.client_id} exists is not known yet")
        if sent is None:
            pending = await self._ready(pending)
            if pending is None:
                return True
            try:
                purpose = pending.purpose(memory.bar)
                by = run.asked.to_exit(pending)
                await run.desk.place(purpose, None, pending.qty, pending.order, by=by)
            except Refused as refusal:
                await self._refused(pending, refusal)
                return memory.pending is None
            sent = self._order_of(pending)
        await self._await_fills(pending, sent)
        self._done(pending)
        return True

    def withdraw(self) -> None:
        """Forget the pending exit unless an order of it may exist."""
        pending = self._run.memory.pending
        if pending is not None and self._order_of(pending) is None:
            self._give_up(pending)

    async def _ready(self, pending: Pending) -> Pending | None:
        """Cancel the take-profits in the way; None if there is nothing left to close."""
        run, memory = self._run, self._run.memory
        kept = Kept()
        for sent in self._in_the_way(pending):
            await kept.of(run.desk.cancel(sent, by=run.asked.to_exit(pending)))
        kept.throw()
        if any(sent.unbooked for sent in memory.orders.values()):
            await run.read_fills()
            run.book_fills()
        left = in_steps(min(float(pending.qty), self._held(pending)), run.listed.market.step)
        if left <= 0:
            self._done(pending)
            return None
        memory.pending = replace(pending, qty=left)
        run.save()
        return memory.pending

    async def _await_fills(self, pending: Pending, sent: Sent | None) -> None:
        run = self._run
        for _ in range(_LOOKS):
            await run.read_fills()
            run.book_fills()
            if sent is None or sent.left <= 0:
                return
            if sent.status == "gone" and not sent.unbooked:
                found = await run.broker.find(sent.client_id)
                if found is None or found.filled <= sent.booked:
                    return
            await run.clock.sleep_ms(_LOOK_MS)
        name = pending.purpose(run.memory.bar)
        raise Unreachable(f"the exchange does not show what the exit {name} traded")

    async def _refused(self, pending: Pending, refusal: Refused) -> None:
        """Look again and try again; in the end leave it to the next bar, and say so."""
        run, memory = self._run, self._run.memory
        key = f"exit {pending.side}"
        words = f"an exit of {pending.qty} was refused: {refusal.reason}"
        run.alarm(key, words, passing=True)
        if refusal.action is Action.REPORT:
            run.grid_doubted = True
        if pending.attempt + 1 >= _MOST_ATTEMPTS:
            self._give_up(pending)
            return
        memory.pending = replace(pending, attempt=pending.attempt + 1)
        run.save()
        await run.read_fills()
        run.book_fills()

    def _give_up(self, pending: Pending) -> None:
        run, memory = self._run, self._run.memory
        memory.pending = None
        if not pending.stop:
            run.kernel.take_back(pending.side, pending.order is None)
            memory.exit_step = pending.step
        run.save()

    def _done(self, pending: Pending) -> None:
        run, memory = self._run, self._run.memory
        memory.pending = None
        if not pending.stop:
            memory.exit_step = pending.step
        run.all_clear(f"exit {pending.side}")
        run.save()

    def _order_of(self, pending: Pending) -> Sent | None:
        """The order that was sent for it and may exist, or has traded."""
        purpose = pending.purpose(self._run.memory.bar)
        orders = self._run.memory.orders.values()
        live = (s for s in orders if s.purpose == purpose and (s.status != "gone" or s.filled > 0))
        return next(live, None)

    def _held(self, pending: Pending) -> float:
        side = self._run.kernel.state[0]["sides"][pending.side]
        if pending.order is None:
            return float(side["qty"])
        lots = side["lots"][: side["lot_count"]]
        name = pending.order
        found = (
            lot["qty"] for lot in lots if (lot["born"], lot["level"], lot["generation"]) == name
        )
        return float(next(found, 0.0))

    def _in_the_way(self, pending: Pending) -> list[Sent]:
        """Take-profits that the exit makes smaller: what closes may not exceed the position."""
        run, bar = self._run, self._run.memory.bar
        market = run.listed.market
        after = run.kernel.copy()
        qty = min(float(pending.qty), self._held(pending))
        if qty > 0:
            price = run.history.close_at(-1)
            after.fill_exit(pending.side, pending.order, price, qty, 0.0, pending.label, bar)
        kept = _take_profits(wanted_orders(after.state, market, bar))
        return [
            sent
            for sent in run.memory.alive
            if sent.purpose.side == pending.side
            and sent.purpose.role in ("near take-profit", "far take-profit")
            and sent.status != "gone"
            and not (sent.purpose in kept and sent.serves(kept[sent.purpose]))
        ]


def _take_profits(wanted: list[Wanted]) -> dict[Purpose, Wanted]:
    roles = ("near take-profit", "far take-profit")
    return {order.purpose: order for order in wanted if order.purpose.role in roles}
