"""The connection to a bot: follows it, comes back when it breaks, carries commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from state.control_client import ControlClient, RefusedError, Snapshot
from state.errors import StateError
from tui.bot.census import standing_of
from tui.bot.fate import fate_of
from tui.bot.telling import SCREENS, Told, still_runs, tell
from tui.bot.view import BotView
from tui.bots import ANSWER_S

if TYPE_CHECKING:
    from engine.live.wording import LiveText
    from state.lock import Holder

MOST_ATTEMPTS = 10
"""Of a bot whose lock does not say that it runs."""

_PAUSES_S = (1.0, 2.0, 4.0, 8.0)
_DYING_S = 0.1
"""Between the end of a process's connections and that of its lock."""

_AT_ONCE = 100
"""Events between two turns of the screen."""

_LONGEST = 120
_STEADY_S = 60.0
"""So long what is told has to be understood until what was not is forgotten."""

_REPLACED = "the bot has ended, another run has taken its place"


class BotLink:
    """Keeps a view up to date.

    Args:
        path: of the bot's control socket.
        view: gets what the bot tells.
        clock: monotonic seconds, the view's.
        holder: what its lock says, by which a crash is told from a line that is cut.
    """

    def __init__(
        self,
        path: Path,
        view: BotView,
        clock: Callable[[], float],
        *,
        holder: Holder | None = None,
    ) -> None:
        self._holder = holder
        self._path = path
        self._view = view
        self._clock = clock
        self._client: ControlClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        view.tell_seen = self._tell_seen
        self._misread = 0  # how often what was told was not understood, one time after the other

    def start(self) -> None:
        """Follow the bot from now on."""
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Hang up; the bot goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def command(self, name: str) -> Told:
        """Tell the bot something, over the connection that stands."""
        if self._client is None:
            return Told(False, f"{name}: not sent, there is no connection to the bot")
        return await tell(name, self._path, self._holder, self._client, self._turn)

    def _tell_seen(self, alarm: Mapping[str, Any]) -> None:
        """Tell the bot which alarm was seen, so that it shows it to nobody who comes later."""
        if self._client is not None and self._view.controls:
            task = asyncio.create_task(self._acknowledge(self._client, alarm))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _acknowledge(self, client: ControlClient, alarm: Mapping[str, Any]) -> None:
        which = {"key": alarm["key"], "time_ms": alarm["time_ms"]}
        with contextlib.suppress(RefusedError, StateError):  # then it is shown once more
            await client.command("acknowledge", which, timeout_s=ANSWER_S)

    async def _connect(self) -> ControlClient:
        return await ControlClient.connect(self._path, origin=SCREENS)

    async def _follow(self) -> None:
        view = self._view
        # the words for events need numpy and numba: a second that the screen does not wait for
        words = (await asyncio.to_thread(import_module, "engine.live.wording")).LiveText
        while True:
            try:
                async with await self._connect() as client:
                    if await still_runs(self._holder):
                        self._client = client
                        await self._read(client, words)
                    else:
                        view.farewell = _REPLACED
                        view.link, view.trouble = "ended", _REPLACED
            except StateError as error:
                await self._lost(str(error))
            except Exception as error:
                # whatever a bot of another version tells: it must not look as if all were well
                self._misread += 1
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
                await self._lost(f"what the bot tells is not understood: {reason}")
            finally:
                self._client = None
            if view.link == "ended":
                return
            await asyncio.sleep(view.again_in_s)

    async def _read(self, client: ControlClient, words: type[LiveText]) -> None:
        view = self._view
        view.begin(client.snapshot.document)
        view.controls = client.greeting.control_allowed
        view.link, view.trouble, view.attempt, view.farewell = "connected", "", self._misread, ""
        view.fate = "unknown"
        text = words(view.about)
        steady_at = self._clock() + _STEADY_S
        taken = 0
        async with contextlib.aclosing(client.events()) as events:
            async for event in events:
                taken += 1
                if taken % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if isinstance(event, Snapshot):
                    view.begin(event.document)
                    text = words(view.about)
                    continue
                view.take(event.kind, event.payload)
                for said in text.say(event.kind, event.payload):
                    view.write(said.level, said.text)
                if self._misread and self._clock() > steady_at:
                    self._misread = view.attempt = 0
        view.farewell = client.farewell or "the bot has ended"
        view.link, view.trouble = "ended", view.farewell

    async def _lost(self, reason: str) -> None:
        view, holder = self._view, self._holder
        if holder is not None:
            await asyncio.sleep(_DYING_S)
            view.fate = await asyncio.to_thread(fate_of, holder)
            if view.fate == "crashed":
                view.left = await asyncio.to_thread(standing_of, holder)
                view.link, view.trouble = "ended", f"process {holder.pid} is gone"
                return
        view.attempt += 1
        view.trouble = reason
        given_up = view.attempt > MOST_ATTEMPTS and view.fate != "lives"
        view.link = "ended" if given_up else "lost"
        view.again_at = self._clock() + _PAUSES_S[min(view.attempt, len(_PAUSES_S)) - 1]
