"""The score: finite, monotone, and equal to the guide's where that is defined (about 2 s)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.optimize.objective import NO_TRADES, Numbers, numbers, score
from engine.trades import BUY_OPEN_LONG, CIRCUIT_BREAKER_HALT, SELL_CLOSE_LONG, TRADE

GROWTH = st.floats(-1.0, 50.0)
DRAWDOWN = st.floats(0.0, 1.0)
MONEY = st.floats(0.0, 1e9)


def run(
    growth: float, drawdown: float, profit: float = 2.0, loss: float = 1.0, closed: int = 10
) -> Numbers:
    return Numbers(growth, drawdown, profit, loss, closed)


def test_a_usual_gain_scores_calmar_times_the_root_of_the_profit_factor() -> None:
    assert score(run(0.30, 0.15, 4.0, 1.0)) == pytest.approx(0.30 / 0.15 * 2.0)


def test_a_loss_scores_worse_the_deeper_it_fell() -> None:
    assert score(run(-0.1, 0.1, 1.0, 4.0)) == pytest.approx(-0.1 / 0.1 * 2.0)
    assert score(run(-0.1, 0.5)) < score(run(-0.1, 0.2)) < 0.0


def test_a_run_that_closes_nothing_is_as_bad_as_losing_a_tenth_a_year() -> None:
    assert score(run(0.0, 0.0, 0.0, 0.0, closed=0)) == NO_TRADES
    assert score(run(-0.10, 0.10, 1.0, 1.0)) == pytest.approx(NO_TRADES)


def test_a_run_without_losses_or_drawdown_is_worth_no_more_than_a_limit() -> None:
    assert score(run(0.1, 0.0, 5.0, 0.0)) == pytest.approx(0.1 / 0.01 * math.sqrt(10.0))
    assert score(run(1e9, 0.0, 1.0, 0.0)) == pytest.approx(10.0 / 0.01 * math.sqrt(10.0))


@given(GROWTH, DRAWDOWN, MONEY, MONEY, st.integers(0, 10_000))
def test_every_run_has_a_finite_score(
    growth: float, drawdown: float, profit: float, loss: float, closed: int
) -> None:
    assert math.isfinite(score(Numbers(growth, drawdown, profit, loss, closed)))


@given(GROWTH, GROWTH, DRAWDOWN, MONEY, MONEY)
def test_more_growth_never_scores_less(
    one: float, two: float, drawdown: float, profit: float, loss: float
) -> None:
    low, high = sorted((one, two))
    assert score(run(low, drawdown, profit, loss)) <= score(run(high, drawdown, profit, loss))


@given(GROWTH, DRAWDOWN, DRAWDOWN, MONEY, MONEY)
def test_a_deeper_drawdown_never_scores_more(
    growth: float, one: float, two: float, profit: float, loss: float
) -> None:
    low, high = sorted((one, two))
    assert score(run(growth, high, profit, loss)) <= score(run(growth, low, profit, loss))


@given(GROWTH, DRAWDOWN, MONEY, MONEY, st.floats(0.01, 1e9))
def test_a_higher_profit_factor_never_scores_less(
    growth: float, drawdown: float, one: float, two: float, loss: float
) -> None:
    low, high = sorted((one, two))
    assert score(run(growth, drawdown, low, loss)) <= score(run(growth, drawdown, high, loss))


def test_numbers_come_from_the_curve_and_the_closings_alone() -> None:
    equity = np.array([11_000.0, 9_900.0, 12_100.0])
    fills = np.zeros(5, TRADE)
    fills["label"] = [
        BUY_OPEN_LONG,
        SELL_CLOSE_LONG,
        CIRCUIT_BREAKER_HALT,
        SELL_CLOSE_LONG,
        SELL_CLOSE_LONG,
    ]
    fills["pnl"] = [0.0, 300.0, 0.0, -120.0, 0.0]
    day = 86_400_000
    found = numbers(equity, fills, 10_000.0, day)
    assert found.growth == pytest.approx(1.21 ** (365.0 / 3.0) - 1.0)
    assert found.drawdown == pytest.approx(0.1)
    assert (found.gross_profit, found.gross_loss, found.closed) == (300.0, 120.0, 3)


def test_the_capital_is_the_first_peak() -> None:
    nothing = np.zeros(0, TRADE)
    assert numbers(np.array([9_000.0]), nothing, 10_000.0, 900_000).drawdown == pytest.approx(0.1)


def test_a_ruined_account_still_has_a_score() -> None:
    closing = np.zeros(1, TRADE)
    closing["label"], closing["pnl"] = SELL_CLOSE_LONG, -10_000.0
    found = numbers(np.array([5_000.0, 0.0]), closing, 10_000.0, 900_000)
    assert (found.growth, found.drawdown) == (-1.0, 1.0)
    assert math.isfinite(found.score)
