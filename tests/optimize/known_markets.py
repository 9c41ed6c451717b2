"""Markets whose truth is known, small searches on them, and the verdict that comes out.

`random_walk`: independent steps; nothing in the past tells the next one, whatever a search finds.
`mean_reverting`: the same steps, but a twentieth of the distance from the usual price is lost every
bar (half of it in 3.5 hours), which is what a grid lives on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from scipy.signal import lfilter

from engine.features import Bars, build, warmup_bars
from engine.loop import simulate
from engine.optimize.examination import CoinMarket, Examination, examine
from engine.optimize.objective import numbers
from engine.optimize.robust import RobustCluster, neighbours, plateau, robust_cluster
from engine.optimize.space import Space
from engine.optimize.verdict import Verdict, judge
from engine.params import StrategyParams
from exchange.market import market_for

QUARTER_MS = 900_000
A_DAY = 96
DAYS = 150
HOLDOUT_SHARE = 0.15
TRIALS = 60
START_PRICE = 40_000.0
NO_COSTS = {"fee_maker": 0.0, "fee_taker": 0.0, "slippage": 0.0}

_STEP = 0.003
_MOVES_A_BAR = 6
_PULL = 0.05


@dataclass(frozen=True, slots=True)
class SmallSearch:
    """What a search on one market found, and the verdict on it."""

    cluster: RobustCluster
    examination: Examination
    verdict: Verdict


def random_walk(seed: int, days: int = DAYS) -> Bars:
    return _candles(seed, days, 0.0)


def mean_reverting(seed: int, days: int = DAYS) -> Bars:
    return _candles(seed, days, _PULL)


def small_search(
    bars: Bars,
    seed: int,
    fixed: Mapping[str, Any] | None = None,
    space: Mapping[str, Mapping[str, Any]] | None = None,
) -> SmallSearch:
    """60 trials (TPE) on the first 85 %, then robust parameters, examination and verdict.

    `fixed`: parameters outside the space that differ from the defaults; `space`: None for all of
    `OPTIMIZER_SPACE`.
    """
    base = StrategyParams.checked(fixed)
    searched = Space.checked(space, base)
    holdout_start = int(len(bars.time) * (1.0 - HOLDOUT_SHARE))
    market = market_for("BTC", START_PRICE)
    coin = CoinMarket(bars, None, market, QUARTER_MS, holdout_start)
    seen = coin._replace(bars=Bars(*(column[:holdout_start] for column in bars)))

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    params, scores, returns = [], [], []
    for _ in range(TRIALS):
        trial = study.ask(searched.distributions)
        score, daily = _run(seen, searched.params(trial.params, base))
        study.tell(trial, score)
        params.append(trial.params)
        scores.append(score)
        returns.append(daily)

    cluster = robust_cluster(searched, params, scores)
    chosen = searched.params(cluster.params, base)
    score, daily = _run(seen, chosen)
    around = [
        (one, _run(seen, searched.params(one.params, base))[0])
        for one in neighbours(searched, cluster.params)
    ]
    examination = examine(chosen, [coin], daily, np.column_stack(returns), seed=seed)
    fall = plateau(score, around).median_fall
    return SmallSearch(cluster, examination, judge(examination.evidence(cluster.score, fall)))


def _run(coin: CoinMarket, params: StrategyParams) -> tuple[float, np.ndarray]:
    """Score and daily returns."""
    warmup = warmup_bars(coin.bars.time, params, QUARTER_MS)
    run = simulate(build(coin.bars, params, QUARTER_MS), params, coin.market, warmup)
    midnight = run.equity[A_DAY - 1 :: A_DAY]
    judged = numbers(run.equity, run.fills, params.initial_capital, QUARTER_MS)
    return judged.score, midnight[1:] / midnight[:-1] - 1.0


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
