"""What one client has yet to read: bounded, whatever the client does."""

import asyncio
from collections import deque
from collections.abc import Callable

_ROOM = 1024 * 1024
"""Bytes; beyond it events that may be lost are."""
_MOST = 8 * 1024 * 1024
"""Bytes; beyond it the client is sent away."""
_BATCH = 64 * 1024
_OVERHEAD = 120
"""Bytes that Python needs to keep a line."""


class Outbox:
    """Lines in order; events that may be lost give way, for as long as it takes to be empty again.

    Args:
        on_overflow: called once, when even what must not be lost has no room.
    """

    def __init__(self, on_overflow: Callable[[], object]) -> None:
        self._lines: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._lost = 0
        self._ended = False
        self._on_overflow = on_overflow
        self._something = asyncio.Event()

    def add(self, line: bytes) -> None:
        """A line that is not lost."""
        if self._ended:
            return
        self._put(line, False)
        if self._bytes > _ROOM:
            self._drop_events()
            if self._bytes > _MOST:
                self._drop_all()

    def add_event(self, line: bytes | None, *, lossless: bool) -> None:
        """An event; None is one that could not be encoded, which counts as lost."""
        if lossless and line is not None:
            self.add(line)
        elif self._ended:
            return
        elif line is None or self._lost:
            self._lost += 1
            self._something.set()
        else:
            self._put(line, True)
            if self._bytes > _ROOM:
                self._drop_events()

    def end(self, line: bytes = b"") -> None:
        """Nothing comes after this line, if there is one."""
        if not self._ended:
            if line:
                self._put(line, False)
            self._ended = True
            self._something.set()

    async def take(self) -> bytes:
        """Lines, as many as make a good write; nothing when all is taken and events were lost.

        Raises:
            EOFError: everything up to the end is taken.
        """
        while not self._lines:
            if self._ended:
                raise EOFError
            if self._lost:
                return b""
            self._something.clear()
            await self._something.wait()
        batch: list[bytes] = []
        size = 0
        while self._lines and size < _BATCH:
            line, _ = self._lines.popleft()
            batch.append(line)
            size += len(line)
        self._bytes -= size + _OVERHEAD * len(batch)
        return b"".join(batch)

    def forgive(self) -> int:
        """How many events were lost; events are taken again from here on."""
        lost, self._lost = self._lost, 0
        return lost

    def _put(self, line: bytes, may_be_lost: bool) -> None:
        self._lines.append((line, may_be_lost))
        self._bytes += len(line) + _OVERHEAD
        self._something.set()

    def _drop_events(self) -> None:
        kept = [(line, may_be_lost) for line, may_be_lost in self._lines if not may_be_lost]
        self._lost += len(self._lines) - len(kept)
        self._lines = deque(kept)
        self._bytes = sum(len(line) + _OVERHEAD for line, _ in kept)

    def _drop_all(self) -> None:
        self._lines.clear()
        self._bytes = 0
        self._ended = True
        self._something.set()
        self._on_overflow()
