"""A stretch of a market in which much happens, and what a run on it has come to."""

from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from engine.account import to_json
from engine.live.orders import Purpose
from engine.live.store import RunStore
from exchange.client_ids import ClientId
from exchange.paper.faults import Fault, Faults
from exchange.paper.server import PaperExchange
from tests.live.harness import Scene

# In 60 bars: 38 trades, both kinds of stops on both sides, three kinds of prunes, halts, funding
BUSY = {
    "spacing_floor": 0.002,
    "adaptive_floor_scale": 0,
    "grid_spacing_k": 0.8,
    "atr_sl_mult": 2.0,
    "max_position_age_hours": 2,
    "offset_min_spacings": 1,
    "prune_cooldown_bars": 2,
    "gap_prune_mult": 3,
    "deviance_sigma": 2.5,
    "max_drawdown_pct": 1,
    "max_inventory_per_side": 4,
    "leverage": 3,
    "halt_z_threshold": -2.5,
}


# Levels so close to each other that the next open crosses some
HAIR_FINE = {
    "spacing_floor": 0.0001,
    "adaptive_floor_scale": 0,
    "grid_spacing_k": 0.01,
    "regen_drift_mult": 0.2,
    "gamma": 0,
    "kappa": 1000,
    "max_inventory_per_side": 10,
    "leverage": 3,
    "max_drawdown_pct": 1,
}


def busy_scene(folder: Path) -> Scene:
    """60 bars of Bitcoin to be traded, after 61 of history."""
    return Scene.of(folder, "BTC", "2022-11-08", 121, **BUSY)


@dataclass(frozen=True)
class End:
    """What a run has come to."""

    trades: list[Any]
    equity: list[Any]
    account: str
    resting: Counter[Any]
    wallet: Any


def end_of(store: RunStore, paper: PaperExchange) -> End:
    """What is in the files and at the exchange; ids may differ by their revision."""
    book = paper.venue.book
    restored = store.load()
    assert restored is not None
    resting: Counter[Any] = Counter()
    for order in book.resting():
        resting[_place(order.client_id), order.price, order.quantity, order.filled] += 1
    for stop in book.waiting():
        resting[_place(stop.client_id), stop.trigger, stop.quantity, 0] += 1
    rows = [{k: v for k, v in row.items() if k != "client_id"} for row in store.trades.rows()]
    account = to_json(restored.memory.kernel)
    return End(rows, store.equity.rows(), account, resting, paper.venue.account.wallet)


def _place(text: str) -> Any:
    client_id = ClientId.parse(text)
    assert client_id is not None
    return Purpose.of(client_id).place


def some_fill_in_parts() -> Faults:
    return Faults([Fault(what="partial", rate=0.3)], seed=4)


def compare(end: End, expected: End) -> None:
    for field in fields(End):
        assert getattr(end, field.name) == getattr(expected, field.name), field.name
