"""The numbers of a run, against examples worked out by hand and plain definitions (about 1 s)."""

import itertools
import math
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.account import new_state
from engine.metrics import cagr, compute_metrics, max_drawdown, performance, portfolio_metrics
from engine.simulator import PORTFOLIO, BacktestSimulator
from engine.trades import LABELS, TRADE

DAY_MS = 86_400_000
QUARTER_MS = 900_000


def curve(*values: float) -> np.ndarray:
    return np.array(values, float)


def log(*rows: tuple[str, int, float, float, float]) -> np.ndarray:
    """Rows of (label, side, pnl, fee, funding), price 100, quantity 1."""
    fills = np.zeros(len(rows), TRADE)
    for row, (label, side, pnl, fee, funding) in zip(fills, rows, strict=True):
        row["label"], row["side"] = LABELS.index(label), side
        row["pnl"], row["fee"], row["funding"] = pnl, fee, funding
        row["price"], row["qty"] = 100.0, 1.0
    return fills


def metrics_of(fills: np.ndarray, equity: np.ndarray | None = None, **counted: float) -> dict:
    account = new_state(1000.0)[0]
    for name, value in counted.items():
        account[name] = value
    equity = curve(1000.0, 1001.0) if equity is None else equity
    return compute_metrics(equity, fills, account, np.ones(len(equity)), 1000.0, DAY_MS)


NOTHING = log()
ROUND_TRIP = log(
    ("BUY_OPEN_LONG", 0, 0.0, 0.5, 0.0),
    ("SELL_CLOSE_LONG", 0, 9.5, 0.5, -0.25),
    ("SELL_OPEN_SHORT", 1, 0.0, 0.5, 0.0),
    ("STOP_SHORT", 1, -4.0, 0.6, 0.75),
    ("CIRCUIT_BREAKER_HALT", -1, 0.0, 0.0, 0.0),
    ("BUY_OPEN_LONG", 0, 0.0, 0.5, 0.0),
    ("PRUNE_GAP", 0, -1.0, 0.5, 0.0),
)


def test_returns_are_those_of_the_equity_and_of_the_first_and_last_close() -> None:
    account = new_state(1000.0)[0]
    found = compute_metrics(
        curve(1000, 900, 1250), NOTHING, account, curve(40, 10, 50), 1000.0, DAY_MS
    )
    assert found["total_return_pct"] == pytest.approx(25.0)
    assert found["buy_hold_return_pct"] == pytest.approx(25.0)
    assert (found["initial_capital"], found["final_capital"]) == (1000.0, 1250.0)
    assert (found["bars"], found["days"]) == (3, 3.0)


@pytest.mark.parametrize(
    ("growth", "days", "expected"),
    [
        (2.0, 365.0, 100.0),
        (1.21, 730.0, 10.0),
        (0.25, 730.0, -50.0),
        (1.0, 10.0, 0.0),
        (0.0, 3.0, -100.0),
        (100.0, 0.1, None),
    ],
)
def test_growth_is_compounded_to_a_year_of_365_days(
    growth: float, days: float, expected: float | None
) -> None:
    found = cagr(growth, days)
    assert found == expected if expected is None else found == pytest.approx(expected)


def test_the_drawdown_is_as_long_as_from_its_peak_until_it_is_regained() -> None:
    depth, bars, regained = max_drawdown(curve(100, 100, 110, 120, 90, 100, 120, 119, 130))
    assert (depth, bars, regained) == (pytest.approx(0.25), 3, True)


def test_a_drawdown_that_is_not_regained_lasts_to_the_end_of_the_data() -> None:
    depth, bars, regained = max_drawdown(curve(100, 120, 90, 100, 110))
    assert (depth, bars, regained) == (pytest.approx(0.25), 3, False)


def test_a_drawdown_begins_where_the_peak_was_left_not_where_it_was_reached() -> None:
    assert max_drawdown(curve(100, 100, 100, 50, 100))[1] == 2


def test_rounding_of_a_still_equity_is_no_drawdown() -> None:
    assert max_drawdown(curve(1e4, 1e4 - 2e-12, 1e4)) == (0.0, 0, True)


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=40))
def test_the_drawdown_is_the_deepest_fall_between_any_two_bars(values: list[float]) -> None:
    falls = [1 - after / before for i, before in enumerate(values) for after in values[i:]]
    assert max_drawdown(np.array(values))[0] == pytest.approx(max(falls), abs=1e-11)


def test_sharpe_and_sortino_annualise_bar_returns_by_the_root_of_a_years_bars() -> None:
    equity = 1000.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(1e-4, 0.002, 500)))
    found = performance(equity, 1000.0, QUARTER_MS)
    returns = [after / before - 1 for before, after in itertools.pairwise(equity)]
    yearly = statistics.fmean(returns) * math.sqrt(96 * 365)
    downside = math.sqrt(statistics.fmean(min(r, 0.0) ** 2 for r in returns))
    assert found["sharpe_ratio"] == pytest.approx(yearly / statistics.pstdev(returns))
    assert found["sortino_ratio"] == pytest.approx(yearly / downside)


def test_calmar_is_yearly_growth_over_the_deepest_drawdown() -> None:
    equity = np.append(np.full(363, 1000.0), [800.0, 1100.0])
    found = performance(equity, 1000.0, DAY_MS)
    assert found["calmar_ratio"] == pytest.approx(10.0 / 20.0)


def test_what_is_not_defined_is_none_and_never_a_huge_number() -> None:
    still = metrics_of(NOTHING, np.full(200, 1000.0))
    for name in ("sharpe", "sortino", "calmar"):
        assert still[f"{name}_ratio"] is None
    assert still["win_rate_pct"] is None
    assert still["profit_factor"] is None
    rising = metrics_of(log(("SELL_CLOSE_LONG", 0, 5.0, 0.1, 0.0)), curve(1000, 1001, 1003))
    assert rising["sortino_ratio"] is None
    assert rising["calmar_ratio"] is None
    assert rising["profit_factor"] is None
    assert rising["win_rate_pct"] == 100.0


def test_a_single_bar_has_no_ratios() -> None:
    found = metrics_of(NOTHING, curve(1000.0))
    assert found["sharpe_ratio"] is None
    assert found["total_return_pct"] == 0.0


def test_a_ruined_account_has_lost_everything_and_its_ratios_exist() -> None:
    found = performance(curve(1000, 900, 0, 0, 0), 1000.0, DAY_MS)
    assert found["total_return_pct"] == found["cagr_pct"] == -100.0
    assert found["max_drawdown_pct"] == 100.0
    returns = [-0.1, -1.0, 0.0, 0.0]
    sharpe = statistics.fmean(returns) / statistics.pstdev(returns) * math.sqrt(365)
    assert found["sharpe_ratio"] == pytest.approx(sharpe)


def test_closings_are_won_or_lost_by_their_pnl() -> None:
    found = metrics_of(ROUND_TRIP)
    assert (found["total_trades"], found["closed_trades"], found["winning_trades"]) == (6, 3, 1)
    assert found["win_rate_pct"] == pytest.approx(100 / 3)
    assert (found["gross_profit"], found["gross_loss"]) == (9.5, 5.0)
    assert found["profit_factor"] == pytest.approx(1.9)


def test_trades_are_counted_by_side_and_by_label() -> None:
    found = metrics_of(ROUND_TRIP)
    assert (found["longs_opened"], found["longs_closed"]) == (2, 2)
    assert (found["shorts_opened"], found["shorts_closed"]) == (1, 1)
    assert (found["stops"], found["prunes"]) == (1, 1)
    assert found["prunes_by_type"] == {
        "PRUNE_DEVIANCE": 0,
        "PRUNE_OLDEST": 0,
        "PRUNE_GAP": 1,
        "PRUNE_FUNDING": 0,
        "PRUNE_OFFSET": 0,
        "PRUNE_VAR_WARNING": 0,
    }
    assert found["trades_by_label"]["BUY_OPEN_LONG"] == 2
    assert found["pnl_by_label"]["STOP_SHORT"] == -4.0
    assert "LIQUIDATION" not in found["trades_by_label"]


def test_the_result_of_a_side_is_net_of_every_fee_and_of_funding() -> None:
    found = metrics_of(ROUND_TRIP)
    assert found["pnl_long"] == pytest.approx(9.5 - 1.0 - 0.5 - 0.5 - 0.25)
    assert found["pnl_short"] == pytest.approx(-4.0 - 0.5 + 0.75)


def test_counters_come_from_the_account() -> None:
    found = metrics_of(NOTHING, np.full(8, 1000.0), halts=3, fees=1.5, funding=-0.5, exposed_bars=2)
    assert (found["breaker_halts"], found["total_fees"], found["funding_pnl"]) == (3, 1.5, -0.5)
    assert found["exposure_time_pct"] == 25.0


@pytest.fixture(scope="module")
def two_coins() -> dict[str, Any]:
    return BacktestSimulator({"leverage": 3}, source="sim").run_multi(
        ["BTC", "ETH"], "2024-01-01", "2024-02-01"
    )


def test_sides_and_insurance_make_up_the_whole_gain(two_coins: dict[str, Any]) -> None:
    for result in two_coins.values():
        metrics = result["metrics"]
        gain = metrics["final_capital"] - metrics["initial_capital"]
        parts = metrics["pnl_long"] + metrics["pnl_short"] + metrics["insurance"]
        assert metrics["total_trades"] > 20
        assert parts == pytest.approx(gain, abs=1e-6)


def test_a_portfolio_adds_up_its_accounts(two_coins: dict[str, Any]) -> None:
    whole = two_coins[PORTFOLIO]["metrics"]
    parts = [two_coins[coin]["metrics"] for coin in ("BTC/USDT", "ETH/USDT")]
    for name in ("initial_capital", "final_capital", "total_fees", "total_trades", "stops"):
        assert whole[name] == pytest.approx(sum(part[name] for part in parts))
    for label, number in whole["trades_by_label"].items():
        assert number == sum(part["trades_by_label"].get(label, 0) for part in parts)


def test_ratios_of_a_portfolio_are_those_of_the_summed_equity(two_coins: dict[str, Any]) -> None:
    whole = two_coins[PORTFOLIO]
    equity = sum(two_coins[coin]["equity_curve"] for coin in ("BTC/USDT", "ETH/USDT"))
    expected = performance(equity, 20_000.0, QUARTER_MS)
    assert {name: whole["metrics"][name] for name in expected} == pytest.approx(expected)


def account_of(fills: np.ndarray) -> dict[str, Any]:
    frame = pd.DataFrame({"timestamp": [0, DAY_MS]})
    frame.attrs["timeframe"] = "1d"
    return {
        "metrics": metrics_of(fills),
        "fills": fills,
        "equity_curve": curve(1000, 1001),
        "candles": frame,
    }


def test_coins_that_move_together_add_up_their_exposures() -> None:
    moves = np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, 300))
    one_long = account_of(log(("BUY_OPEN_LONG", 0, 0.0, 0.5, 0.0)))
    one_short = account_of(log(("SELL_OPEN_SHORT", 1, 0.0, 0.5, 0.0)))
    found = portfolio_metrics(
        [one_long, one_short], curve(2000, 2002), np.stack([moves, 7 * moves], axis=1)
    )
    sigma = np.std(moves[1:] / moves[:-1] - 1, ddof=1)
    assert found["mean_correlation"] == pytest.approx(1.0)
    assert found["var_95"] == pytest.approx(1.65 * sigma * (100 + 100))


def test_the_largest_net_position_counts_for_the_value_at_risk() -> None:
    grown = account_of(
        log(
            ("BUY_OPEN_LONG", 0, 0.0, 0.5, 0.0),
            ("BUY_OPEN_LONG", 0, 0.0, 0.5, 0.0),
            ("SELL_OPEN_SHORT", 1, 0.0, 0.5, 0.0),
            ("STOP_LONG", 0, -1.0, 0.5, 0.0),
        )
    )
    prices = np.array([[100.0], [np.nan], [101.0], [99.0]])
    found = portfolio_metrics([grown], curve(1000, 1001), prices)
    sigma = np.std([101 / 100 - 1, 99 / 101 - 1], ddof=1)
    assert found["var_95"] == pytest.approx(1.65 * sigma * 200)
    assert found["mean_correlation"] is None


def test_without_common_bars_there_is_no_portfolio_risk() -> None:
    coin = account_of(ROUND_TRIP)
    prices = np.array([[100.0, np.nan], [np.nan, 5.0]])
    found = portfolio_metrics([coin, coin], curve(2000, 2002), prices)
    assert found["var_95"] is None
    assert found["mean_correlation"] is None
