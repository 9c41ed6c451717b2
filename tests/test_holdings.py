"""What lies in the cache: series, spans, gaps, origins. Costs 5 s."""

import os
import random
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.cache import merge_into_cache, read_cache
from exchange.checks import check_candles, find_gaps
from exchange.funding_rates import check_funding, lay_funding
from exchange.holdings import Gap, Holding, gap_map, holding_of, holdings
from exchange.inspection import check
from exchange.label import write_labelled
from exchange.series import Series
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS, MINUTE_MS

BTC = Symbol("BTC")
HOURLY = Series(BTC, "1h")
FUNDING = Series(BTC, None)
FIRST_MS = moment_ms("2024-01-01")


def hours(start: int, end: int) -> Span:
    return Span(FIRST_MS + start * HOUR_MS, FIRST_MS + end * HOUR_MS)


def candles(span: Span) -> pd.DataFrame:
    return simulate(BTC, HOUR_MS, span, 5)


def put(data_dir: Path, series: Series, span: Span, rows: pd.DataFrame, *origins: str) -> Path:
    """Lay a file into the cache as a download of `span` would."""
    path = data_dir / "cache" / f"{series.stem}_{span.start_ms}_{span.end_ms}.parquet"
    path.parent.mkdir(exist_ok=True)
    write_labelled(rows, path, series, origins or ("Binance",))
    return path


def only(data_dir: Path) -> Holding:
    (holding,) = holdings(data_dir)
    return holding


def test_an_empty_cache_and_none_at_all_hold_nothing(tmp_path: Path) -> None:
    assert holdings(tmp_path) == ()
    (tmp_path / "cache").mkdir()
    assert holdings(tmp_path) == ()
    assert holding_of(HOURLY, tmp_path) is None


def test_a_whole_series_has_its_span_rows_size_and_origin(tmp_path: Path) -> None:
    path = put(tmp_path, HOURLY, hours(0, 48), candles(hours(0, 48)))
    assert only(tmp_path) == Holding(
        HOURLY, hours(0, 48), 48, (), ("Binance",), path.stat().st_size, (path,)
    )
    assert only(tmp_path).completeness == 1.0
    assert holding_of(HOURLY, tmp_path) == only(tmp_path)


def test_what_lies_between_files_is_not_known_and_what_lacks_inside_one_is_an_outage(
    tmp_path: Path,
) -> None:
    rows = candles(hours(0, 20)).drop(index=range(5, 8))
    put(tmp_path, HOURLY, hours(0, 20), rows)
    put(tmp_path, HOURLY, hours(30, 40), candles(hours(30, 40)), "imported from x.csv")
    holding = only(tmp_path)
    assert holding.gaps == (
        Gap(FIRST_MS + 5 * HOUR_MS, 3, outage=True),
        Gap(FIRST_MS + 20 * HOUR_MS, 10, outage=False),
    )
    assert (holding.rows, holding.missing, holding.completeness) == (27, 13, 27 / 40)
    assert holding.origin == "Binance, imported from x.csv"


def test_rows_that_two_files_have_count_once(tmp_path: Path) -> None:
    put(tmp_path, HOURLY, hours(0, 20), candles(hours(0, 20)))
    put(tmp_path, HOURLY, hours(10, 30), candles(hours(10, 30)))
    holding = only(tmp_path)
    assert (holding.rows, holding.span, holding.gaps) == (30, hours(0, 30), ())


def test_the_span_begins_with_the_first_candle_where_the_exchange_had_none_before(
    tmp_path: Path,
) -> None:
    put(tmp_path, HOURLY, hours(-100, 20), candles(hours(0, 20)))
    assert only(tmp_path).span == hours(0, 20)


def test_spot_simulated_and_perpetual_are_series_of_their_own(tmp_path: Path) -> None:
    others = [
        Series(BTC, "1h", "spot"),
        Series(BTC, "1h", "perpetual", simulated=True),
        Series(BTC, "15m"),
        HOURLY,
        FUNDING,
        Series(Symbol("AAVE"), "1d"),
    ]
    for series in others:
        if series == FUNDING:
            put(tmp_path, series, hours(0, 48), simulate_funding(BTC, hours(0, 48), 5))
        else:
            span = Span(FIRST_MS, FIRST_MS + 10 * series.step_ms)
            put(tmp_path, series, span, simulate(BTC, series.step_ms, span, 5))
    assert [str(holding.series) for holding in holdings(tmp_path)] == [
        "AAVE/USDT 1d",
        "BTC/USDT 15m",
        "BTC/USDT 1h",
        "BTC/USDT funding",
        "BTC/USDT 1h spot",
        "BTC/USDT 1h SIMULATED",
    ]
    assert all(Series.of_stem(series.stem) == series for series in others)


def test_a_file_whose_label_and_name_disagree_is_damaged(tmp_path: Path) -> None:
    path = put(tmp_path, Series(BTC, "1h", "spot"), hours(0, 9), candles(hours(0, 9)))
    renamed = path.rename(path.with_name(path.name.replace("-spot", "")))
    holding = only(tmp_path)
    assert (holding.series, holding.rows, holding.damaged) == (HOURLY, 0, (renamed,))


def test_a_file_without_a_label_is_what_a_download_writes(tmp_path: Path) -> None:
    span = hours(0, 9)
    (tmp_path / "cache").mkdir()
    candles(span).to_parquet(
        tmp_path / "cache" / f"BTCUSDT_1h_{span.start_ms}_{span.end_ms}.parquet"
    )
    assert only(tmp_path).origins == ("Binance",)


def test_damaged_files_are_named_and_their_series_is_still_listed(tmp_path: Path) -> None:
    good = put(tmp_path, HOURLY, hours(0, 20), candles(hours(0, 20)))
    bad = good.with_name(f"BTCUSDT_1h_{hours(30, 40).start_ms}_{hours(30, 40).end_ms}.parquet")
    bad.write_bytes(b"PAR1 and then nothing")
    aside = good.with_name(
        f"BTCUSDT_4h_{hours(0, 8).start_ms}_{hours(0, 8).end_ms}.parquet.damaged"
    )
    aside.write_bytes(b"x")
    hourly, four = holdings(tmp_path)
    assert (hourly.rows, hourly.damaged, hourly.paths) == (20, (bad,), (good, bad))
    assert (four.rows, four.damaged, four.span, four.completeness) == (0, (aside,), hours(0, 8), 0)
    assert gap_map(four, 4) == [0.0] * 4
    assert hourly.size_bytes == good.stat().st_size + bad.stat().st_size


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01", "2024-01-02"],
        pd.to_datetime(["2024-01-01", "2024-01-02"]),
        [float(FIRST_MS), np.nan],
        pd.array([FIRST_MS, None], dtype="Int64"),
    ],
    ids=["text", "datetimes", "floats", "none"],
)
@pytest.mark.parametrize("series", [HOURLY, FUNDING], ids=str)
def test_a_file_whose_times_are_no_milliseconds_is_damaged(
    tmp_path: Path, series: Series, times: Any
) -> None:
    path = put(tmp_path, series, hours(0, 24), pd.DataFrame({"timestamp": times}))
    assert (only(tmp_path).damaged, only(tmp_path).rows) == ((path,), 0)


@pytest.mark.parametrize("span", [hours(1, 25), hours(0, 23)], ids=["before", "after"])
def test_a_file_with_rows_outside_the_span_in_its_name_is_damaged(
    tmp_path: Path, span: Span
) -> None:
    path = put(tmp_path, HOURLY, span, candles(hours(0, 24)))
    assert (only(tmp_path).damaged, only(tmp_path).rows) == ((path,), 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_file_in_which_bytes_have_changed_is_told_and_never_a_traceback(
    tmp_path: Path, seed: int
) -> None:
    """Whatever is changed, listing, checking and reading it end without an error of their own."""
    span, dice = hours(0, 48), random.Random(seed)
    rows = candles(span).drop(index=[20, 21])
    path = put(tmp_path, HOURLY, span, rows)
    good = path.read_bytes()
    told = 0
    for _ in range(150):
        changed = bytearray(good)
        for _ in range(dice.choice((1, 2, 5))):
            changed[dice.randrange(len(good))] = dice.randrange(256)
        path.write_bytes(changed)
        found = only(tmp_path)
        assert found.damaged or found.rows
        told += not check(found).sound
        read_cache(path.parent, HOURLY, span, lambda t, w: check_candles(t, HOUR_MS, w).frame, [])
        for aside in path.parent.glob("*.damaged"):
            aside.unlink()
    assert told > 50


def test_strangers_are_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("notes.txt", "BTCUSDT_7h_1_2.parquet", "BTC_1h_1_2.parquet", "X_1h_2_1.parquet"):
        (folder / name).write_text("mine")
    assert holdings(tmp_path) == ()


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = put(tmp_path, HOURLY, hours(0, 20), candles(hours(0, 20)))
    assert only(tmp_path).missing == 0
    put(tmp_path, HOURLY, hours(0, 20), candles(hours(0, 20)).drop(index=[4, 5]))
    os.utime(path, ns=(1, 1))
    assert only(tmp_path).missing == 2


def test_funding_holes_are_those_that_a_backtest_sees(tmp_path: Path) -> None:
    span = hours(0, 24 * 30)
    rates = check_funding(simulate_funding(BTC, span, 5), "simulated")
    kept = rates.drop(index=[4, 5, 6, 40]).reset_index(drop=True)
    put(tmp_path, FUNDING, span, kept)
    laid = lay_funding(candles(span)["timestamp"].to_numpy(), HOUR_MS, kept)
    found = only(tmp_path)
    assert (
        tuple((gap.start_ms, gap.bars) for gap in found.gaps)
        == laid.holes
        == (
            (int(rates["timestamp"][4]), 3),
            (int(rates["timestamp"][40]), 1),
        )
    )
    assert found.rows == 86


def test_settlements_more_often_than_every_eight_hours_leave_no_hole(tmp_path: Path) -> None:
    times = np.arange(FIRST_MS, FIRST_MS + 240 * HOUR_MS, 2 * HOUR_MS)
    rows = pd.DataFrame({"timestamp": times, "funding_rate": 0.0001})
    put(tmp_path, FUNDING, hours(0, 240), rows)
    assert (only(tmp_path).gaps, only(tmp_path).rows) == ((), 120)


def test_the_map_shows_full_part_and_empty_cells(tmp_path: Path) -> None:
    rows = candles(hours(0, 40)).drop(index=[*range(10, 20), *range(35, 38)])
    put(tmp_path, HOURLY, hours(0, 40), rows)
    assert gap_map(only(tmp_path), 4) == pytest.approx([1.0, 0.0, 1.0, 0.7])
    assert gap_map(only(tmp_path), 1) == pytest.approx([27 / 40])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sets(st.integers(0, 119), min_size=1, max_size=120),
    st.lists(st.integers(1, 119), max_size=4),
    st.integers(1, 50),
)
def test_whatever_is_missing_gaps_map_and_rows_tell_the_same(
    tmp_path: Path, there: set[int], cuts: list[int], width: int
) -> None:
    data_dir = Path(tempfile.mkdtemp(dir=tmp_path))
    rows = candles(hours(0, 120)).iloc[sorted(there)].reset_index(drop=True)
    edges = sorted({0, 120, *cuts})
    for start, end in pairwise(edges):
        span = hours(start, end)
        part = rows[rows["timestamp"].between(span.start_ms, span.end_ms - 1)]
        if len(part):
            put(data_dir, HOURLY, span, part)
    holding = only(data_dir)
    stamps = rows["timestamp"].to_numpy()
    assert [(gap.start_ms, gap.bars) for gap in holding.gaps] == list(find_gaps(stamps, HOUR_MS))
    assert holding.rows == len(rows)
    shares = gap_map(holding, width)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert np.mean(shares) == pytest.approx(holding.completeness)


def test_several_hundred_files_are_listed_without_reading_them(tmp_path: Path) -> None:
    span = hours(0, 1000)
    path = put(tmp_path, HOURLY, span, candles(span))
    raw = path.read_bytes()
    for number in range(400):
        (path.parent / path.name.replace("BTC", f"C{number}")).write_bytes(raw)
    began = time.perf_counter()
    assert len(holdings(tmp_path)) == 401
    assert time.perf_counter() - began < 2.0  # 0.2 s on a quiet machine


def test_the_recorded_crash_has_exactly_two_gaps_and_434_missing_minutes(
    tmp_path: Path, market_data: Path
) -> None:
    name = "SOLUSDT-spot_1m_2021-04_crash_with_gaps.parquet"
    rows = check_candles(pd.read_parquet(market_data / name), MINUTE_MS, name).frame
    series = Series(Symbol("SOL"), "1m", "spot")
    span = Span(int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1]) + MINUTE_MS)
    merge_into_cache(
        tmp_path / "cache", series, [(span, rows)], "it", lambda df, _: df, [], replace=False
    )
    holding = only(tmp_path)
    assert (len(holding.gaps), holding.missing) == (2, 434)
