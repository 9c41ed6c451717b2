"""Funding in the feature table: real rates, synthetic ones, and both (about 2 s)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.features import Bars, Features, build
from engine.params import StrategyParams
from tests.bars import HOUR_MS, NEW_YEAR_2022_MS, QUARTER_MS, random_bars, recorded_bars

NAN = np.nan


def hourly(hours: list[int], rates: dict[int, float], closes: object = 100.0) -> Features:
    """Features of hourly bars that open `hours` after midnight; `rates`: hour -> real rate."""
    n = len(hours)
    close = np.broadcast_to(np.asarray(closes, float), n).copy()
    rate = np.array([rates.get(hour, NAN) for hour in hours])
    time = NEW_YEAR_2022_MS + HOUR_MS * np.array(hours, np.int64)
    return build(
        Bars(time, close, close, close, close, np.ones(n), rate), StrategyParams(), HOUR_MS
    )


def settled_at(table: Features) -> dict[int, float]:
    rows = np.flatnonzero(np.isfinite(table.settlement))
    return {
        int((table.time[k] - NEW_YEAR_2022_MS) // HOUR_MS): float(table.settlement[k]) for k in rows
    }


def test_real_rates_settle_in_their_bar_and_are_known_from_its_close() -> None:
    table = hourly(list(range(1, 14)), {8: 3e-4, 12: -2e-4})
    assert settled_at(table) == {8: 3e-4, 12: -2e-4}
    assert table.funding_rate.tolist() == [1e-4] * 7 + [3e-4] * 4 + [-2e-4] * 2
    assert not table.synthetic.any()


def test_without_real_rates_a_still_price_pays_the_usual_rate_at_0_8_and_16_utc() -> None:
    table = hourly(list(range(1, 50)), {})
    assert settled_at(table) == dict.fromkeys((8, 16, 24, 32, 40, 48), 1e-4)
    assert np.array_equal(table.synthetic, np.isfinite(table.settlement))


def test_the_first_bar_has_no_settlement_for_want_of_a_closed_bar() -> None:
    assert settled_at(hourly(list(range(10)), {})) == {8: 1e-4}
    assert settled_at(hourly(list(range(10)), {0: 5e-4})) == {0: 5e-4, 8: 1e-4}


def test_no_synthetic_rate_within_eight_hours_of_a_real_one() -> None:
    # after 8 comes 16 in time: 8 lies outside (8, 16], 9 lies inside
    assert settled_at(hourly(list(range(1, 26)), {8: 2e-4})) == {8: 2e-4, 16: 1e-4, 24: 1e-4}
    assert settled_at(hourly(list(range(1, 26)), {9: 2e-4})) == {8: 1e-4, 9: 2e-4, 24: 1e-4}


def test_a_real_rate_covers_its_candle_but_not_the_gap_behind_it() -> None:
    table = hourly([1, 2, 3, 40, 41], {3: 7e-4})
    # 08:00 lies within 8 hours of it; 16:00, 00:00 and 08:00 of the gap are synthetic and add up
    assert settled_at(table) == {3: pytest.approx(7e-4 + 3 * 1e-4), 40: 1e-4}
    assert table.synthetic.tolist() == [False, False, True, True, False]


def test_settlements_that_fall_into_a_gap_add_up_in_the_bar_before_it() -> None:
    table = hourly([1, 2, 3, 41, 42], {})
    assert settled_at(table) == {3: pytest.approx(5e-4)}
    assert table.funding_rate.tolist() == [1e-4, 1e-4, 1e-4, 1e-4, 1e-4]


@pytest.mark.parametrize(("last", "rate"), [(102.0, 1.96e-4), (98.0, 0.04e-4), (60.0, -3e-4)])
def test_a_synthetic_rate_follows_the_distance_from_the_daily_mean(last, rate) -> None:
    closes = np.full(60, 100.0)
    closes[31:] = last  # the bar before hour 32; bars after it must not matter
    mean = (23 * 100 + last) / 24
    expected = np.clip(1e-4 + 0.5e-4 * 100 * (last / mean - 1), -3e-4, 3e-4)
    settled = settled_at(hourly(list(range(60)), {}, closes))[32]
    assert settled == pytest.approx(expected, rel=1e-12)
    assert settled == pytest.approx(rate, abs=0.01e-4)


def test_until_a_day_of_closes_exists_the_synthetic_rate_is_the_usual_one() -> None:
    closes = np.linspace(100, 200, 60)
    settled = settled_at(hourly(list(range(1, 61)), {}, closes))
    assert settled[8] == settled[16] == settled[24] == 1e-4  # 23 closes at hour 24
    assert settled[32] == 3e-4
    assert settled_at(hourly(list(range(61)), {}, np.append(99, closes)))[24] == 3e-4


def test_a_daily_bar_takes_three_synthetic_settlements() -> None:
    bars = random_bars(20, 1, settled=0)
    bars = bars._replace(time=NEW_YEAR_2022_MS + 24 * HOUR_MS * np.arange(20))
    table = build(bars, StrategyParams(), 24 * HOUR_MS)
    # its mean of one day is its own close
    assert table.settlement[1:] == pytest.approx(3e-4)
    assert table.funding_rate[1:] == pytest.approx(1e-4)


@pytest.mark.market_data
@pytest.mark.parametrize(("coin", "made_up"), [("BTC", 0), ("ETH", 0), ("SOL", None)])
def test_recorded_settlements_are_kept_and_holes_filled(
    market_data: Path, coin: str, made_up: int | None
) -> None:
    funding = pd.read_parquet(market_data / f"{coin}USDT_funding.parquet")
    bars = recorded_bars(market_data, coin)
    table = build(bars, StrategyParams(), QUARTER_MS)

    real = funding["timestamp"].to_numpy() // QUARTER_MS * QUARTER_MS
    due = np.arange(bars.time[0], bars.time[-1] + 1, 8 * HOUR_MS)[1:]
    before, upto = (np.searchsorted(real, edge, "right") for edge in (due - 8 * HOUR_MS, due))
    missing = due[before == upto]
    assert made_up is None or missing.size == made_up
    assert np.array_equal(table.time[table.synthetic], missing)

    settled = np.isfinite(table.settlement) & ~table.synthetic
    assert np.array_equal(table.time[settled], np.unique(real))
    assert table.settlement[settled].sum() == pytest.approx(funding["funding_rate"].sum())
    assert np.abs(table.settlement[table.synthetic]).max(initial=0) <= 3e-4


@pytest.mark.market_data
def test_the_hole_in_sols_rates_is_filled_from_its_edge_to_its_edge(market_data: Path) -> None:
    table = build(recorded_bars(market_data, "SOL"), StrategyParams(), QUARTER_MS)
    filled = pd.to_datetime(table.time[table.synthetic], unit="ms")
    hole = filled[filled > "2022-10-01"]
    assert (str(hole[0]), str(hole[-1])) == ("2023-01-08 08:00:00", "2023-12-31 16:00:00")
    assert len(hole) == 358 * 3 - 1
    assert len(filled) - len(hole) == 273 * 3 - 1
