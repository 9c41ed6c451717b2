"""The made-up market: the same however it is asked, and like a market. Costs 4 s."""

import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.checks import check_candles
from exchange.errors import DataError
from exchange.market import market_for
from exchange.simulated import DEFAULT_SEED, simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, TIMEFRAMES

BTC = Symbol("BTC")
QUARTER_MS = TIMEFRAMES["15m"]


def span(start: str, end: str) -> Span:
    return Span(moment_ms(start), moment_ms(end))


def returns(df: pd.DataFrame) -> np.ndarray:
    return np.diff(np.log(df["close"].to_numpy()))


@pytest.fixture(scope="module")
def years() -> pd.DataFrame:
    """BTC in 15m candles, 2022 to 2024."""
    return simulate(BTC, QUARTER_MS, span("2022-01-01", "2025-01-01"), DEFAULT_SEED)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(TIMEFRAMES.values())),
    st.integers(0, 120 * 24),
    st.integers(1, 60 * 24),
    st.sampled_from(["BTC", "WIF"]),
    st.integers(0, 2**64 - 1),
)
def test_any_part_of_a_range_asked_alone_has_the_same_candles(
    length: int, hours_before: int, hours: int, coin: str, seed: int
) -> None:
    symbol = Symbol(coin)
    end = moment_ms("2024-03-01")
    whole = span("2023-11-01", "2024-03-01").whole(length)
    start = end - (hours_before + 1) * HOUR_MS
    try:
        part = Span(start, min(start + hours * HOUR_MS, end)).whole(length)
    except DataError:
        return
    all_candles = simulate(symbol, length, whole, seed)
    inside = all_candles["timestamp"].between(part.start_ms, part.end_ms - 1)
    alone = simulate(symbol, length, part, seed)
    pd.testing.assert_frame_equal(alone, all_candles[inside].reset_index(drop=True))
    rates = simulate_funding(symbol, part, seed)
    of_all = simulate_funding(symbol, whole, seed)
    inside = of_all["timestamp"].between(part.start_ms, part.end_ms - 1)
    pd.testing.assert_frame_equal(rates, of_all[inside].reset_index(drop=True))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([name for name in TIMEFRAMES if name != "1m"]), st.integers(0, 50))
def test_a_coarse_candle_is_exactly_the_finer_ones_added_up(timeframe: str, seed: int) -> None:
    length = TIMEFRAMES[timeframe]
    days = span("2024-02-27", "2024-03-03")
    fine = simulate(BTC, MINUTE_MS, days, seed)
    groups = fine.groupby(fine["timestamp"] // length * length)
    coarse = simulate(BTC, length, days, seed)
    assert coarse["timestamp"].tolist() == list(groups.groups)
    assert coarse["open"].tolist() == groups["open"].first().tolist()
    assert coarse["high"].tolist() == groups["high"].max().tolist()
    assert coarse["low"].tolist() == groups["low"].min().tolist()
    assert coarse["close"].tolist() == groups["close"].last().tolist()
    assert coarse["volume"].round(3).tolist() == groups["volume"].sum().round(3).tolist()


def test_a_longer_future_does_not_change_the_past() -> None:
    week = span("2024-05-01", "2024-05-08")
    near = simulate(BTC, HOUR_MS, week, 11)
    simulate(BTC, DAY_MS, span("2059-12-01", "2060-01-01"), 11)
    pd.testing.assert_frame_equal(simulate(BTC, HOUR_MS, week, 11), near)
    long = simulate(BTC, DAY_MS, span("2022-01-01", "2032-01-01"), 11)
    inside = long["timestamp"].between(week.start_ms, week.end_ms - 1)
    pd.testing.assert_frame_equal(
        simulate(BTC, DAY_MS, week, 11), long[inside].reset_index(drop=True)
    )


def test_symbols_and_seeds_are_different_markets() -> None:
    day = span("2024-05-01", "2024-05-02")
    btc = simulate(BTC, HOUR_MS, day, 1)
    assert (simulate(BTC, HOUR_MS, day, 2)["close"] != btc["close"]).all()
    assert (simulate(Symbol("ETH"), HOUR_MS, day, 1)["close"] != btc["close"]).all()


def test_every_candle_of_a_long_range_is_possible_and_none_is_missing(
    years: pd.DataFrame,
) -> None:
    checked = check_candles(years, QUARTER_MS, "simulated")
    assert checked.gaps == ()
    assert len(years) == 1096 * 96
    assert (years["open"].to_numpy()[1:] == years["close"].to_numpy()[:-1]).all()
    assert (years["volume"] > 0).all()


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "DOGE", "WIF", "XYZ"])
def test_prices_and_volumes_lie_on_the_markets_grid(coin: str) -> None:
    day = simulate(Symbol(coin), MINUTE_MS, span("2024-01-01", "2024-01-02"), DEFAULT_SEED)
    market = market_for(coin, float(day["open"].iloc[0]))
    for name in ("open", "high", "low", "close"):
        for price in day[name].unique():
            assert Decimal(repr(float(price))) % market.tick == 0
    for volume in day["volume"].unique():
        assert Decimal(repr(float(volume))) % market.step == 0


def test_each_coin_starts_2024_at_its_usual_price() -> None:
    day = span("2024-01-01", "2024-01-02")
    for seed in range(5):
        assert simulate(BTC, DAY_MS, day, seed)["open"].iloc[0] == 42_000
        assert simulate(Symbol("SOL"), DAY_MS, day, seed)["open"].iloc[0] == 100


def test_the_default_market_stays_near_what_the_coins_have_cost() -> None:
    for coin, low, high in (("BTC", 15_000, 130_000), ("ETH", 900, 5_000), ("SOL", 8, 500)):
        df = simulate(Symbol(coin), DAY_MS, span("2022-01-01", "2027-01-01"), DEFAULT_SEED)
        assert low < df["low"].min()
        assert df["high"].max() < high


def test_returns_have_fat_tails_and_their_size_comes_in_clusters(years: pd.DataFrame) -> None:
    r = returns(years)
    kurtosis = np.mean((r - r.mean()) ** 4) / np.var(r) ** 2
    assert kurtosis > 10
    assert np.abs(r).max() > 15 * r.std()
    size = np.abs(r)
    for lag, at_least in ((1, 0.2), (4, 0.15), (96, 0.06), (480, 0.04)):
        assert np.corrcoef(size[:-lag], size[lag:])[0, 1] > at_least


def test_past_returns_do_not_tell_the_next_one() -> None:
    """Over 24 markets of a year, 1h: no autocorrelation, no drift of the price beyond chance."""
    year = span("2023-01-01", "2024-01-01")
    lagged, growth = [], []
    for seed in range(24):
        closes = simulate(BTC, HOUR_MS, year, seed)["close"].to_numpy()
        simple = np.diff(closes) / closes[:-1]
        sign = np.sign(simple)
        lagged.append([np.mean(sign[:-lag] * sign[lag:]) for lag in (1, 2, 4, 24)])
        growth.append(simple.mean() / (simple.std() / np.sqrt(len(simple))))
    assert np.abs(np.mean(lagged, axis=0)).max() < 4 / np.sqrt(24 * 8760)
    assert abs(np.mean(growth)) < 4 / np.sqrt(24)


def test_volume_follows_the_hour_the_weekend_and_the_movement(years: pd.DataFrame) -> None:
    hour = years["timestamp"] // HOUR_MS % 24
    by_hour = years["volume"].groupby(hour).mean()
    assert by_hour[14] > 1.5 * by_hour[4]
    weekend = pd.to_datetime(years["timestamp"], unit="ms").dt.day_of_week >= 5
    assert years["volume"][weekend].mean() < 0.8 * years["volume"][~weekend].mean()
    turnover = np.log(years["volume"] * years["close"])
    movement = np.log(years["high"] / years["low"] + 1e-9)
    assert np.corrcoef(turnover, movement)[0, 1] > 0.5


def test_coins_move_together_by_day() -> None:
    year = span("2023-01-01", "2024-01-01")
    btc, sol = (returns(simulate(Symbol(coin), DAY_MS, year, 3)) for coin in ("BTC", "SOL"))
    assert 0.3 < np.corrcoef(btc, sol)[0, 1] < 0.95


def test_funding_settles_three_times_a_day_mostly_at_its_base_and_leans_with_the_trend(
    years: pd.DataFrame,
) -> None:
    rates = simulate_funding(BTC, span("2022-01-01", "2025-01-01"), DEFAULT_SEED)
    assert len(rates) == 1096 * 3
    assert (rates["timestamp"] % (8 * HOUR_MS) == 0).all()
    assert rates["funding_rate"].abs().max() <= 3e-3
    assert 0.3 < (rates["funding_rate"] == 1e-4).mean() < 0.95
    assert 0 < rates["funding_rate"].mean() < 1e-4
    midnights = years["open"].to_numpy()[::96]
    trend = np.log(midnights[3:] / midnights[:-3])
    at_midnight = rates["funding_rate"].to_numpy()[::3][3:]
    assert np.corrcoef(trend, at_midnight)[0, 1] > 0.3


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(DataError, match=f"seed {seed} is out of range"):
        simulate(BTC, DAY_MS, span("2024-01-01", "2024-01-02"), seed)


@pytest.mark.parametrize(
    ("start", "end"), [("2009-12-31", "2010-02-01"), ("2099-01-01", "2100-01-02")]
)
def test_a_time_before_2010_or_after_2099_is_refused(start: str, end: str) -> None:
    with pytest.raises(DataError, match="runs from 2010 to 2100"):
        simulate_funding(BTC, span(start, end), 1)


def test_the_ends_of_the_simulated_time_work() -> None:
    assert len(simulate(BTC, HOUR_MS, span("2010-01-01", "2010-01-03"), 1)) == 48
    assert len(simulate(BTC, HOUR_MS, span("2099-12-30", "2100-01-01"), 1)) == 48


def test_three_years_of_quarter_hours_take_less_than_a_second() -> None:
    began = time.perf_counter()
    simulate(BTC, QUARTER_MS, span("2022-01-01", "2025-01-01"), 99)
    assert time.perf_counter() - began < 2.0  # 0.25 s on two idle cores
