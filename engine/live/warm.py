"""Compiling everything that a live run calls, before it is in the market.

Compiled code is made when it is first called, and read from the disk afterwards. A run that met a
function for the first time at its first take-profit would stand still for seconds with orders out.
"""

import numpy as np
import pandas as pd

from engine.account import LONG, new_state
from engine.features import DAY_MS
from engine.grid import nearest_round_number, nudge_off_round_number, round_down, round_up
from engine.live.history import History
from engine.live.kernel import Kernel
from engine.params import StrategyParams
from engine.trades import STOP_LONG
from exchange.market import market_for

_BARS = 64
_LENGTH_MS = DAY_MS // 96
_ORDER = (0, 1, 1)


def warm_up() -> None:
    """Call each of them once on made-up numbers; milliseconds where the code is on the disk."""
    params = StrategyParams()
    kernel = Kernel(params, market_for("BTC"), new_state(10_000.0))
    kernel.at_bar(_history(params).features(), _BARS, _BARS * _LENGTH_MS)
    kernel.begin_bar()
    kernel.next_exit(0)
    kernel.lay_orders()
    kernel.would_lay(kernel.rules, (True, True))
    round_down(nudge_off_round_number(nearest_round_number(100.0)), round_up(0.1, 0.1))
    kernel.refuse_entry(LONG, _ORDER)
    kernel.fill_entry(LONG, 100.0, 1.0, 0.1, _ORDER)
    kernel.fill_take_profit(LONG, _ORDER, True, 101.0, 0.5, 0.1)
    kernel.book_funding(100.0, 1e-4)
    kernel.fill_exit(LONG, None, 99.0, 0.5, 0.1, STOP_LONG, _BARS)
    kernel.begin_liquidation()
    kernel.end_bar(100.0)


def _history(params: StrategyParams) -> History:
    history = History(params, _LENGTH_MS)
    price = 100.0 + np.sin(np.arange(_BARS))
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    history.take(pd.DataFrame({"timestamp": np.arange(_BARS) * _LENGTH_MS, **columns}))
    return history
