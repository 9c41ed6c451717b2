"""Markets of a few bars, made by hand, on which one rule of the strategy shows.

The numbers are chosen so that expected results can be worked out on paper. The price is 2000, the
spacing 4 % of it, levels are arithmetic: longs wait at 1920, 1840, 1760, shorts at 2080, 2160,
2240, none of them near a round number. An order is 100,000 * 0.05 * 0.5 (Kelly without records) =
2500 USDT and the step 0.1 coins: 1.3, 1.3, 1.4 coins long and 1.2, 1.1, 1.1 short. ATR is 40:
stage 1 lies 4.5 * 40 = 180 from the average entry, stage 2 270. Nothing else moves unless a test
says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from engine.account import LONG, SHORT, new_state
from engine.decide import ROW
from engine.features import Features
from engine.loop import Detail, no_detail, run_bars, simulate
from engine.params import StrategyParams
from engine.rules import kernel_rules
from engine.trades import TRADE, trade_dicts
from exchange.market import Market, Tier
from exchange.symbol import Symbol
from tests.bars import NEW_YEAR_2022_MS, QUARTER_MS

CALM = {
    "initial_capital": 100_000.0,
    "grid_mode": "arithmetic",
    "grid_spacing_k": 0.0,
    "spacing_floor": 0.04,
}
QUIET = {"kama": None, "er": 0.0, "atr": 40.0, "z": 0.0, "sigma": 0.0, "volume_ratio": 1.0}
QUIET |= {"funding_rate": 0.0, "settlement": np.nan, "synthetic": False, "regime": 0}

NAN = np.nan
LONGS = [1920.0, 1840.0, 1760.0]
SHORTS = [2080.0, 2160.0, 2240.0]
DIP = (2000.0, 2000.0, 1910.0, 1950.0)  # fills 1.3 long at 1920
SPIKE = (2000.0, 2090.0, 2000.0, 2050.0)  # fills 1.2 short at 2080
BOUGHT = (1, "BUY_OPEN_LONG", 1920.0, 1.3)
SOLD = (1, "SELL_OPEN_SHORT", 2080.0, 1.2)
ONE_LONG = {"grid_levels": 1, "allow_short": False}

Candle = float | tuple[float, float, float, float]
Lot = tuple[float, float]


class Row(NamedTuple):
    """A row of the trade log; floats rounded to 8 decimals."""

    bar: int
    side: str
    label: str
    price: float
    qty: float
    pnl: float
    fee: float
    funding: float
    regime: str
    born: int


@dataclass(frozen=True)
class Played:
    """What a run left behind."""

    rows: list[Row]
    equity: list[float]
    regime: list[int]
    account: Any
    """The state record after the last bar."""

    @property
    def fills(self) -> list[tuple[int, str, float, float]]:
        """The trade log as (bar, label, price, quantity)."""
        return [(row.bar, row.label, row.price, row.qty) for row in self.rows]

    def entries(self, side: int) -> list[Lot]:
        """Wanted entries of a side as (price, quantity), nearest first."""
        return [(float(e["price"]), float(e["qty"])) for e in self._used(side, "entries")]

    def prices(self, side: int) -> list[float]:
        """Prices of the wanted entries of a side."""
        return [price for price, _ in self.entries(side)]

    def sent(self, side: int) -> list[int]:
        """Bars in which those entries went to the exchange, -1 for what is held back."""
        return [int(e["sent"]) for e in self._used(side, "entries")]

    def lots(self, side: int) -> list[Lot]:
        """Open lots of a side as (price, quantity), oldest first."""
        return [(float(lot["price"]), float(lot["qty"])) for lot in self._used(side, "lots")]

    def take_profits(self, side: int) -> list[tuple[float, float, float, float]]:
        """Of each lot: nearer price and quantity, farther price and quantity."""
        names = ("near_price", "near_qty", "far_price", "far_qty")
        return [tuple(float(lot[n]) for n in names) for lot in self._used(side, "lots")]

    def anchor(self, side: int) -> float:
        """The centre of the side's grid."""
        return float(self.account["sides"][side]["anchor"])

    @property
    def anchors(self) -> tuple[float, float]:
        """The centres of both grids: long, short."""
        return self.anchor(LONG), self.anchor(SHORT)

    def buffer(self, side: int) -> float:
        """The side's profit buffer."""
        return float(self.account["sides"][side]["buffer"])

    def adds_up(self) -> bool:
        """Whether the wallet is what it was at first and all that was booked since."""
        account = self.account
        booked = account["gross"] - account["fees"] + account["funding"] + account["insurance"]
        return abs(account["wallet"] - (100_000.0 + booked)) < 1e-9 * 100_000.0

    def _used(self, side: int, what: str) -> list[Any]:
        record = self.account["sides"][side]
        count = record["lot_count" if what == "lots" else "entry_count"]
        return list(record[what][:count])


def market(
    min_notional: float = 5.0,
    tick: str = "0.1",
    step: str = "0.1",
    tiers: Sequence[Sequence[float]] = ((0, 1e12, 0.004, 0),),
) -> Market:
    """A market made for a test."""
    grid = Decimal(tick), Decimal(step), Decimal(str(min_notional))
    return Market(Symbol("TEST"), *grid, tuple(Tier(*tier) for tier in tiers), "by hand")


def play(
    candles: Sequence[Candle],
    *,
    longs: Sequence[Lot] = (),
    shorts: Sequence[Lot] = (),
    prepare: Callable[[Any], None] | None = None,
    on: Market | None = None,
    fill_model: str = "path",
    detail: dict[int, list[tuple[float, float, float, float]]] | None = None,
    **settings: Any,
) -> Played:
    """Run bars 1, 2, ... of `candles` and stop with positions open; bar 0 is only looked back at.

    A candle is (open, high, low, close) or the price of a flat bar. `longs`, `shorts`: lots open
    since bar 0. `prepare` may change the account record before bar 1. `settings` are parameters,
    or columns of features: one value, or a list whose last value goes on. `detail`: finer candles
    by bar.
    """
    # One more bar than is run: only the last bar of the data closes what is open.
    features, rules = _set_up([*candles, candles[-1]], settings, on, fill_model)
    bars = len(candles)
    state = new_state(float(rules.params.initial_capital))
    for side, lots in ((LONG, longs), (SHORT, shorts)):
        _open(state[0]["sides"][side], lots, int(features.time[0]))
    if prepare is not None:
        prepare(state[0])
    trades = np.zeros(2000, TRADE)
    equity = np.full(bars + 1, rules.params.initial_capital)
    fine = _detail(bars + 1, detail)
    tiers = rules.market.tier_table
    work = np.zeros(1, ROW)
    run_bars(state, features, rules.record, tiers, fine, trades, equity, work, 1, bars)
    return _played(trades[: state[0]["trades"]], equity[:bars], np.zeros(0), state)


def play_to_the_end(
    candles: Sequence[Candle],
    *,
    on: Market | None = None,
    fill_model: str = "path",
    **settings: Any,
) -> Played:
    """The same through the public `simulate`: the last bar closes what is open."""
    features, rules = _set_up(candles, settings, on, fill_model)
    outcome = simulate(features, rules.params, rules.market, 1, fill_model=fill_model)
    return _played(outcome.fills, outcome.equity, outcome.regime, outcome.state)


class _Rules(NamedTuple):
    params: StrategyParams
    market: Market
    record: Any


def _set_up(
    candles: Sequence[Candle], settings: dict[str, Any], on: Market | None, fill_model: str
) -> tuple[Features, _Rules]:
    columns = {name: settings.pop(name, QUIET[name]) for name in QUIET}
    params = StrategyParams.checked(CALM | settings)
    place = on or market()
    bars = [c if isinstance(c, tuple) else (c, c, c, c) for c in candles]
    opened, high, low, close = (np.array(side, np.float64) for side in zip(*bars, strict=True))
    n = len(bars)
    time = NEW_YEAR_2022_MS + QUARTER_MS * np.arange(n, dtype=np.int64)
    kinds = {"regime": np.int64, "synthetic": np.bool_}
    made = {
        name: close.copy() if value is None else _column(value, n, kinds.get(name, np.float64))
        for name, value in columns.items()
    }
    features = Features(time=time, open=opened, high=high, low=low, close=close, **made)
    return features, _Rules(params, place, kernel_rules(params, place, fill_model))


def _column(value: Any, n: int, kind: Any) -> Any:
    values = list(value) if isinstance(value, list) else [value]
    return np.array((values + [values[-1]] * n)[:n], kind)


def _open(side: Any, lots: Sequence[Lot], time: int) -> None:
    for lot, (price, qty) in zip(side["lots"], lots, strict=False):
        lot["price"], lot["qty"], lot["time"], lot["tp_bar"] = price, qty, time, -1
    side["lot_count"] = len(lots)
    side["qty"] = sum(qty for _, qty in lots)
    side["avg_entry"] = sum(p * q for p, q in lots) / side["qty"] if lots else 0.0


def _detail(bars: int, detail: dict[int, list[tuple[float, float, float, float]]] | None) -> Detail:
    if not detail:
        return no_detail(bars)
    counts = [len(detail.get(i, ())) for i in range(bars)]
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rows = np.array([candle for i in sorted(detail) for candle in detail[i]], np.float64)
    return Detail(first, *(np.ascontiguousarray(rows[:, k]) for k in range(4)))


def _played(trades: Any, equity: Any, regime: Any, state: Any) -> Played:
    names = {-2: "BREAKOUT_DOWN", -1: "DOWNTREND", 0: "NOISE", 1: "UPTREND", 2: "BREAKOUT_UP"}
    numbers = ("price", "qty", "pnl", "fee", "funding")
    rows = [
        Row(
            bar=row["bar"],
            side=row["side"],
            label=row["label"],
            **{n: round(row[n], 8) for n in numbers},
            regime=row["regime"],
            born=int(born),
        )
        for row, born in zip(trade_dicts(trades, names), trades["born"], strict=True)
    ]
    return Played(rows, equity.tolist(), regime.tolist(), state[0])
