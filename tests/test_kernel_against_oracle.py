"""The compiled kernel and the plain oracle are one strategy: trade for trade, bar for bar."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features import Bars, LastSettlement, build, warmup_bars
from engine.loop import Detail, Outcome, simulate
from engine.params import StrategyParams
from engine.trades import LABELS
from exchange.market import Market, market_for
from tests import oracle
from tests.markets import KINDS, TIMEFRAME_MS, random_market
from tests.test_laws import settings_of_a_trader
from tests.test_oracle_golden import RUNS, SETTINGS

SIDES = {0: "long", 1: "short", -1: ""}
TAKE_PROFITS = ("SELL_CLOSE_LONG", "BUY_CLOSE_SHORT")
MONEY = 1e-9


def judge(market: Market) -> oracle.Market:
    tiers = [(tier.floor, tier.cap, tier.mmr, tier.cum) for tier in market.tiers]
    return oracle.Market(float(market.tick), float(market.step), float(market.min_notional), tiers)


def candles_of(bars: Bars) -> dict[str, list[Any]]:
    names = ("open", "high", "low", "close", "volume")
    return {"timestamp": bars.time.tolist(), **{n: getattr(bars, n).tolist() for n in names}}


def by_kernel(
    bars: Bars,
    config: dict[str, Any],
    market: Market,
    detail: Detail | None = None,
    settled: LastSettlement | None = None,
    timeframe_ms: int = TIMEFRAME_MS,
) -> Outcome:
    params = StrategyParams.checked(config)
    features = build(bars, params, timeframe_ms, settled)
    warmup = warmup_bars(bars.time, params, timeframe_ms)
    return simulate(features, params, market, warmup, detail=detail)


def assert_same(kernel: Outcome, plain: oracle.Result, capital: float) -> None:
    for row, trade in zip(kernel.fills, plain.trades, strict=False):
        mine = (row["bar"], row["time"], SIDES[row["side"]], LABELS[row["label"]], row["regime"])
        theirs = (trade.bar, trade.timestamp, trade.side, trade.label, trade.regime)
        assert mine == theirs
        # a take-profit that shrank went out again in the oracle's eyes, with its price unchanged
        assert row["born"] == trade.born or trade.label in TAKE_PROFITS, trade
        # relative 1e-9 for prices and quantities, 1e-9 of the capital for money
        assert row["price"] == pytest.approx(trade.price, rel=1e-9), trade
        assert row["qty"] == pytest.approx(trade.qty, rel=1e-9, abs=1e-9), trade
        for name in ("pnl", "fee", "funding"):
            theirs_money = getattr(trade, name)
            assert row[name] == pytest.approx(theirs_money, abs=MONEY * capital), (name, trade)
    assert len(kernel.fills) == len(plain.trades)
    assert np.array_equal(kernel.regime, np.array(plain.regime))
    np.testing.assert_allclose(kernel.equity, plain.equity, rtol=0, atol=MONEY * capital)


@settings(max_examples=500, deadline=None)
@given(
    st.integers(0, 100_000),
    st.sampled_from(KINDS),
    st.sampled_from([1, 1, 1, 4, 16, 96]),
    settings_of_a_trader,
)
def test_they_agree_on_random_markets_with_random_parameters(
    seed: int, kind: str, quarters: int, config: dict[str, Any]
) -> None:
    timeframe_ms = quarters * TIMEFRAME_MS
    made = random_market(seed, kind, 420, timeframe_ms)
    kernel = by_kernel(
        made.bars, config, made.market, settled=made.settled, timeframe_ms=timeframe_ms
    )
    plain = oracle.simulate(
        candles_of(made.bars), config, judge(made.market), timeframe_ms, made.funding
    )
    assert_same(kernel, plain, config.get("initial_capital", 10_000.0))


def test_random_markets_reach_every_label_and_every_event() -> None:
    """The comparison above is worth something only if its markets provoke everything."""
    labels: set[str] = set()
    seen = dict.fromkeys(
        ("halts", "trailing_shifts", "var_blocked_bars", "refused_entries", "liquidations"), 0
    )
    crossed = 0
    for seed in range(48):
        made = random_market(seed, KINDS[seed % len(KINDS)])
        config = {
            "leverage": [1, 10, 25, 50][seed % 4],
            "order_pct": [0.05, 0.3][seed // 4 % 2],
            "atr_sl_mult": [1.0, 40.0, 4.5][seed % 3],
            "grid_spacing_k": 0.6,
            "spacing_floor": 0.002,
            "adaptive_floor_scale": 0.5,
            "max_inventory_per_side": 6,
            "grid_levels": 6,
            "max_position_age_hours": [4.0, 400.0][seed % 2],
            "gap_prune_mult": [3.0, 400.0][seed // 2 % 2],
            "deviance_sigma": [3.5, 100.0][seed // 3 % 2],
            "funding_cost_ratio": 0.02,
            "var_horizon_bars": [96.0, 1.0][seed // 8 % 2],
            "offset_prune_ratio": 0.8,
            "max_drawdown_pct": [0.05, 1.0, 0.2][seed % 3],
            "trailing_activation_er": 0.3,
            "er_trend_threshold": 0.3,
            "regime_hysteresis_bars": 1,
            "adx_trend_threshold": 10.0,
        }
        outcome = by_kernel(made.bars, config, made.market)
        labels |= {LABELS[code] for code in outcome.fills["label"]}
        for name in seen:
            seen[name] += int(outcome.state[name][0])
        crossed += int(outcome.state["crossed_take_profits"][0])
    assert labels == set(LABELS) - {"EXTERNAL_CLOSE"}, "that one happens on an exchange alone"
    assert all(seen.values()), seen
    assert crossed > 0


def recorded(folder: Path, coin: str) -> tuple[Bars, list[tuple[int, float]]]:
    df = pd.read_parquet(folder / f"{coin}USDT_15m.parquet")
    rates = pd.read_parquet(folder / f"{coin}USDT_funding.parquet")
    time = df["timestamp"].to_numpy(np.int64)
    funding = [
        (int(at), float(rate))
        for at, rate in zip(rates["timestamp"], rates["funding_rate"], strict=True)
        if time[0] <= at < time[-1] + TIMEFRAME_MS
    ]
    column = np.full(len(time), np.nan)
    for at, rate in funding:
        k = int(np.searchsorted(time, at, side="right")) - 1
        column[k] = rate if np.isnan(column[k]) else column[k] + rate
    columns = (
        np.ascontiguousarray(df[name].to_numpy(np.float64))
        for name in ("open", "high", "low", "close", "volume")
    )
    return Bars(time, *columns, column), funding


@pytest.mark.market_data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_they_agree_on_two_and_a_half_real_years(market_data: Path, coin: str) -> None:
    bars, funding = recorded(market_data, coin)
    market = market_for(coin)
    kernel = by_kernel(bars, {}, market)
    plain = oracle.simulate(candles_of(bars), {}, judge(market), TIMEFRAME_MS, funding)
    assert len(kernel.fills) > 5_000
    assert_same(kernel, plain, 10_000.0)


@pytest.mark.golden
@pytest.mark.market_data
@pytest.mark.parametrize("name", RUNS)
def test_the_kernel_gives_the_reference_results(market_data: Path, golden: Path, name: str) -> None:
    coin, period, setting = name.split("_", 2)
    bars, _ = recorded(market_data, coin.upper())
    chosen = np.arange(len(bars.time)) < 9_000
    if period == "ftx":
        start, end = (pd.Timestamp(day).value // 10**6 for day in ("2022-10-25", "2022-11-25"))
        chosen = (bars.time >= start) & (bars.time < end)
    bars = Bars(*(np.ascontiguousarray(column[chosen]) for column in bars))
    kernel = by_kernel(bars, SETTINGS[setting], market_for(coin))
    rows = pd.read_csv(golden / f"{name}_trades.csv", keep_default_na=False)
    fills = kernel.fills
    assert fills["bar"].tolist() == rows["bar"].tolist()
    assert fills["regime"].tolist() == rows["regime"].tolist()
    assert [SIDES[side] for side in fills["side"]] == rows["side"].tolist()
    assert [LABELS[label] for label in fills["label"]] == rows["label"].tolist()
    for column in ("price", "qty", "pnl", "fee"):
        np.testing.assert_allclose(fills[column], rows[column], rtol=1e-9, atol=1e-9)
    curve = pd.read_parquet(golden / f"{name}_equity.parquet")
    np.testing.assert_allclose(kernel.equity, curve["equity"], rtol=0, atol=1e-6)
    assert kernel.regime.tolist() == curve["regime"].tolist()


def test_they_agree_with_regimes_from_a_mixture() -> None:
    pytest.importorskip("sklearn", reason="the extra `ml` is not installed")
    made = random_market(3, "trend", length=1_500)
    config = {"use_ml_regime": True, "adx_trend_threshold": 15.0, "grid_spacing_k": 0.8}
    kernel = by_kernel(made.bars, config, made.market, settled=made.settled)
    plain = oracle.simulate(
        candles_of(made.bars), config, judge(made.market), TIMEFRAME_MS, made.funding
    )
    assert len(set(kernel.regime.tolist())) == 3
    assert_same(kernel, plain, 10_000.0)


@pytest.mark.market_data
def test_they_agree_on_real_minutes_inside_real_quarter_hours(market_data: Path) -> None:
    bars, funding = recorded(market_data, "BTC")
    fine = pd.read_parquet(market_data / "BTCUSDT_1m_2023-07.parquet")
    minutes = fine["timestamp"].to_numpy(np.int64)
    inside = (bars.time >= minutes[0]) & (bars.time + TIMEFRAME_MS <= minutes[-1] + 60_000)
    bars = Bars(*(np.ascontiguousarray(column[inside]) for column in bars))
    first = np.searchsorted(minutes, np.append(bars.time, bars.time[-1] + TIMEFRAME_MS))
    assert (np.diff(first) == 15).all()
    columns = {n: fine[n].to_numpy(np.float64) for n in ("open", "high", "low", "close", "volume")}
    detail = Detail(first.astype(np.int64), *(columns[n] for n in ("open", "high", "low", "close")))
    config = {"grid_spacing_k": 0.8, "spacing_floor": 0.002, "adaptive_floor_scale": 0.5}
    market = market_for("BTC")
    kernel = by_kernel(bars, config, market, detail)
    plain = oracle.simulate(
        candles_of(bars),
        config,
        judge(market),
        TIMEFRAME_MS,
        [(at, rate) for at, rate in funding if bars.time[0] <= at <= bars.time[-1]],
        {"timestamp": minutes.tolist(), **{n: c.tolist() for n, c in columns.items()}},
    )
    assert_same(kernel, plain, 10_000.0)
    coarse = by_kernel(bars, config, market)
    assert coarse.fills.tobytes() != kernel.fills.tobytes(), "minutes must make a difference"
