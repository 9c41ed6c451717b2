"""Markets whose truth is known, and what a search on them concludes.

`random_walk`: independent steps; nothing in the past tells the next one, whatever a search finds.
`mean_reverting`: the same steps, but a twentieth of the distance from the usual price is lost every
bar (half of it in 3.5 hours), which is what a grid lives on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from engine.features import Bars
from engine.optimize.candles import Candles, CoinBars
from engine.optimize.conclusion import Conclusion, conclude
from engine.optimize.job import OptimizeJob
from engine.optimize.settings import SearchSettings
from engine.optimize.workers import evaluations

QUARTER_MS = 900_000
A_DAY = 96
DAYS = 150
TRIALS = 60
START_PRICE = 40_000.0
NO_COSTS = {"fee_maker": 0.0, "fee_taker": 0.0, "slippage": 0.0}

_STEP = 0.003
_MOVES_A_BAR = 6
_PULL = 0.05


def random_walk(seed: int, days: int = DAYS) -> Bars:
    return _candles(seed, days, 0.0)


def mean_reverting(seed: int, days: int = DAYS) -> Bars:
    return _candles(seed, days, _PULL)


def searched(
    bars: Bars,
    seed: int,
    folder: Path,
    fixed: Mapping[str, Any] | None = None,
    space: Mapping[str, Mapping[str, Any]] | None = None,
) -> Conclusion:
    """What `gridtui optimize --trials 60` concludes: 4 purged windows, 15 % hold-out, TPE.

    `folder`: of the study; `fixed`: parameters outside the space that differ from the defaults;
    `space`: None for all of `OPTIMIZER_SPACE`.
    """
    coin = CoinBars("BTC/USDT", bars, None, "made up")
    first = int(bars.time[0])
    candles = Candles((coin,), "15m", QUARTER_MS, first, len(bars.time), "made up", True)
    settings = SearchSettings(
        trials=TRIALS, study_name=str(seed), storage=str(folder / "known.db"), seed=seed, workers=0
    )
    job = OptimizeJob.checked(
        fixed or {}, {"coins": ["BTC"], "start_date": first}, settings, space=space, source="sim"
    )
    plan = job.plan(candles)
    with job.pool(candles, plan) as pool:
        result = job.search(candles, plan, pool)
        return conclude(result, candles, lambda trials: evaluations(pool, trials), seed=seed)


def _candles(seed: int, days: int, pull: float) -> Bars:
    """15m candles of a path with six moves a bar."""
    rng = np.random.default_rng(seed)
    bars = days * A_DAY
    moves = rng.normal(0.0, _STEP / np.sqrt(_MOVES_A_BAR), bars * _MOVES_A_BAR)
    path = lfilter([1.0], [1.0, pull / _MOVES_A_BAR - 1.0], moves).reshape(bars, _MOVES_A_BAR)
    prices = START_PRICE * np.exp(path)
    close = np.ascontiguousarray(prices[:, -1])
    opened = np.concatenate([[START_PRICE], close[:-1]])
    time = 1_640_995_200_000 + QUARTER_MS * np.arange(bars, dtype=np.int64)
    return Bars(
        time,
        opened,
        np.maximum(prices.max(axis=1), opened),
        np.minimum(prices.min(axis=1), opened),
        close,
        rng.lognormal(3.0, 0.5, bars),
        np.where(time % 28_800_000 == 0, 1e-4, np.nan),
    )
