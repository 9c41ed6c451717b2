"""fetch_data: one table, wherever the candles come from. Costs 4 s."""

import doctest
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import exchange.candles
from exchange.candles import fetch_data, from_binance
from exchange.checks import check_candles
from exchange.download import BinanceHistory
from exchange.errors import DataError
from exchange.servers import Server
from exchange.simulated import simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS
from tests.history_server import SEED, HistoryServer, serving

BTC = Symbol("BTC")
LISTED = moment_ms("2024-01-01")
NOW = moment_ms("2024-03-01T10:07:30")


@pytest.fixture
def server() -> Iterator[HistoryServer]:
    with serving(LISTED, NOW) as history:
        yield history


def download(server: HistoryServer, folder: Path, start: str, end: str) -> pd.DataFrame:
    history = BinanceHistory(server.url, 2.0, 0.001, Server())
    span = Span(moment_ms(start), moment_ms(end))
    loaded = from_binance(history, BTC, "1h", span, folder)
    return loaded.table(BTC, "1h", span)


def test_the_example_in_the_manual_works() -> None:
    assert doctest.testmod(exchange.candles).failed == 0


def test_the_table_has_the_columns_types_and_labels_that_it_promises() -> None:
    df = fetch_data("btcusdt", "15m", "2024-01-01", "2024-01-08", source="sim", seed=3)
    assert list(df.columns) == [
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "funding_rate",
    ]
    assert [str(kind) for kind in df.dtypes] == ["int64"] + ["float64"] * 6
    assert isinstance(df.index, pd.RangeIndex)
    assert df["funding_rate"].count() == 21
    assert df.attrs == {
        "symbol": "BTC/USDT",
        "timeframe": "15m",
        "source": "SIMULATED market, seed 3",
        "simulated": True,
        "gaps": [],
        "funding": "simulated",
        "funding_holes": [],
        "notes": [],
    }
    assert json.loads(json.dumps(df.attrs)) == df.attrs
    assert check_candles(df, 900_000, "the table").frame.equals(df)


def test_the_end_is_left_out_and_a_date_means_its_midnight() -> None:
    df = fetch_data("BTC", "1h", "2024-01-31", "2024-02-01", source="sim")
    assert df["timestamp"].iloc[0] == moment_ms("2024-01-31T00:00")
    assert df["timestamp"].iloc[-1] == moment_ms("2024-01-31T23:00")


def test_candles_that_lie_only_partly_inside_are_left_out() -> None:
    df = fetch_data("BTC", "4h", "2024-01-31T00:01", "2024-01-31T23:59", source="sim")
    hours = [(stamp - moment_ms("2024-01-31")) // HOUR_MS for stamp in df["timestamp"]]
    assert hours == [4, 8, 12, 16]


def test_without_an_end_the_last_candle_is_the_last_closed_one() -> None:
    start = time.time_ns() // 1_000_000 - 48 * HOUR_MS
    df = fetch_data("BTC", "1h", start, source="sim")
    now = time.time_ns() // 1_000_000
    assert df["timestamp"].iloc[-1] + HOUR_MS <= now < df["timestamp"].iloc[-1] + 2.01 * HOUR_MS
    assert df.attrs["notes"] == []


def test_the_source_and_the_cache_folder_may_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRIDTUI_SOURCE", "sim")
    assert fetch_data("BTC", "1h", "2024-01-01", "2024-01-03").attrs["simulated"] is True
    monkeypatch.setenv("GRIDTUI_SOURCE", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="neither 'binance' nor 'sim' nor a folder"):
        fetch_data("BTC", "1h", "2024-01-01", "2024-01-03")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("BTC/EUR", "1h", "2024-01-01"), "is not a USDT perpetual"),
        (("BTC", "7h", "2024-01-01"), "timeframe '7h' is not known"),
        (("BTC", "1h", "01.02.2024"), "is not a time"),
        (("BTC", "1h", "2024-01-02", "2024-01-01"), "later than the start"),
        (("BTC", "1h", "2024-01-01T00:10", "2024-01-01T01:50"), "no complete candle"),
        (("BTC", "1h", "2100-01-01"), "later than the start"),
    ],
)
def test_a_bad_argument_is_one_clear_line(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said) as refusal:
        fetch_data(*arguments, source="sim")  # type: ignore[misc]
    assert "\n" not in str(refusal.value)


def test_a_download_is_cached_under_the_guides_names_and_read_back_the_same(
    server: HistoryServer, tmp_path: Path
) -> None:
    df = download(server, tmp_path, "2024-01-05", "2024-02-20")
    span = Span(moment_ms("2024-01-05"), moment_ms("2024-02-20"))
    truth = server.truth("1h", span)
    assert (df[truth.columns].to_numpy() == truth.to_numpy()).all()
    rates = simulate_funding(BTC, span, SEED)["funding_rate"]
    assert df["funding_rate"].dropna().tolist() == rates.tolist()
    assert df.attrs["source"] == "Binance USDT-margined futures"
    assert (df.attrs["simulated"], df.attrs["funding"]) == (False, "real")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"BTCUSDT_1h_{span.start_ms}_{span.end_ms}.parquet",
        f"BTCUSDT_funding_{span.start_ms}_{span.end_ms}.parquet",
    ]
    asked = len(server.requests)
    again = download(server, tmp_path, "2024-01-05", "2024-02-20")
    pd.testing.assert_frame_equal(again, df)
    assert again.attrs == df.attrs
    assert len(server.requests) == asked


def test_a_later_end_downloads_only_what_is_new(server: HistoryServer, tmp_path: Path) -> None:
    download(server, tmp_path, "2024-01-05", "2024-02-20")
    server.requests.clear()
    df = download(server, tmp_path, "2024-01-05", "2024-02-25")
    assert len(df) == 51 * 24
    (query,) = server.asked("klines")
    assert int(query["startTime"]) == moment_ms("2024-02-20")
    (query,) = server.asked("fundingRate")
    assert int(query["startTime"]) == moment_ms("2024-02-20")
    assert len(list(tmp_path.iterdir())) == 2


def test_candles_before_the_listing_are_not_there_and_that_is_said(
    server: HistoryServer, tmp_path: Path
) -> None:
    df = download(server, tmp_path, "2023-12-01", "2024-01-08")
    assert df["timestamp"].iloc[0] == LISTED
    assert df.attrs["notes"][0] == (
        "asked from 2023-12-01 00:00 UTC, candles begin 2024-01-01 00:00 UTC"
    )
    with pytest.raises(DataError, match="Binance has no 1h candles of BTC/USDT from 2023-06-01"):
        download(server, tmp_path, "2023-06-01", "2023-06-08")


def test_a_lost_line_says_what_the_cache_still_has(server: HistoryServer, tmp_path: Path) -> None:
    download(server, tmp_path, "2024-01-05", "2024-01-20")
    server.troubles = ["drop"] * 99
    with pytest.raises(DataError, match="cannot reach Binance") as refusal:
        download(server, tmp_path, "2024-01-05", "2024-02-20")
    assert str(refusal.value).endswith(
        "the source cache has BTC/USDT 1h from 2024-01-05 00:00 UTC to 2024-01-20 00:00 UTC"
    )
    assert len(download(server, tmp_path, "2024-01-06", "2024-01-20")) == 14 * 24


def test_a_damaged_cache_file_is_reported_in_the_notes(
    server: HistoryServer, tmp_path: Path
) -> None:
    whole = download(server, tmp_path, "2024-01-05", "2024-01-20")
    for path in list(tmp_path.iterdir()):
        path.write_bytes(b"damaged")
    again = download(server, tmp_path, "2024-01-05", "2024-01-20")
    pd.testing.assert_frame_equal(again, whole)
    assert len(again.attrs["notes"]) == 2
    assert all(".damaged" in note for note in again.attrs["notes"])
    assert len(list(tmp_path.glob("*.damaged"))) == 2


def test_the_simulated_market_and_its_file_are_one(tmp_path: Path) -> None:
    df = fetch_data("ETH", "1h", "2024-01-01", "2024-02-01", source="sim")
    df.to_csv(tmp_path / "ETHUSDT_1h.csv", index=False)
    read = fetch_data("ETH", "1h", "2024-01-01", "2024-02-01", source=tmp_path)
    np.testing.assert_array_equal(read.to_numpy(), df.to_numpy())
    assert read.attrs["simulated"] is False


def test_the_cache_alone_is_a_source_that_asks_nobody(
    server: HistoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = download(server, tmp_path / "cache", "2024-01-05", "2024-01-20")
    asked = len(server.requests)
    monkeypatch.setenv("GRIDTUI_BINANCE_URL", server.url)

    def read(start: str, source: str = "cache") -> pd.DataFrame:
        return fetch_data("BTC", "1h", start, "2024-01-25", source, data_dir=tmp_path)

    df = read("2024-01-05")
    pd.testing.assert_frame_equal(df, whole)
    assert df.attrs["source"] == "cache: Binance"
    assert df.attrs["notes"] == [
        "asked up to 2024-01-25 00:00 UTC, candles end 2024-01-20 00:00 UTC"
    ]
    with pytest.raises(DataError, match="but 2024-01-05 00:00 UTC to 2024-01-20 00:00 UTC: choose"):
        read("2024-01-22")
    with pytest.raises(DataError, match=r"of BTC/USDT 1h spot from .*, but BTC/USDT 1h: choose"):
        read("2024-01-05", "cache-spot")
    assert len(server.requests) == asked


def test_another_server_may_be_named_in_the_environment(
    server: HistoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_BINANCE_URL", server.url)
    df = fetch_data("BTC", "1h", "2024-01-05", "2024-01-06", "binance", data_dir=tmp_path)
    assert len(df) == 24
    assert len(server.asked("klines")) == 1
