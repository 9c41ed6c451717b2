"""A look at every row says what is odd and changes nothing. Costs 1 s."""

from pathlib import Path

import pandas as pd
import pytest

from exchange.holdings import Holding, holdings
from exchange.inspection import Inspection, check
from exchange.label import write_labelled
from exchange.series import Series
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS

BTC = Symbol("BTC")
HOURLY = Series(BTC, "1h")
FIRST_MS = moment_ms("2024-01-01")


def hours(start: int, end: int) -> Span:
    return Span(FIRST_MS + start * HOUR_MS, FIRST_MS + end * HOUR_MS)


def candles(start: int = 0, end: int = 48) -> pd.DataFrame:
    return simulate(BTC, HOUR_MS, hours(start, end), 5)


def put(data_dir: Path, span: Span, rows: pd.DataFrame, series: Series = HOURLY) -> Path:
    path = data_dir / "cache" / f"{series.stem}_{span.start_ms}_{span.end_ms}.parquet"
    path.parent.mkdir(exist_ok=True)
    write_labelled(rows, path, series, ("Binance",))
    return path


def only(data_dir: Path) -> Holding:
    (holding,) = holdings(data_dir)
    return holding


def inspect(data_dir: Path, rows: pd.DataFrame) -> Inspection:
    put(data_dir, hours(0, 48), rows)
    return check(only(data_dir))


def told(inspection: Inspection) -> list[tuple[str, str]]:
    return [(finding.kind, finding.text) for finding in inspection.findings]


def test_a_whole_series_is_sound_and_nothing_is_odd(tmp_path: Path) -> None:
    inspection = inspect(tmp_path, candles())
    assert (inspection.sound, inspection.rows, inspection.findings) == (True, 48, ())


def test_an_outage_and_what_is_not_known_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, hours(60, 70), candles(60, 70))
    inspection = inspect(tmp_path, candles().drop(index=[5, 6]))
    assert inspection.sound
    assert told(inspection) == [
        (
            "gap",
            "2 candles missing from 2024-01-01 05:00 UTC to 2024-01-01 07:00 UTC; "
            "the exchange has none",
        ),
        (
            "gap",
            "12 candles missing from 2024-01-03 00:00 UTC to 2024-01-03 12:00 UTC; not known here",
        ),
    ]
    assert [finding.rows for finding in inspection.findings] == [2, 12]


def test_rows_that_are_there_twice_are_counted(tmp_path: Path) -> None:
    rows = candles()
    inspection = inspect(tmp_path, pd.concat([rows, rows.iloc[3:5]]).sort_values("timestamp"))
    (finding,) = inspection.findings
    assert (finding.kind, finding.rows, finding.wrong) == ("duplicate", 2, True)
    assert "rows that are there twice: 2, first at 2024-01-01 03:00 UTC" in finding.text
    assert (inspection.sound, inspection.rows) == (False, 48)


def test_rows_off_the_grid_or_out_of_order_are_counted(tmp_path: Path) -> None:
    rows = candles()
    rows.loc[7, "timestamp"] += 60_000
    inspection = inspect(tmp_path, rows)
    assert [(f.kind, f.rows) for f in inspection.findings if f.wrong] == [("misaligned", 1)]
    inspection = inspect(tmp_path, candles().iloc[[1, 0, *range(2, 48)]])
    (finding,) = inspection.findings
    assert "rows out of time's order: 1, first 2024-01-01 00:00 UTC" in finding.text


def test_impossible_rows_are_named(tmp_path: Path) -> None:
    rows = candles()
    rows.loc[7, "high"] = rows.loc[7, "low"] / 2
    inspection = inspect(tmp_path, rows)
    (finding,) = inspection.findings
    assert finding.kind == "impossible"
    assert "row 7: high" in finding.text
    assert not inspection.sound


def test_rows_that_lack_a_column_are_named(tmp_path: Path) -> None:
    (finding,) = inspect(tmp_path, candles().drop(columns="volume")).findings
    assert finding.kind == "impossible"
    assert "no column 'volume'" in finding.text


def test_candles_without_volume_and_jumps_are_told_and_are_not_wrong(tmp_path: Path) -> None:
    rows = candles()
    rows.loc[10:12, "volume"] = 0.0
    rows.loc[30, "volume"] = 0.0
    rows.loc[40:, ["open", "high", "low", "close"]] *= 2
    inspection = inspect(tmp_path, rows)
    assert inspection.sound
    (first, second, jump) = inspection.findings
    assert first.text == "3 candles without volume from 2024-01-01 10:00 UTC"
    assert second.text == "1 candle without volume from 2024-01-02 06:00 UTC"
    assert (jump.kind, jump.at_ms) == ("jump", FIRST_MS + 40 * HOUR_MS)
    assert check(only(tmp_path), large_jump=2.0).findings == (first, second)


def test_files_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    put(tmp_path, hours(40, 60), candles(40, 60).assign(volume=1.0))
    inspection = inspect(tmp_path, candles())
    (finding,) = inspection.findings
    assert (finding.kind, finding.rows) == ("conflict", 8)
    assert "rows on which two files differ: 8, first at 2024-01-02 16:00 UTC" in finding.text


@pytest.mark.parametrize("damage", ["cut", "aside", "columns"])
def test_damaged_files_are_told_and_left_as_they_are(tmp_path: Path, damage: str) -> None:
    path = put(tmp_path, hours(0, 48), candles())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "aside":
        path = path.rename(path.with_name(f"{path.name}.damaged"))
    else:
        write_labelled(candles().drop(columns="timestamp"), path, HOURLY, ("Binance",))
    before = path.read_bytes()
    inspection = check(only(tmp_path))
    assert [finding.kind for finding in inspection.findings] == ["damaged"]
    assert path.name in inspection.findings[0].text
    assert not inspection.sound
    assert path.read_bytes() == before


def test_funding_holes_and_impossible_rates_are_told(tmp_path: Path) -> None:
    funding = Series(BTC, None)
    month = hours(0, 30 * 24)
    rates = simulate_funding(BTC, month, 5).drop(index=[4, 5])
    put(tmp_path, month, rates, funding)
    (finding,) = check(only(tmp_path)).findings
    assert finding.text == (
        "2 settlements missing from 2024-01-02 08:00 UTC to 2024-01-03 00:00 UTC; "
        "the exchange has none"
    )
    put(tmp_path, month, rates.assign(funding_rate=2.0), funding)
    wrong, _ = check(only(tmp_path)).findings
    assert "funding_rate 2.0 is not a fraction of the position" in wrong.text
