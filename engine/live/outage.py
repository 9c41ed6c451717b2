"""How long the exchange has not done what it was asked for, told now and then while it lasts."""

import time
from collections.abc import Callable

from engine.events import Noted
from engine.live.run import Run
from exchange.outcomes import Failure

REMINDER_S = 300.0


class Outage:
    """Failures that follow each other, of one run.

    Args:
        run: is told of them.
        monotonic: seconds of ours.
    """

    def __init__(self, run: Run, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._monotonic = monotonic
        self._failures = 0
        self._since_ms = 0
        self._told_s = 0.0

    def failed(self, failure: Failure, ending: str | None = None) -> None:
        """One more failure; `ending`: what the operator waits for, if anything."""
        self._failures += 1
        now_s = self._monotonic()
        waits = f"; {ending} is not confirmed yet and is tried again" if ending else ""
        if self._failures == 1:
            self._since_ms, self._told_s = self._run.clock.now_ms(), now_s
            self._tell(f"a request failed: {failure}{waits}", warning=True)
        elif now_s - self._told_s >= REMINDER_S:
            self._told_s = now_s
            lasts = f"{self._failures} failures in {self._lasts()}"
            self._tell(f"{lasts}, the last: {failure}{waits}", warning=True)

    def over(self) -> None:
        """Everything went through."""
        if self._failures > 1:
            self._tell(f"all is answered again after {self._lasts()} and {self._failures} failures")
        self._failures = 0

    def _lasts(self) -> str:
        minutes, seconds = divmod((self._run.clock.now_ms() - self._since_ms) // 1000, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"

    def _tell(self, text: str, *, warning: bool = False) -> None:
        self._run.tell(Noted(self._run.clock.now_ms(), text, warning))
