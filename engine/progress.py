"""What a long run is doing, on one line of the terminal that vanishes when the run goes on."""

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from engine.events import BacktestEvent, BarsDone, CompilingKernel, LoadingCandles
from engine.wording import count

_COMPILING = "compiling for the first time, about 20 s"


class ProgressLine:
    """Shows the events of a run on a terminal; silent where the console is none.

    A terminal that may not be sent control codes (NO_COLOR, TERM=dumb) hears of long waits alone.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._compiling_since = -1  # bars done when it began; -1: compiled code runs

    def __call__(self, event: BacktestEvent) -> None:
        """Draw what the event says, or take the line away so that others may print."""
        match event:
            case LoadingCandles(coin, share, message):
                self.show(message or f"loading {coin}", share or None)
            case CompilingKernel():
                self._compiling_since = 0
                self.show(_COMPILING, None)
                if self._bar is None and self._console.is_terminal:
                    self._console.print(_COMPILING)
            case BarsDone(coin, done, total):
                if self._still_compiling(done):
                    return
                self.show(f"{coin}: bar {count(done)} of {count(total)}", done / total)
            case _:
                self.clear()

    def show(self, text: str, share: float | None) -> None:
        """Draw `text`, with a bar for `share` (0 to 1) where it is known."""
        if not self._console.is_terminal or self._console.color_system is None:
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

    def _still_compiling(self, done: int) -> bool:
        """The loop is compiled after it has reported its first bars: wait for the next ones."""
        if self._compiling_since == 0:
            self._compiling_since = done
        if done > self._compiling_since:
            self._compiling_since = -1
        return self._compiling_since >= 0
