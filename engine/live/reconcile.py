"""Exchange truth against what should rest: the one place where the two are compared."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from engine.account import SIDE_NAMES
from engine.events import Noted
from engine.ledger import stop_label
from engine.live.asked import BY_ERRORS, BY_POSITIONS
from engine.live.exits import Exits
from engine.live.kept import Kept
from engine.live.memory import Pending
from engine.live.orders import (
    Difference,
    Purpose,
    Sent,
    Wanted,
    difference,
    held_qty,
    wanted_orders,
)
from engine.live.run import Run
from exchange.broker import PlacedOrder, plain
from exchange.outcomes import Action, Failure, Refused

_LATER_MS = 1_000
_MOST_ROUNDS = 12
_STOP_STEP = 100
"""Exits in place of a stop are numbered from here, the strategy's own from 1."""


class Reconciler:
    """Makes the exchange hold what the strategy wants, and notices where it does not.

    Attributes:
        withdrew: an entry has been cancelled because of failures since this was last set.
    """

    def __init__(self, run: Run, exits: Exits) -> None:
        self._run = run
        self._exits = exits
        self._withheld: set[Purpose] = set()
        self._doubted: set[Purpose] = set()
        self._foreign_orders: frozenset[str] = frozenset()
        self._stop_exits = 0
        self.withdrew = False

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
            Failure: it could not be asked; what is known of the others is taken over.
        """
        run, memory = self._run, self._run.memory
        shown = {order.client_id: order for order in await run.broker.open_orders()}
        kept = Kept()
        for name, sent in list(memory.orders.items()):
            if name in shown:
                sent.update(shown[name])
            elif sent.status == "resting":
                await kept.of(self._find(sent))
        strange = [order for order in shown.values() if order.client_id not in memory.orders]
        if any(self._is_ours(order) for order in strange):
            await kept.of(self._adopt(strange))
        self._tell_foreign(frozenset(shown) - memory.orders.keys())
        kept.throw()

    async def _find(self, sent: Sent) -> None:
        run = self._run
        found = await run.broker.find(sent.client_id)
        if found is None:
            sent.status = "gone"
        else:
            sent.update(found)
        cancelled = found is None or found.state == "cancelled"
        if sent.status == "gone" and cancelled and sent.client_id not in run.desk.cancelling:
            what = f"our {sent.client_id.side} {sent.purpose.role} of {plain(sent.qty)}"
            words = f"{what} was cancelled elsewhere; it is laid again if it is still wanted"
            run.tell(Noted(run.clock.now_ms(), words))

    async def _adopt(self, shown: list[PlacedOrder]) -> None:
        """Remember orders of this run again: a state older than they are has forgotten them, or
        they were taken for gone."""
        run, memory = self._run, self._run.memory
        fills = await run.broker.trades_since(memory.last_trade_id)
        for order in shown:
            ours = order.ours
            if ours is not None and self._is_ours(order):
                unbooked = sum(
                    (
                        fill.qty
                        for fill in fills
                        if fill.client_id == order.client_id and fill.time_ms <= order.updated_ms
                    ),
                    Decimal(0),
                )
                booked = max(order.filled - unbooked, Decimal(0))
                sent = Sent(ours, order.qty, order.price, "resting", order.filled, booked)
                memory.orders[order.client_id] = sent
                memory.saw_id(ours)

    def _is_ours(self, order: PlacedOrder) -> bool:
        return order.ours is not None and order.ours.run == self._run.memory.run

    def _tell_foreign(self, foreign: frozenset[str]) -> None:
        run = self._run
        if foreign and foreign != self._foreign_orders:
            words = f"{len(foreign)} open orders are not ours and are left alone"
            run.all_clear("foreign orders")
            run.alarm("foreign orders", words)
        elif not foreign:
            run.all_clear("foreign orders")
        self._foreign_orders = foreign

    async def settle_difference(self, opening: bool = True) -> None:
        """Place and cancel until everything wanted rests: stops first, whatever else fails.

        Args:
            opening: entries may be laid; else those that rest are left where they are wanted.

        Raises:
            Failure: something could not be done now, all else was; call again.
        """
        run = self._run
        # a position cannot wait for the next bar
        self._withheld -= {purpose for purpose in self._withheld if purpose.role == "stop"}
        self._doubted.clear()
        if run.clock.now_ms() < run.bar_end_ms:
            run.memory.held_back |= bool(run.memory.paused)
        for _ in range(_MOST_ROUNDS):
            kept = Kept()
            done = await self._round(kept, opening)
            kept.throw()
            if done:
                return
        words = "orders do not come to rest; they are tried again at the next bar"
        run.alarm("orders", words, passing=True)

    async def _round(self, kept: Kept, opening: bool) -> bool:
        """One comparison and what follows from it; True if nothing did."""
        memory = self._run.memory
        if any(sent.unbooked for sent in memory.orders.values()):
            await kept.of(self._read_on())
        stops = [order for order in self._plan(opening).place if order.purpose.role == "stop"]
        leaving = memory.pending.side if memory.pending and memory.pending.stop else None
        if not await self._lay([stop for stop in stops if stop.purpose.side != leaving], kept):
            return False
        if memory.pending is not None and await kept.of(self._exits.finish()) and not kept:
            return False
        plan = self._plan(opening)
        missing = {order.purpose.place for order in plan.place}
        replaced = [sent for sent in plan.replaced if sent.purpose.place not in missing]
        for sent in (*replaced, *plan.cancel):
            await kept.of(self._cancel(sent))
        if kept or any(sent.unbooked for sent in plan.cancel):
            return False
        return await self._lay(plan.place, kept) and not (plan.cancel or plan.place or replaced)

    def _plan(self, opening: bool) -> Difference:
        plan = difference(self.wanted(), self._run.memory.alive)
        place = tuple(order for order in plan.place if opening or order.purpose.role != "entry")
        return replace(plan, place=place)

    async def _read_on(self) -> None:
        await self._run.read_fills()
        self._run.book_fills()

    async def _cancel(self, sent: Sent) -> None:
        run = self._run
        await run.desk.cancel(sent, by=run.asked.to_cancel(sent.purpose))
        self.withdrew |= sent.purpose.role == "entry" and BY_ERRORS in run.memory.paused

    async def _lay(self, orders: Sequence[Wanted], kept: Kept) -> bool:
        """Place orders; False if what is wanted may have changed by it. After a failure only stops
        are still tried."""
        for order in orders:
            if kept and order.purpose.role != "stop":
                return True
            try:
                unchanged = await self._place(order)
            except Failure as failure:
                kept.note(failure)
                continue
            if not unchanged and not kept:
                return False
        return True

    async def _place(self, order: Wanted) -> bool:
        """Place one order; False if what is wanted may have changed by it."""
        run, purpose = self._run, order.purpose
        try:
            await run.desk.place(purpose, order.price, order.qty, by=run.asked.to_place())
        except Refused as refusal:
            await self._refused(order, refusal)
            return False
        if not any(other.role == purpose.role for other in self._withheld):
            run.all_clear(f"refused {purpose.role}")
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
            if run.memory.pending is not None:
                raise refusal
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
                run.alarm("margin", f"an entry was refused: {refusal.reason}", passing=True)
            return
        if refusal.action is Action.REPORT:
            run.grid_doubted = True
        self._withheld.add(purpose)
        words = f"{purpose.role} of {order.qty}: {refusal}"
        run.alarm(f"refused {purpose.role}", words, passing=True)

    async def check_positions(self) -> bool:
        """Whether the exchange's positions are our lots and what is known not to be ours.

        A difference that stays pauses entries until it is gone or the operator settles it.

        Raises:
            Failure: they could not be read.
        """
        run = self._run
        apart = await self._apart()
        if apart:
            # a trade between two answers: it is there a moment later
            await run.clock.sleep_ms(_LATER_MS)
            await run.read_fills()
            run.book_fills()
            apart = await self._apart()
        reason = BY_POSITIONS
        if apart:
            coin = run.listed.market.symbol.coin
            words = "the exchange's positions differ from ours: " + "; ".join(apart)
            words += f"; no entries until they agree: `gridtui adopt {coin}` takes them over, "
            run.alarm(reason, words + f"`gridtui disown {coin}` leaves alone what is more there")
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
