"""The time between ticks: streams that wake, timers that do not trust them, failures that wait."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import cast

from engine.events import HealthRead, LiveEvent
from engine.live.asked import (
    BY_ERRORS,
    BY_POSITIONS,
    CUT_OFF,
    EQUITY_LIMIT,
    FLATTENING,
    STOPPING,
    by_operator,
)
from engine.live.bad_readings import raise_alarms
from engine.live.health import (
    CRITICAL_DRAWDOWN,
    MOST_ERRORS,
    WARNING_DRAWDOWN,
    Budgeted,
    Health,
)
from engine.live.kept import Kept
from engine.live.outage import Outage
from engine.live.repair import Repair
from engine.live.runner import LATE_MS, LiveRunner
from engine.live.stops import Stops
from exchange.broker import Hint
from exchange.outcomes import Failure, NotAuthorised, Throttled
from state.errors import StateError

GRACE_MS = 1_500
"""After a close, before its candle is asked for."""

_POLL_MS = 5_000
_PRICE_MS = 10_000
_CLOCK_MS = 300_000
_HEALTH_S = 1.0
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_NAKED_PAUSE_S = 2.0
"""A position without a stop does not wait longer than this for the next try."""

_UNAUTHORISED_S = 60.0
_LOUD = frozenset({"fill", "order", "account", "reconcile"})


class LiveLoop:
    """Runs a runner until it is stopped.

    Args:
        runner: what is run.
        health: is kept up to date.
        tell: gets the health readings.
        speed: how many times faster than ours the exchange's clock runs.
    """

    def __init__(
        self,
        runner: LiveRunner,
        health: Health,
        tell: Callable[[LiveEvent], None],
        speed: float = 1.0,
    ) -> None:
        self.stops = Stops(runner)
        self.repair = Repair(runner)
        self._outage = Outage(runner.run)
        self._runner = runner
        self._health = health
        self._tell = tell
        self._speed = speed
        self._wake = asyncio.Event()
        self._ending: str | None = None
        self._ending_by = ""
        self._price_at_ms = 0
        self._clock_at_ms = 0
        self._orders_changed = False
        self._clock_doubted = False
        self.summary = ""

    async def run(self) -> str:
        """Trade until `stop` or `flatten`, or the equity limit; returns what was done at the end.

        A flatten that a crash has cut off is gone on with, a stop is not: who starts a run again
        wants it to trade.

        Raises:
            StateError: the disk; the entries are cancelled as far as the exchange allows.
        """
        run = self._runner.run
        if STOPPING in run.memory.paused:
            run.memory.paused.remove(STOPPING)
        if FLATTENING in run.memory.paused:
            run.alarm(FLATTENING, "closing everything was cut off before it was done: it goes on")
            self.flatten(CUT_OFF)
        hints = asyncio.create_task(self._listen())
        health = asyncio.create_task(self._report())
        try:
            while True:
                wait_s = await self._once()
                if self.summary:
                    return self.summary
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                self._wake.clear()
        except Exception as error:
            if isinstance(error, StateError):
                run.alarm("disk", str(error))
            # whatever it was: what fills from now on would get no stop
            with contextlib.suppress(Exception):
                await self.stops.leave(error)
            raise
        finally:
            for task in (hints, health):
                task.cancel()
            await asyncio.gather(hints, health, return_exceptions=True)

    def stop(self, by: str = by_operator("stop")) -> None:
        """End gracefully: entries go, take-profits and stops stay.

        Args:
            by: who asks for it, see `engine.live.asked`; who asked first counts.
        """
        if self._ending is None:
            self._ending, self._ending_by = STOPPING, by
        self._wake.set()

    def flatten(self, by: str = by_operator("flatten")) -> None:
        """End with everything closed; overrules a graceful stop that is under way."""
        if self._ending != FLATTENING:
            self._ending, self._ending_by = FLATTENING, by
        self._wake.set()

    @property
    def ending(self) -> str | None:
        """What was asked for that ends the run, STOPPING or FLATTENING; None as long as nothing
        was."""
        return self._ending

    async def _once(self) -> float:
        """One tick, or the end; returns how long to wait before the next, in our seconds."""
        health = self._health
        began = time.monotonic()
        kept = Kept()
        await kept.of(self._act())
        if self.summary:
            return 0.0
        await kept.of(self._judge_price())
        await kept.of(self._set_clock())
        failure = kept.gravest
        if failure is not None:
            wait_s = await self._failed(failure)
            health.keep()
            return wait_s
        health.beat()
        health.keep()
        health.latency_ms = (time.monotonic() - began) * 1000
        self._cleared()
        return self._until_next()

    async def _act(self) -> None:
        runner = self._runner
        if self._ending is not None:
            asked = self._ending
            ending = self.stops.flatten if asked == FLATTENING else self.stops.graceful
            done = await ending(self._ending_by)
            # a flatten that came meanwhile overrules the stop: it is carried out next
            if self._ending == asked:
                self.summary = done
            return
        if self._orders_changed:
            self._orders_changed = False
            runner.look_at_orders()
        await runner.tick()
        if BY_POSITIONS in runner.run.memory.paused:
            # the trades that explain it may only have been late: not until the next bar
            runner.look_at_orders()

    async def _failed(self, failure: Failure) -> float:
        run, health = self._runner.run, self._health
        health.failed()
        self._outage.failed(failure, self._ending)
        if self._ending is None:
            self._wake.clear()
        if health.errors > MOST_ERRORS:
            self._runner.hold_entries()
            words = f"{health.errors} failures in a row (limit {MOST_ERRORS}), entries wait"
            run.alarm(BY_ERRORS, words)
            if health.errors == MOST_ERRORS + 1 and self._ending is None:
                with contextlib.suppress(Failure):
                    await self._runner.protect()
        if isinstance(failure, Throttled):
            return max(self._quiet_s(failure), 0.1)
        if isinstance(failure, NotAuthorised):
            run.alarm("keys", str(failure))
            return _UNAUTHORISED_S
        pause_s = _PAUSES_S[min(health.errors, len(_PAUSES_S)) - 1]
        hurry = self._ending == FLATTENING or self._runner.unprotected()
        return min(pause_s, _NAKED_PAUSE_S) if hurry else pause_s

    def _quiet_s(self, failure: Throttled) -> float:
        """How long to be silent, in our seconds: at speed that is what the broker waits by."""
        run = self._runner.run
        if isinstance(run.broker, Budgeted) and run.broker.quiet_s:
            return run.broker.quiet_s
        return (failure.until_ms - run.clock.now_ms()) / 1000 / self._speed

    def _cleared(self) -> None:
        run = self._runner.run
        self._outage.over()
        if BY_ERRORS in run.memory.paused:
            run.memory.paused.remove(BY_ERRORS)
            self._wake.set()
        run.all_clear(BY_ERRORS)
        run.all_clear("keys")

    async def _judge_price(self) -> None:
        """Look at the equity now and then; at the limit close everything."""
        run, health = self._runner.run, self._health
        now = run.clock.now_ms()
        if now - self._price_at_ms < _PRICE_MS:
            return
        try:
            health.price_is(float(await run.broker.mark_price()), now)
        except Failure as failure:
            words = "equity goes by the positions' mark price"
            price = await self._price_instead()
            if price is None:
                words = "the equity limit is not watched"
            else:
                health.judge(price)
                self._judge_equity()
            if health.price_is_old:
                run.alarm("price", f"the mark price cannot be read, {words}: {failure}")
            raise
        self._price_at_ms = now
        run.all_clear("price")
        self._judge_equity()

    async def _price_instead(self) -> float | None:
        """The positions' mark price, else the last close while that is fresh."""
        run = self._runner.run
        with contextlib.suppress(Failure):
            shown = await run.broker.positions()
            marks = [float(side.mark_price) for side in (shown.long, shown.short) if side.qty]
            if marks:
                return marks[0]
        if run.clock.now_ms() < run.bar_end_ms + run.length_ms:
            return run.history.close_at(-1)
        return None

    def _judge_equity(self) -> None:
        run, health = self._runner.run, self._health
        if health.drawdown >= CRITICAL_DRAWDOWN:
            words = f"equity is {health.drawdown:.1%} under its peak: everything is being closed"
            run.alarm("equity limit", words)
            self.flatten(EQUITY_LIMIT)
        elif health.drawdown >= WARNING_DRAWDOWN:
            run.alarm("drawdown", f"equity is {health.drawdown:.1%} under its peak")
        else:
            run.all_clear("drawdown")

    async def _set_clock(self) -> None:
        """Go by the exchange's time: ours runs off in the course of days, or all at once."""
        run = self._runner.run
        clock, now = run.clock, run.clock.now_ms()
        overdue = now > run.bar_end_ms + LATE_MS
        if self._clock_doubted or overdue or now - self._clock_at_ms >= _CLOCK_MS:
            off_ms = await clock.sync()
            self._clock_doubted = False
            # the first time it has just been set
            self._health.clock_ms = off_ms if self._clock_at_ms else 0.0
            self._clock_at_ms = clock.now_ms()
            if now < run.bar_end_ms <= self._clock_at_ms:
                self._wake.set()

    def _until_next(self) -> float:
        run = self._runner.run
        left = run.bar_end_ms + GRACE_MS - run.clock.now_ms()
        due = min(_POLL_MS, left) if left > 0 else GRACE_MS
        return max(due / 1000 / self._speed, 0.002)

    async def _listen(self) -> None:
        """Hear what the streams tell."""
        run = self._runner.run
        while True:
            with contextlib.suppress(Failure):
                hints = cast(AsyncGenerator[Hint, None], run.broker.hints(run.memory.timeframe))
                async with contextlib.aclosing(hints):
                    async for hint in hints:
                        self._take(hint)
            await asyncio.sleep(_PAUSES_S[2])

    def _take(self, hint: Hint) -> None:
        run = self._runner.run
        self._orders_changed |= hint.news in _LOUD
        # a candle has closed before its time: our clock is late
        self._clock_doubted |= hint.news == "candle" and run.clock.now_ms() < run.bar_end_ms
        # while requests fail, the pauses between them count, whatever is told meanwhile
        if not self._health.errors:
            self._wake.set()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_S)
            self._health.watch_stops()
            run = self._runner.run
            readings = self._health.readings(run.broker)
            self._tell(HealthRead(run.clock.now_ms(), tuple(readings)))
            raise_alarms(run, readings)
