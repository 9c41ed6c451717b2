"""Whether the best of many trials is more than the luckiest of many trials.

Three answers from arrays alone: a p-value from permuted markets, the probability of backtest
overfitting (CSCV) and the deflated Sharpe ratio. All Sharpe ratios here are per period, not
annualised, with the sample's standard deviation (n - 1); a series that never moves has 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Returns = npt.NDArray[np.float64] | npt.NDArray[np.float32]

BLOCKS = 16
"""Parts of the time axis in CSCV, the number of the paper's examples: 12,870 ways to halve them."""

_MOST_BYTES = 64 << 20
_CELL_BYTES = 64
"""Of all arrays together that hold a number for every split and trial."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What every way of halving the time axis says about choosing the best trial.

    Arrays of shape (splits,): `chosen_in` and `chosen_out` are the Sharpe ratios, in the half that
    chooses and in the other one, of the trial that is best in the first; `logits` is
    ln(w / (1 - w)) of its relative rank w in the other half, negative below the median.
    """

    logits: Floats
    chosen_in: Floats
    chosen_out: Floats

    @property
    def probability(self) -> float:
        """PBO: how often the trial chosen in one half is no better than the median in the other."""
        return float(np.mean(self.logits <= 0.0))

    @property
    def probability_of_loss(self) -> float:
        """How often the chosen trial loses money where it was not chosen."""
        return float(np.mean(self.chosen_out < 0.0))


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """A Sharpe ratio and the one that luck alone would have brought."""

    sharpe: float
    expected_maximum: float
    skew: float
    kurtosis: float
    periods: int
    trials: int
    probability: float
    """That the true Sharpe ratio is above `expected_maximum`: the deflated Sharpe ratio, 0 to 1."""


def permutation_p_value(observed: float, permuted: Sequence[float]) -> float:
    """(1 + k) / (1 + N): k of the N permuted markets score at least as much as the real one.

    The real market is one of the permutations, so that p is never 0 and the test keeps its level
    at any N (Phipson and Smyth, 2010, "Permutation p-values should never be zero").

    Raises ValueError where there is nothing to compare with, or a score is not a number.
    """
    scores = np.asarray(permuted, np.float64)
    if scores.size == 0 or np.isnan(scores).any() or np.isnan(observed):
        raise ValueError("a p-value needs scores of permuted markets, all of them numbers")
    return float((1 + np.count_nonzero(scores >= observed)) / (1 + scores.size))


def backtest_overfitting(returns: Returns, blocks: int = BLOCKS) -> Overfitting:
    """Combinatorially symmetric cross-validation over the returns of all trials.

    Args:
        returns: shape (periods, trials), one return a period and trial; those of single precision
            are not copied as a whole, but computed with in double.
        blocks: even; the time axis is cut into so many parts, and each half of them chooses once.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest
    overfitting", Journal of Computational Finance 20 (4); w = rank / (trials + 1), and equal trials
    share their mean rank.

    Raises ValueError for fewer than two trials, an odd number of blocks, or fewer periods than
    twice the blocks.
    """
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError("overfitting is a matter of choice: it needs the returns of two trials")
    if blocks < 2 or blocks % 2:
        raise ValueError(f"the number of blocks must be even, not {blocks}")
    if len(returns) < 2 * blocks:
        raise ValueError(f"{len(returns)} periods are too few for {blocks} blocks")
    parts = _Blocks.of(returns, blocks)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    at_once = max(1, _MOST_BYTES // (_CELL_BYTES * returns.shape[1]))
    splits = [_choose(parts, halves[i : i + at_once]) for i in range(0, len(halves), at_once)]
    logits, inside, outside = (np.concatenate(column) for column in zip(*splits, strict=True))
    return Overfitting(logits, inside, outside)


def deflated_sharpe(
    returns: Floats, trial_sharpes: Floats, most_variance: float = math.inf
) -> DeflatedSharpe:
    """The probability that a chosen Sharpe ratio is real, given all that were tried.

    Args:
        returns: shape (periods,), those of the chosen parameters.
        trial_sharpes: shape (trials,), per period, of all trials of the search.
        most_variance: bound of the variance of `trial_sharpes`; the paper has none.

    Source: Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio: correcting for selection
    bias, backtest overfitting and non-normality", Journal of Portfolio Management 40 (5), eq. 2.
    Counting all trials as independent makes the bar higher, never lower.

    Raises ValueError for fewer than two periods or no trial.
    """
    returns = np.asarray(returns, np.float64)
    trials = np.asarray(trial_sharpes, np.float64)
    if returns.ndim != 1 or len(returns) < 2 or trials.size < 1:
        raise ValueError("a deflated Sharpe ratio needs two returns and one trial")
    sharpe = float(sharpe_ratios(returns[:, None])[0])
    variance = float(trials.var(ddof=1)) if trials.size > 1 else 0.0
    bar = expected_maximum_sharpe(min(variance, most_variance), trials.size)
    moving = sharpe != 0.0
    skew = float(stats.skew(returns)) if moving else 0.0
    kurtosis = float(stats.kurtosis(returns, fisher=False)) if moving else 3.0
    probability = probabilistic_sharpe(sharpe, bar, len(returns), skew, kurtosis)
    return DeflatedSharpe(sharpe, bar, skew, kurtosis, len(returns), int(trials.size), probability)


def skilless_variance(periods: int) -> float:
    """The variance of the Sharpe ratio that `periods` returns without skill show, 1 / (n - 1).

    That of the estimate at a true value of 0, whatever the returns' skew and kurtosis (Bailey and
    Lopez de Prado, 2012); returns that do not follow each other's sign are presumed. Trials that
    differ more than this differ in truth. It is a bound: where no trial has a true value above 0,
    worse ones only lower the best of the estimates, and so does what trials have in common
    (Slepian, 1962), so that as many independent ones about 0 reach furthest. A search that climbs
    its own noise could reach further; tests/bench counts that it does not.
    """
    return 1.0 / (periods - 1.0)


def sharpe_ratios(returns: Returns) -> Floats:
    """Mean over standard deviation of every column; shape (periods, trials) -> (trials,)."""
    mean = returns.mean(axis=0, dtype=np.float64)
    square = np.zeros_like(mean)
    for part in np.array_split(returns, BLOCKS):  # no copy of all returns
        square += np.square(part - mean).sum(axis=0)
    return _quotient(mean, np.sqrt(square / (len(returns) - 1.0)))


def probabilistic_sharpe(
    sharpe: float, benchmark: float, periods: int, skew: float, kurtosis: float
) -> float:
    """The probability that the true Sharpe ratio exceeds `benchmark`; normal returns: (0, 3).

    Source: Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", Journal of
    Risk 15 (2), the probabilistic Sharpe ratio.
    """
    spread = np.sqrt(max(0.0, 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2))
    distance = (sharpe - benchmark) * np.sqrt(periods - 1.0)
    if spread == 0.0:  # two values only: the estimate has no error
        return float(distance > 0.0)
    return float(stats.norm.cdf(distance / spread))


def expected_maximum_sharpe(variance: float, trials: int) -> float:
    """The best Sharpe ratio to expect of `trials` skill-less ones with this variance.

    Source: Bailey and Lopez de Prado (2014), eq. 1: sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))
    with g the Euler-Mascheroni constant and z the normal quantile. One trial: 0.
    """
    if trials < 2:
        return 0.0
    first, second = stats.norm.ppf([1.0 - 1.0 / trials, 1.0 - 1.0 / (trials * np.e)])
    return float(np.sqrt(variance) * ((1.0 - np.euler_gamma) * first + np.euler_gamma * second))


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Sums of each block, of returns less their column's mean: shape (blocks, trials).

    Any union of blocks has its mean and deviation from these; centred, so that squares lose no
    digits.
    """

    counts: Floats  # (blocks,)
    sums: Floats
    squares: Floats
    means: Floats  # (trials,)

    @classmethod
    def of(cls, returns: Returns, blocks: int) -> "_Blocks":
        means = returns.mean(axis=0, dtype=np.float64)
        counts, sums, squares = [], [], []
        for part in np.array_split(returns, blocks):
            centred = part - means
            counts.append(float(len(part)))
            sums.append(centred.sum(axis=0))
            squares.append(np.square(centred).sum(axis=0))
        return cls(np.array(counts), np.array(sums), np.array(squares), means)

    def sharpes(self, chosen: Floats) -> Floats:
        """Of every union of blocks: (splits, blocks) of 0 and 1 -> (splits, trials)."""
        count = (chosen @ self.counts)[:, None]
        total = chosen @ self.sums
        square = chosen @ self.squares - total**2 / count
        deviation = np.sqrt(np.maximum(square, 0.0) / (count - 1.0))
        return _quotient(self.means + total / count, deviation)


def _choose(parts: _Blocks, halves: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Logit, Sharpe in the choosing half and in the other one, of each split's best trial."""
    inside = np.zeros((len(halves), len(parts.counts)))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    first, second = parts.sharpes(inside), parts.sharpes(1.0 - inside)
    row = np.arange(len(halves))
    best = first.argmax(axis=1)
    out = second[row, best]
    below = np.count_nonzero(second < out[:, None], axis=1)
    same = np.count_nonzero(second == out[:, None], axis=1)
    rank = below + (same + 1) / 2.0
    share = rank / (second.shape[1] + 1.0)
    return np.log(share / (1.0 - share)), first[row, best], out


def _quotient(mean: Floats, deviation: Floats) -> Floats:
    """`mean / deviation`; 0 where a series does not move beyond rounding."""
    moves = deviation > 1e-15 * np.maximum(1.0, np.abs(mean))
    return np.divide(mean, deviation, out=np.zeros_like(mean), where=moves)
