"""What a bot tells, made by hand: a snapshot and events as `engine.live.view` has them."""

from collections.abc import Mapping
from typing import Any

NOON_MS = 1_736_510_400_000  # 2025-01-10 12:00 UTC
QUARTER_MS = 900_000

QUOTE: dict[str, Any] = {
    "time_ms": NOON_MS,
    "price": 64_812.4,
    "equity": 10_284.16,
    "wallet": 10_281.6,
    "unrealised": [5.02, -2.46],
    "orders": 5,
    "regime": 0,
    "bar_end_ms": NOON_MS + 233_000,
    "paused": [],
    "price_ms": NOON_MS - 400,
    "latency_ms": 38.0,
}


def lot(price: float, qty: float, hours: float, *, up: bool, level: int = 1) -> dict[str, Any]:
    """A lot with two take-profits, the nearer one for 60 % of it."""
    sign = 1 if up else -1
    near = round(0.6 * qty, 3)
    return {
        "price": price,
        "qty": qty,
        "time": NOON_MS - int(hours * 3_600_000),
        "fee": 0.3,
        "funding": -0.012,
        "level": level,
        "near_price": round(price * (1 + sign * 0.01), 1),
        "near_qty": near,
        "far_price": round(price * (1 + sign * 0.02), 1),
        "far_qty": round(qty - near, 3),
    }


def account(**changes: Any) -> dict[str, Any]:
    """Two lots long, one short, their stops, an entry on each side."""
    sides = {
        "long": {
            "qty": 0.046,
            "entry": 64_703.1,
            "stop": 63_550.2,
            "anchor": 64_830.0,
            "not_ours": "0",
            "lots": [
                lot(64_911.2, 0.023, 3.2, up=True),
                lot(64_495.0, 0.023, 0.8, up=True, level=2),
            ],
        },
        "short": {
            "qty": 0.02,
            "entry": 64_690.0,
            "stop": 65_840.0,
            "anchor": 64_986.0,
            "not_ours": "0",
            "lots": [lot(64_690.0, 0.02, 0.8, up=False)],
        },
    }
    orders = [
        order("long", "entry", "64096.0", "0.023", level=2, nudged_off=64_000.0),
        order("long", "stop", "63550.2", "0.046"),
        order("short", "entry", "65410.0", "0.022"),
        order("short", "stop", "65840.0", "0.020"),
        *(
            order(name, f"{part} take-profit", f"{held[part + '_price']:.1f}", f"{qty:.3f}")
            for name, side in sides.items()
            for held in side["lots"]
            for part, qty in (("near", held["near_qty"]), ("far", held["far_qty"]))
        ),
    ]
    document = {
        "tick": "0.1",
        "step": "0.001",
        "min_notional": "50",
        "bar": 412,
        "opened_ms": NOON_MS - 667_000,
        "bar_end_ms": NOON_MS + 233_000,
        "capital": 10_000.0,
        "wallet": 10_281.6,
        "equity": 10_284.16,
        "peak_equity": 10_402.0,
        "fees": 31.2,
        "funding": -1.23,
        "halted": False,
        "liquidation": [None, 97_120.0],
        "regime": "NOISE",
        "paused": [],
        "sides": sides,
        "absent": [],
        "orders": orders,
    }
    return document | changes


def order(
    side: str, role: str, price: str, qty: str, level: int = 1, nudged_off: float | None = None
) -> dict[str, Any]:
    """A resting order."""
    return {
        "id": f"g1-{side}-{role}-{price}",
        "level": level,
        "nudged_off": nudged_off,
        "side": side,
        "role": role,
        "price": price,
        "qty": qty,
        "status": "resting",
    }


def bar(number: int, close: float = 64_800.0, equity: float = 10_280.0) -> dict[str, Any]:
    """A closed bar; number 411 is the last before `NOON_MS`."""
    return {
        "bar": number,
        "time_ms": NOON_MS - 667_000 - (412 - number) * QUARTER_MS,
        "close": close,
        "equity": equity,
        "wallet": 10_281.6,
        "regime": 0,
        "unrealised": [5.0, -2.0],
    }


def trade(
    label: str, price: float, qty: float, ago_s: float, pnl: float | None = None
) -> dict[str, Any]:
    """A row of the trade log; with a result it closes a lot."""
    at_ms = NOON_MS - int(ago_s * 1000)
    closed = {} if pnl is None else {"entry_price": price - 100, "hold_hours": 2.5, "r": 1.23}
    return {
        "timestamp": at_ms,
        "datetime": "",
        "price": price,
        "qty": qty,
        "label": label,
        "regime": "NOISE",
        "pnl": pnl or 0.0,
        "side": "long" if "LONG" in label else "short",
        "fee": 0.31,
        "funding": 0.0,
        "bar": 411,
        "bar_time": at_ms,
        "trade_id": 7,
        "client_id": None,
        "entry_price": None,
        "hold_hours": None,
        "r": None,
    } | closed


def reading(name: str, value: str, limit: str, state: str = "ok") -> dict[str, Any]:
    """A line of the health panel."""
    return {"name": name, "value": value, "limit": limit, "state": state}


READINGS = [
    reading("heartbeat", "4 s", "< 20 min"),
    reading("positions", "equal", "exact"),
    reading("drawdown", "1.2%", "10% / 25%"),
    reading("errors", "0", "5 in a row"),
    reading("clock", "+12 ms", "500 ms"),
    reading("unprotected", "0 s", "0 s"),
    reading("rate budget", "212 of 2400 a minute", "80%"),
]


def alarm(
    key: str = "positions", text: str = "long differs", *, over: bool = False
) -> dict[str, Any]:
    """Something that the operator must know."""
    return {"time_ms": NOON_MS, "key": key, "text": text, "over": over}


def snapshot(mode: str = "paper", **changes: Any) -> dict[str, Any]:
    """Everything that a bot sends first."""
    document: dict[str, Any] = {
        "about": {
            "symbol": "BTC/USDT",
            "mode": mode,
            "timeframe": "15m",
            "speed": 1.0,
            "params": {"grid_levels": 5, "leverage": 1},
            "simulated": mode == "paper",
        },
        "account": account(),
        "trades": [],
        "bars": [bar(number) for number in range(300, 412)],
        "requests": [],
        "alarms": [],
        "quote": QUOTE,
        "health": {"time_ms": NOON_MS, "readings": READINGS},
        "grid": None,
    }
    return document | changes


def starting() -> Mapping[str, Any]:
    """Of a bot that has not seen its exchange yet."""
    return snapshot(account=None, bars=[], quote=None, health=None)


def request(
    verb: str,
    client_id: str,
    ago_s: float,
    price: str = "64170.3",
    qty: str = "0.023",
    by: str = "strategy",
) -> dict[str, Any]:
    """What the bot asked of the exchange."""
    return {
        "kind": "order sent",
        "time_ms": NOON_MS - int(ago_s * 1000),
        "verb": verb,
        "client_id": client_id,
        "qty": qty,
        "price": price,
        "by": by,
    }


def answer(client_id: str, words: str, ago_s: float, code: int | None = None) -> dict[str, Any]:
    """What the exchange made of it."""
    return {
        "kind": "order answered",
        "time_ms": NOON_MS - int(ago_s * 1000),
        "client_id": client_id,
        "answer": words,
        "code": code,
    }
