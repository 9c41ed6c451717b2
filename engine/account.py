"""The state record: everything a decision needs that is not a candle.

One record of fixed layout (STATE), documented here and nowhere else. Compiled code gets a pointer
to it and changes it in place; `to_json` and `from_json` write it and read it back without losing a
bit. Side 0 is long, side 1 is short; the two never net.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

LONG, SHORT = 0, 1
SIDE_NAMES = ("long", "short")
REGIMES = 5  # codes -2..2 are kept at index code + 2
MOST_LOTS = 51  # per side: the largest max_inventory_per_side and one spare row
MOST_STOPS = 32  # the largest stop_cooldown_thresh
MOST_RESULTS = 1000  # the largest kelly_window

LOT = np.dtype(
    [
        ("price", "f8"),  # entry price
        ("qty", "f8"),  # what is left of it
        ("time", "i8"),  # open of the bar of its fill, ms UTC
        ("bar", "i8"),  # index of that bar
        ("born", "i8"),  # bar in which its entry order went to the exchange
        ("level", "i8"),  # grid level of that order, 1 = nearest
        ("generation", "i8"),  # grid of that order; with side, bar and level its client order id
        ("fee", "f8"),  # opening fee, quote currency
        ("funding", "f8"),  # net funding received by what is left, quote currency
        ("realised", "f8"),  # net result of the parts closed so far, opening fee included
        ("tp_bar", "i8"),  # bar in which its take-profits were laid, -1 before
        ("near_price", "f8"),  # take-profits: price and quantity of the nearer and the
        ("near_qty", "f8"),  # farther part; 0 = no such order
        ("far_price", "f8"),
        ("far_qty", "f8"),
    ]
)

ENTRY = np.dtype(
    [
        ("price", "f8"),
        ("qty", "f8"),
        ("level", "i8"),
        ("generation", "i8"),
        ("sent", "i8"),  # bar in which it went to the exchange; -1: wanted, but not there now
    ]
)

SIDE = np.dtype(
    [
        ("qty", "f8"),  # position: sum over lots
        ("avg_entry", "f8"),  # quantity-weighted entry, 0 when flat
        ("stop_price", "f8"),  # stage 2, for the whole position; NaN when flat
        ("stop_bar", "i8"),  # bar in which that price was set
        ("buffer", "f8"),  # profit buffer of offset pruning, quote currency
        ("anchor", "f8"),  # centre of the grid: the reservation price of the last regeneration
        ("last_prune", "i8"),  # bar of the last prune
        ("stage1_fired", "i8"),  # 1 until the side is flat again
        ("lot_count", "i8"),  # used rows of the next two
        ("entry_count", "i8"),
        ("lots", LOT, (MOST_LOTS,)),  # oldest first
        ("entries", ENTRY, (MOST_LOTS,)),  # nearest level first
    ]
)

STATE = np.dtype(
    [
        ("wallet", "f8"),
        ("equity", "f8"),  # as logged at the close of the last bar
        ("gross", "f8"),  # sums since the start, quote currency
        ("fees", "f8"),
        ("funding", "f8"),
        ("insurance", "f8"),
        ("stop_distance", "f8"),  # atr_sl_mult * ATR that rules this bar's stops
        ("halted", "i8"),
        ("started", "i8"),  # 1 once a first grid was laid
        ("last_regime", "i8"),  # as of the last step 8 outside a halt
        ("trailed", "i8"),  # 1: trailing has acted since the last regime change
        ("regenerate", "i8"),  # 1: a stop, liquidation or resume asks for a new grid
        ("entry_fills", "i8"),  # of the last bar
        ("generation", "i8"),  # grids laid so far
        ("cooldown_until", "i8"),  # orders are halved up to and including this bar
        ("trades", "i8"),  # rows written to the trade log
        # counters of the report
        ("halts", "i8"),
        ("trailing_shifts", "i8"),
        ("var_blocked_bars", "i8"),
        ("refused_entries", "i8"),
        ("crossed_take_profits", "i8"),
        ("liquidations", "i8"),
        ("exposed_bars", "i8"),
        ("stops", "i8"),  # stops so far; the bars of the last ones are in the ring stop_bars
        ("stop_bars", "i8", (MOST_STOPS,)),
        ("closed_lots", "i8", (REGIMES,)),  # so far, by regime; the last results in the rings
        ("results", "f8", (REGIMES, MOST_RESULTS)),
        ("sides", SIDE, (2,)),
    ]
)

State = npt.NDArray[Any]  # STATE, shape (1,)


def new_state(initial_capital: float) -> State:
    """A flat account with `initial_capital` in its wallet."""
    state = np.zeros(1, STATE)
    state["wallet"] = state["equity"] = initial_capital
    state["cooldown_until"] = -1
    state["sides"]["stop_price"] = np.nan
    state["sides"]["stop_bar"] = -1
    state["sides"]["last_prune"] = -(10**9)
    return state


def to_json(state: State) -> str:
    """The record as JSON, floats in their shortest exact form; unused rows are left out."""
    record = state[0]
    plain = _scalars(record)
    plain["stop_bars"] = record["stop_bars"].tolist()
    plain["closed_lots"] = record["closed_lots"].tolist()
    plain["results"] = [
        ring[: min(count, MOST_RESULTS)].tolist()
        for ring, count in zip(record["results"], record["closed_lots"], strict=True)
    ]
    for name, side in zip(SIDE_NAMES, record["sides"], strict=True):
        plain[name] = {
            **_scalars(side),
            "lots": [_scalars(lot) for lot in side["lots"][: side["lot_count"]]],
            "entries": [_scalars(entry) for entry in side["entries"][: side["entry_count"]]],
        }
    return json.dumps(plain, indent=1)


def from_json(text: str) -> State:
    """The record that `to_json` wrote: every used field equal to the bit.

    Raises ValueError: not JSON, or a field that is missing, foreign, or of another kind.
    """
    plain = json.loads(text)
    state = new_state(0.0)
    record = state[0]
    _fill(record, plain, "state", {"stop_bars", "closed_lots", "results", *SIDE_NAMES})
    for name in ("stop_bars", "closed_lots"):
        record[name] = _numbers(plain[name], len(record[name]), f"state.{name}")
    if not isinstance(plain["results"], list) or len(plain["results"]) != REGIMES:
        raise ValueError(f"state.results: {REGIMES} lists are needed")
    counts = record["closed_lots"].tolist()
    for ring, count, results in zip(record["results"], counts, plain["results"], strict=True):
        kept = min(max(count, 0), MOST_RESULTS)
        ring[:kept] = _numbers(results, kept, "state.results")
    for name, side in zip(SIDE_NAMES, record["sides"], strict=True):
        _fill(side, plain[name], name, {"lots", "entries"})
        for part, count in (("lots", "lot_count"), ("entries", "entry_count")):
            rows = plain[name][part]
            if not isinstance(rows, list) or len(rows) != side[count] or len(rows) > MOST_LOTS:
                raise ValueError(f"{name}.{part}: {len(rows)} rows, {side[count]} were counted")
            for target, row in zip(side[part], rows, strict=False):
                _fill(target, row, f"{name}.{part}", set())
    return state


def _scalars(record: Any) -> dict[str, Any]:
    """The plain fields of a record; NaN becomes null."""
    values = {n: record[n].item() for n in record.dtype.names if record.dtype[n].shape == ()}
    return {n: None if v != v else v for n, v in values.items()}


def _fill(record: Any, plain: Any, where: str, others: set[str]) -> None:
    names = [n for n in record.dtype.names if record.dtype[n].shape == ()]
    if not isinstance(plain, dict) or set(plain) != {*names, *others}:
        raise ValueError(f"{where}: the fields must be {', '.join([*names, *sorted(others)])}")
    for name in names:
        value = np.nan if plain[name] is None and name == "stop_price" else plain[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{where}.{name}: {value!r} is not a number")
        if record.dtype[name].kind == "i" and not isinstance(value, int):
            raise ValueError(f"{where}.{name}: {value!r} is not a whole number")
        try:
            record[name] = value
        except OverflowError:
            raise ValueError(f"{where}.{name}: {value!r} is too large") from None


def _numbers(values: Any, count: int, where: str) -> list[Any]:
    good = isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )
    if not good or len(values) != count:
        raise ValueError(f"{where}: a list of {count} numbers is needed")
    return list(values)
