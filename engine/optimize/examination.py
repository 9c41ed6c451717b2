"""The questions that are put to robust parameters once the search is over.

The hold-out is read here alone: each time that it is asked about other parameters, it says less
about new data, so looks are counted (`engine.optimize.looks`). The permutation test is made on it,
too: on bars that chose the parameters the real market would win by having been chosen, and p would
say nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features import Bars, LastSettlement, build, warmup_bars
from engine.loop import Outcome, simulate
from engine.optimize.candles import Candles
from engine.optimize.evaluate import FILL_MODEL
from engine.optimize.objective import numbers
from engine.optimize.permutation import permuted
from engine.optimize.records import Plan
from engine.optimize.significance import (
    BLOCKS,
    DeflatedSharpe,
    Overfitting,
    Returns,
    backtest_overfitting,
    deflated_sharpe,
    permutation_p_value,
    sharpe_ratios,
    skilless_variance,
)
from engine.optimize.verdict import Evidence
from engine.params import StrategyParams
from exchange.market import Market, market_for

Floats = npt.NDArray[np.float64]


class CoinMarket(NamedTuple):
    """All candles of one coin, the hold-out at their end, and what it trades on."""

    bars: Bars
    settled: LastSettlement | None
    market: Market
    timeframe_ms: int
    holdout_start: int
    """First bar that the search did not see; len(bars) where it saw all."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything measured. None where it was skipped, or where the data are too short for it."""

    holdout_pct: tuple[float, ...]
    """Return of each coin's account on the hold-out; empty without one."""
    path_pct: tuple[float, ...]
    """Return of each coin's account on all bars, filled as in the search."""
    strict_pct: tuple[float, ...]
    """The same under the strict fill model."""
    holdout_score: float | None
    permuted_scores: tuple[float, ...]
    p_value: float | None
    overfitting: Overfitting | None
    deflated: DeflatedSharpe | None
    """As published, with the variance of all trials."""
    bounded: DeflatedSharpe | None
    """With no more variance than trials without skill have; this one decides."""
    looks: int = 1
    """Questions that the hold-out was asked, this one included."""

    def evidence(
        self, robustness: float | None, fall: float | None, score: float | None
    ) -> Evidence:
        """With the mean CV of the best trials, the median fall beside the chosen point and the
        point's own score on train spans."""
        return Evidence(
            p_value=self.p_value,
            overfitting=None if self.overfitting is None else self.overfitting.probability,
            deflated=None if self.bounded is None else self.bounded.probability,
            holdout_pct=min(self.holdout_pct, default=None),
            strict_pct=min(self.strict_pct),
            robustness=robustness,
            fall=fall,
            score=score,
            losses=None if self.overfitting is None else self.overfitting.probability_of_loss,
            permutations=len(self.permuted_scores),
            looks=self.looks,
        )


def examine(
    params: StrategyParams,
    coins: Sequence[CoinMarket],
    chosen_returns: Floats,
    trial_returns: Returns,
    *,
    permutations: int = 50,
    seed: int = 0,
    looks: int = 1,
    on_permutation: Callable[[int, int], None] | None = None,
) -> Examination:
    """Put every question to `params`.

    Args:
        coins: at least one.
        chosen_returns: shape (periods,), daily returns of `params` where the search looked.
        trial_returns: shape (periods, trials), those of all trials on the same days.
        permutations: 0 skips the permutation test.
        looks: questions that this hold-out was asked, these included.
        on_permutation: called with (done, of all).
    """
    seen_all = any(coin.holdout_start >= len(coin.bars.time) for coin in coins)
    holdout = [] if seen_all else [run_from(params, coin, coin.holdout_start) for coin in coins]
    whole = [run_from(params, coin, 0) for coin in coins]
    strict = [run_from(params, coin, 0, "strict") for coin in coins]
    real = _worst(params, coins, holdout) if holdout else None
    chance: list[float] = []
    for done, one in enumerate(np.random.SeedSequence(seed).spawn(permutations), 1):
        if real is None:
            break
        shuffled = [_shuffled(coin, one) for coin in coins]
        runs = [run_from(params, coin, coin.holdout_start) for coin in shuffled]
        chance.append(_worst(params, coins, runs))
        if on_permutation is not None:
            on_permutation(done, permutations)
    sharpes = sharpe_ratios(trial_returns) if len(chosen_returns) > 1 else np.zeros(0)
    return Examination(
        holdout_pct=tuple(_return_pct(run, params) for run in holdout),
        path_pct=tuple(_return_pct(run, params) for run in whole),
        strict_pct=tuple(_return_pct(run, params) for run in strict),
        holdout_score=real,
        permuted_scores=tuple(chance),
        p_value=permutation_p_value(real, chance) if real is not None and chance else None,
        overfitting=_overfitting(trial_returns),
        deflated=_deflated(chosen_returns, sharpes, math.inf),
        bounded=_deflated(chosen_returns, sharpes, skilless_variance(max(2, len(chosen_returns)))),
        looks=looks,
    )


def run_from(
    params: StrategyParams, coin: CoinMarket, first: int, fill_model: str = FILL_MODEL
) -> Outcome:
    """A fresh account that trades from bar `first` on, with all bars before known to indicators.

    Arrays of the result begin at that bar; `bar` in its fills counts from the start of the data.
    """
    features = build(coin.bars, params, coin.timeframe_ms, coin.settled)
    warmup = warmup_bars(coin.bars.time, params, coin.timeframe_ms)
    run = simulate(features, params, coin.market, max(first, warmup), fill_model=fill_model)
    return run._replace(equity=run.equity[first:], regime=run.regime[first:])


def coin_markets(candles: Candles, plan: Plan) -> list[CoinMarket]:
    """The coins of a search; a plan counts bars from the first that all coins share."""
    begin_ms = candles.first_ms + plan.holdout_start * candles.timeframe_ms
    return [
        CoinMarket(
            coin.bars,
            coin.settled,
            market_for(coin.pair, float(coin.bars.close[0])),
            candles.timeframe_ms,
            int(np.searchsorted(coin.bars.time, begin_ms)),
        )
        for coin in candles.coins
    ]


def _shuffled(coin: CoinMarket, seed: np.random.SeedSequence) -> CoinMarket:
    rng = np.random.default_rng(seed)
    market = permuted(coin.bars, coin.settled, coin.holdout_start, rng)
    return coin._replace(bars=market.bars, settled=market.settled)


def _worst(params: StrategyParams, coins: Sequence[CoinMarket], runs: Sequence[Outcome]) -> float:
    """The score that the search maximises, of the worst coin."""
    capital = params.initial_capital
    return min(
        numbers(run.equity, run.fills, capital, coin.timeframe_ms).score
        for coin, run in zip(coins, runs, strict=True)
    )


def _return_pct(run: Outcome, params: StrategyParams) -> float:
    return 100.0 * (float(run.equity[-1]) / params.initial_capital - 1.0)


def _overfitting(returns: Returns) -> Overfitting | None:
    """With as many blocks as the days allow, 4 at least: fewer give too few halves to count."""
    periods, trials = returns.shape
    blocks = min(BLOCKS, periods // 4 * 2)
    return backtest_overfitting(returns, blocks) if trials > 1 and blocks >= 4 else None


def _deflated(chosen: Floats, sharpes: Floats, most_variance: float) -> DeflatedSharpe | None:
    return deflated_sharpe(chosen, sharpes, most_variance) if len(sharpes) else None
