"""What the exchange lists, read again before it is too old to go by."""

from engine.live.run import Run

OLDEST_MS = 3_600_000
"""Filters change without notice, some times a year."""

DOUBTED_MS = 10_000
"""Where an order was refused as one that can never be taken, the listing is read again once it is
so old."""


class Listing:
    """The listing of a run's market; whoever makes it has just read it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read_ms = run.clock.now_ms()

    async def look(self) -> bool:
        """Read it if that is due, and go by it; True if orders must lie on another grid now.

        Raises:
            Failure: it could not be read; what was listed before still counts.
        """
        run = self._run
        now = run.clock.now_ms()
        if now - self._read_ms < (DOUBTED_MS if run.grid_doubted else OLDEST_MS):
            return False
        listed = await run.broker.market()
        self._read_ms, run.grid_doubted = now, False
        return run.go_by(listed)
