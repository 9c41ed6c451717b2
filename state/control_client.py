"""A client's end of a bot's control socket: watch it, and tell it what to do."""

import asyncio
import contextlib
import os
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from state.control_wire import (
    LONGEST_COMMAND,
    LONGEST_LINE,
    PROTOCOL,
    check_socket_folder,
    line_of,
)
from state.errors import StateError, os_failure
from state.exact_json import decode, encode

_ROOM = 10_000
"""Events that wait to be looked at; with more the bot is left to wait, and to lose some for us."""
_ROOM_FOR_ANSWER = 100_000
"""The same while an answer, which comes behind them, is waited for."""


class RefusedError(Exception):
    """The bot's answer is no; the text says why."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first word of a bot: its protocol, whether this client may send commands, and whether it
    may say who sends them."""

    protocol: int
    control_allowed: bool
    takes_origin: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as after event number `n`; `lost` events before it could not be told."""

    n: int
    lost: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Event number `n`; numbers rise."""

    n: int
    kind: str
    payload: dict[str, Any]


class ControlClient:
    """A connection to a bot; made by `connect`, for one event loop.

    Attributes:
        greeting: from the bot.
        snapshot: the last one that `connect` or `events` has seen.
        farewell: why the bot said goodbye; None as long as it has not.
    """

    greeting: Greeting
    snapshot: Snapshot
    farewell: str | None

    def __init__(
        self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, origin: str
    ) -> None:
        self.farewell = None
        self._path = path
        self._origin = origin
        self._reader = reader
        self._writer = writer
        self._messages = self._read_messages()
        self._waiting: deque[Event | Snapshot] = deque()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._broken: StateError | None = None

    @classmethod
    async def connect(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        origin: str = "",
        timeout_s: float = 5.0,
    ) -> Self:
        """Connect and wait for greeting and snapshot.

        Args:
            origin: who sends this client's commands, for the bot's records; with them goes the
                number of this process.

        Raises:
            StateError: nobody answers, not in time, or with another protocol.
        """
        check_socket_folder(path)
        try:
            async with asyncio.timeout(timeout_s), contextlib.AsyncExitStack() as undo:
                client = cls(path, *await asyncio.open_unix_connection(path), origin)
                undo.push_async_callback(client.close)
                await client._begin(read_only)
                undo.pop_all()
        except TimeoutError as error:
            raise StateError(f"no bot answers at {path} within {timeout_s:g} s") from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise StateError(f"no bot listens at {path}; is it running?") from error
        except OSError as error:
            raise os_failure("reach the bot at", path, error) from error
        return client

    async def events(self) -> AsyncGenerator[Event | Snapshot, None]:
        """What comes after `snapshot`, until the bot says goodbye; a Snapshot follows a loss.

        For one reader at a time.

        Raises:
            StateError: the connection broke, or the bot could not wait for this client.
        """
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._changed.set()
                if isinstance(message, Snapshot):
                    self.snapshot = message
                yield message
            if self.farewell is not None:
                return
            if self._broken:
                raise self._broken
            await self._change()

    async def command(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float = 30.0
    ) -> Any:
        """Send a command; the result that the bot's handler returned.

        Raises:
            RefusedError: the bot says no.
            StateError: arguments that cannot be sent; no answer in time, or the connection broke:
                whether the command was carried out is not known then.
        """
        if self._broken:
            raise self._broken
        command_id = uuid.uuid4().hex
        content = {"id": command_id, "name": name, "arguments": dict(arguments or {})}
        if self._origin and self.greeting.takes_origin:
            content["from"] = f"{self._origin}, process {os.getpid()}"
        line = f"{encode(content, 'command')}\n".encode()
        if len(line) > LONGEST_COMMAND:
            raise StateError(f"the command {name} is too long to be sent ({len(line)} bytes)")
        answer = self._answers[command_id] = asyncio.get_running_loop().create_future()
        self._changed.set()
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(line)
                await self._writer.drain()
                told = await answer
        except TimeoutError as error:
            raise StateError(
                f"the bot at {self._path} gave no answer to {name} within {timeout_s:g} s; whether "
                "it was carried out is not known"
            ) from error
        except OSError as error:
            raise self._unknown(name) from error
        finally:
            del self._answers[command_id]
        if not told:
            raise self._unknown(name)
        if told.get("ok") is not True:
            raise RefusedError(str(told.get("error")))
        return told.get("result")

    async def close(self) -> None:
        """Hang up; a second time does nothing."""
        self._broken = self._broken or StateError(f"this connection to {self._path} is closed")
        # before anything is waited for, at which this may be cancelled
        self._writer.transport.abort()
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._messages.aclose()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _begin(self, read_only: bool) -> None:
        hello = await anext(self._messages)
        if hello.get("type") != "hello" or hello.get("protocol") != PROTOCOL:
            raise StateError(
                f"what listens at {self._path} does not speak protocol {PROTOCOL}; use the same "
                "version of gridtui for both"
            )
        if read_only:
            self._writer.write(line_of(read_only=True))
        allowed = hello.get("control") is True and not read_only
        self.greeting = Greeting(PROTOCOL, allowed, hello.get("from") is True)
        first = await anext(self._messages)
        if first.get("type") == "bye":
            raise StateError(f"the bot at {self._path} says no: {first.get('error')}")
        self.snapshot = Snapshot(first["n"], first["lost"], first["document"])
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for content in self._messages:
                self._receive(content)
                while len(self._waiting) >= (_ROOM_FOR_ANSWER if self._answers else _ROOM):
                    await self._change()
        except StateError as error:
            self._broken = error
        finally:
            self._broken = self._broken or StateError(f"the bot at {self._path} has hung up")
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_result({})
            self._changed.set()

    def _receive(self, content: dict[str, Any]) -> None:
        match content["type"]:
            case "event":
                event = Event(content["n"], content["kind"], content["payload"])
                self._waiting.append(event)
            case "snapshot":
                snapshot = Snapshot(content["n"], content["lost"], content["document"])
                self._waiting.append(snapshot)
            case "answer":
                answer = self._answers.get(content["id"])
                if answer and not answer.done():
                    answer.set_result(content)
            case "bye":
                self.farewell = str(content["error"])
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _read_messages(self) -> AsyncGenerator[dict[str, Any], None]:
        """The bot's lines, decoded.

        Raises:
            StateError: the connection broke, or what came is not the protocol.
        """
        rest = bytearray()
        try:
            while chunk := await self._reader.read(256 * 1024):
                rest += chunk
                *lines, tail = rest.split(b"\n")
                rest = tail
                for line in lines:
                    content = decode(bytes(line))
                    if not isinstance(content, dict) or "type" not in content:
                        raise ValueError("a line that is no message")
                    yield content
                if len(rest) > LONGEST_LINE:
                    raise ValueError("a line without an end")
        except ValueError as error:
            raise StateError(f"what listens at {self._path} is no bot: {error}") from error
        except OSError as error:
            raise StateError(f"the connection to the bot at {self._path} broke") from error
        if self.farewell is None:
            raise StateError(
                f"the bot at {self._path} hung up: it ended, or could not wait for this client"
            )

    def _unknown(self, name: str) -> StateError:
        return StateError(
            f"the bot at {self._path} hung up before it answered {name}; whether it was carried "
            "out is not known"
        )


def ask(
    path: Path,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    origin: str = "",
    timeout_s: float = 30.0,
) -> Any:
    """Connect, send one command, hang up: for a thread without an event loop.

    Raises:
        RefusedError, StateError: as `ControlClient.connect` and `command`.
    """

    async def connect_and_ask() -> Any:
        async with await ControlClient.connect(path, origin=origin) as client:
            return await client.command(name, arguments, timeout_s=timeout_s)

    return asyncio.run(connect_and_ask())
