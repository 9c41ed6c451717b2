"""The compiled loop of a backtest: decide, execute against the bar, account, bar after bar."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import MOST_LOTS, State, new_state
from engine.decide import ROW, begin_bar, lay_orders, next_exit, read_row
from engine.features import Features
from engine.fills import final_close, market_exit, walk_candle
from engine.ledger import Trades, book_funding, end_bar
from engine.params import StrategyParams
from engine.pruning import NONE
from engine.risk import Tiers
from engine.rules import kernel_rules
from engine.trades import TRADE
from exchange.market import Market
from indicators.compiled import compiled, mark_compiled

_BARS_PER_CALL = 16_384  # between two calls of on_progress; some milliseconds of work
_MOST_ROWS_A_BAR = 16 * MOST_LOTS


class Cancelled(Exception):  # noqa: N818  (it is no error)
    """The run was asked to stop; it leaves no result."""


class Detail(NamedTuple):
    """Finer candles: those of base bar i are the rows first[i] to first[i + 1]."""

    first: npt.NDArray[np.int64]
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]


class Outcome(NamedTuple):
    """What a run leaves behind, as arrays."""

    equity: npt.NDArray[np.float64]  # [n], at the close
    regime: npt.NDArray[np.int64]  # [n], in force in the bar
    fills: npt.NDArray[Any]  # TRADE rows in order of execution
    state: State


def simulate(
    features: Features,
    params: StrategyParams,
    market: Market,
    warmup: int,
    *,
    fill_model: str = "path",
    detail: Detail | None = None,
    on_progress: Callable[[int, int], bool] | None = None,
) -> Outcome:
    """Run the loop from bar `warmup` to the end, in pieces between which it can be cancelled.

    Raises Cancelled when `on_progress(bars done, bars)` returns False.
    """
    bars = len(features.time)
    rules = kernel_rules(params, market, fill_model)
    state = new_state(params.initial_capital)
    equity = np.full(bars, params.initial_capital)
    trades = np.zeros(4 * _MOST_ROWS_A_BAR, TRADE)
    detail = detail or no_detail(bars)
    tiers = market.tier_table
    rows = np.zeros(1, ROW)
    i = min(warmup, bars)
    while i < bars:
        if on_progress is not None and not on_progress(i, bars):
            raise Cancelled
        stop = min(bars, i + _BARS_PER_CALL)
        reached = run_bars(state, features, rules, tiers, detail, trades, equity, rows, i, stop)
        if reached < stop:
            trades = np.concatenate([trades, np.zeros(len(trades), TRADE)])
        i = reached
    if on_progress is not None:
        on_progress(bars, bars)
    mark_compiled()
    regime = np.zeros(bars, np.int64)
    regime[warmup:] = features.regime[warmup - 1 : -1]
    return Outcome(equity, regime, trades[: state["trades"][0]].copy(), state)


def no_detail(bars: int) -> Detail:
    """No finer candles at all."""
    nothing = np.empty(0)
    return Detail(np.zeros(bars + 1, np.int64), nothing, nothing, nothing, nothing)


@compiled
def run_bars(
    states: State,
    f: Features,
    all_rules: npt.NDArray[Any],
    tiers: Tiers,
    detail: Detail,
    trades: Trades,
    equity: npt.NDArray[np.float64],
    rows: npt.NDArray[Any],
    start: int,
    stop: int,
) -> int:
    """Steps 1-11 of the bars [start, stop); returns where it stopped, sooner if the log is full.

    The last bar of the data closes every position. `rows` (ROW, shape (1,)) is working space: a
    record does not keep the array alive that it lies in, so the caller must.
    """
    state = states[0]
    rules = all_rules[0]
    row = rows[0]
    for i in range(start, stop):
        if state.trades + _MOST_ROWS_A_BAR > trades.shape[0]:
            return i
        read_row(f, i - 1, f.time[i], rules, row)
        opened = f.open[i]
        if not np.isnan(f.settlement[i]):
            book_funding(state, opened, f.settlement[i])
        _decide(state, row, rules, trades, i, opened)
        before = row.close
        first = detail.first[i]
        last = detail.first[i + 1]
        if first == last:
            candle = (opened, f.high[i], f.low[i], f.close[i])
            walk_candle(state, trades, rules, tiers, i, row, before, candle, True)
        for j in range(first, last):
            opening = opened if j == first else detail.open[j]
            candle = (opening, detail.high[j], detail.low[j], detail.close[j])
            walk_candle(state, trades, rules, tiers, i, row, before, candle, j == first)
            before = detail.close[j]
        close = f.close[i]
        if i == f.close.shape[0] - 1:
            final_close(state, trades, rules, i, row, close)
        end_bar(state, close)
        equity[i] = state.equity
    return stop


@compiled
def _decide(state: Any, row: Any, rules: Any, trades: Trades, i: int, opened: float) -> None:
    """Steps 1-8, the market exits of 3 and 5 executed at the open."""
    begin_bar(state, row, rules, i, trades)
    step, side, lot, qty, label = next_exit(state, row, rules, i, 0)
    while side != NONE:
        market_exit(state, trades, rules, side, lot, qty, opened, label, i, row)
        step, side, lot, qty, label = next_exit(state, row, rules, i, step)
    lay_orders(state, row, rules, i)
