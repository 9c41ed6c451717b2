"""Trades as CSV and JSON lines: the same rows after every crash. Costs 3 s."""

import csv
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from state.errors import StateError
from state.trades import Row, Scalar, TradeFiles

COLUMNS = ("timestamp", "price", "qty", "label", "pnl")
CSV, JSON = "BTCUSDT_trades.csv", "BTCUSDT_trades.jsonl"


def trade(number: int, label: str = "BUY_OPEN_LONG") -> dict[str, Scalar]:
    return {
        "timestamp": 1_705_329_000_000 + number,
        "price": 43_250 + number / 3,
        "qty": 0.1,
        "label": label,
        "pnl": None if number % 2 else -0.1 * number,
    }


def opened(folder: str | Path, columns: tuple[str, ...] = COLUMNS) -> TradeFiles:
    return TradeFiles(Path(folder), "BTCUSDT", columns)


def written(folder: Path, rows: list[Row]) -> tuple[bytes, bytes]:
    """The contents of both files after these rows."""
    trades = opened(folder)
    trades.append(rows)
    trades.close()
    return (folder / CSV).read_bytes(), (folder / JSON).read_bytes()


@example(["\r", "\n", '"', ",", " ", ""])
@given(st.lists(st.text(), max_size=5))
def test_both_files_hold_the_same_rows_whatever_a_label_says(labels: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        rows = [trade(number, label) for number, label in enumerate(labels)]
        written(Path(name), rows)
        trades = opened(name)
        assert trades.notes == ()
        assert trades.count == len(rows)
        assert trades.rows() == [{"n": n, **row} for n, row in enumerate(rows)]
        trades.close()
        with open(Path(name) / CSV, encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        assert [float(row["price"]) for row in table] == [row["price"] for row in rows]
        plain = [(row["label"], got["label"]) for row, got in zip(rows, table, strict=True)]
        assert all(label == got for label, got in plain if str(label).isprintable())


def test_a_crash_at_any_byte_of_an_append_is_repaired_by_keep_first(tmp_path: Path) -> None:
    before_csv, before_json = written(tmp_path / "a", [trade(0), trade(1)])
    after_csv, after_json = written(tmp_path / "b", [trade(number) for number in range(4)])
    assert after_csv.startswith(before_csv)
    assert after_json.startswith(before_json)
    cuts = [(size, len(before_csv)) for size in range(len(before_json), len(after_json) + 1)]
    cuts += [(len(after_json), size) for size in range(len(before_csv), len(after_csv) + 1)]
    folder = tmp_path / "crashed"
    folder.mkdir()
    for json_size, csv_size in cuts:
        (folder / JSON).write_bytes(after_json[:json_size])
        (folder / CSV).write_bytes(after_csv[:csv_size])
        trades = opened(folder)
        assert [row["n"] for row in trades.rows()] == list(range(trades.count))
        assert len((folder / CSV).read_text().splitlines()) == trades.count + 1
        trades.keep_first(2)
        assert (folder / CSV).read_bytes() == before_csv
        assert (folder / JSON).read_bytes() == before_json
        trades.append([trade(2), trade(3)])
        trades.close()
        assert (folder / CSV).read_bytes() == after_csv
        assert (folder / JSON).read_bytes() == after_json
    assert {path.name for path in folder.iterdir()} == {CSV, JSON}


def test_a_crash_inside_keep_first_is_repaired_by_the_next_one(tmp_path: Path) -> None:
    before_csv, before_json = written(tmp_path / "a", [trade(0)])
    _, after_json = written(tmp_path / "b", [trade(number) for number in range(3)])
    (tmp_path / "b" / CSV).write_bytes(before_csv)
    trades = opened(tmp_path / "b")
    assert trades.count == 3
    assert (tmp_path / "b" / JSON).read_bytes() == after_json
    trades.keep_first(1)
    trades.close()
    assert (tmp_path / "b" / CSV).read_bytes() == before_csv
    assert (tmp_path / "b" / JSON).read_bytes() == before_json


def test_a_csv_that_somebody_changed_is_written_anew_and_kept_aside(tmp_path: Path) -> None:
    whole, _ = written(tmp_path, [trade(0), trade(1)])
    (tmp_path / CSV).write_text("my notes")
    trades = opened(tmp_path)
    assert "did not agree with the JSON lines" in trades.notes[0]
    assert (tmp_path / CSV).read_bytes() == whole
    assert (tmp_path / f"{CSV}.old").read_text() == "my notes"
    trades.close()


def test_trades_are_never_lost_with_the_json_lines(tmp_path: Path) -> None:
    whole, _ = written(tmp_path, [trade(0)])
    (tmp_path / JSON).unlink()
    trades = opened(tmp_path)
    assert trades.rows() == []
    assert (tmp_path / f"{CSV}.old").read_bytes() == whole
    trades.close()


def test_other_columns_begin_new_files_and_keep_the_old_ones(tmp_path: Path) -> None:
    old_csv, old_json = written(tmp_path, [trade(0)])
    trades = opened(tmp_path, (*COLUMNS, "fees"))
    assert len(trades.notes) == 2
    assert trades.append([{**trade(0), "fees": 0.5}]) == 1
    trades.close()
    assert (tmp_path / f"{CSV}.old").read_bytes() == old_csv
    assert (tmp_path / f"{JSON}.old").read_bytes() == old_json
    assert (tmp_path / CSV).read_text().startswith("n,timestamp,price,qty,label,pnl,fees\n0,")


def test_a_damaged_line_costs_its_row_alone_and_numbers_stay(tmp_path: Path) -> None:
    written(tmp_path, [trade(number) for number in range(4)])
    lines = (tmp_path / JSON).read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace("0.1", "9.9.9")
    (tmp_path / JSON).write_text("".join(lines))
    trades = opened(tmp_path)
    assert "had 1 damaged lines" in trades.notes[0]
    assert [row["n"] for row in trades.rows()] == [0, 2, 3]
    trades.keep_first(3)
    assert trades.append([trade(3)]) == 4
    assert [row["n"] for row in trades.rows()] == [0, 2, 3]
    trades.close()


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    csv_data, lines = written(tmp_path, [trade(0), trade(1)])
    (tmp_path / JSON).write_bytes(lines + lines)
    trades = opened(tmp_path)
    assert "had 2 damaged lines" in trades.notes[0]
    assert [row["n"] for row in trades.rows()] == [0, 1]
    trades.close()
    assert (tmp_path / CSV).read_bytes() == csv_data


def test_rows_that_the_state_knows_but_the_files_lack_are_told(tmp_path: Path) -> None:
    written(tmp_path, [trade(0)])
    trades = opened(tmp_path)
    trades.keep_first(3)
    assert "trades 1 to 2 are missing" in trades.notes[0]
    assert trades.append([trade(3)]) == 4
    assert [row["n"] for row in trades.rows()] == [0, 3]
    trades.close()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"price": 1.0}, "columns of its file; look at label, pnl, qty, timestamp"),
        ({**trade(0), "fees": 1.0}, "look at fees"),
        ({**trade(0), "pnl": float("nan")}, r"trade\.pnl is nan"),
        ({**trade(0), "pnl": [1.0]}, "pnl is a list"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_nothing_written(
    tmp_path: Path, row: Row, message: str
) -> None:
    trades = opened(tmp_path)
    with pytest.raises(StateError, match=message):
        trades.append([trade(0), row])
    assert trades.count == 0
    assert (tmp_path / JSON).read_bytes() == b""
    trades.close()


def test_the_json_lines_name_each_column(tmp_path: Path) -> None:
    _, lines = written(tmp_path, [trade(0)])
    assert list(json.loads(lines)) == ["n", *COLUMNS]
