"""Files taken into the cache. Costs 3 s."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange.candles import fetch_data
from exchange.errors import DataError
from exchange.holdings import Gap, holdings
from exchange.importing import Imported, Wishes, import_file, import_folder, series_of
from exchange.series import Series
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS, MINUTE_MS

BTC = Symbol("BTC")
HOURLY = Series(BTC, "1h")


def span(start: str, end: str) -> Span:
    return Span(moment_ms(start), moment_ms(end))


def market(start: str, end: str) -> pd.DataFrame:
    return simulate(BTC, HOUR_MS, span(start, end), 5)


def put(path: Path, rows: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        with zipfile.ZipFile(path, "w") as packed:
            more = dict.fromkeys(("close_time", "quote", "count", "buy", "buy_quote", "x"), 0)
            text = rows.assign(**more).to_csv(index=False, header=False)
            packed.writestr(f"{path.stem}.csv", text)
    return path


def refusal(path: Path, data_dir: Path, wishes: Wishes | None = None) -> str:
    with pytest.raises(DataError) as caught:
        import_file(path, data_dir, wishes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("BTCUSDT_1h.parquet", HOURLY),
        ("x/BTCUSDT_1h_2021-04_crash.csv", HOURLY),
        ("BTCUSDT-1h-2024-01.zip", HOURLY),
        ("BTCUSDT-1h-2024-01-31.csv", HOURLY),
        ("BTCUSDT_1h_1704067200000_1704070800000.parquet", HOURLY),
        ("BTCUSDT-spot_1h_x.parquet", Series(BTC, "1h", "spot")),
        ("data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", Series(BTC, "1h", "spot")),
        ("BTCUSDT-sim_1h.csv", Series(BTC, "1h", "perpetual", simulated=True)),
        ("1000PEPEUSDT_funding.csv", Series(Symbol("1000PEPE"), None)),
        ("BTCUSDT-fundingRate-2024-01.zip", Series(BTC, None)),
    ],
)
def test_a_name_says_symbol_timeframe_and_market(path: str, series: Series) -> None:
    assert series_of(Path(path), Wishes()) == series


def test_what_the_user_says_wins() -> None:
    wishes = Wishes(Symbol("ETH"), "4h", "spot", simulated=True)
    assert series_of(Path("BTCUSDT_1h.csv"), wishes) == Series(
        Symbol("ETH"), "4h", "spot", simulated=True
    )
    assert series_of(Path("mine.csv"), Wishes(BTC, "1h")) == HOURLY
    assert series_of(Path("mine.csv"), Wishes(BTC, "funding")) == Series(BTC, None)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("candles.csv", "its name does not say what it holds"),
        ("BTCUSDT_7h.csv", "say the coin and the timeframe"),
        ("data/futures/um/markPriceKlines/BTCUSDT-1h-2024-01.zip", "lies under markPriceKlines"),
        ("data/cm/BTCUSDT-1h-2024-01.zip", "lies under cm"),
        ("BTCUSDT-spot_funding.csv", "has no funding on the spot market"),
    ],
)
def test_a_name_that_says_too_little_or_something_else_is_refused(path: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        series_of(Path(path), Wishes())


@pytest.mark.parametrize("name", ["BTCUSDT_1h.parquet", "BTCUSDT_1h.csv", "BTCUSDT-1h-2024-01.zip"])
def test_an_imported_file_is_what_a_backtest_from_the_cache_reads(
    tmp_path: Path, name: str
) -> None:
    rows = market("2024-01-01", "2024-02-01")
    imported = import_file(put(tmp_path / name, rows), tmp_path)
    assert (imported.series, imported.rows, imported.merged.added) == (HOURLY, 744, 744)
    assert imported.span == span("2024-01-01", "2024-02-01")
    assert imported.holding.origins == (f"imported from {name}",)
    df = fetch_data("BTC", "1h", "2024-01-01", "2024-02-01", source="cache", data_dir=tmp_path)
    pd.testing.assert_frame_equal(df[list(rows.columns)], rows, check_like=True)
    assert df.attrs["source"] == f"cache: imported from {name}"
    assert df.attrs["simulated"] is False


def test_the_same_file_again_adds_nothing(tmp_path: Path) -> None:
    path = put(tmp_path / "BTCUSDT_1h.csv", market("2024-01-01", "2024-01-05"))
    import_file(path, tmp_path)
    again = import_file(path, tmp_path)
    assert (again.merged.added, again.merged.known, again.merged.replaced) == (0, 96, 0)


def test_a_file_that_differs_is_refused_unless_it_may_replace(tmp_path: Path) -> None:
    rows = market("2024-01-01", "2024-01-05")
    import_file(put(tmp_path / "BTCUSDT_1h.csv", rows), tmp_path)
    other = put(tmp_path / "BTCUSDT_1h_b.csv", rows.assign(volume=1.0))
    assert "96 of 96 rows of BTC/USDT 1h imported from BTCUSDT_1h_b.csv differ" in refusal(
        other, tmp_path
    )
    imported = import_file(other, tmp_path, Wishes(replace=True))
    assert imported.merged.replaced == 96


def test_spot_rows_do_not_get_near_the_perpetual(tmp_path: Path) -> None:
    rows = market("2024-01-01", "2024-01-05")
    import_file(put(tmp_path / "BTCUSDT_1h.csv", rows), tmp_path)
    spot = put(tmp_path / "BTCUSDT-spot_1h.csv", rows.assign(volume=1.0))
    assert import_file(spot, tmp_path).merged.added == 96
    df = fetch_data("BTC", "1h", "2024-01-01", "2024-01-05", source="cache", data_dir=tmp_path)
    assert df["volume"].tolist() == rows["volume"].tolist()
    df = fetch_data("BTC", "1h", "2024-01-01", "2024-01-05", source="cache-spot", data_dir=tmp_path)
    assert set(df["volume"]) == {1.0}
    assert df.attrs["source"] == "SPOT cache: imported from BTCUSDT-spot_1h.csv"
    assert df.attrs["notes"][0].startswith("these are SPOT candles")
    assert df.attrs["funding"] == "synthetic"


def test_binances_spot_files_are_told_by_their_microseconds(tmp_path: Path) -> None:
    rows = market("2025-01-01", "2025-02-01")
    rows["timestamp"] *= 1000
    imported = import_file(put(tmp_path / "BTCUSDT-1h-2025-01.zip", rows), tmp_path)
    assert imported.series == Series(BTC, "1h", "spot")
    assert imported.notes == (
        "BTCUSDT-1h-2025-01.zip has times in microseconds as only spot files do: taken for spot",
    )


def test_a_simulated_table_says_so_and_stays_simulated(tmp_path: Path) -> None:
    df = fetch_data("BTC", "1h", "2024-01-01", "2024-02-01", source="sim")
    path = tmp_path / "BTCUSDT_1h.parquet"
    df.to_parquet(path)
    imported = import_file(path, tmp_path)
    assert imported.series.simulated
    assert imported.notes == (
        "BTCUSDT_1h.parquet says of itself that it is simulated",
        "the funding rates in BTCUSDT_1h.parquet were left out: import a funding file",
    )
    with pytest.raises(DataError, match="has no candles of BTC/USDT 1h from 2024-01-01"):
        fetch_data("BTC", "1h", "2024-01-01", "2024-02-01", source="cache", data_dir=tmp_path)
    again = fetch_data(
        "BTC", "1h", "2024-01-01", "2024-02-01", source="cache-sim", data_dir=tmp_path
    )
    assert again.attrs["simulated"] is True
    assert again.attrs["source"].startswith("SIMULATED cache")


def test_funding_is_imported_and_its_holes_stay_open(tmp_path: Path) -> None:
    month = span("2024-01-01", "2024-02-01")
    rates = simulate_funding(BTC, month, 5).drop(index=[10, 11]).reset_index(drop=True)
    imported = import_file(put(tmp_path / "BTCUSDT_funding.csv", rates), tmp_path)
    assert (imported.series, imported.rows) == (Series(BTC, None), 91)
    assert imported.holding.gaps == (Gap(moment_ms("2024-01-04T08:00"), 2, outage=False),)
    assert len(imported.holding.paths) == 2


def test_the_candle_that_is_still_open_is_left_out(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    begin = now // HOUR_MS * HOUR_MS - 5 * HOUR_MS
    rows = simulate(BTC, HOUR_MS, Span(begin, begin + 6 * HOUR_MS), 5)
    imported = import_file(put(tmp_path / "BTCUSDT_1h.csv", rows), tmp_path)
    assert imported.rows == 5
    assert imported.notes == ("candles of BTCUSDT_1h.csv not closed yet, left out: 1",)


def test_a_damaged_file_and_one_with_impossible_rows_are_refused(tmp_path: Path) -> None:
    rows = market("2024-01-01", "2024-01-05")
    path = put(tmp_path / "BTCUSDT_1h.csv", rows.assign(high=rows["low"] / 2))
    assert "row 2: high" in refusal(path, tmp_path)
    path.write_bytes(b"")
    assert "cannot be read" in refusal(path, tmp_path) or "empty" in refusal(path, tmp_path)
    for suffix, reason in (
        ("txt", "is none of .parquet, .csv, .zip"),
        ("zip", "BTCUSDT_1h.zip: cannot be read (File is not a zip file): get it again"),
        ("parquet", "Parquet file size is 0 bytes"),
    ):
        other = tmp_path / f"BTCUSDT_1h.{suffix}"
        other.write_bytes(b"")
        assert reason in refusal(other, tmp_path)
    assert holdings(tmp_path) == ()


def test_a_file_of_holes_is_refused(tmp_path: Path) -> None:
    times = np.arange(1002) * 2 * HOUR_MS + moment_ms("2022-01-01")
    times[-1] = times[-2] + HOUR_MS
    rows = pd.DataFrame({"timestamp": times, "volume": 1.0})
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    path = put(tmp_path / "BTCUSDT_1h.csv", rows)
    assert "has 1,000 gaps in 1,002 rows" in refusal(path, tmp_path)


def test_rows_further_apart_than_the_timeframe_of_the_name_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "BTCUSDT_1m.csv", market("2024-01-01", "2024-01-05"))
    reason = refusal(path, tmp_path)
    assert "nearer than 60 minutes, so these are no candles of 1m: name it 1h" in reason
    assert import_file(path, tmp_path, Wishes(timeframe="1h")).rows == 96
    few = put(tmp_path / "ETHUSDT_1m.csv", market("2024-01-01", "2024-01-05")[:2])
    assert import_file(few, tmp_path).rows == 2


def test_a_folder_is_imported_series_by_series_and_what_cannot_be_is_named(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    for month, end in (("2024-01", "2024-02"), ("2024-02", "2024-03")):
        put(source / f"BTCUSDT-1h-{month}.zip", market(f"{month}-01", f"{end}-01"))
    put(source / "daily" / "BTCUSDT-1h-2024-02-29.zip", market("2024-02-29", "2024-03-01"))
    put(source / "BTCUSDT_funding.csv", simulate_funding(BTC, span("2024-01-01", "2024-02-01"), 5))
    put(source / "markPriceKlines" / "BTCUSDT-1h-2024-01.zip", market("2024-01-01", "2024-02-01"))
    (source / "ETHUSDT_1h.csv").write_text("not,candles\n1,2\n")
    (source / "notes.csv").write_text("bread,milk\n")
    imported, refused, passed_over = import_folder(source, tmp_path)
    assert [path.name for path in passed_over] == ["notes.csv"]
    assert [(str(one.series), one.rows, len(one.paths)) for one in imported] == [
        ("BTC/USDT 1h", 1440, 3),
        ("BTC/USDT funding", 93, 1),
    ]
    assert [one.holding.origins for one in imported] == [
        ("imported from BTCUSDT-1h-2024-01.zip and 2 more",),
        ("imported from BTCUSDT_funding.csv",),
    ]
    reasons = {one.path.name: one.reason for one in refused}
    assert "lies under markPriceKlines" in reasons["BTCUSDT-1h-2024-01.zip"]
    assert "no column 'timestamp'" in reasons["ETHUSDT_1h.csv"]
    assert len(refused) == 2


def test_two_files_of_a_folder_that_differ_are_refused_together(tmp_path: Path) -> None:
    rows = market("2024-01-01", "2024-01-05")
    put(tmp_path / "a" / "BTCUSDT_1h.csv", rows)
    put(tmp_path / "a" / "BTCUSDT_1h_b.csv", rows.assign(volume=1.0))
    imported, refused, _ = import_folder(tmp_path / "a", tmp_path)
    assert imported == []
    assert refused[0].reason == (
        "BTCUSDT_1h.csv and BTCUSDT_1h_b.csv differ at 2024-01-01 00:00 UTC and 95 other times: "
        "import the one that is right by itself"
    )


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    reason = refusal(tmp_path / "BTCUSDT_1h.csv", tmp_path)
    assert reason.endswith("BTCUSDT_1h.csv: is not there: check its spelling")
    assert "is not there" in refusal(tmp_path / "candles", tmp_path)


def test_a_folder_without_a_file_of_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file in it is named like"):
        import_folder(tmp_path, tmp_path)


def crash(data_dir: Path, market_data: Path) -> Imported:
    return import_file(market_data / "SOLUSDT-spot_1m_2021-04_crash_with_gaps.parquet", data_dir)


def test_the_recorded_crash_has_exactly_two_gaps_and_434_missing_minutes(
    tmp_path: Path, market_data: Path
) -> None:
    imported = crash(tmp_path, market_data)
    assert imported.series == Series(Symbol("SOL"), "1m", "spot")
    assert imported.rows == imported.holding.rows == 61_278
    assert imported.holding.gaps == (
        Gap(moment_ms("2021-04-20T02:00"), 150, outage=False),
        Gap(moment_ms("2021-04-25T04:01"), 284, outage=False),
    )
    assert imported.holding.missing * imported.series.step_ms // MINUTE_MS == 434


def test_a_folder_of_recorded_data_is_imported_whole(tmp_path: Path, market_data: Path) -> None:
    imported, refused, _ = import_folder(market_data, tmp_path)
    assert refused == []
    found = {str(one.series): (one.rows, one.holding.missing) for one in imported}
    assert found["BTC/USDT 15m"] == (87_552, 0)
    assert found["SOL/USDT funding"] == (919, 1_073)
    df = fetch_data("BTC", "15m", "2022-01-01", "2024-07-01", source="cache", data_dir=tmp_path)
    assert df.attrs["funding"] == "real"
    assert len(df) == 87_552
