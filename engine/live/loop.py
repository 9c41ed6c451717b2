"""The time between ticks: streams that wake, timers that do not trust them, failures that wait."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import cast

from engine.events import HealthRead, LiveEvent
from engine.live.health import CRITICAL_DRAWDOWN, MOST_ERRORS, WARNING_DRAWDOWN, Health
from engine.live.repair import Repair
from engine.live.runner import LATE_MS, LiveRunner
from engine.live.stops import FLATTENING, STOPPING, Stops
from exchange.broker import Hint
from exchange.outcomes import Failure, NotAuthorised, Throttled

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
_BY_ERRORS = "errors"
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
        self._runner = runner
        self._health = health
        self._tell = tell
        self._speed = speed
        self._wake = asyncio.Event()
        self._ending: str | None = None
        self._price_at_ms = 0
        self._clock_at_ms = 0
        self._orders_changed = False
        self._clock_doubted = False
        self.summary = ""

    async def run(self) -> str:
        """Trade until `stop` or `flatten`, or the equity limit; returns what was done at the end.

        Raises:
            StateError: the disk; orders and positions are as they were.
        """
        hints = asyncio.create_task(self._listen())
        health = asyncio.create_task(self._report())
        try:
            while True:
                wait_s = await self._once()
                if self._ending is not None and self.summary:
                    return self.summary
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            for task in (hints, health):
                task.cancel()
            await asyncio.gather(hints, health, return_exceptions=True)

    def stop(self) -> None:
        """End gracefully: entries go, take-profits and stops stay."""
        self._ending = self._ending or STOPPING
        self._wake.set()

    def flatten(self) -> None:
        """End with everything closed; overrules a graceful stop that is under way."""
        self._ending = FLATTENING
        self._wake.set()

    async def _once(self) -> float:
        """One tick, or the end; returns how long to wait before the next, in our seconds."""
        runner, health = self._runner, self._health
        began = time.monotonic()
        try:
            if self._ending is not None:
                ending = self.stops.flatten if self._ending == FLATTENING else self.stops.graceful
                self.summary = await ending()
                return 0.0
            if self._orders_changed:
                self._orders_changed = False
                runner.look_at_orders()
            await runner.tick()
            if "positions" in runner.run.memory.paused:
                # the trades that explain it may only have been late: not until the next bar
                runner.look_at_orders()
            await self._judge_price()
            await self._set_clock()
        except Failure as failure:
            return self._failed(failure)
        health.beat()
        health.latency_ms = (time.monotonic() - began) * 1000
        self._cleared()
        return self._until_next()

    def _failed(self, failure: Failure) -> float:
        run, health = self._runner.run, self._health
        health.failed(str(failure))
        if self._ending is None:
            self._wake.clear()
        # what was under way may have changed the orders: compare before the next step
        self._runner.look_at_orders()
        if health.errors > MOST_ERRORS:
            if _BY_ERRORS not in run.memory.paused:
                run.memory.paused.append(_BY_ERRORS)
            run.alarm(_BY_ERRORS, f"{health.errors} failures in a row, entries wait: {failure}")
        if isinstance(failure, Throttled):
            return max((failure.until_ms - run.clock.now_ms()) / 1000 / self._speed, 0.1)
        if isinstance(failure, NotAuthorised):
            run.alarm("keys", str(failure))
            return _UNAUTHORISED_S
        pause_s = _PAUSES_S[min(health.errors, len(_PAUSES_S)) - 1]
        return min(pause_s, _NAKED_PAUSE_S) if self._runner.unprotected() else pause_s

    def _cleared(self) -> None:
        run = self._runner.run
        if _BY_ERRORS in run.memory.paused:
            run.memory.paused.remove(_BY_ERRORS)
            self._wake.set()
        run.all_clear(_BY_ERRORS)
        run.all_clear("keys")

    async def _judge_price(self) -> None:
        """Look at the equity now and then; at the limit close everything."""
        run, health = self._runner.run, self._health
        now = run.clock.now_ms()
        if now - self._price_at_ms < _PRICE_MS:
            return
        self._price_at_ms = now
        health.price_is(float(await run.broker.mark_price()), now)
        if health.drawdown >= CRITICAL_DRAWDOWN:
            words = f"equity is {health.drawdown:.1%} under its peak: everything is being closed"
            run.alarm("equity limit", words)
            self.flatten()
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
            readings = self._health.readings(self._runner.run.broker)
            self._tell(HealthRead(self._runner.run.clock.now_ms(), tuple(readings)))
