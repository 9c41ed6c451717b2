"""The bot's end of its control socket: commands in, each with one answer; events out.

A bot never waits for a client. What a client has not read yet waits in a queue of its own, bounded
in bytes: of prices and the like only the newest waits, and who does not even read what must not be
lost is sent away.
"""

import asyncio
import contextlib
import logging
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from state.control_connection import Connection
from state.control_wire import (
    LONGEST_ANSWER,
    LONGEST_COMMAND,
    LONGEST_EVENT,
    LONGEST_LINE,
    PROTOCOL,
    Command,
    check_socket_folder,
    failure_line,
    line_of,
)
from state.durable import make_folder
from state.errors import StateError, os_failure
from state.exact_json import encode_for_show

Handler = Callable[[str, Mapping[str, Any], str], Awaitable[object]]
"""A command's name, its arguments, and who sent it -> its result, JSON-able; raises CommandError to
refuse."""

_NOBODY = "the socket"
_MOST_CLIENTS = 16
_TURNS_TO_LET_IN = 10
"""Of the loop, until whoever connected is served: asyncio leaves hanging those that a server which
is closed has only just accepted."""

_FAREWELL_S = 1.0
_GATHER_S = 0.05
"""Half of what lies between two drawings of a screen, and longer than a bot needs for a candle: its
clients are woken once it has done its work, not in the middle of it."""

_log = logging.getLogger(__name__)


class CommandError(Exception):
    """Raised by a handler: the sentence goes to the client as its answer."""


class ControlServer:
    """Serves one bot's socket inside the bot's own event loop.

    All methods belong to the loop's thread. Nothing that a client does or leaves undone raises
    here, waits here, or takes unbounded memory.

    Args:
        path: from `control_wire.socket_path`; mode 0600.
        handler: called for each command; commands of one client may overlap, up to 8.
        allow_control: False refuses every command.
        gather_s: how long an event waits for others, so that a client is told many at once.
    """

    def __init__(
        self,
        path: Path,
        handler: Handler,
        *,
        allow_control: bool = True,
        gather_s: float = _GATHER_S,
    ) -> None:
        self._path = path
        self._handler = handler
        self._allow_control = allow_control
        self._gather_s = gather_s
        self._make_snapshot: Callable[[], Mapping[str, Any]] = dict
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self._n = 0

    def set_snapshot(self, snapshot: Callable[[], Mapping[str, Any]]) -> None:
        """What a client gets at first and after a loss; it must hold every event published so far.

        Called in the loop, once a client; without it clients get an empty mapping.
        """
        self._make_snapshot = snapshot

    async def start(self) -> None:
        """Listen.

        Raises:
            StateError: somebody answers at the path, something there is no socket, no permission.
        """
        listening = _listen(self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=LONGEST_COMMAND
        )

    def publish(self, kind: str, payload: Mapping[str, Any], *, lossless: bool) -> None:
        """Send an event to every client; never waits, never raises.

        Args:
            kind: `fill`, `quote`, ...
            payload: encoded before this returns; numbers that are not finite become null. More
                than 256 kB are replaced by `{"too_long": bytes}`.
            lossless: False: a client that has not taken the one before of this kind gets only the
                newer.
        """
        self._n += 1
        if not self._connections:
            return
        try:
            text = encode_for_show(payload)
            if len(text) > LONGEST_EVENT:
                text = encode_for_show({"too_long": len(text)})
            line = (
                f'{{"type":"event","n":{self._n},"kind":{encode_for_show(kind)},'
                f'"payload":{text}}}\n'.encode()
            )
        except Exception:
            # a payload whose own methods fail: clients get a fresh snapshot in its place
            _log.exception("an event of kind %r cannot be shown", kind)
            line = None
        for connection in self._connections:
            connection.outbox.add_event(line, newest_of=None if lossless else kind)

    async def close(self, reason: str = "the bot has stopped") -> None:
        """Let commands end, say goodbye, take the socket away; some 3 s at most.

        A handler must not wait for this: it would be waiting for its own answer.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        for _ in range(_TURNS_TO_LET_IN):
            await asyncio.sleep(0)
        server.close()
        connections = list(self._connections)
        await asyncio.gather(*(each.finish_commands(_FAREWELL_S) for each in connections))
        for connection in connections:
            connection.outbox.end(line_of(type="bye", error=reason))
        if self._serving:
            await asyncio.wait(self._serving, timeout=_FAREWELL_S)
        for connection in self._connections:
            connection.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=_FAREWELL_S)
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._answer, self._snapshot_line, self._gather_s)
        outbox = connection.outbox
        # no await up to `run`: no event can fall between the snapshot and the first event
        allowed = self._allow_control
        outbox.add(
            line_of(**{"type": "hello", "protocol": PROTOCOL, "control": allowed, "from": True})
        )
        if len(self._connections) >= _MOST_CLIENTS:
            outbox.end(line_of(type="bye", error="too many clients are connected; close one"))
        else:
            connection.send_snapshot(0)
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._serving.discard(task)

    def _snapshot_line(self, lost: int) -> bytes | None:
        try:
            document = dict(self._make_snapshot())
            line = line_of(type="snapshot", n=self._n, lost=lost, document=document)
        except Exception:
            _log.exception("no snapshot for a client")
            return None
        if len(line) > LONGEST_LINE:
            _log.error("a snapshot of %d bytes is too long for a client", len(line))
            return None
        return line

    async def _answer(self, command: Command, read_only: bool) -> bytes:
        try:
            if read_only or not self._allow_control:
                return failure_line(command.id, "this connection may only watch")
            origin = command.origin or _NOBODY
            result = await self._handler(command.name, command.arguments, origin)
            line = line_of(type="answer", id=command.id, ok=True, result=result)
        except CommandError as error:
            return failure_line(command.id, str(error))
        except asyncio.CancelledError:
            return failure_line(command.id, "the bot stopped before this was done")
        except Exception as error:
            _log.exception("command %r failed", command.name)
            text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            return failure_line(command.id, f"the command failed inside the bot: {text}")
        if len(line) > LONGEST_ANSWER:
            return failure_line(command.id, "it was carried out, but its result is too long")
        return line


def _listen(path: Path) -> socket.socket:
    make_folder(path.parent, 0o700)
    check_socket_folder(path)
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        # nobody can connect before `listen`
        path.chmod(0o600)
        listening.listen(_MOST_CLIENTS)
    except OSError as error:
        listening.close()
        raise os_failure("listen at", path, error) from error
    return listening


def _clear(path: Path) -> None:
    """Remove a socket that a crash has left."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise os_failure("read", path, error) from error
    if not stat.S_ISSOCK(found.st_mode):
        raise StateError(f"{path} is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise os_failure("reach the socket", path, error) from error
        else:
            raise StateError(f"a bot answers at {path}; stop it first")
