"""The candles that a run saw. Costs 1 s."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.errors import StateError
from state.recording import Recording, Row

COLUMNS = ("time", "open", "close", "funding")
MINUTE = 60_000

numbers = st.floats(allow_nan=False, allow_infinity=False)
candles = st.tuples(
    st.integers(0, 5).map(lambda n: n * MINUTE), numbers, numbers, st.none() | numbers
)


def opened(folder: str | Path, columns: tuple[str, ...] = COLUMNS) -> Recording:
    return Recording(Path(folder) / "BTCUSDT_candles.csv", columns)


@given(st.lists(candles, max_size=12), st.integers(0, 6 * MINUTE))
def test_the_last_revision_of_each_time_comes_back_to_the_bit(rows: list[Row], since: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = opened(folder)
        recording.append(rows[:5])
        recording.append(rows[5:])
        recording.close()
        again = opened(folder)
        assert again.notes == ()
        newest = {row[0]: row for row in rows}
        expected = [newest[time] for time in sorted(newest)]
        assert repr(again.rows()) == repr(expected)
        assert again.rows(since) == [row for row in expected if row[0] >= since]
        again.close()


def test_a_file_torn_at_any_byte_keeps_every_whole_row_and_goes_on(tmp_path: Path) -> None:
    rows: list[Row] = [(n * MINUTE, n / 3, n / 7, None) for n in range(3)]
    recording = opened(tmp_path)
    path = tmp_path / "BTCUSDT_candles.csv"
    head = path.stat().st_size
    ends = []
    for row in rows:
        recording.append([row])
        ends.append(path.stat().st_size)
    recording.close()
    data = path.read_bytes()
    for size in range(head, len(data) + 1):
        path.write_bytes(data[:size])
        torn = opened(tmp_path)
        whole = sum(end <= size for end in ends)
        assert torn.rows() == rows[:whole]
        assert bool(torn.notes) == (size not in (head, *ends))
        torn.append(rows[whole:])
        torn.close()
        assert path.read_bytes() == data


@pytest.mark.parametrize("number", ["1.x", "1_5", " 1.5", "1.50", "nan", '"1.5"', "1.5,1.5"])
def test_a_damaged_line_costs_its_row_alone_and_is_told(tmp_path: Path, number: str) -> None:
    recording = opened(tmp_path)
    recording.append([(n * MINUTE, 1.5, 2.5, 3.5) for n in range(3)])
    recording.close()
    path = tmp_path / "BTCUSDT_candles.csv"
    path.write_text(path.read_text().replace("60000,1.5,", f"60000,{number},", 1))
    again = opened(tmp_path)
    assert "had 1 damaged lines" in again.notes[0]
    assert [row[0] for row in again.rows()] == [0, 2 * MINUTE]
    again.close()


def test_other_columns_begin_a_new_file_and_keep_the_old_one(tmp_path: Path) -> None:
    opened(tmp_path).close()
    recording = opened(tmp_path, ("time", "close"))
    assert "has other columns" in recording.notes[0]
    recording.append([(0, 1.0)])
    assert recording.rows() == [(0, 1.0)]
    recording.close()
    assert (tmp_path / "BTCUSDT_candles.csv.old").exists()


@pytest.mark.parametrize(
    "row", [(), (0, 1.0), (0.5, 1.0, 1.0, 1.0), (0, "x", 1.0, 1.0), (0, float("nan"), 1.0, 1.0)]
)
def test_a_row_that_does_not_fit_is_refused_and_nothing_written(tmp_path: Path, row: Row) -> None:
    recording = opened(tmp_path)
    with pytest.raises(StateError, match="needs an int time, then a finite number or nothing"):
        recording.append([(0, 1.0, 1.0, 1.0), row])
    assert recording.rows() == []
    recording.close()
