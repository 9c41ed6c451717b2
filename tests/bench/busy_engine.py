"""An engine that tells much more than any: a process with a bot's lock and its control socket.

    python -m tests.bench.busy_engine FOLDER EVENTS_A_SECOND

It ends with SIGTERM. What it has sent so far stands in FOLDER/sent, "seconds events" a line.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from state.control import ControlServer
from state.control_wire import socket_path
from state.lock import BotLock
from tests.bot_documents import (
    NOON_MS,
    QUOTE,
    READINGS,
    account,
    answer,
    bar,
    request,
    snapshot,
    trade,
)

SYMBOL = "BTCUSDT"
BARS_ON_DISK = 35_040
"""A year of quarters of an hour."""

_TELLS_S = 1.0
_STEP_S = 0.002
_LATE_S = 0.5

_A_HUNDRED = (
    *("quote",) * 70,
    *("order sent", "order answered") * 10,
    *("account",) * 6,
    *("grid",) * 2,
    "trade",
    "health",
)
"""What a hundred events are; more than a fifth of them may not be lost."""

_EVENTS_A_BAR = 5_000

_LOSSLESS = frozenset({"trade", "order sent", "order answered", "bar"})


async def emit(folder: Path, rate: int) -> None:
    """Publish at a steady rate until the process is told to end."""
    state = folder / "live_state" / "paper"
    state.mkdir(parents=True, exist_ok=True)
    _write_bars(state / f"{SYMBOL}_equity.csv")
    (state / f"{SYMBOL}_trades.jsonl").write_text(
        "".join(f"{json.dumps(_trade(n, 90_000.0 + 600 * n))}\n" for n in range(2_000))
    )
    path = socket_path(state, SYMBOL)
    server = ControlServer(path, _refuse)
    document = snapshot(bars=[_bar(n) for n in range(412 - 3_000, 412)])
    server.set_snapshot(lambda: document)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    lock = BotLock("paper", SYMBOL)
    lock.acquire(data_folder=folder, mode="paper", control=path)
    await server.start()
    events, sent = _events(), 0
    with (folder / "sent").open("w") as log:
        began = told = time.monotonic()
        while not ended.is_set():
            due = int((time.monotonic() - began) * rate)
            if due - sent > _LATE_S * rate:  # what was not sent in time is not made up for
                began += (due - sent) / rate
                continue
            for _ in range(due - sent):
                kind, payload = next(events)
                server.publish(kind, payload, lossless=kind in _LOSSLESS)
            sent = max(sent, due)
            if time.monotonic() - told >= _TELLS_S:
                told = time.monotonic()
                print(f"{told:.3f} {sent}", file=log, flush=True)
            await asyncio.sleep(_STEP_S)
    await server.close()
    lock.release()


def _events() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Without end; times go on, prices go up and down, every row has a name of its own."""
    for n in count():
        now = NOON_MS + n
        price = 64_800.0 + (n * 7) % 400 / 10
        kind = "bar" if n % _EVENTS_A_BAR == 0 else _A_HUNDRED[n % 100]
        match kind:
            case "quote":
                yield kind, QUOTE | {"time_ms": now, "price_ms": now, "price": price}
            case "order sent":
                yield kind, request("place", f"g{n:09d}", -n / 1000, f"{price:.1f}")
            case "order answered":
                yield kind, answer(f"g{n - 1:09d}", "open", -n / 1000)
            case "account":
                yield kind, account(equity=10_284.16 + n % 100)
            case "trade":
                yield kind, _trade(n, -n / 1000)
            case "grid":
                orders = [["entry", f"{price - 10 * k:.1f}", "0.023"] for k in range(6)]
                anchors = [price, price]
                grid = {"bar": 412, "time_ms": now, "anchors": anchors, "halted": False}
                yield kind, grid | {"orders": orders}
            case "bar":
                yield kind, _bar(412 + n // _EVENTS_A_BAR)
            case _:
                yield kind, {"time_ms": now, "readings": READINGS}


def _trade(n: int, ago_s: float) -> dict[str, Any]:
    """Openings and closings by turns."""
    label = ("BUY_OPEN_LONG", "SELL_CLOSE_LONG", "SELL_OPEN_SHORT", "BUY_CLOSE_SHORT")[n % 4]
    result = None if "OPEN" in label else (n % 9 - 4) / 2
    row = trade(label, 64_800.0 + n % 40, 0.023, ago_s, result)
    return row | {"trade_id": n, "client_id": f"t{n:09d}"}


def _bar(number: int) -> dict[str, Any]:
    """Up and down around a slow rise; quarters of an hour apart."""
    swing = number * 37 % 211
    told = bar(number, 64_000.0 + 3 * swing, 10_200.0 + 0.01 * number + 0.5 * swing)
    return told | {"regime": number // 90 % 5 - 2}


def _write_bars(path: Path) -> None:
    """What the run has written before what it still remembers."""
    rows = ["time,close,equity,wallet,regime"]
    for number in range(412 - BARS_ON_DISK, 412):
        one = _bar(number)
        rows.append(
            f"{one['time_ms']},{one['close']},{one['equity']},{one['wallet']},{one['regime']}"
        )
    path.write_text("\n".join(rows) + "\n")


async def _refuse(name: str, arguments: Mapping[str, Any], origin: str) -> str:
    """Nothing here can be steered."""
    return f"{name} {len(arguments)} of {origin}: this engine only tells"


if __name__ == "__main__":
    asyncio.run(emit(Path(sys.argv[1]), int(sys.argv[2])))
