"""A live run: closed candle, features, decide, reconcile, fills, snapshot; on any broker.

Everything happens in `tick`, which looks where the run stands and does what is due: after a start,
after a crash, after a failed request and in the ordinary course of a bar it is the same. Whatever
it does is on disk before the next thing that the exchange sees.
"""

import asyncio

from engine.account import SIDE_NAMES
from engine.events import BarClosed, GridLaid
from engine.live.absent import lay_grid
from engine.live.asked import BY_ERRORS
from engine.live.exits import Exits
from engine.live.funding import Funding
from engine.live.kept import Kept
from engine.live.listing import Listing
from engine.live.memory import pending_of
from engine.live.orders import in_steps
from engine.live.reconcile import Reconciler
from engine.live.run import Run
from engine.live.wallet import WalletCheck
from engine.wording import plural
from exchange.broker import plain
from exchange.span import moment_text

LATE_MS = 30_000
"""A candle that is not there so long after its close is late."""

_HOLD_MS = 10_000
"""Fills of a bar whose predecessor's candle is missing wait so long for it."""

_GAP_LOOKS, _GAP_LOOK_MS = 5, 1_000
"""How often, and how far apart, a candle that is missing among others is asked for again."""

_HALTED = "circuit breaker"
_HALT_WORDS = "circuit breaker: the price falls too far, no new entries until the fall has ended"

DOUBT = "doubt"
"""The key of the alarm that what was done last may not be known."""


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
        self.funding = Funding(run)
        self.wallet = WalletCheck(run, self.funding)
        self.lock = asyncio.Lock()
        self._look_at_orders = True
        self._look_at_positions = False
        self._held_up = False
        memory = run.memory
        run.kernel.at_bar(run.history.features(), memory.bar, memory.opened_ms)

    async def tick(self) -> None:
        """Do what is due. What fails keeps nothing else from being done that protects a position;
        after a failure, which it raises then, call it again.

        Raises:
            Failure: the exchange; `engine.live.loop` knows how to wait.
            StateError: the disk.
        """
        async with self.lock:
            kept = Kept()
            known = await self._learn(kept)
            if self._held_up:
                # what has failed may fail again, and slowly: what protects goes first
                await self._protect(kept, opening=False)
            if known:
                self._held_up = not await kept.of(self._decide_due())
            if not kept:
                self._forgive()
            await self._protect(kept, opening=not kept)
            if self._look_at_positions and not kept:
                await kept.of(self.reconciler.check_positions())
                self._look_at_positions = bool(kept)
            if not kept:
                await kept.of(self._look_at_listing())
            if not kept:
                await kept.of(self.wallet.look())
            # what was under way may have changed the orders: compare before the next step
            self._look_at_orders |= bool(kept)
            kept.throw()
            self.run.asked.done()

    async def protect(self) -> None:
        """What no candle and no price is needed for: fills are booked, stops moved, and entries
        cancelled that are not wanted; nothing is opened.

        Raises:
            Failure: something could not be done; all else was.
            StateError: the disk.
        """
        async with self.lock:
            kept = Kept()
            await self._learn(kept)
            await self._protect(kept, opening=False)
            self._look_at_orders |= bool(kept)
            kept.throw()

    def hold_entries(self) -> None:
        """Want no entries until a tick goes through: too much fails."""
        paused = self.run.memory.paused
        if BY_ERRORS not in paused:
            paused.append(BY_ERRORS)
            self.reconciler.withdrew = False

    def _forgive(self) -> None:
        """All that has to be known is known again: levels that still rest keep their places."""
        paused = self.run.memory.paused
        if BY_ERRORS in paused and not self.reconciler.withdrew:
            paused.remove(BY_ERRORS)

    async def _learn(self, kept: Kept) -> bool:
        """Ask what became of orders, and what has filled; True if both are known."""
        settled = await kept.of(self.run.desk.settle())
        return await kept.of(self.run.read_fills()) and settled

    async def _protect(self, kept: Kept, *, opening: bool) -> None:
        self.run.book_fills(self._hold_from())
        if self._look_at_orders:
            self._look_at_orders = False
            self._look_at_positions |= await kept.of(self.reconciler.read_orders())
        await kept.of(self.reconciler.settle_difference(opening and not kept))

    async def _decide_due(self) -> None:
        """Close the bars that have ended, and decide the one under way."""
        run = self.run
        while run.clock.now_ms() >= run.bar_end_ms and await self._close_bar():
            pass
        if run.clock.now_ms() < run.bar_end_ms:
            await self.funding.read()
            await self.funding.book(run.bar_end_ms)
        run.book_fills(self._hold_from())
        if run.clock.now_ms() < run.bar_end_ms:
            await self._decide()

    async def _look_at_listing(self) -> None:
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
        if memory.bar == len(history) and not await self._read_candles():
            return False
        # no bar stays open for what was settled: it is asked for again
        funding = Kept()
        await funding.of(self.funding.read())
        features = history.features()
        while memory.bar < len(history):
            row = memory.bar
            if not funding:
                await funding.of(self.funding.book(run.bar_end_ms))
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
        if not memory.paused:
            run.all_clear(DOUBT)
        self._look_at_orders = True
        self.reconciler.new_bar()
        run.new_bar()
        return True

    async def _read_candles(self) -> bool:
        """Take what has closed since the last candle; False if nothing has."""
        run, history = self.run, self.run.history
        known, since = len(history), int(history.time[-1])
        candles = await run.broker.closed_candles(run.memory.timeframe, since)
        for _ in range(_GAP_LOOKS):
            if not history.holes_before(candles):
                break
            # bars are counted: one that comes later has no place any more
            await run.clock.sleep_ms(_GAP_LOOK_MS)
            candles = await run.broker.closed_candles(run.memory.timeframe, since)
        taken = history.take(candles)
        for time_ms in taken.revised:
            run.note(f"the candle of {moment_text(time_ms)} was revised")
        for first_ms, count in taken.missing:
            words = f"{plural(count, 'candle')} from {moment_text(first_ms)} on"
            run.note(f"{words}: missing at the exchange, the run goes on without")
        run.store.candles.append([*history.revised(taken.revised), *history.rows(known)])
        if taken.new:
            run.all_clear("candle")
        elif run.clock.now_ms() > run.bar_end_ms + LATE_MS:
            run.alarm("candle", "the last candle is late")
        return taken.new > 0

    def _tell_bar(self, row: int, close: float, equity: float) -> None:
        run = self.run
        wallet = float(run.kernel.state["wallet"][0])
        time_ms = int(run.history.time[row])
        decided = run.memory.phase == "laid"
        values = (equity, wallet, run.kernel.regime, close, decided, run.memory.held_back)
        run.store.equity.append([(time_ms, *values)])
        held = run.unrealised(close)
        run.tell(BarClosed(row, time_ms, close, equity, wallet, run.kernel.regime, held, decided))

    async def _decide(self) -> None:
        """Steps 1-8 of the bar under way, from wherever they were interrupted."""
        run, memory, kernel = self.run, self.run.memory, self.run.kernel
        if memory.phase != "deciding":
            return
        await self.exits.finish()
        run.asked.decided()
        if memory.exit_step < 0:
            kernel.begin_bar()
            memory.exit_step = 0
            run.write_trades()
            if kernel.state[0]["halted"]:
                run.alarm(_HALTED, _HALT_WORDS)
            else:
                run.all_clear(_HALTED)
        # of a bar that may have been decided before, no exit is sent a second time
        doubted = memory.opened_ms <= memory.doubted_ms
        while not doubted and (wanted := kernel.next_exit(memory.exit_step)) is not None:
            lot = None
            if wanted.lot >= 0:
                held = kernel.state[0]["sides"][wanted.side]["lots"][wanted.lot]
                lot = (int(held["born"]), int(held["level"]), int(held["generation"]))
            qty = in_steps(wanted.qty, run.listed.market.step)
            memory.pending = pending_of(wanted, lot, qty)
            run.save()
            while not await self.exits.finish():
                pass
        lay_grid(kernel, memory)
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
