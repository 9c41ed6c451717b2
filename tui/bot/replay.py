"""A recorded run, played again: at a speed, in steps, from any of its moments."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.wording import plural
from exchange.errors import DataError
from exchange.span import moment_ms, moment_text
from exchange.timeframe import DAY_MS, timeframe_ms
from tui.bot.record import KINDS
from tui.bot.replayed import ReplayedView, Scene
from tui.bot.speeds import SPEEDS, USUAL_SPEED
from tui.figures import age

if TYPE_CHECKING:
    from engine.live.wording import LiveText
    from tui.bot.record import Record

_TICK_S = 0.1
_AT_ONCE = 500
"""Events between two turns of the screen; farther away, the view is made anew elsewhere."""

_INFO = 20
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_RUN = re.compile(r"run ?(\d+)")
_TIME = re.compile(r"([01]?\d|2[0-3])(:[0-5]\d){1,2}")


class Replay:
    """Plays a record into a view. It begins at the end of the first bar that was recorded, which is
    when the first prices and positions were.

    Args:
        record: is closed with it.
        speed: times the time in which it was recorded.
        clock: seconds that pass.

    Attributes:
        now_ms: the moment that is shown, ms UTC.
        paused: no time passes.
        view: what is shown; another one after a jump.
        trouble: why it has ended by itself; "" as long as it has not.
    """

    def __init__(
        self,
        record: Record,
        speed: float = USUAL_SPEED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.record = record
        self.speed = speed
        self.paused = False
        self.now_ms = float(record.times[0])
        self.view: ReplayedView | None = None
        self.trouble = ""
        self._clock = clock
        self._show: Callable[[ReplayedView], None] = lambda _view: None
        self._scene: Scene | None = None
        self._text: LiveText | None = None
        self._position = 0
        self._jumps = 0
        self._target: tuple[int, float] | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._go(self._first)

    def start(self, show: Callable[[ReplayedView], None]) -> None:
        """Play from now on; `show` is given every view that takes the place of another."""
        self._show = show
        self._task = asyncio.create_task(self._play())

    async def close(self) -> None:
        """The end; the files are closed."""
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
        finally:
            self.record.close()

    async def over(self) -> str:
        """Wait until it has ended, by itself or by `close`; returns `trouble`."""
        if self._task is not None:
            await asyncio.wait([self._task])
        return self.trouble

    @property
    def start_ms(self) -> int:
        """Of the first event."""
        return self.record.times[0]

    @property
    def end_ms(self) -> int:
        """Of the last event."""
        return self.record.times[-1]

    @property
    def silent_ms(self) -> float:
        """Since something was recorded last, by the time that is shown."""
        last = self.record.times[max(0, bisect_right(self.record.times, self.now_ms) - 1)]
        return max(0.0, self.now_ms - last)

    @property
    def first_prices_ms(self) -> int | None:
        """When prices and positions were recorded first; None where the record has none."""
        return self.record.times[self._first - 1] if self._first else None

    @property
    def share(self) -> float:
        """How much of the time has passed, 0 to 1."""
        whole = self.end_ms - self.start_ms
        return min(1.0, max(0.0, (self.now_ms - self.start_ms) / whole)) if whole else 1.0

    @property
    def words(self) -> str:
        """`x60`, `x60 paused`, `x60 end`."""
        ended = self._position == len(self.record)
        state = " end" if ended else " paused" if self.paused else ""
        return f"x{self.speed:.10g}{state}"

    @property
    def moment(self) -> datetime:
        """The time that is shown."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def toggle(self) -> None:
        """Hold the time, or let it go on; at the end it begins again."""
        if self._aim == len(self.record):
            self.paused = False
            self._go(self._first)
        else:
            self.paused = not self.paused

    def change_speed(self, step: int) -> None:
        """The next of SPEEDS, or (-1) the one before."""
        if step > 0:
            self.speed = next((each for each in SPEEDS if each > self.speed), self.speed)
        else:
            self.speed = next((each for each in reversed(SPEEDS) if each < self.speed), self.speed)
        self._tell_speed()

    def step(self, bars: int) -> None:
        """To the end of the next bar, or (-1) of the one before, and hold there."""
        steps = self.record.steps
        self.paused = True
        if bars > 0:
            at = bisect_right(steps, self._aim)
            self._go(steps[at] if at < len(steps) else len(self.record))
        else:
            at = bisect_left(steps, self._aim) - 1
            self._go(steps[at] if at >= 0 else 0)

    def seek(self, written: str) -> None:
        """To a moment as people write it: `14:30` of the day shown, `2025-01-31 14:30`, `45%` of
        the time, `run 2`, `start`, `end`.

        Raises:
            DataError: it is none of these, or the record does not have it.
        """
        wanted = written.strip().lower()
        percent, run = _PERCENT.fullmatch(wanted), _RUN.fullmatch(wanted)
        if wanted in ("start", "end"):
            self._go(0 if wanted == "start" else len(self.record))
        elif percent:
            share = float(percent[1]) / 100
            if share > 1.0:
                raise DataError(f"{written!r} is no share: 0% is the start, 100% the end")
            self._go_to_time(self.start_ms + share * (self.end_ms - self.start_ms))
        elif run:
            runs = self.record.runs
            if not 1 <= int(run[1]) <= len(runs):
                raise DataError(f"the record has {plural(len(runs), 'beginning')} of a run")
            self._go(runs[int(run[1]) - 1] + 1)
        else:
            self._go_to_time(self._time(wanted))

    def _time(self, written: str) -> float:
        if _TIME.fullmatch(written):
            hours, minutes, *seconds = map(int, written.split(":"))
            midnight = self.now_ms // DAY_MS * DAY_MS
            time_ms = midnight + 1000 * (3600 * hours + 60 * minutes + sum(seconds))
        else:
            try:
                time_ms = moment_ms(written)
            except DataError:
                raise DataError(
                    f"{written!r} is no moment: write 14:30, 2025-01-31 14:30, 45%, run 2, start "
                    "or end"
                ) from None
        if not self.start_ms <= time_ms <= self.end_ms:
            span = f"{moment_text(self.start_ms)} to {moment_text(self.end_ms)}"
            raise DataError(
                f"{moment_text(int(time_ms))} is not in the record, which goes from {span}"
            )
        return time_ms

    @property
    def _first(self) -> int:
        record = self.record
        known = record.kinds.find(KINDS.index("account"))
        at = bisect_right(record.steps, known)
        return record.steps[at] if known >= 0 and at < len(record.steps) else 0

    @property
    def _aim(self) -> int:
        """How many events will have been taken once a jump under way is over."""
        return self._position if self._target is None else self._target[0]

    def _go(self, position: int) -> None:
        times = self.record.times
        self._target = (position, float(times[max(0, position - 1)]))
        self._woken.set()

    def _go_to_time(self, time_ms: float) -> None:
        self._target = (bisect_right(self.record.times, time_ms), time_ms)
        self._woken.set()

    async def _play(self) -> None:
        try:
            await self._go_on()
        except Exception as error:
            # whatever a line has in it that no bot writes: it is the file that is at fault
            reason = " ".join(str(error).split()) or type(error).__name__
            self.trouble = f"{self.record.path.name}: the record cannot be read: {reason}"
            if self.view is not None:
                self.view.link, self.view.trouble = "ended", self.trouble

    async def _go_on(self) -> None:
        self._scene = await asyncio.to_thread(Scene, self.record)
        before = self._clock()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._woken.wait()
            self._woken.clear()
            now = self._clock()
            passed, before = now - before, now
            if self._target is not None:
                await self._jump()
                before = self._clock()
            elif not self.paused:
                await self._advance(1000 * self.speed * passed)

    async def _jump(self) -> None:
        """To where the target is, or has been moved to meanwhile."""
        assert self._target is not None
        assert self._scene is not None
        target = position, now_ms = self._target
        if self.view is not None and 0 <= position - self._position <= _AT_ONCE:
            self._feed(position)
        else:
            self._jumps += 1
            with _uncollected():
                view, text = await asyncio.to_thread(self._scene.at, self, position)
            view.counts["snapshot"] = self._jumps
            self.view, self._text, self._position = view, text, position
            self._tell_speed()
            self._show(view)
        self.now_ms = now_ms
        if self._target == target:
            self._target = None
        else:
            self._woken.set()

    async def _advance(self, ms: float) -> None:
        """Let time pass; where nothing was recorded, because nobody traded, it is skipped."""
        times, count = self.record.times, len(self.record)
        if self._position == count:
            self.paused = True
            return
        last = times[max(0, self._position - 1)]
        following = times[self._position]
        if following - last > 2 * timeframe_ms(self.record.timeframe) and self.view is not None:
            when = f"[{datetime.fromtimestamp(last / 1000, UTC):%Y-%m-%d %H:%M:%S}]"
            gap = f"nothing is recorded of the next {age(following - last)}: skipped"
            self.view.write(_INFO, f"{when} REPLAY | {gap}")
            self.now_ms = float(following)
        else:
            self.now_ms = min(self.now_ms + ms, float(self.end_ms))
        end = bisect_right(times, self.now_ms)
        while self._position < end and self._target is None:
            self._feed(min(end, self._position + _AT_ONCE))
            await asyncio.sleep(0)

    def _feed(self, end: int) -> None:
        view, text = self.view, self._text
        assert view is not None
        assert text is not None
        for number in range(self._position, end):
            view.feed(*self.record.event(number), text)
        self._position = end

    def _tell_speed(self) -> None:
        """What flashes does so for as long as before, by our clock."""
        if self.view is not None:
            self.view.about["speed"] = self.speed


@contextmanager
def _uncollected() -> Iterator[None]:
    """Of 100,000 objects that are made at once none is garbage: the collector would walk over
    them again and again meanwhile, and keep the screen waiting for up to a quarter of a second."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
