"""What one client has yet to read: bounded, whatever the client does."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

_MOST = 8 * 1024 * 1024
"""Bytes; beyond it the client is sent away."""
_BATCH = 64 * 1024
_OVERHEAD = 120
"""Bytes that Python needs to keep a line."""


class Outbox:
    """Lines in order. Of a kind of which only the newest counts an older one that was not taken yet
    gives way; events gather for a moment, so that a client is woken for many at once.

    Args:
        on_overflow: called once, when there is no room.
        gather_s: how long an event waits for others; nothing else waits, and nothing behind it.
    """

    def __init__(self, on_overflow: Callable[[], object], gather_s: float) -> None:
        self._lines: OrderedDict[str | int, bytes] = OrderedDict()  # by kind, or by number
        self._n = 0
        self._bytes = 0
        self._lost = 0
        self._ended = False
        self._on_overflow = on_overflow
        self._gather_s = gather_s
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()

    def add(self, line: bytes) -> None:
        """A line that does not wait for others."""
        self._put(line)
        self._urgent.set()

    def add_event(self, line: bytes | None, *, newest_of: str | None) -> None:
        """An event, of a kind of which only the newest counts or of none; None is one that could
        not be encoded, which counts as lost."""
        if line is None:
            self._lost += 1
            self._something.set()
        else:
            self._put(line, newest_of)

    def end(self, line: bytes = b"") -> None:
        """Nothing comes after this line, if there is one."""
        if line:
            self._put(line)
        self._ended = True
        self._something.set()
        self._urgent.set()

    async def take(self) -> bytes:
        """Lines, as many as make a good write; nothing when all is taken and events were lost.

        Raises:
            EOFError: everything up to the end is taken.
        """
        if not self._lines and not self._lost and not self._ended:
            self._something.clear()
            await self._something.wait()
        if self._lines and not self._ended:
            await self._gather()
        if not self._lines and not self._lost:
            raise EOFError
        return self._batch()

    def forgive(self) -> int:
        """How many events were lost since this was asked last."""
        lost, self._lost = self._lost, 0
        return lost

    async def _gather(self) -> None:
        if self._bytes < _BATCH:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._gather_s):
                    await self._urgent.wait()

    def _batch(self) -> bytes:
        batch: list[bytes] = []
        size = 0
        while self._lines and size < _BATCH:
            _, line = self._lines.popitem(last=False)
            batch.append(line)
            size += len(line)
        self._bytes -= size + _OVERHEAD * len(batch)
        if not self._lines:
            self._urgent.clear()
        return b"".join(batch)

    def _put(self, line: bytes, newest_of: str | None = None) -> None:
        if self._ended:
            return
        if newest_of is not None and newest_of in self._lines:
            self._bytes -= len(self._lines.pop(newest_of)) + _OVERHEAD
        self._n += 1
        self._lines[self._n if newest_of is None else newest_of] = line
        self._bytes += len(line) + _OVERHEAD
        self._something.set()
        if self._bytes > _MOST:
            self._lines.clear()
            self._bytes = 0
            self.end()
            self._on_overflow()
