"""Several backtests that begin at the same bar, for the price of the longest.

A backtest is causal: up to its last bar the shorter one is the first part of the longer one. Only
in the last bar does it differ, where every position closes. So the run goes up to that bar, walks
it on a copy of the account as the end of the data, and goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import new_state
from engine.decide import ROW
from engine.features import Features
from engine.loop import no_detail, run_bars
from engine.params import StrategyParams
from engine.rules import kernel_rules
from engine.trades import TRADE
from exchange.market import Market

_ROWS_AT_FIRST = 4096  # of the trade log; it doubles when it is full


class Run(NamedTuple):
    """What one of the backtests leaves behind."""

    equity: npt.NDArray[np.float64]
    """At the closes of its bars, shape (end - start,)."""
    fills: npt.NDArray[Any]
    """TRADE rows; bars count from the first of the features."""


def runs_to(
    features: Features,
    params: StrategyParams,
    market: Market,
    start: int,
    ends: Sequence[int],
    fill_model: str = "path",
) -> list[Run]:
    """The backtests of the bars [start, end) for each of `ends`, increasing.

    Each equals `engine.loop.simulate` on the features of the bars before `end`, with `start` as
    its warm-up, provided that bar `end` follows bar `end - 1` without a hole in time.
    """
    rules = kernel_rules(params, market, fill_model)
    tiers = market.tier_table
    detail = no_detail(len(features.time))
    state = new_state(params.initial_capital)
    equity = np.empty(len(features.time))
    rows = np.zeros(1, ROW)
    trades = np.zeros(_ROWS_AT_FIRST, TRADE)

    def advance(account: Any, until: int, i: int, seen: Features) -> None:
        nonlocal trades
        while i < until:
            reached = run_bars(account, seen, rules, tiers, detail, trades, equity, rows, i, until)
            if reached < until:
                trades = np.concatenate([trades, np.zeros(len(trades), TRADE)])
            i = reached

    runs = []
    at = start
    for end in ends:
        last = end - 1
        advance(state, last, at, features)
        at = last
        closing = state.copy()
        advance(closing, end, last, Features._make(column[:end] for column in features))
        runs.append(Run(equity[start:end].copy(), trades[: closing["trades"][0]].copy()))
    return runs
