"""The compiled strategy, step by step: what a backtest's loop does in one go.

Everything that decides or accounts is a function of `engine.decide`, `engine.ledger` or
`engine.fills`; this module only lends them the arrays and hands back Python values.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import LONG, SHORT, State
from engine.decide import ROW, begin_bar, lay_orders, next_exit, order_size, read_row
from engine.features import Features
from engine.fills import begin_liquidation, book_exit
from engine.ledger import (
    Trades,
    book_funding,
    close_quantity,
    drop_entry,
    end_bar,
    find_lot,
    open_lot,
)
from engine.orders import lay_entries
from engine.params import StrategyParams
from engine.pruning import NONE
from engine.rules import kernel_rules
from engine.trades import BUY_CLOSE_SHORT, SELL_CLOSE_LONG, TRADE
from exchange.market import Market
from indicators.compiled import compiled

_ROOM = 4096  # rows by which the trade log grows
_SPARE = 256  # rows that one call may write at most
_DUST = 1e-9

Rules = npt.NDArray[Any]
"""A record of `engine.rules.RULES`, shape (1,)."""

Levels = list[tuple[float, float]]
Fresh = tuple[bool, bool]

Order = tuple[int, int, int]
"""What an entry was: (bar in which it was sent, grid level, generation). Its lot keeps it."""


class Exit(NamedTuple):
    """A market exit that the strategy wants; `lot` is WHOLE_SIDE or a row of the side's lots."""

    step: int
    side: int
    lot: int
    qty: float
    label: int


class Kernel:
    """One account under one set of rules.

    Args:
        params: of the strategy.
        market: tick, step, minimum notional, tiers.
        state: `engine.account.STATE`, shape (1,); changed in place.
    """

    def __init__(self, params: StrategyParams, market: Market, state: State) -> None:
        self.state = state
        self.rules = kernel_rules(params, market)
        self._row = np.zeros(1, ROW)
        self._trades: Trades = np.zeros(int(state["trades"][0]) + _ROOM, TRADE)
        self._told = int(state["trades"][0])

    def go_by(self, params: StrategyParams, market: Market) -> None:
        """Decide by these from now on; what is in the account stays as it is."""
        self.rules = kernel_rules(params, market)

    def at_bar(self, features: Features, i: int, opened_ms: int) -> None:
        """Read what is known before bar `i`, which opens at `opened_ms`; bar i-1 is in `features`.

        Whatever is booked from now on belongs to bar `i`.
        """
        self.bar = i
        _read(features, i - 1, opened_ms, self.rules, self._row)

    @property
    def regime(self) -> int:
        """In force in this bar."""
        return int(self._row["regime"][0])

    def begin_bar(self) -> None:
        """Steps 1-3: circuit breaker, and the stops of this bar."""
        self._make_room()
        _begin(self.state, self._row, self.rules, self.bar, self._trades)

    def next_exit(self, step: int) -> Exit | None:
        """The next market exit of steps 3 and 5; see `engine.decide.next_exit`."""
        found = Exit(*_next_exit(self.state, self._row, self.rules, self.bar, step))
        return None if found.side == NONE else found

    def lay_orders(self) -> None:
        """Steps 6-8. Entry fills are counted anew from here."""
        _lay(self.state, self._row, self.rules, self.bar)

    def would_lay(self, rules: Rules, fresh: Fresh, neutral: bool = False) -> list[Levels]:
        """The entries that the grids of long and short would have under `rules`, as `entries`.

        A side that is `fresh` is laid anew around its anchor, the other's entries stay; `neutral`:
        as if the market had no trend. Nothing of the account changes.
        """
        states, rows = self.state.copy(), self._row.copy()
        if neutral:
            rows["regime"] = 0
        _lay_anew(states, rows, rules, self.bar, fresh[LONG], fresh[SHORT])
        return [_levels(states, side) for side in (LONG, SHORT)]

    def entries(self, side: int) -> Levels:
        """(price, quantity) of each entry that a side wants, the nearest first."""
        return _levels(self.state, side)

    def fill_entry(self, side: int, price: float, qty: float, fee: float, order: Order) -> None:
        """Book (a part of) an entry's fill."""
        self._make_room()
        where = (self.bar, self._row)
        _fill_entry(self.state, self._trades, self.rules, side, price, qty, fee, order, *where)

    def fill_take_profit(
        self, side: int, order: Order, near: bool, price: float, qty: float, fee: float
    ) -> None:
        """Book (a part of) a take-profit's fill: of the lot that `order` opened."""
        self._make_room()
        where = (self.bar, self._row)
        _fill_take_profit(
            self.state, self._trades, self.rules, side, order, near, price, qty, fee, *where
        )

    def fill_exit(
        self,
        side: int,
        order: Order | None,
        price: float,
        qty: float,
        fee: float,
        label: int,
        born: int,
        first: bool = True,
    ) -> None:
        """Book (a part of) a market exit or a fired stop: of a lot, or of the side (None).

        `first` is False for further parts of an exit that was booked already: a stop counts once.
        """
        self._make_room()
        where = (label, self.bar, self._row, born, first)
        lot = order or (NONE, NONE, NONE)
        _fill_exit(self.state, self._trades, self.rules, side, lot, price, qty, fee, *where)

    def begin_liquidation(self) -> None:
        """The exchange liquidates; its trades follow as exits labelled LIQUIDATION."""
        _liquidation(self.state)

    def refuse_entry(self, side: int, order: Order) -> None:
        """The exchange refused an entry: it is not laid again before the next grid."""
        _refuse(self.state, side, order)

    def book_funding(self, price: float, rate: float) -> None:
        """Step 10: a settlement at `rate` on positions at `price`."""
        _fund(self.state, price, rate)

    def end_bar(self, close: float) -> float:
        """Step 11: the equity at the close."""
        _end(self.state, close)
        return float(self.state["equity"][0])

    def take_back(self, side: int, whole_side: bool) -> None:
        """An exit was not executed: let the next bar judge anew."""
        record = self.state[0]["sides"][side]
        if whole_side:
            record["stage1_fired"] = 0
        else:
            record["last_prune"] = self.bar - int(self.rules["prune_cooldown_bars"][0])

    def new_trades(self) -> npt.NDArray[Any]:
        """Rows (TRADE) booked since this was asked last."""
        count = int(self.state["trades"][0])
        rows = self._trades[self._told : count].copy()
        self._told = count
        return rows

    def copy(self) -> "Kernel":
        """The same account, to try something on."""
        other = object.__new__(Kernel)
        other.__dict__ |= self.__dict__
        other.state, other._row = self.state.copy(), self._row.copy()
        other._trades = self._trades.copy()
        return other

    def equity_at(self, price: float) -> float:
        """Wallet and open result at `price`, USDT."""
        record = self.state[0]
        equity = float(record["wallet"])
        for side, sign in ((LONG, 1), (SHORT, -1)):
            held = record["sides"][side]
            equity += sign * (price - float(held["avg_entry"])) * float(held["qty"])
        return equity

    def _make_room(self) -> None:
        if int(self.state["trades"][0]) + _SPARE > len(self._trades):
            self._trades = np.concatenate([self._trades, np.zeros(_ROOM, TRADE)])


def _levels(states: State, side: int) -> Levels:
    record = states[0]["sides"][side]
    rows = record["entries"][: record["entry_count"]]
    return list(zip(rows["price"].tolist(), rows["qty"].tolist(), strict=True))


@compiled
def _read(f: Features, k: int, opened: int, rules: Any, rows: Any) -> None:
    read_row(f, k, opened, rules[0], rows[0])


@compiled
def _begin(states: State, rows: Any, rules: Any, i: int, trades: Trades) -> None:
    begin_bar(states[0], rows[0], rules[0], i, trades)


@compiled
def _next_exit(
    states: State, rows: Any, rules: Any, i: int, step: int
) -> tuple[int, int, int, float, int]:
    return next_exit(states[0], rows[0], rules[0], i, step)


@compiled
def _lay(states: State, rows: Any, rules: Any, i: int) -> None:
    lay_orders(states[0], rows[0], rules[0], i)
    states[0].entry_fills = 0


@compiled
def _lay_anew(
    states: State, rows: Any, rules: Any, i: int, long_fresh: bool, short_fresh: bool
) -> None:
    state, row, rule = states[0], rows[0], rules[0]
    size = order_size(state, row, rule, i)
    # both lists go before either is laid, as in step 8
    if long_fresh:
        state.sides[LONG].entry_count = 0
    if short_fresh:
        state.sides[SHORT].entry_count = 0
    if long_fresh:
        lay_entries(state, row, rule, LONG, size, True, 0)
    if short_fresh:
        lay_entries(state, row, rule, SHORT, size, True, 0)


@compiled
def _fill_entry(
    states: State,
    trades: Trades,
    rules: Any,
    side: int,
    price: float,
    qty: float,
    fee: float,
    order: Order,
    bar: int,
    rows: Any,
) -> None:
    state = states[0]
    k = _resting(state, side, order)
    if k >= 0:
        left = np.rint((state.sides[side].entries[k].qty - qty) * 1e10) / 1e10
        if left <= _DUST:
            drop_entry(state, side, k)
        else:
            state.sides[side].entries[k].qty = left
    open_lot(state, trades, rules[0], side, price, qty, fee, order, bar, rows[0])


@compiled
def _fill_take_profit(
    states: State,
    trades: Trades,
    rules: Any,
    side: int,
    order: Order,
    near: bool,
    price: float,
    qty: float,
    fee: float,
    bar: int,
    rows: Any,
) -> None:
    state = states[0]
    k = find_lot(state, side, order)
    born = bar
    if k >= 0:
        lot = state.sides[side].lots[k]
        born = lot.tp_bar
        if near:
            lot.near_qty = np.rint((lot.near_qty - qty) * 1e10) / 1e10
        else:
            lot.far_qty = np.rint((lot.far_qty - qty) * 1e10) / 1e10
    label = SELL_CLOSE_LONG if side == LONG else BUY_CLOSE_SHORT
    close_quantity(state, trades, rules[0], side, k, qty, price, fee, label, bar, rows[0], born)


@compiled
def _fill_exit(
    states: State,
    trades: Trades,
    rules: Any,
    side: int,
    order: Order,
    price: float,
    qty: float,
    fee: float,
    label: int,
    bar: int,
    rows: Any,
    born: int,
    first: bool,
) -> None:
    state = states[0]
    k = find_lot(state, side, order)
    if first:
        book_exit(state, trades, rules[0], side, k, qty, price, fee, label, bar, rows[0], born)
    else:
        close_quantity(state, trades, rules[0], side, k, qty, price, fee, label, bar, rows[0], born)


@compiled
def _liquidation(states: State) -> None:
    begin_liquidation(states[0])


@compiled
def _refuse(states: State, side: int, order: Order) -> None:
    k = _resting(states[0], side, order)
    if k >= 0:
        states[0].refused_entries += 1
        drop_entry(states[0], side, k)


@compiled
def _resting(state: Any, side: int, order: Order) -> int:
    """Row of the side's entry that is `order`, -1 if it is not wanted any more."""
    s = state.sides[side]
    for k in range(s.entry_count):
        entry = s.entries[k]
        if entry.sent == order[0] and entry.level == order[1] and entry.generation == order[2]:
            return k
    return NONE


@compiled
def _fund(states: State, price: float, rate: float) -> None:
    book_funding(states[0], price, rate)


@compiled
def _end(states: State, close: float) -> None:
    end_bar(states[0], close)
