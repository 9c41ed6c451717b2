"""What bots leave on a disk: a state, and a lock, each made by hand with fixed times."""

import os
from pathlib import Path
from typing import Any

from engine.live.folders import state_folder
from exchange.client_ids import ClientId
from state.exact_json import encode
from state.lock import BotLock
from state.snapshot import Snapshots

BEGAN = "2025-01-10T08:00:00+00:00"
WROTE_S = 1_736_510_400  # 2025-01-10 12:00 UTC


def side(qty: float = 0.0, lots: int = 0) -> dict[str, Any]:
    """A side of an account, as far as it is counted."""
    return {"qty": qty, "lots": [{"qty": qty / max(1, lots)}] * lots}


def order(role: Any, number: int, status: str = "resting") -> dict[str, Any]:
    """An order that was sent."""
    return {"client_id": str(ClientId("k3", 400, "long", role, number, 0)), "status": status}


def keep_state(
    folder: Path,
    mode: str,
    symbol_id: str,
    *,
    held: float = 0.046,
    entries: int = 0,
    paused: list[str] | None = None,
) -> Path:
    """The state of a bot with a stop, a take-profit, an order that is gone, and entries; `paused`:
    why none rests, if it says so."""
    lots = 2 if held else 0
    orders = [order("stop", 1), order("near take-profit", 1)] if held else []
    orders += [order("exit", 1, "gone"), *(order("entry", 1 + n) for n in range(entries))]
    account = {"equity": 10_284.16, "long": side(held, lots), "short": side()}
    state = state_folder(folder, mode)
    document = {"account": account, "orders": orders}
    known = {} if paused is None else {"paused": paused}
    Snapshots(state, symbol_id).save(document | known)
    path = state / f"{symbol_id}_state.json"
    os.utime(path, (WROTE_S, WROTE_S))
    return path


def hold(lock: BotLock, folder: Path, mode: str, symbol_id: str, control: Path) -> Path:
    """Take a lock as a bot does that began at BEGAN; returns the lock's file."""
    before = set(_locks())
    lock.acquire(data_folder=folder, mode=mode, control=control)
    path = next(iter(set(_locks()) - before))
    holder = {
        "account": mode,
        "symbol_id": symbol_id,
        "pid": 4711,
        "started": BEGAN,
        "data_folder": str(folder),
        "mode": mode,
        "control": str(control),
    }
    path.write_text(f"{encode(holder)}\n")
    return path


def _locks() -> list[Path]:
    return list(Path(os.environ["GRIDTUI_STATE_HOME"]).glob("*.lock"))
