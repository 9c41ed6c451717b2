"""Which levels of the grid have no order at the exchange, and why.

No rule of the strategy is written here a second time: its own functions are asked what they would
lay without this limit and with it, and the limit with which a level vanishes is the reason.
"""

from typing import Any, NamedTuple

from engine.account import LONG, MOST_LOTS, SHORT, SIDE_NAMES
from engine.live.kernel import Fresh, Kernel, Rules
from engine.live.memory import Memory
from engine.live.orders import Purpose
from engine.orders import ENTRY_NOTIONAL_RESERVE, LOW_VOLUME_CAP
from indicators.regime import REGIME_NAMES

_ANY = 1e18
_HALTED = "halted by the circuit breaker"
_VALUE_AT_RISK = "the value at risk is at its limit"
_ON_ITS_WAY = "on its way to the exchange"
_GONE = "filled or refused; comes back with the next grid"
_LAID = ""


class Level(NamedTuple):
    """A level of a side's grid, as it was laid.

    `number` 1 is the nearest; it and `price` are None for what holds for the whole side. `why`
    it was not laid, "" where it was.
    """

    side: int
    number: int | None
    price: float | None
    why: str


def lay_grid(kernel: Kernel, memory: Memory) -> None:
    """Steps 6-8, and the reasons of what they leave out, into the memory."""
    before = [_standing(kernel, side) for side in (LONG, SHORT)]
    generation = int(kernel.state["generation"][0])
    kernel.lay_orders()
    if int(kernel.state["generation"][0]) == generation:
        return
    long, short = (_standing(kernel, side) != before[side] for side in (LONG, SHORT))
    kept = [Level(*row) for row in memory.levels if not (long, short)[row[0]]]
    memory.levels = [*kept, *judged(kernel, (long, short))]


def judged(kernel: Kernel, fresh: Fresh) -> list[Level]:
    """Every level of the sides that have just been laid."""
    asked = [(why, kernel.would_lay(rules, fresh)) for why, rules in _tightening(kernel.rules)]
    levels = []
    for side in (LONG, SHORT):
        if not fresh[side]:
            continue
        laid = {price for price, _ in kernel.entries(side)}
        unlimited = [price for price, _ in asked[0][1][side]]
        beyond = _most(kernel, side) - len(unlimited)
        if not unlimited:
            levels.append(Level(side, None, None, _closed(kernel, side, fresh)))
            continue
        if beyond:
            words = f"{beyond} would lie on the other side of the market"
            levels.append(Level(side, None, None, words))
        for number, price in enumerate(unlimited, 1 + beyond):
            without = (why for why, wanted in asked if price not in {p for p, _ in wanted[side]})
            why = _LAID if price in laid else next(without, _GONE)
            levels.append(Level(side, number, price, why))
    return levels


def absent(kernel: Kernel, memory: Memory) -> list[dict[str, Any]]:
    """What has no order at the exchange now, fit for JSON; empty where all levels rest."""
    if kernel.state["halted"][0]:
        return [_told(Level(side, None, None, _HALTED)) for side in (LONG, SHORT)]
    missing = []
    for side in (LONG, SHORT):
        record = kernel.state[0]["sides"][side]
        entries = {row["price"].item(): row for row in record["entries"][: record["entry_count"]]}
        lots = set(record["lots"]["price"][: record["lot_count"]].tolist())
        for level in (Level(*row) for row in memory.levels if row[0] == side):
            entry = None if level.price is None else entries.pop(level.price, None)
            if entry is not None:
                missing.append(level._replace(why=_not_resting(side, entry, memory)))
            elif level.why or level.price not in lots:
                missing.append(level._replace(why=level.why or _GONE))
        # of a grid that was laid before reasons were kept
        for price, entry in entries.items():
            why = _not_resting(side, entry, memory)
            missing.append(Level(side, int(entry["level"]), price, why))
    return [_told(level) for level in missing if level.why]


def _standing(kernel: Kernel, side: int) -> tuple[float, set[float]]:
    prices = {price for price, _ in kernel.entries(side)}
    return float(kernel.state[0]["sides"][side]["anchor"]), prices


def _most(kernel: Kernel, side: int) -> int:
    """Levels that a side could have; the record has room for so many lots and entries."""
    lots = int(kernel.state[0]["sides"][side]["lot_count"])
    return min(int(kernel.rules["grid_levels"][0]), MOST_LOTS - lots)


def _tightening(rules: Rules) -> list[tuple[str, Rules]]:
    """Rules without limits, then with one more of them each time, in the order of step 8."""
    real = rules[0]
    notional = float(ENTRY_NOTIONAL_RESERVE * real["min_notional"])
    limits: list[tuple[str, dict[str, float]]] = [
        (f"less than a step of {real['step']:g}", {"step": 1e-9}),
        (f"smaller than {notional:g} USDT", {"min_notional": 0.0}),
        (
            f"{real['max_inventory_per_side']} lots and entries at most",
            {"max_inventory_per_side": MOST_LOTS},
        ),
        (f"side cap {real['max_position_pct']:.0%} reached", {"max_position_pct": _ANY}),
        (f"low volume: {LOW_VOLUME_CAP:.0%} of the side cap", {"low_volume_threshold": 0.0}),
        (
            f"{real['trailing_reserve_pct']:.0%} of the side cap kept for trailing up",
            {"trailing_reserve_pct": 0.0},
        ),
        (f"{real['max_orders']} orders at most", {"max_orders": 10**9}),
    ]
    loose = rules.copy()
    for _, values in limits:
        for name, value in values.items():
            loose[name] = value
    steps = [(_GONE, loose)]
    for why, values in limits:
        loose = loose.copy()
        for name in values:
            loose[name] = rules[name]
        steps.append((why, loose))
    return steps


def _closed(kernel: Kernel, side: int, fresh: Fresh) -> str:
    """Why a side lays nothing, whatever the limits."""
    loose = _tightening(kernel.rules)[0][1]
    loose["allow_short"] = True
    if kernel.would_lay(loose, fresh)[side]:
        return f"the {SIDE_NAMES[side]} side is switched off"
    if kernel.would_lay(loose, fresh, neutral=True)[side]:
        return f"no new {SIDE_NAMES[side]}s: {REGIME_NAMES[kernel.regime]}"
    return "the grid has no level there"


def _not_resting(side: int, entry: Any, memory: Memory) -> str:
    """Why an entry that is wanted does not rest; "" where it does."""
    if entry["sent"] < 0:
        return _VALUE_AT_RISK
    order = (int(entry["sent"]), int(entry["level"]), int(entry["generation"]))
    purpose = Purpose(side, "entry", order)
    if any(sent.purpose == purpose and sent.status == "resting" for sent in memory.alive):
        return ""
    return f"paused: {', '.join(memory.paused)}" if memory.paused else _ON_ITS_WAY


def _told(level: Level) -> dict[str, Any]:
    return {
        "side": SIDE_NAMES[level.side],
        "level": level.number,
        "price": level.price,
        "why": level.why,
    }
