"""A bot's socket for tests, and a client that speaks it without the project's own code."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from state.control import CommandError, ControlServer


class Bot:
    """Counts; `add` counts further, `refuse`, `fail`, `wait` and `long` do what they say."""

    def __init__(self, path: Path, *, allow_control: bool = True, gather_s: float = 0.0) -> None:
        self.path = path
        self.server = ControlServer(
            path, self.handle, allow_control=allow_control, gather_s=gather_s
        )
        self.server.set_snapshot(lambda: {"count": self.count})
        self.count = 0
        self.gate = asyncio.Event()
        self.origins: list[str] = []
        self.ended: list[str] = []

    async def handle(self, name: str, arguments: Mapping[str, Any], origin: str) -> object:
        self.origins.append(origin)
        match name:
            case "add":
                for _ in range(arguments.get("times", 1)):
                    self.step(lossless=True)
                return {"count": self.count}
            case "refuse":
                raise CommandError("not while a position is open")
            case "wait":
                try:
                    await self.gate.wait()
                finally:
                    self.ended.append(name)
                return "waited"
            case "long":
                return "x" * 2_000_000
            case "odd":
                return {"number": float("nan"), "thing": {1}}
            case _:
                raise KeyError(name)

    def step(self, *, lossless: bool, **more: object) -> None:
        self.count += 1
        kind = "fill" if lossless else "quote"
        self.server.publish(kind, {"count": self.count, **more}, lossless=lossless)


@asynccontextmanager
async def running(
    path: Path, *, allow_control: bool = True, gather_s: float = 0.0
) -> AsyncIterator[Bot]:
    bot = Bot(path, allow_control=allow_control, gather_s=gather_s)
    await bot.server.start()
    try:
        yield bot
    finally:
        bot.gate.set()
        await bot.server.close()


class Raw:
    """Lines in and out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def receive(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        if not line.endswith(b"\n"):
            raise EOFError
        content: dict[str, Any] = json.loads(line)
        return content

    async def rest(self) -> list[dict[str, Any]]:
        """Everything up to the end of the connection."""
        found = []
        while True:
            try:
                found.append(await self.receive())
            except (EOFError, ConnectionError):
                return found

    def send(self, *lines: bytes | Mapping[str, object]) -> None:
        for line in lines:
            self.writer.write(
                line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            )

    async def answers(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.receive()
            if message["type"] == "answer":
                found.append(message)
        return found


@asynccontextmanager
async def raw(path: Path, *, greeted: bool = True) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_unix_connection(path, limit=512 * 1024)
    client = Raw(reader, writer)
    try:
        if greeted:
            assert (await client.receive())["type"] == "hello"
            assert (await client.receive())["type"] == "snapshot"
        yield client
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
