"""A bot in another process, watched through its socket: where it stands, then what it does."""

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.live.wording import LiveText, price_text
from state.control_client import ControlClient, RefusedError, Snapshot
from state.errors import StateError
from tui.live_keys import LiveKeys, Wish
from tui.live_screen import LiveScreen
from tui.live_status import LiveStatus

_TRADES_SHOWN = 5
_PATIENCE_S = 180.0


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
        self._screen: LiveScreen | None = None
        self._left = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._left.set)
        client = await ControlClient.connect(self._path, read_only=not self._control)
        async with client:
            about = dict(client.snapshot.document["about"])
            text = LiveText(about)
            if not self._with_screen:
                await self._follow(client, text)
                return 0
            status = LiveStatus(about, text)
            status.begin(client.snapshot.document)
            keys = LiveKeys(status.coin, control=self._control, leaves=True)
            self._screen = LiveScreen(status, keys, lambda wish: self._obey(client, wish))
            async with self._screen.shown():
                await self._follow(client, text)
        return 0

    async def _follow(self, client: ControlClient, text: LiveText) -> None:
        """Show the snapshot, then events, until the bot or the operator has enough."""
        self._show_snapshot(client.snapshot, text)
        reading = asyncio.create_task(self._read(client, text))
        leaving = asyncio.create_task(self._left.wait())
        done, waiting = await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if reading in done:
            await reading

    async def _read(self, client: ControlClient, text: LiveText) -> None:
        async with contextlib.aclosing(client.events()) as events:
            async for event in events:
                if isinstance(event, Snapshot):
                    self._print(f"{event.lost} events were missed; it goes on from here")
                    self._show_snapshot(event, text)
                    continue
                if self._screen:
                    self._screen.take(event.kind, event.payload)
                if self._as_json:
                    _print_json(type="event", n=event.n, kind=event.kind, payload=event.payload)
                    continue
                for said in text.say(event.kind, event.payload):
                    if said.level >= logging.INFO:
                        self._print(said.text)
        self._print(client.farewell or "")

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
        try:
            return str(await client.command(wish, timeout_s=_PATIENCE_S))
        except (RefusedError, StateError) as error:
            return f"not done: {error}"


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
            lots = len(side["lots"])
            yield f"  {name}: {side['qty']:g} in {lots} lots, entry {entry}, stop {stop}"
    yield f"  {len(account['orders'])} orders rest"
    for alarm in document["alarms"]:
        yield f"  ALARM: {alarm['text']}"
    for row in document["trades"][-_TRADES_SHOWN:]:
        for said in text.say("trade", row):
            yield said.text


def _print_json(**members: Any) -> None:
    print(json.dumps(members, separators=(",", ":")), flush=True)
