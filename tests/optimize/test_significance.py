"""p-values, overfitting by CSCV and deflated Sharpe ratios against published examples (2 s)."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.optimize.significance import (
    backtest_overfitting,
    deflated_sharpe,
    expected_maximum_sharpe,
    permutation_p_value,
    probabilistic_sharpe,
    sharpe_ratios,
    skilless_variance,
)
from tests.optimize.published import rnorm

DAYS_A_YEAR = 250


def test_rnorm_is_that_of_r() -> None:
    # set.seed(42); rnorm(3), as in countless textbooks
    assert rnorm(42, 3) == pytest.approx([1.37095845, -0.56469817, 0.36312841], abs=5e-9)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "published"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_deflated_sharpe_ratio_is_that_of_its_paper(
    trials: int, skew: float, kurtosis: float, published: float
) -> None:
    """Bailey and Lopez de Prado (2014), "A numerical example".

    Five years of days, 2.5 a year, variance of the trials 1/2 a year.
    """
    bar = expected_maximum_sharpe(0.5 / DAYS_A_YEAR, trials)
    found = probabilistic_sharpe(2.5 / np.sqrt(DAYS_A_YEAR), bar, 5 * DAYS_A_YEAR, skew, kurtosis)
    assert round(found, 4) == published
    if trials == 100:
        assert round(bar, 4) == 0.1132


def test_the_probabilistic_sharpe_ratio_is_that_of_its_paper() -> None:
    """Bailey and Lopez de Prado (2012), the hedge fund: two years of months, 0.458 a month."""
    assert round(probabilistic_sharpe(0.458, 0.0, 24, 0.0, 3.0), 3) == 0.982
    assert round(probabilistic_sharpe(0.458, 0.0, 24, -2.448, 10.164), 3) == 0.913


def test_overfitting_is_that_of_the_r_package_pbo() -> None:
    """Vignette of `pbo` on CRAN: p_bo 1, slope -0.0030456, ar^2 0.97, p_loss 1.

    Its `slope` is the first coefficient of lm(in ~ out), which is the intercept.
    """
    trials, periods = 100, 2400
    returns = rnorm(765, trials * periods).reshape(trials, periods).T
    returns = returns * (252.0**-0.5 / returns.std(axis=0, ddof=1))
    returns = returns - returns.mean(axis=0)
    found = backtest_overfitting(returns - 0.03 / 252.0, blocks=8)
    slope, intercept = np.polyfit(found.chosen_out, found.chosen_in, 1)
    explained = np.corrcoef(found.chosen_in, found.chosen_out)[0, 1] ** 2
    splits = len(found.logits)
    assert splits == 70
    assert found.probability == 1.0
    assert found.probability_of_loss == 1.0
    assert float(f"{intercept:.5g}") == -0.0030456
    assert slope == pytest.approx(-0.9737672, abs=1e-7)
    assert round(1.0 - (1.0 - explained) * (splits - 1) / (splits - 2), 2) == 0.97


@given(
    seed=st.integers(0, 2**32 - 1),
    periods=st.integers(12, 40),
    trials=st.integers(2, 6),
    blocks=st.sampled_from([2, 4, 6]),
)
@settings(max_examples=40, deadline=None)
def test_overfitting_by_sums_is_overfitting_by_hand(
    seed: int, periods: int, trials: int, blocks: int
) -> None:
    returns = np.random.default_rng(seed).normal(0.001, 0.01, (periods, trials))
    found = backtest_overfitting(returns, blocks)
    parts = np.array_split(returns, blocks)
    for k, half in enumerate(combinations(range(blocks), blocks // 2)):
        rest = [i for i in range(blocks) if i not in half]
        inside = sharpe_ratios(np.concatenate([parts[i] for i in half]))
        outside = sharpe_ratios(np.concatenate([parts[i] for i in rest]))
        best = int(np.argmax(inside))
        rank = 1 + int(np.sum(outside < outside[best]))
        share = rank / (trials + 1)
        assert found.chosen_in[k] == pytest.approx(inside[best], rel=1e-9, abs=1e-12)
        assert found.chosen_out[k] == pytest.approx(outside[best], rel=1e-9, abs=1e-12)
        assert found.logits[k] == pytest.approx(np.log(share / (1 - share)))


def test_many_trials_need_their_returns_and_little_more() -> None:
    """12,870 splits of 20,000 trials would be 2 GB an array."""
    returns = np.random.default_rng(2).normal(0.0, 0.01, (64, 20_000)).astype(np.float32)
    tracemalloc.start()
    try:
        backtest_overfitting(returns, 10)
        sharpe_ratios(returns)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 96 << 20


def test_returns_as_they_are_stored_give_the_very_same_numbers() -> None:
    stored = np.random.default_rng(3).normal(0.001, 0.01, (90, 40)).astype(np.float32)
    found, wide = (backtest_overfitting(x, 8) for x in (stored, stored.astype(np.float64)))
    assert np.array_equal(found.logits, wide.logits)
    assert np.array_equal(found.chosen_out, wide.chosen_out)
    assert np.array_equal(sharpe_ratios(stored), sharpe_ratios(stored.astype(np.float64)))


def test_a_trial_that_is_always_best_is_not_overfit() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, (320, 20))
    returns[:, 7] += 0.02
    assert backtest_overfitting(returns).probability == 0.0


def test_choosing_among_equals_is_a_coin_toss() -> None:
    rates = [
        backtest_overfitting(
            np.random.default_rng(seed).normal(0.0, 0.01, (160, 30)), 8
        ).probability
        for seed in range(60)
    ]
    assert np.mean(rates) == pytest.approx(0.5, abs=0.08)


def test_trials_that_never_trade_count_as_overfit_and_raise_no_warning() -> None:
    found = backtest_overfitting(np.zeros((64, 5)))
    assert (found.probability, found.probability_of_loss) == (1.0, 0.0)
    nothing = deflated_sharpe(np.zeros(64), np.zeros(5))
    assert (nothing.sharpe, nothing.expected_maximum, nothing.probability) == (0.0, 0.0, 0.5)


@given(observed=st.floats(-5, 5), permuted=st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_a_p_value_counts_the_real_market_as_a_permutation(
    observed: float, permuted: list[float]
) -> None:
    p = permutation_p_value(observed, permuted)
    above = sum(score >= observed for score in permuted)
    assert p == (1 + above) / (1 + len(permuted))
    assert 0.0 < p <= 1.0


def test_under_the_null_the_p_value_is_at_most_alpha_as_often_as_alpha_says() -> None:
    rng = np.random.default_rng(3)
    rejected = [
        permutation_p_value(draw[0], draw[1:]) <= 0.05 for draw in rng.normal(size=(4000, 40))
    ]
    assert np.mean(rejected) == pytest.approx(2 / 40, abs=0.012)


def test_luck_alone_reaches_the_expected_maximum() -> None:
    trials, periods = 100, 400
    best = [
        sharpe_ratios(np.random.default_rng(seed).normal(size=(periods, trials))).max()
        for seed in range(200)
    ]
    bar = expected_maximum_sharpe(1.0 / (periods - 1), trials)
    assert np.mean(best) == pytest.approx(bar, rel=0.02)


def test_more_trials_raise_the_bar_and_lower_the_deflated_sharpe_ratio() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.01, 250)
    others = np.random.default_rng(6).normal(0.0, 0.06, 200)
    few, many = deflated_sharpe(returns, others[:20]), deflated_sharpe(returns, others)
    assert few.sharpe == many.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert many.expected_maximum > few.expected_maximum > 0.0
    assert many.probability < few.probability
    assert (many.trials, many.periods) == (200, 250)


def test_terrible_trials_raise_the_published_bar_and_not_the_bounded_one() -> None:
    rng = np.random.default_rng(7)
    days = 250
    chosen = rng.normal(0.005, 0.01, days)
    similar = rng.normal(0.0, days**-0.5, 50)
    with_terrible = np.concatenate([similar, np.full(50, -1.0)])
    bound = skilless_variance(days)
    assert similar.var(ddof=1) == pytest.approx(bound, rel=0.3)
    published = [deflated_sharpe(chosen, x) for x in (similar, with_terrible)]
    bounded = [deflated_sharpe(chosen, x, bound) for x in (similar, with_terrible)]
    assert published[1].expected_maximum > 5 * published[0].expected_maximum
    assert bounded[1].expected_maximum == expected_maximum_sharpe(bound, 100)
    assert bounded[0].expected_maximum <= published[0].expected_maximum
    assert published[1].probability < 0.01 < 0.95 < bounded[1].probability


def test_the_best_of_many_without_skill_is_almost_never_called_real() -> None:
    periods, trials, called = 120, 60, 0
    for seed in range(400):
        returns = np.random.default_rng(seed).standard_t(4, (periods, trials))
        sharpes = sharpe_ratios(returns)
        best = returns[:, int(sharpes.argmax())]
        bounded = deflated_sharpe(best, sharpes, skilless_variance(periods))
        called += bounded.probability >= 0.95
    assert called <= 8


def test_one_trial_is_no_choice() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.01, 250)
    alone = deflated_sharpe(returns, sharpe_ratios(returns[:, None]))
    expected = probabilistic_sharpe(alone.sharpe, 0.0, 250, alone.skew, alone.kurtosis)
    assert (alone.expected_maximum, alone.probability) == (0.0, expected)


@pytest.mark.parametrize(
    ("shape", "blocks", "says"),
    [((64, 1), 16, "two trials"), ((64, 3), 5, "even"), ((20, 3), 16, "too few")],
)
def test_what_cannot_be_split_is_refused(shape: tuple[int, int], blocks: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        backtest_overfitting(np.ones(shape), blocks)


def test_scores_that_are_no_numbers_have_no_p_value() -> None:
    with pytest.raises(ValueError, match="numbers"):
        permutation_p_value(1.0, [0.5, float("nan")])
    with pytest.raises(ValueError, match="numbers"):
        permutation_p_value(1.0, [])
