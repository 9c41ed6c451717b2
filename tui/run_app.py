"""The screens from the first paint to the last word on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from tui.app import GridTui
from tui.first_screen import first_screen
from tui.folders import data_folder
from tui.screens.names import LIVE

if TYPE_CHECKING:
    from tui.bot.demo import Demo
    from tui.bot.replay import Replay
    from tui.store import Store

_SAVING_S = 10.0
_LAST_S = 60.0
"""After a signal, until the process ends whatever it waits for: a terminal that is gone while much
is written to it can keep the loop waiting for ever, and nobody would see that."""
_SWITCH_S = 0.001
"""How long another thread, as of a backtest, may keep the screens waiting for the interpreter:
three threads in turn read a key, answer it and write, and each of them waits."""


def run_app(
    data_dir: Path | None = None, demo: Demo | None = None, replay: Replay | None = None
) -> int:
    """Open the screens and stay until the user leaves; returns the exit code.

    `data_dir`: where cache, output and charts lie (None: as the command line has it); `demo`: is
    shown first, and stopped at the end unless the user wants it to go on; `replay`: is shown first.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.disable()  # until everything is loaded: collecting is a tenth of the first paint
    first = LIVE if demo or replay else first_screen(data_folder(data_dir))
    app = GridTui(data_dir, first=first, demo=demo)
    app.opens_with = replay
    app.loads_uncollected = True

    async def stay() -> None:
        loop = asyncio.get_running_loop()

        def end(number: int, _: object) -> None:
            if number == signal.SIGHUP:
                _let_the_terminal_go()
            _end_at_last(128 + number)
            loop.call_soon_threadsafe(app.end)

        # not by the loop, which may be waiting for the terminal: it writes at the SIGCONT that
        # comes with a SIGHUP
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGHUP, end)
        try:
            await app.run_async()
        finally:
            if demo is not None:
                words = demo.goes_on if app.demo_goes_on else await asyncio.to_thread(demo.stop)
                with contextlib.suppress(OSError):
                    print(words, flush=True)
            app.say_last_words()
        await _saved(app.store)
        if app.store is not None and app.store.busy:
            # the terminal is restored and nothing is being written, but a thread that compiles
            # cannot be interrupted: waiting for it would hold the shell up for some 20 s
            sys.stdout.flush()
            os._exit(app.return_code or 0)

    asyncio.run(stay())
    return app.return_code or 0


def _end_at_last(code: int) -> None:
    watch = threading.Timer(_LAST_S, os._exit, (code,))
    watch.daemon = True
    watch.start()


def _let_the_terminal_go() -> None:
    """Where it is closed, each write to it fails, and Textual waits for ever for its last one."""
    if not os.isatty(2):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        os.close(nowhere)


async def _saved(store: Store | None) -> None:
    """Wait, for a bounded time, until a download that was given up has written what had arrived."""
    deadline = monotonic() + _SAVING_S
    while store is not None and store.data.busy and monotonic() < deadline:
        await asyncio.sleep(0.05)
