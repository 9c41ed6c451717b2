"""A live run: closed candle, features, decide, reconcile, fills, snapshot; on any broker.

Everything happens in `tick`, which looks where the run stands and does what is due: after a start,
after a crash, after a failed request and in the ordinary course of a bar it is the same. Whatever
it does is on disk before the next thing that the exchange sees.
"""

import asyncio

from engine.account import SIDE_NAMES
from engine.events import BarClosed, GridLaid
from engine.live.exits import Exits
from engine.live.listing import Listing
from engine.live.memory import pending_of
from engine.live.orders import in_steps
from engine.live.reconcile import Reconciler
from engine.live.run import Run
from exchange.broker import plain
from exchange.timeframe import HOUR_MS

LATE_MS = 30_000
"""A candle that is not there so long after its close is late."""

_HOLD_MS = 10_000
"""Fills of a bar whose predecessor's candle is missing wait so long for it."""

_FUNDING_PATIENCE_MS = 300_000
_MARK_TOLERANCE = 1e-3


class LiveRunner:
    """The strategy on an exchange.

    Args:
        run: see `engine.live.run.Run`; made by `engine.live.start`.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.exits = Exits(run)
        self.reconciler = Reconciler(run, self.exits)
        self.listing = Listing(run)
        self.lock = asyncio.Lock()
        self._look_at_orders = True
        memory = run.memory
        run.kernel.at_bar(run.history.features(), memory.bar, memory.opened_ms)

    async def tick(self) -> None:
        """Do what is due. After a failure, which it raises, call it again.

        Raises:
            Failure: the exchange; `engine.live.loop` knows how to wait.
            StateError: the disk.
        """
        async with self.lock:
            run = self.run
            await run.desk.settle()
            await run.read_fills()
            while run.clock.now_ms() >= run.bar_end_ms and await self._close_bar():
                pass
            run.book_fills(self._hold_from())
            if run.clock.now_ms() < run.bar_end_ms:
                await self._book_funding()
                await self._decide()
            if self._look_at_orders:
                await self.reconciler.read_orders()
            await self.reconciler.settle_difference()
            if self._look_at_orders:
                await self.reconciler.check_positions()
                self._look_at_orders = False
            if await self.listing.look():
                await self.reconciler.lay_again()

    def unprotected(self) -> list[str]:
        """Sides that hold a position of ours without a resting stop for all of it."""
        naked = []
        for number, name in enumerate(SIDE_NAMES):
            qty = in_steps(
                float(self.run.kernel.state[0]["sides"][number]["qty"]),
                self.run.listed.market.step,
            )
            stops = (
                sent.left
                for sent in self.run.memory.alive
                if sent.purpose.role == "stop"
                and sent.purpose.side == number
                and sent.status == "resting"
            )
            if qty > max(stops, default=0):
                naked.append(name)
        return naked

    def look_at_orders(self) -> None:
        """Have the next tick compare orders and positions with the exchange's."""
        self._look_at_orders = True

    def _hold_from(self) -> int | None:
        """Fills from here on belong to a bar that cannot be opened yet: its candle is missing."""
        end = self.run.bar_end_ms
        return end if self.run.clock.now_ms() < end + _HOLD_MS else None

    async def _close_bar(self) -> bool:
        """Close the bar under way and stand before the next one; False if its candle is late."""
        run, memory, history = self.run, self.run.memory, self.run.history
        known = len(history)
        since = int(history.time[-1])
        candles = await run.broker.closed_candles(memory.timeframe, since)
        taken = history.take(candles)
        for time_ms in taken.revised:
            run.alarm(f"revised {time_ms}", f"the candle that opened at {time_ms} was revised")
        for first_ms, count in taken.missing:
            run.alarm(f"missing {first_ms}", f"{count} candles are missing from {first_ms} on")
        if not taken.new:
            if run.clock.now_ms() > run.bar_end_ms + LATE_MS:
                run.alarm("candle", "the last candle is late")
            return False
        run.all_clear("candle")
        run.store.candles.append(history.rows(known))
        features = history.features()
        for row in range(known, len(history)):
            run.book_fills(run.bar_end_ms)
            close = history.close_at(row)
            equity = run.kernel.end_bar(close)
            memory.peak_equity = max(memory.peak_equity, equity)
            self._tell_bar(row, close, equity)
            memory.bar = row + 1
            memory.opened_ms = int(history.time[row]) + run.length_ms
            memory.phase, memory.exit_step, memory.pending = "deciding", -1, None
            memory.held_back = False
            run.kernel.at_bar(features, memory.bar, memory.opened_ms)
        self._look_at_orders = True
        self.reconciler.new_bar()
        return True

    def _tell_bar(self, row: int, close: float, equity: float) -> None:
        run = self.run
        wallet = float(run.kernel.state["wallet"][0])
        time_ms = int(run.history.time[row])
        decided = run.memory.phase == "laid"
        values = (equity, wallet, run.kernel.regime, close, decided, run.memory.held_back)
        run.store.equity.append([(time_ms, *values)])
        held = run.unrealised(close)
        run.tell(BarClosed(row, time_ms, close, equity, wallet, run.kernel.regime, held))

    async def _decide(self) -> None:
        """Steps 1-8 of the bar under way, from wherever they were interrupted."""
        run, memory, kernel = self.run, self.run.memory, self.run.kernel
        if memory.phase != "deciding":
            return
        await self.exits.finish()
        if memory.exit_step < 0:
            kernel.begin_bar()
            memory.exit_step = 0
            run.write_trades()
        while (wanted := kernel.next_exit(memory.exit_step)) is not None:
            lot = None
            if wanted.lot >= 0:
                held = kernel.state[0]["sides"][wanted.side]["lots"][wanted.lot]
                lot = (int(held["born"]), int(held["level"]), int(held["generation"]))
            qty = in_steps(wanted.qty, run.listed.market.step)
            memory.pending = pending_of(wanted, lot, qty)
            run.save()
            while not await self.exits.finish():
                pass
        kernel.lay_orders()
        memory.phase = "laid"
        run.save()
        self._tell_grid()

    def _tell_grid(self) -> None:
        run, state = self.run, self.run.kernel.state[0]
        sides = state["sides"]
        orders = tuple(
            (order.purpose.role, plain(order.price), plain(order.qty))
            for order in self.reconciler.wanted()
        )
        anchors = (float(sides[0]["anchor"]), float(sides[1]["anchor"]))
        halted = bool(state["halted"])
        run.tell(GridLaid(run.memory.bar, run.memory.opened_ms, anchors, halted, orders))

    async def _book_funding(self) -> None:
        """Step 10: settlements that have happened since the last one that was booked."""
        run, memory = self.run, self.run.memory
        due = (memory.funded_until_ms // HOUR_MS + 1) * HOUR_MS
        now = run.clock.now_ms()
        if now < due:
            return
        booked_until = memory.funded_until_ms
        rates = await run.broker.funding_rates(booked_until + 1)
        run.history.take_rates(rates)
        run.store.rates.append([(rate.time_ms, float(rate.rate)) for rate in rates])
        for rate in rates:
            if not await self._book_settlement(rate.time_ms, float(rate.rate)):
                return
            memory.funded_until_ms = rate.time_ms
        whole = now // HOUR_MS * HOUR_MS
        if now - whole > _FUNDING_PATIENCE_MS:
            # nothing settled at that hour: the exchange would show it by now
            memory.funded_until_ms = max(memory.funded_until_ms, whole)
        if memory.funded_until_ms != booked_until:
            run.save()

    async def _book_settlement(self, time_ms: int, rate: float) -> bool:
        """Book one settlement at the price that was paid; False while it is not paid yet."""
        run, state = self.run, self.run.kernel.state[0]
        long, short = (float(side["qty"]) for side in state["sides"])
        if long == 0 and short == 0:
            return True
        mark = float(await run.broker.mark_price())
        net = (long - short) * rate
        if net != 0:
            payments = await run.broker.funding_paid(time_ms)
            paid = float(sum(p.amount for p in payments if p.time_ms < time_ms + 60_000))
            if not payments and run.clock.now_ms() - time_ms < _FUNDING_PATIENCE_MS:
                return False
            implied = -paid / net
            foreign = any(qty for qty in run.memory.not_ours)
            if payments and not foreign and abs(implied / mark - 1) > _MARK_TOLERANCE:
                mark = implied
        run.kernel.book_funding(mark, rate)
        return True
