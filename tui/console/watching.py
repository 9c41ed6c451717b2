"""A bot in another process, watched through its socket: where it stands, then what it does."""

import asyncio
import contextlib
import json
import logging
import signal
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from engine.live.wording import LiveText, price_text, stamp
from engine.wording import plural
from state.control_client import ControlClient, Event, RefusedError, Snapshot
from state.errors import StateError
from tui.bots import ANSWER_S
from tui.console.live_console import LiveConsole
from tui.console.live_keys import LiveKeys, Wish
from tui.console.live_status import LiveStatus
from tui.console.silence import Silence

_TRADES_SHOWN = 5
_NOTES_KEPT = 20


def watch(path: Path, *, control: bool, as_json: bool, screen: bool) -> int:
    """Show a bot until it ends or the operator leaves (SIGINT, `q`); returns the exit code, 0.

    Args:
        control: whether keys steer the bot; only with a screen.
        as_json: one JSON object a line, and nothing else.
        screen: with a status line and keys.

    Raises:
        StateError: nobody answers, or the connection broke.
    """
    return asyncio.run(_Watch(path, control, as_json, screen and not as_json).run())


class _Watch:
    def __init__(self, path: Path, control: bool, as_json: bool, screen: bool) -> None:
        self._path = path
        self._control = control and screen
        self._as_json = as_json
        self._with_screen = screen
        self._screen: LiveConsole | None = None
        self._status: LiveStatus | None = None
        self._silence = Silence()
        self._left = asyncio.Event()
        self._notes: deque[str] = deque(maxlen=_NOTES_KEPT)

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._left.set)
        client = await ControlClient.connect(
            self._path, read_only=not self._control, origin="gridtui monitor"
        )
        async with client:
            about = dict(client.snapshot.document["about"])
            text = LiveText(about)
            if not self._with_screen:
                await self._follow(client, text)
                return 0
            self._status = status = LiveStatus(about, text)
            status.begin(client.snapshot.document)
            keys = LiveKeys(status.word_to_close, control=self._control, leaves=True)
            obey = partial(self._obey, client)
            self._screen = LiveConsole(status, keys, obey, self._left.set)
            async with self._screen.shown():
                await self._follow(client, text)
        return 0

    async def _follow(self, client: ControlClient, text: LiveText) -> None:
        """Show the snapshot, then events, until the bot or the operator has enough."""
        self._expect(client.snapshot)
        self._show_snapshot(client.snapshot, text)
        reading = asyncio.create_task(self._read(client, text))
        leaving = asyncio.create_task(self._left.wait())
        watching = asyncio.create_task(self._watch_for_silence())
        done, waiting = await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
        waiting.add(watching)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if reading in done:
            await reading

    async def _read(self, client: ControlClient, text: LiveText) -> None:
        async with contextlib.aclosing(client.events()) as events:
            async for event in events:
                self._hear()
                self._expect(event)
                if isinstance(event, Snapshot):
                    self._print(f"{plural(event.lost, 'event')} missed; it goes on from here")
                    if self._screen:
                        self._screen.begin(event.document)
                    self._show_snapshot(event, text)
                    continue
                if event.kind == "note":
                    self._notes.append(str(event.payload["text"]))
                if self._screen:
                    self._screen.take(event.kind, event.payload)
                if self._as_json:
                    _print_json(type="event", n=event.n, kind=event.kind, payload=event.payload)
                    continue
                for said in text.say(event.kind, event.payload):
                    if said.level >= logging.INFO:
                        self._print(said.text)
        self._print(client.farewell or "")

    async def _watch_for_silence(self) -> None:
        while True:
            await asyncio.sleep(1)
            since = self._silence.pass_second()
            if since is not None:
                self._show_silence(since)
                self._print(f"SILENT | the bot was heard last at {since:%H:%M:%S}Z")

    def _expect(self, told: Event | Snapshot) -> None:
        """A bot that starts may have nothing to say for longer."""
        quoted = told.document["quote"] if isinstance(told, Snapshot) else told.kind == "quote"
        if quoted:
            self._silence.expect()

    def _hear(self) -> None:
        lasted_s = self._silence.hear()
        if lasted_s is not None:
            self._show_silence(None)
            self._print(f"HEARD AGAIN | after {lasted_s:.0f} s of silence")

    def _show_silence(self, since: datetime | None) -> None:
        if self._status:
            self._status.silent_since = since
        if self._as_json:
            _print_json(type="silence", since=since and since.isoformat(timespec="seconds"))

    def _show_snapshot(self, snapshot: Snapshot, text: LiveText) -> None:
        if self._as_json:
            document = snapshot.document
            _print_json(type="snapshot", n=snapshot.n, lost=snapshot.lost, document=document)
            return
        for line in _standing(snapshot.document, text):
            self._print(line)

    def _print(self, line: str) -> None:
        if self._screen:
            self._screen.print(line)
        elif not self._as_json:
            print(line, flush=True)

    async def _obey(self, client: ControlClient, wish: Wish) -> str:
        if wish == "leave":
            self._left.set()
            return "left; the bot goes on"
        if not client.greeting.control_allowed:
            return "not done: this bot takes no commands"
        try:
            await client.command(wish, timeout_s=ANSWER_S)
        except (RefusedError, StateError) as error:
            words = f"{wish} is not done: {error}"
            return "" if words in self._notes else words  # most are in the bot's own lines
        return ""  # what was done is in its lines and in its goodbye


def _standing(document: Mapping[str, Any], text: LiveText) -> Iterator[str]:
    """Where a bot stands, in a few lines."""
    about, account = document["about"], document["account"]
    yield f"{text.badge()} | {about['symbol']} | {about['timeframe']} candles"
    if account is None:
        yield "  starting"
        return
    paused = f" | paused: {', '.join(account['paused'])}" if account["paused"] else ""
    yield (
        f"  Equity: ${account['equity']:,.2f} | Wallet: ${account['wallet']:,.2f} | "
        f"Regime: {account['regime']} | Bar: {account['bar']}{paused}"
    )
    for name, side in account["sides"].items():
        if side["qty"]:
            stop = "none" if side["stop"] is None else price_text(side["stop"])
            entry = price_text(side["entry"])
            lots = plural(len(side["lots"]), "lot")
            yield f"  {name}: {side['qty']:g} in {lots}, entry {entry}, stop {stop}"
        if float(side["not_ours"]):
            yield f"  not ours: {name} {side['not_ours']}"
    orders = account["orders"]
    yield f"  {plural(len(orders), 'order')} of ours"
    for order in sorted(orders, key=lambda order: -float(order["price"] or 0)):
        price = "market" if order["price"] is None else price_text(float(order["price"]))
        state = "" if order["status"] == "resting" else f" ({order['status']})"
        yield f"    {price:>12}  {order['qty']:<10} {order['side']} {order['role']}{state}"
    for alarm in document["alarms"]:
        over = f" (over, {stamp(alarm['time_ms'])[1:-1]})" if alarm["over"] else ""
        yield f"  ALARM: {alarm['text']}{over}"
    for row in document["trades"][-_TRADES_SHOWN:]:
        for said in text.say("trade", row):
            yield said.text


def _print_json(**members: Any) -> None:
    print(json.dumps(members, separators=(",", ":")), flush=True)
