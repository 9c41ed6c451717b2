"""One client of a bot: its lines become commands, its outbox becomes lines."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from state.control_outbox import Outbox
from state.control_wire import Command, MalformedError, failure_line, line_of, read_command

Answer = Callable[[Command, bool], Awaitable[bytes]]
"""A command, and whether its client may only watch -> the line of its answer; never raises."""

_MOST_COMMANDS = 8
_MOST_MALFORMED = 100
_FAREWELL_S = 1.0


class Connection:
    """Reads and writes until either side hangs up.

    Args:
        answer: see `Answer`; calls may overlap.
        snapshot_line: the number of lost events -> a fresh snapshot, or None if there is none.
        gather_s: how long an event waits for others.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Answer,
        snapshot_line: Callable[[int], bytes | None],
        gather_s: float,
    ) -> None:
        self.outbox = Outbox(writer.transport.abort, gather_s)
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._snapshot_line = snapshot_line
        self._read_only = False
        self._free = asyncio.Semaphore(_MOST_COMMANDS)
        self._commands: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve the client; commands that are under way at the end are carried through."""
        reading = asyncio.create_task(self._read())
        try:
            await self._write()
        except (EOFError, OSError):
            pass
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            self.outbox.end()
            await self._hang_up()
            if self._commands:
                await asyncio.wait(self._commands)

    def send_snapshot(self, lost: int) -> None:
        """Everything, as it is now; a client that cannot have it is sent away."""
        snapshot = self._snapshot_line(lost)
        if snapshot is None:
            self.outbox.end(line_of(type="bye", error="the bot has no snapshot to send"))
        else:
            self.outbox.add(snapshot)

    async def finish_commands(self, seconds: float) -> None:
        """Wait for commands under way, but this long at most; those left are told to stop."""
        waiting = self._commands - {asyncio.current_task()}
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=seconds)

    def abort(self) -> None:
        """Hang up without another word."""
        self._writer.transport.abort()

    async def _read(self) -> None:
        malformed = 0
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while malformed < _MOST_MALFORMED:
                try:
                    command = read_command(await self._line())
                except MalformedError as error:
                    malformed += 1
                    self.outbox.add(failure_line(error.id, str(error)))
                else:
                    await self._begin(command)
            self.outbox.end(line_of(type="bye", error="too many lines that are no commands"))
        # a client may close its half and still wait for its answers
        if self._commands:
            await asyncio.wait(self._commands)
        self.outbox.end()

    async def _line(self) -> bytes:
        too_long = False
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                await self._reader.readexactly(error.consumed)
                too_long = True
            else:
                if too_long:
                    raise MalformedError("this line is too long for a command")
                return line

    async def _begin(self, command: Command | None) -> None:
        if command is None:
            self._read_only = True
            return
        await self._free.acquire()
        task = asyncio.create_task(self._carry_out(command))
        self._commands.add(task)
        task.add_done_callback(self._done)

    async def _carry_out(self, command: Command) -> None:
        self.outbox.add(await self._answer(command, self._read_only))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._commands.discard(task)
        self._free.release()

    async def _write(self) -> None:
        self._writer.transport.set_write_buffer_limits(high=64 * 1024)
        while True:
            batch = await self.outbox.take()
            if not batch:
                self.send_snapshot(self.outbox.forgive())
            else:
                self._writer.write(batch)
                await self._writer.drain()

    async def _hang_up(self) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self.abort()
