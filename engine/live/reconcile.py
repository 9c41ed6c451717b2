"""Exchange truth against what should rest: the one place where the two are compared."""

from engine.account import SIDE_NAMES
from engine.ledger import stop_label
from engine.live.exits import Exits
from engine.live.memory import Pending
from engine.live.orders import Purpose, Sent, Wanted, difference, held_qty, wanted_orders
from engine.live.run import Run
from exchange.broker import plain
from exchange.outcomes import Action, Refused, UnknownOutcome

_MOST_ROUNDS = 12
_STOP_STEP = 100
"""Exits in place of a stop are numbered from here, the strategy's own from 1."""


class Reconciler:
    """Makes the exchange hold what the strategy wants, and notices where it does not."""

    def __init__(self, run: Run, exits: Exits) -> None:
        self._run = run
        self._exits = exits
        self._withheld: set[Purpose] = set()
        self._doubted: set[Purpose] = set()
        self._foreign_orders: frozenset[str] = frozenset()
        self._stop_exits = 0

    def new_bar(self) -> None:
        """What was refused may be tried again, and what is over is forgotten."""
        self._withheld.clear()
        run = self._run
        # with what is held back: it comes back under the same purpose, and needs another id then
        orders = wanted_orders(run.kernel.state, run.listed.market, run.memory.bar)
        run.memory.forget_orders()
        run.memory.forget_revisions({order.purpose for order in orders})

    async def lay_again(self) -> None:
        """Place on the grid that the exchange lists now, what was refused too; raises Failure."""
        self._withheld.clear()
        await self.settle_difference()

    def wanted(self) -> list[Wanted]:
        """What should rest now: nothing that opens while entries are paused."""
        run = self._run
        orders = wanted_orders(run.kernel.state, run.listed.market, run.memory.bar)
        return [
            order
            for order in orders
            if order.purpose not in self._withheld
            and not (run.memory.paused and order.purpose.role == "entry")
        ]

    async def read_orders(self) -> None:
        """Compare the orders that we know of with those that the exchange shows.

        Raises:
            Failure: it could not be asked; what is known stays as it was.
        """
        run, memory = self._run, self._run.memory
        shown = {order.client_id: order for order in await run.broker.open_orders()}
        for name, sent in list(memory.orders.items()):
            if name in shown:
                sent.update(shown[name])
            elif sent.status == "resting":
                found = await run.broker.find(sent.client_id)
                if found is None:
                    sent.status = "gone"
                else:
                    sent.update(found)
        for name, order in shown.items():
            ours = order.ours
            if ours is not None and ours.run == memory.run and name not in memory.orders:
                # forgotten by a state older than it; all that it filled is booked by now
                sent = Sent(ours, order.qty, order.price, "resting", order.filled, order.filled)
                memory.orders[name] = sent
                memory.saw_id(ours)
        foreign = frozenset(name for name in shown if name not in memory.orders)
        if foreign and foreign != self._foreign_orders:
            words = f"{len(foreign)} open orders are not ours and are left alone"
            run.all_clear("foreign orders")
            run.alarm("foreign orders", words)
        elif not foreign:
            run.all_clear("foreign orders")
        self._foreign_orders = foreign

    async def settle_difference(self) -> None:
        """Cancel and place until everything wanted rests.

        Raises:
            Failure: something could not be done now; call again.
        """
        run = self._run
        # a position cannot wait for the next bar
        self._withheld -= {purpose for purpose in self._withheld if purpose.role == "stop"}
        self._doubted.clear()
        run.memory.held_back |= bool(run.memory.paused)
        for _ in range(_MOST_ROUNDS):
            if any(sent.unbooked for sent in run.memory.orders.values()):
                await run.read_fills()
                run.book_fills()
            await self._exits.finish()
            plan = difference(self.wanted(), run.memory.alive)
            if not (plan.cancel or plan.place or plan.replaced):
                return
            for sent in plan.cancel:
                await run.desk.cancel(sent)
            if any(sent.unbooked for sent in plan.cancel):
                continue
            for order in plan.place:
                if not await self._place(order):
                    break
            else:
                for sent in plan.replaced:
                    await run.desk.cancel(sent)
        run.alarm("orders", "orders do not come to rest; they are tried again at the next bar")

    async def _place(self, order: Wanted) -> bool:
        """Place one order; False if what is wanted may have changed by it."""
        run, purpose = self._run, order.purpose
        try:
            await run.desk.place(purpose, order.price, order.qty)
        except UnknownOutcome:
            raise
        except Refused as refusal:
            await self._refused(order, refusal)
            return False
        sent = next(s for s in reversed(run.memory.orders.values()) if s.purpose == purpose)
        return not sent.unbooked

    async def _refused(self, order: Wanted, refusal: Refused) -> None:
        run, purpose = self._run, order.purpose
        if purpose.role == "stop" and refusal.action in (Action.REPRICE, Action.RECONCILE):
            if purpose not in self._doubted:
                self._doubted.add(purpose)
                await run.read_fills()
                run.book_fills()
                return
            # refused twice: the market is past it already; close now, as the stop would have
            self._stop_exits += 1
            step = _STOP_STEP + self._stop_exits
            label = stop_label(purpose.side)
            run.memory.pending = Pending(purpose.side, None, order.qty, label, step, stop=True)
            run.save()
            return
        if purpose.role == "entry" and refusal.action in (Action.REPRICE, Action.SHRINK):
            run.kernel.refuse_entry(purpose.side, purpose.order)
            run.save()
            if refusal.action is Action.SHRINK:
                run.alarm("margin", f"an entry was refused: {refusal.reason}")
            return
        if refusal.action is Action.REPORT:
            run.grid_doubted = True
        self._withheld.add(purpose)
        run.alarm(f"refused {purpose.role}", f"{purpose.role} of {order.qty}: {refusal}")

    async def check_positions(self) -> bool:
        """Whether the exchange's positions are our lots and what is known not to be ours.

        A difference that stays pauses entries until it is gone or the operator settles it.

        Raises:
            Failure: they could not be read.
        """
        run = self._run
        apart = await self._apart()
        if apart:
            await run.read_fills()
            run.book_fills()
            apart = await self._apart()
        reason = "positions"
        if apart:
            run.alarm(reason, "the exchange's positions differ from ours: " + "; ".join(apart))
            if reason not in run.memory.paused:
                run.memory.paused.append(reason)
                run.save()
        elif reason in run.memory.paused:
            run.memory.paused.remove(reason)
            run.save()
        if not apart:
            run.all_clear(reason)
        return not apart

    async def _apart(self) -> list[str]:
        run = self._run
        shown = await run.broker.positions()
        apart = []
        for number, (name, position) in enumerate(
            zip(SIDE_NAMES, (shown.long, shown.short), strict=True)
        ):
            known = held_qty(run.kernel.state, number) + run.memory.not_ours[number]
            if position.qty != known:
                apart.append(f"{name} {plain(position.qty)} there, {plain(known)} here")
        return apart
