"""Whether who should be heard of every second has fallen silent."""

from datetime import UTC, datetime

SILENT_S = 10
"""A bot tells of itself every second."""


class Silence:
    """Counts seconds without a word.

    They are counted, not measured: time in which this process was held is no silence of the
    other's.

    Attributes:
        since: when the last word came, UTC, once that is `SILENT_S` ago; None else.
    """

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._heard = datetime.now(UTC)
        self._quiet_s: int | None = None  # None before it may be expected

    def expect(self) -> None:
        """From now on something comes every second."""
        self._quiet_s = 0

    def hear(self) -> float | None:
        """A word has come; returns how long the silence was that ends with it, seconds."""
        before, self._heard = self.since, datetime.now(UTC)
        self.since = None
        if self._quiet_s is not None:
            self._quiet_s = 0
        return None if before is None else (self._heard - before).total_seconds()

    def pass_second(self) -> datetime | None:
        """A second has passed; returns `since` where a silence has become one with it."""
        if self._quiet_s is None or self.since is not None:
            return None
        self._quiet_s += 1
        if self._quiet_s >= SILENT_S:
            self.since = self._heard
        return self.since
