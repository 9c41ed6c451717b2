"""The events of a run on disk, so that what its screens showed can be shown again."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.events import AccountSeen, BarClosed, CompilingKernel, HealthRead, LiveEvent, Quoted
from engine.live.view import kind_of, payload_of
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS
from state.errors import StateError
from state.events_log import EventLog

MOST_BYTES, OLDER_FILES = 10_000_000, 4
"""Of one file, and how many more stay: a month of a busy run."""


def events_path(folder: Path, symbol: Symbol) -> Path:
    """Where the events of a symbol's run are; `state.events_log.read_events` reads them."""
    return folder / f"{symbol.id}_events.jsonl"


class Recorder:
    """Writes what a run tells, except for what comes every second: of quotes and of the account
    what they were when a bar ended, of health readings those whose states are others. What the
    bot is comes again every day, since the oldest files are given up.

    Args:
        path: of the newest file.

    Raises:
        StateError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._log = EventLog(path, MOST_BYTES, OLDER_FILES)
        self._at_ms = 0
        self._states: list[tuple[str, str]] = []
        self._waiting: dict[str, Mapping[str, Any]] = {}
        self._about: Mapping[str, Any] = {}
        self._about_day = 0

    def introduce(self, about: Mapping[str, Any], now_ms: int) -> None:
        """Write what the bot is: symbol, mode, timeframe, speed, parameters, simulated or not."""
        self._about = about
        self._at_ms = max(self._at_ms, now_ms)
        self._about_day = self._at_ms // DAY_MS
        self._write("about", about)

    def take(self, event: LiveEvent) -> None:
        """Write an event, or keep it until the bar ends. A full disk costs events, never the run,
        which ends by itself when its state cannot be saved."""
        if isinstance(event, CompilingKernel):
            return
        kind, _ = kind_of(event)
        payload = payload_of(event)
        self._at_ms = max(self._at_ms, int(payload.get("time_ms", payload.get("timestamp", 0))))
        if isinstance(event, Quoted | AccountSeen):
            self._waiting[kind] = payload
            return
        if isinstance(event, HealthRead):
            states = [(reading.name, reading.state) for reading in event.readings]
            if states == self._states:
                return
            self._states = states
        self._write(kind, payload)
        if isinstance(event, BarClosed):
            for waiting, last in self._waiting.items():
                self._write(waiting, last)
            self._waiting.clear()
            if self._about and self._at_ms // DAY_MS != self._about_day:
                self.introduce(self._about, self._at_ms)

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _write(self, kind: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(StateError):
            self._log.append(self._at_ms, kind, payload)
