"""Market data from files: what people and Binance put into a folder. Costs 1.5 s."""

import hashlib
import re
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange.candles import fetch_data
from exchange.errors import DataError
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.tables import read_table
from exchange.timeframe import HOUR_MS

BTC = Symbol("BTC")
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
BINANCE_TREE = Path("data/futures/um/monthly/klines/BTCUSDT/1h")


def market(start: str, end: str) -> pd.DataFrame:
    return simulate(BTC, HOUR_MS, Span(moment_ms(start), moment_ms(end)), 5)


def binance_csv(df: pd.DataFrame, *, header: bool = True, unit: int = 1) -> str:
    lines = [HEADER] if header else []
    for stamp, *values in df.itertuples(index=False):
        numbers = ",".join(f"{value:.3f}" for value in values)
        lines.append(f"{stamp * unit},{numbers},{(stamp + HOUR_MS - 1) * unit},1.0,2,1.0,1.0,0")
    return "\n".join(lines) + "\n"


def put_zip(path: Path, text: str, member: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(member or f"{path.stem}.csv", text)
    return path


def fetch(folder: Path, start: str = "2024-01-01", end: str = "2024-03-01") -> pd.DataFrame:
    return fetch_data("BTC", "1h", start, end, source=folder)


def refusal(folder: Path, timeframe: str = "1h") -> str:
    with pytest.raises(DataError) as caught:
        fetch_data("BTC", timeframe, "2024-01-01", "2024-03-01", source=str(folder))
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def same_candles(df: pd.DataFrame, truth: pd.DataFrame) -> bool:
    return bool((df[truth.columns].to_numpy() == truth.to_numpy()).all())


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_single_file_is_cut_to_the_asked_time(tmp_path: Path, kind: str) -> None:
    truth = market("2023-12-01", "2024-03-10")
    if kind == "csv":
        truth.to_csv(tmp_path / "BTCUSDT_1h.csv", index=False)
    else:
        truth.to_parquet(tmp_path / "BTCUSDT_1h.parquet")
    df = fetch(tmp_path)
    assert same_candles(df, market("2024-01-01", "2024-03-01"))
    assert isinstance(df.index, pd.RangeIndex)
    assert df.attrs["source"] == f"files in {tmp_path}: BTCUSDT_1h.{kind}"
    assert df.attrs["funding"] == "synthetic"
    assert df.attrs["simulated"] is False
    assert df["funding_rate"].isna().all()


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("place", [Path(), BINANCE_TREE])
def test_binances_monthly_zips_are_read_as_they_come(
    tmp_path: Path, place: Path, header: bool, unit: int
) -> None:
    for month, end in (("2024-01", "2024-02"), ("2024-02", "2024-03")):
        text = binance_csv(market(f"{month}-01", f"{end}-01"), header=header, unit=unit)
        put_zip(tmp_path / place / f"BTCUSDT-1h-{month}.zip", text)
    df = fetch(tmp_path)
    assert same_candles(df, market("2024-01-01", "2024-03-01"))
    assert df.attrs["gaps"] == []
    assert df.attrs["source"].endswith(": BTCUSDT-1h-*: 2 files")


def test_months_and_days_and_unpacked_files_go_together_and_no_day_counts_twice(
    tmp_path: Path,
) -> None:
    january = binance_csv(market("2024-01-01", "2024-02-01"))
    put_zip(tmp_path / "BTCUSDT-1h-2024-01.zip", january)
    (tmp_path / "BTCUSDT-1h-2024-01.csv").write_text(january)
    for day, end in (("2024-01-31", "2024-02-01"), ("2024-02-01", "2024-02-02")):
        put_zip(tmp_path / f"BTCUSDT-1h-{day}.zip", binance_csv(market(day, end)))
    (tmp_path / "BTCUSDT-1h-2024-02-02.csv").write_text(
        binance_csv(market("2024-02-02", "2024-02-03"))
    )
    df = fetch(tmp_path)
    assert same_candles(df, market("2024-01-01", "2024-02-03"))
    assert df.attrs["notes"][0] == (
        "asked up to 2024-03-01 00:00 UTC, candles end 2024-02-03 00:00 UTC"
    )


def test_a_missing_month_is_a_gap(tmp_path: Path) -> None:
    for month, end in (("2023-12", "2024-01"), ("2024-02", "2024-03")):
        put_zip(
            tmp_path / f"BTCUSDT-1h-{month}.zip",
            binance_csv(market(f"{month}-01", f"{end}-01")),
        )
    df = fetch(tmp_path, "2023-12-01")
    assert df.attrs["gaps"] == [[moment_ms("2024-01-01"), 31 * 24]]
    assert "candles missing: 744, in gaps: 1" in df.attrs["notes"]


def test_only_the_files_of_the_asked_time_are_opened(tmp_path: Path) -> None:
    put_zip(tmp_path / "BTCUSDT-1h-2024-01.zip", binance_csv(market("2024-01-01", "2024-02-01")))
    (tmp_path / "BTCUSDT-1h-2024-02.zip").write_bytes(b"not a zip")
    put_zip(tmp_path / "BTCUSDT-fundingRate-2024-01.zip", "1704067200000,8,0.0001\n")
    (tmp_path / "BTCUSDT-fundingRate-2024-02.zip").write_bytes(b"not a zip")
    df = fetch(tmp_path, end="2024-02-01")
    assert len(df) == 31 * 24
    assert df["funding_rate"].count() == 1
    assert "BTCUSDT-1h-2024-02.zip: cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("other", ["markPriceKlines", "premiumIndexKlines", "spot", "cm"])
def test_other_series_of_the_same_name_are_not_taken_for_candles(
    tmp_path: Path, other: str
) -> None:
    put_zip(
        tmp_path / other / "BTCUSDT-1h-2024-01.zip", binance_csv(market("2024-01-01", "2024-02-01"))
    )
    assert "neither BTCUSDT_1h.parquet nor .csv nor BTCUSDT-1h-YYYY-MM.zip" in refusal(tmp_path)


def test_funding_comes_from_a_file_beside_the_candles(tmp_path: Path) -> None:
    market("2024-01-01", "2024-03-01").to_parquet(tmp_path / "BTCUSDT_1h.parquet")
    rates = simulate_funding(BTC, Span(moment_ms("2024-01-01"), moment_ms("2024-03-01")), 5)
    rates.to_csv(tmp_path / "BTCUSDT_funding.csv", index=False)
    df = fetch(tmp_path)
    assert df.attrs["funding"] == "real"
    known = df["funding_rate"].dropna()
    assert known.tolist() == rates["funding_rate"].tolist()
    assert df["timestamp"][known.index].tolist() == rates["timestamp"].tolist()


@pytest.mark.parametrize("header", [True, False])
def test_funding_comes_from_binances_zips(tmp_path: Path, header: bool) -> None:
    market("2024-01-01", "2024-03-01").to_parquet(tmp_path / "BTCUSDT_1h.parquet")
    rates = simulate_funding(BTC, Span(moment_ms("2024-01-01"), moment_ms("2024-02-01")), 5)
    lines = ["calc_time,funding_interval_hours,last_funding_rate"] if header else []
    lines += [f"{stamp + 4},8,{rate:.8f}" for stamp, rate in rates.itertuples(index=False)]
    put_zip(tmp_path / "BTCUSDT-fundingRate-2024-01.zip", "\n".join(lines))
    df = fetch(tmp_path)
    assert df["funding_rate"].dropna().tolist() == rates["funding_rate"].tolist()
    assert df.attrs["funding"] == "real with holes"
    assert df.attrs["funding_holes"] == [[moment_ms("2024-02-01"), 29 * 3]]


def test_funding_comes_from_a_column_of_the_candle_file_itself(tmp_path: Path) -> None:
    truth = market("2024-01-01", "2024-03-01")
    due = truth["timestamp"] % (8 * HOUR_MS) == 0
    truth.assign(funding_rate=np.where(due, 0.0003, np.nan)).to_csv(
        tmp_path / "BTCUSDT_1h.csv", index=False
    )
    df = fetch(tmp_path)
    assert df.attrs["funding"] == "real"
    assert df["funding_rate"].dropna().tolist() == [0.0003] * 180


def test_a_finer_file_is_named_when_the_asked_one_is_missing(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT_1m.csv").write_text("timestamp,open,high,low,close,volume\n")
    put_zip(tmp_path / "BTCUSDT-4h-2024-01.zip", HEADER)
    message = refusal(tmp_path, "15m")
    assert "neither BTCUSDT_15m.parquet nor .csv nor BTCUSDT-15m-YYYY-MM.zip is there" in message
    assert "there is only 1m (finer), 4h (coarser). Choose the timeframe 1m" in message


def test_a_time_that_the_files_do_not_cover_is_refused_with_what_they_do(tmp_path: Path) -> None:
    market("2023-01-01", "2023-01-05").to_parquet(tmp_path / "BTCUSDT_1h.parquet")
    assert "2023-01-01 00:00 UTC to 2023-01-05 00:00 UTC, none of 2024" in refusal(tmp_path)
    (tmp_path / "BTCUSDT_1h.parquet").unlink()
    put_zip(tmp_path / "BTCUSDT-1h-2023-01.zip", HEADER)
    assert "are for 2023-01-01 to 2023-02-01, none of 2024" in refusal(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "is neither 'binance' nor 'sim' nor a folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its first line is empty"),
        ("timestamp,open,high,low,close,volume\n", "there are no candles in it"),
        ("time,open,high,low,close,volume\n1,1,1,1,1,1\n", "no column 'timestamp'"),
        ("1704067200000;1;2;1;1;5\n", "its columns are parted by semicolons"),
        ("1704067200000,1,2\n", "no column 'open' and 'high'"),
        ("timestamp,open,high,low,close,volume\n1704067200000,4,3,2,3,9,1,1\n1\n", "BTCUSDT_1h"),
        (
            "timestamp,open,high,low,close,volume\n1704067200000,4,5,3,4,1\n1704070800000,4,3,3,4,1\n",
            "BTCUSDT_1h.csv: row 3: high 3.0 is below open 4.0",
        ),
        ("1704067200000,4,5,3,4,x\n", "BTCUSDT_1h.csv: row 1: volume x is not a number"),
    ],
)
def test_a_csv_that_cannot_be_is_refused_with_file_and_line(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "BTCUSDT_1h.csv").write_text(text)
    assert said in refusal(tmp_path)


def test_a_csv_with_byte_order_mark_iso_times_and_spare_columns_is_read(tmp_path: Path) -> None:
    truth = market("2024-01-01", "2024-01-03")
    times = pd.to_datetime(truth["timestamp"], unit="ms", utc=True)
    odd = truth.assign(timestamp=times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), note="x")
    odd.columns = [name.capitalize() for name in odd.columns]
    for header in (True, False):
        text = (odd if header else truth).to_csv(index=False, header=header)
        (tmp_path / "BTCUSDT_1h.csv").write_text("\ufeff" + text, encoding="utf-8")
        assert same_candles(fetch(tmp_path), truth)


def test_damaged_files_are_named_and_never_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT_1h.parquet"
    market("2024-01-01", "2024-01-05").to_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "BTCUSDT_1h.parquet: cannot be read" in refusal(tmp_path)
    path.unlink()
    packed = put_zip(
        tmp_path / "BTCUSDT-1h-2024-01.zip", binance_csv(market("2024-01-01", "2024-02-01"))
    )
    raw = bytearray(packed.read_bytes())
    raw[200:220] = bytes(20)
    packed.write_bytes(bytes(raw))
    assert "BTCUSDT-1h-2024-01.zip: cannot be read" in refusal(tmp_path)


def test_a_zip_must_hold_exactly_one_csv_and_its_folders_do_not_matter(tmp_path: Path) -> None:
    text = binance_csv(market("2024-01-01", "2024-02-01"))
    packed = put_zip(tmp_path / "BTCUSDT-1h-2024-01.zip", text, "../../outside.csv")
    assert len(fetch(tmp_path)) == 31 * 24
    assert not (tmp_path.parent.parent / "outside.csv").exists()
    with zipfile.ZipFile(packed, "a") as more:
        more.writestr("second.csv", text)
    assert "holds 2 CSV files instead of one" in refusal(tmp_path)


def test_a_checksum_beside_a_zip_is_held_against_it(tmp_path: Path) -> None:
    packed = put_zip(
        tmp_path / "BTCUSDT-1h-2024-01.zip", binance_csv(market("2024-01-01", "2024-02-01"))
    )
    checksum = tmp_path / "BTCUSDT-1h-2024-01.zip.CHECKSUM"
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    checksum.write_text(f"{digest}  {packed.name}\n")
    assert len(fetch(tmp_path)) == 31 * 24
    checksum.write_text(f"{digest[::-1]}  {packed.name}\n")
    assert "does not match BTCUSDT-1h-2024-01.zip.CHECKSUM" in refusal(tmp_path)


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    put_zip(tmp_path / "BTCUSDT-1h-2024-01.zip", binance_csv(market("2024-01-01", "2024-02-02")))
    put_zip(tmp_path / "BTCUSDT-1h-2024-02.zip", binance_csv(market("2024-02-01", "2024-03-01")))
    message = refusal(tmp_path)
    assert re.search(r"2 files, together\): row 768: timestamp \d+ \(2024-02-01", message)


def test_a_date_that_does_not_exist_in_a_name_is_refused(tmp_path: Path) -> None:
    put_zip(tmp_path / "BTCUSDT-1h-2024-13.zip", HEADER)
    assert "the date in its name does not exist" in refusal(tmp_path)


@pytest.mark.market_data
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_the_recorded_candles_load_in_full_and_fast(market_data: Path, coin: str) -> None:
    began = time.perf_counter()
    df = fetch_data(coin, "15m", "2022-01-01", "2024-07-01", source=market_data)
    assert time.perf_counter() - began < 0.5  # 0.02 s on an idle core
    assert len(df) == 87_552
    assert df.attrs["gaps"] == []
    recorded = pd.read_parquet(market_data / f"{coin}USDT_15m.parquet")
    assert same_candles(df, recorded)
    rates = pd.read_parquet(market_data / f"{coin}USDT_funding.parquet")
    assert df["funding_rate"].count() == len(rates)
    assert df["funding_rate"].sum() == pytest.approx(rates["funding_rate"].sum(), rel=1e-12)
    assert df.attrs["funding"] == ("real with holes" if coin == "SOL" else "real")


@pytest.mark.market_data
def test_the_recorded_funding_of_solana_has_its_two_holes(market_data: Path) -> None:
    df = fetch_data("SOL", "15m", "2022-01-01", "2024-07-01", source=market_data)
    assert df.attrs["funding_holes"] == [
        [moment_ms("2022-01-01"), 273 * 3],
        [moment_ms("2023-01-08T08:00"), 1073],
    ]


@pytest.mark.market_data
def test_the_recorded_crash_with_outages_lists_its_gaps(market_data: Path, tmp_path: Path) -> None:
    recorded = market_data / "SOLUSDT-spot_1m_2021-04_crash_with_gaps.parquet"
    shutil.copy(recorded, tmp_path / "SOLUSDT_1m.parquet")
    df = fetch_data("SOL", "1m", "2021-04-02", "2021-05-15", source=tmp_path)
    assert len(df) == 61_278
    assert df.attrs["gaps"] == [[1_618_884_000_000, 150], [1_619_323_260_000, 284]]
    assert "candles missing: 434, in gaps: 2" in df.attrs["notes"]


def test_a_comma_at_the_end_of_every_row_moves_no_column(tmp_path: Path) -> None:
    rows = "".join(f"{1704067200000 + k * 3_600_000},4,5,3,4,1,\n" for k in range(3))
    path = tmp_path / "BTCUSDT_1h.csv"
    path.write_text("timestamp,open,high,low,close,volume\n" + rows)
    assert read_table(path).frame["open"].tolist() == [4, 4, 4]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT_1h.csv"
    path.write_text("Timestamp,timestamp,open,high,low,close,volume\n1,1,1,1,1,1,1\n")
    with pytest.raises(DataError, match="more than one column 'timestamp'"):
        read_table(path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "zip"])
def test_parts_named_as_an_import_takes_them_are_one_series(tmp_path: Path, kind: str) -> None:
    whole = market("2024-01-01", "2024-03-01")
    for name, rows in (("2024-01", whole[:800]), ("late", whole[790:])):
        path = tmp_path / "more" / f"BTCUSDT_1h_{name}.{kind}"
        path.parent.mkdir(exist_ok=True)
        if kind == "parquet":
            rows.to_parquet(path)
        elif kind == "csv":
            rows.to_csv(path, index=False)
        else:
            put_zip(path, rows.to_csv(index=False))
    rates = simulate_funding(BTC, Span(moment_ms("2024-01-01"), moment_ms("2024-03-01")), 5)
    rates.to_csv(tmp_path / "BTCUSDT_funding_2024.csv", index=False)
    whole.assign(close=1.0).to_csv(tmp_path / "BTCUSDT-spot_1h_x.csv", index=False)
    whole.assign(close=1.0).to_csv(tmp_path / "BTCUSDT-sim_1h_x.csv", index=False)
    df = fetch(tmp_path)
    pd.testing.assert_frame_equal(df[list(whole.columns)], whole, check_exact=False)
    assert df["funding_rate"].count() == len(rates)
    assert df.attrs["source"] == f"files in {tmp_path}: BTCUSDT_1h_*: 2 files"
    assert "of BTC/USDT there is only 1h" in refusal(tmp_path, "15m")


def test_parts_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    whole = market("2024-01-01", "2024-03-01")
    whole.to_csv(tmp_path / "BTCUSDT_1h_a.csv", index=False)
    whole.assign(volume=1.0).to_csv(tmp_path / "BTCUSDT_1h_b.csv", index=False)
    assert "occurs twice" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("timestamp;open;high;low;close;volume", "its columns are parted by semicolons: save it"),
        ("timestamp\topen\thigh\tlow\tclose\tvolume", "its columns are parted by tabs: save it"),
        ("Open time,open,high,low,close,volume", "; rename 'open time' to 'timestamp'"),
        ("date,open,high,low,close,volume", "; rename 'date' to 'timestamp'"),
    ],
)
def test_a_header_of_another_program_gets_a_hint_about_the_file(
    tmp_path: Path, header: str, hint: str
) -> None:
    (tmp_path / "BTCUSDT_1h.csv").write_text(f"{header}\n")
    message = refusal(tmp_path)
    assert hint in message
    assert "DataFrame" not in message


def test_candles_of_a_longer_timeframe_than_the_name_says_are_refused(tmp_path: Path) -> None:
    market("2024-01-01", "2024-03-01").to_csv(tmp_path / "BTCUSDT_15m.csv", index=False)
    message = refusal(tmp_path, "15m")
    assert "nearer than 60 minutes, so these are no candles of 15m: name it 1h" in message
