"""The oracle against the reference results: every trade, every equity, every regime.

Costs about 7 s: 16 runs, each simulated once, and four pairs of short ones.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.oracle import Market, Result, simulate

pytestmark = [pytest.mark.golden, pytest.mark.market_data]

TICK_STEP_MINIMUM = {
    "btc": (0.1, 0.001, 50.0),
    "eth": (0.01, 0.001, 20.0),
    "sol": (0.01, 0.01, 5.0),
}
PERIODS = {"btc": ("2022",), "eth": ("2022",), "sol": ("2022", "ftx")}
SETTINGS: dict[str, dict[str, object]] = {
    "defaults": {},
    "no_short": {"allow_short": False},
    "lev5_arith": {
        "leverage": 5,
        "grid_mode": "arithmetic",
        "grid_levels": 5,
        "max_inventory_per_side": 5,
    },
    "busy": {
        "grid_spacing_k": 0.8,
        "spacing_floor": 0.004,
        "adaptive_floor_scale": 0.5,
        "grid_levels": 6,
        "max_inventory_per_side": 6,
        "regen_drift_mult": 1.0,
        "gamma": 2,
        "as_time_horizon": 288,
        "atr_sl_mult": 2,
        "gap_prune_mult": 2.5,
        "offset_prune_ratio": 0.8,
        "prune_cooldown_bars": 1,
    },
}
RUNS = [
    f"{coin}_{period}_{setting}"
    for coin, periods in PERIODS.items()
    for period in periods
    for setting in SETTINGS
]
LIMIT_LABELS = ("BUY_OPEN_LONG", "SELL_OPEN_SHORT", "SELL_CLOSE_LONG", "BUY_CLOSE_SHORT")
PRUNE_LABELS = ("DEVIANCE", "OLDEST", "GAP", "FUNDING", "OFFSET", "VAR_WARNING")


@pytest.fixture(scope="module")
def run(market_data: Path) -> Callable[[str], Result]:
    """The oracle's result of a reference run by name, simulated once."""

    @cache
    def simulated(name: str) -> Result:
        coin, period, setting = name.split("_", 2)
        rates = pd.read_parquet(market_data / f"{coin.upper()}USDT_funding.parquet")
        return simulate(
            candles_of(market_data, coin, period),
            SETTINGS[setting],
            market_of(market_data, coin),
            funding=list(zip(rates["timestamp"], rates["funding_rate"], strict=True)),
        )

    return simulated


def candles_of(folder: Path, coin: str, period: str) -> pd.DataFrame:
    candles = pd.read_parquet(folder / f"{coin.upper()}USDT_15m.parquet")
    if period == "2022":
        return candles.iloc[:9000]
    start, end = (1000 * datetime(2022, month, 25, tzinfo=UTC).timestamp() for month in (10, 11))
    return candles[(candles["timestamp"] >= start) & (candles["timestamp"] < end)]


def market_of(folder: Path, coin: str) -> Market:
    tiers = json.loads((folder / "binance_leverage_tiers_2024-10.json").read_text())
    return Market(*TICK_STEP_MINIMUM[coin], [tier[:4] for tier in tiers[f"{coin.upper()}USDT"]])


def reference_trades(golden: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(golden / f"{name}_trades.csv", keep_default_na=False)


def stated_totals(golden: Path, name: str) -> list[float]:
    """The row of the run in the table of the reference: bars, trade rows, final equity, maximum
    drawdown %, fees, funding, bars with VaR block, entries refused, take-profits crossed."""
    lines = (golden / "README.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith(f"| {name} |"))
    return [float(cell) for cell in row.strip("|").split("|")[1:]]


@pytest.mark.parametrize("name", RUNS)
def test_the_oracle_makes_the_trades_of_the_reference_in_its_order(
    name: str, run: Callable[[str], Result], golden: Path
) -> None:
    expected = reference_trades(golden, name)
    trades = run(name).trades
    assert len(trades) == len(expected)
    for mine, theirs in zip(trades, expected.itertuples(index=False), strict=True):
        same = ("bar", "timestamp", "side", "label", "regime")
        assert [getattr(mine, key) for key in same] == [getattr(theirs, key) for key in same]
        if mine.label in LIMIT_LABELS:
            assert round(mine.price, 10) == round(theirs.price, 10)
        assert mine.price == pytest.approx(theirs.price, rel=1e-9)
        assert round(mine.qty, 10) == round(theirs.qty, 10)
        assert mine.pnl == pytest.approx(theirs.pnl, abs=1e-6)
        assert mine.fee == pytest.approx(theirs.fee, abs=1e-6)


@pytest.mark.parametrize("name", RUNS)
def test_the_oracle_has_the_equity_and_the_regime_of_the_reference_at_every_bar(
    name: str, run: Callable[[str], Result], golden: Path
) -> None:
    expected = pd.read_parquet(golden / f"{name}_equity.parquet")
    result = run(name)
    np.testing.assert_allclose(result.equity, expected["equity"], rtol=0.0, atol=1e-6)
    np.testing.assert_array_equal(result.regime, expected["regime"])


@pytest.mark.parametrize("name", RUNS)
def test_the_oracle_counts_what_the_reference_counted(
    name: str, run: Callable[[str], Result], golden: Path
) -> None:
    stated = stated_totals(golden, name)
    labels = reference_trades(golden, name)["label"]
    result = run(name)
    assert result.fees[-1] == pytest.approx(stated[4], abs=0.0051)
    assert result.funding[-1] == pytest.approx(stated[5], abs=0.0051)
    counted = [
        result.counters[key] for key in ("VaR blocks", "entries refused", "take-profits crossed")
    ]
    assert counted == stated[6:]
    assert result.counters["halts"] == (labels == "CIRCUIT_BREAKER_HALT").sum()
    assert result.counters["stops"] == labels.str.startswith("STOP_").sum()
    for rule in PRUNE_LABELS:
        assert result.counters[f"PRUNE_{rule}"] == (labels == f"PRUNE_{rule}").sum()
    assert result.counters["liquidations"] == 0


@pytest.mark.parametrize("name", RUNS)
def test_every_cent_of_the_oracle_is_accounted_for_at_every_bar(
    name: str, run: Callable[[str], Result]
) -> None:
    result = run(name)
    initial = result.wallet[0]
    wallet = np.array(result.wallet)
    parts = (result.gross, result.fees, result.funding, result.insurance)
    gross, fees, funding, insurance = map(np.array, parts)
    allowed = 1e-9 * initial
    np.testing.assert_allclose(wallet, initial + gross - fees + funding + insurance, 0.0, allowed)
    np.testing.assert_allclose(
        result.equity, wallet + np.array(result.unrealised), rtol=0.0, atol=allowed
    )

    pnl = sum(trade.pnl for trade in result.trades)
    opening_fees = sum(trade.fee for trade in result.trades if "OPEN" in trade.label)
    received = sum(trade.funding for trade in result.trades)
    assert pnl - opening_fees + received == pytest.approx(result.equity[-1] - initial, abs=allowed)
    assert received == pytest.approx(funding[-1], abs=allowed)


@pytest.mark.parametrize("known", [1500, 2731])
@pytest.mark.parametrize("name", ["btc_2022_busy", "sol_2022_defaults"])
def test_what_comes_after_a_bar_does_not_change_what_the_oracle_did_up_to_it(
    name: str, known: int, market_data: Path
) -> None:
    coin, period, setting = name.split("_", 2)
    candles = candles_of(market_data, coin, period).iloc[:3000].reset_index(drop=True)
    other = candles.copy()
    moves = np.random.default_rng(known).normal(0.0, 0.01, (len(other) - known - 1, 1))
    prices = ["open", "high", "low", "close"]
    other.loc[known + 1 :, prices] *= np.exp(np.cumsum(moves, axis=0))
    other.loc[known + 1 :, "volume"] *= 3.0

    market = market_of(market_data, coin)
    one, two = (simulate(each, SETTINGS[setting], market) for each in (candles, other))
    before = [[row for row in each.trades if row.bar <= known] for each in (one, two)]
    assert before[0] == before[1]
    assert before[0]
    assert one.equity[: known + 1] == two.equity[: known + 1]
    assert one.regime[: known + 2] == two.regime[: known + 2]
    assert one.equity[-1] != two.equity[-1]
