"""Where a run stands, fit for JSON: what its watchers see of lots, stops and orders."""

from typing import Any

import numpy as np

from engine.account import SIDE_NAMES
from engine.events import Quoted
from engine.grid import nearest_round_number, nudge_off_round_number, round_down, round_up
from engine.live.absent import absent
from engine.live.orders import Sent
from engine.live.run import Run
from engine.risk import liquidation_prices
from exchange.broker import plain
from exchange.market import Market
from indicators.regime import REGIME_NAMES

_LOT = (
    "price",
    "qty",
    "time",
    "fee",
    "funding",
    "level",
    "near_price",
    "near_qty",
    "far_price",
    "far_qty",
)


def quote_of(run: Run, time_ms: int, price: float, price_ms: int, latency_ms: float) -> Quoted:
    """What a run is worth at a price, which is that of `price_ms`; times in ms UTC."""
    return Quoted(
        time_ms,
        price,
        equity=run.kernel.equity_at(price),
        wallet=float(run.kernel.state[0]["wallet"]),
        unrealised=run.unrealised(price),
        orders=sum(sent.status == "resting" for sent in run.memory.alive),
        regime=run.kernel.regime,
        bar_end_ms=run.bar_end_ms,
        paused=tuple(run.memory.paused),
        price_ms=price_ms,
        latency_ms=latency_ms,
    )


def account_of(run: Run) -> dict[str, Any]:
    """Wallet, lots, stops and resting orders of a run, as its kernel and its memory have them."""
    state = run.kernel.state[0]
    sides = {}
    for number, name in enumerate(SIDE_NAMES):
        side = state["sides"][number]
        sides[name] = {
            "qty": float(side["qty"]),
            "entry": float(side["avg_entry"]),
            "stop": _known(float(side["stop_price"])),
            "anchor": float(side["anchor"]),
            "not_ours": plain(run.memory.not_ours[number]),
            "lots": [
                {name: lot[name].item() for name in _LOT}
                for lot in side["lots"][: side["lot_count"]]
            ],
        }
    market = run.desk.market
    return {
        "tick": plain(market.tick),
        "step": plain(market.step),
        "min_notional": plain(market.min_notional),
        "bar": run.memory.bar,
        "opened_ms": run.memory.opened_ms,
        "bar_end_ms": run.bar_end_ms,
        "capital": run.memory.capital,
        "wallet": float(state["wallet"]),
        "equity": float(state["equity"]),
        "peak_equity": run.memory.peak_equity,
        "fees": float(state["fees"]),
        "funding": float(state["funding"]),
        "halted": bool(state["halted"]),
        "liquidation": [_known(price) for price in _liquidation(run)],
        "regime": REGIME_NAMES[run.kernel.regime],
        "paused": list(run.memory.paused),
        "sides": sides,
        "absent": absent(run.kernel, run.memory),
        "orders": [
            {
                "id": str(sent.client_id),
                "level": sent.client_id.level,
                "side": sent.client_id.side,
                "role": sent.purpose.role,
                "price": None if sent.price is None else plain(sent.price),
                "qty": plain(sent.left),
                "status": sent.status,
                "nudged_off": _nudged_off(sent, market),
            }
            for sent in run.memory.alive
        ],
    }


def nudged_off(price: float, tick: float) -> float | None:
    """The round number from which a level was moved to this price; None where it was not.

    A level that lay at that very distance by itself is not told from one that was moved there.
    """
    magnet = float(nearest_round_number(price))
    for level in (magnet, float(np.nextafter(magnet, 0.0))):
        moved = nudge_off_round_number(level)
        if price in (round_down(moved, tick), round_up(moved, tick)):
            return magnet
    return None


def _nudged_off(sent: Sent, market: Market) -> float | None:
    if sent.price is None or sent.purpose.role == "stop":
        return None
    return nudged_off(float(sent.price), float(market.tick))


def _liquidation(run: Run) -> tuple[float, float]:
    """Prices below and above the market at which the exchange would close everything; 0: none."""
    account = run.kernel.state[0]
    long, short = account["sides"]
    return liquidation_prices(
        float(account["wallet"]),
        float(long["qty"]),
        float(long["avg_entry"]),
        float(short["qty"]),
        float(short["avg_entry"]),
        run.desk.market.tier_table,
    )


def _known(price: float) -> float | None:
    """None where there is no such price: a flat side has NaN or 0."""
    return price if price > 0.0 else None
