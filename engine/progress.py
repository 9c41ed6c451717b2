"""What a long run is doing, on one line of the terminal that vanishes when the run goes on."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from engine.events import BacktestEvent, BarsDone, CompilingKernel, LoadingCandles
from engine.wording import count

_COMPILING = "compiling for the first time, about 20 s"
_SECONDS, _LEAST_SECONDS = 30.0, 1.0


class ProgressLine:
    """Shows the events of a run on a terminal; silent where the console is none.

    A terminal that may not be sent control codes (NO_COLOR, TERM=dumb) hears of long waits alone.
    `in_lines`: where nothing can be drawn, a line is printed now and then instead, at every tenth
    (one a second at most) and every 30 s. `now`: a clock, s.
    """

    def __init__(
        self,
        console: Console,
        *,
        in_lines: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._in_lines = in_lines
        self._now = now
        self._said_at = now()
        self._tenth = 0
        self._bar: Progress | None = None
        self._compiling_since = -1  # bars done when it began; -1: compiled code runs

    def __call__(self, event: BacktestEvent) -> None:
        """Draw what the event says, or take the line away so that others may print."""
        match event:
            case LoadingCandles(coin, share, message):
                self.show(message or f"loading {coin}", share or None)
            case CompilingKernel():
                self._compiling_since = 0
                if self._can_draw:
                    self.show(_COMPILING, None)
                elif self._console.is_terminal or self._in_lines:
                    self._line(_COMPILING)
            case BarsDone(coin, done, total):
                if self._still_compiling(done):
                    return
                self.show(f"{coin}: bar {count(done)} of {count(total)}", done / total)
            case _:
                self.clear()

    def show(self, text: str, share: float | None) -> None:
        """Draw `text`, with a bar for `share` (0 to 1) where it is known."""
        if not self._can_draw:
            if self._in_lines:
                self._say(text, share)
            return
        bar = (BarColumn(40), TaskProgressColumn()) if share is not None else ()
        if self._bar is None or len(self._bar.columns) != 2 + len(bar):
            self.clear()
            text_column = TextColumn("{task.description}", markup=False)
            self._bar = Progress(
                SpinnerColumn(), text_column, *bar, console=self._console, transient=True
            )
            self._bar.add_task(text, total=1.0)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], description=text, completed=share or 0.0)

    def clear(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def _can_draw(self) -> bool:
        return self._console.is_terminal and self._console.color_system is not None

    def _say(self, text: str, share: float | None) -> None:
        """Print the line if it is time for one."""
        tenth = 0 if share is None else int(10.0 * share + 1e-9)
        if tenth < self._tenth:  # something else has begun
            self._tenth = 0
        silent = self._now() - self._said_at
        if silent >= _SECONDS or (tenth > self._tenth and silent >= _LEAST_SECONDS):
            self._tenth = tenth
            self._line(text if share is None else f"{text} ({100.0 * share:.0f}%)")

    def _line(self, text: str) -> None:
        self._console.print(text)
        self._said_at = self._now()

    def _still_compiling(self, done: int) -> bool:
        """The loop is compiled after it has reported its first bars: wait for the next ones."""
        if self._compiling_since == 0:
            self._compiling_since = done
        if done > self._compiling_since:
            self._compiling_since = -1
        return self._compiling_since >= 0
