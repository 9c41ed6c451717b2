"""Order intents: numbered, exact, cut at the right place. Costs 4 s."""

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.errors import StateError
from state.journal import Journal, Scalar

values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False).filter(lambda number: abs(number) != float("inf"))
)
records = st.dictionaries(st.text(), values, max_size=4)


def opened(folder: str | Path, after_seq: int = 0) -> Journal:
    return Journal(Path(folder) / "BTCUSDT_journal.jsonl", after_seq)


def held(journal: Journal) -> list[tuple[int, str]]:
    return [(seq, repr(record)) for seq, record in journal.records()]


@given(st.lists(st.lists(records, max_size=3), max_size=5), st.integers(0, 12))
def test_records_come_back_exactly_after_reopening(
    batches: list[list[dict[str, Scalar]]], after_seq: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = opened(folder)
        given_out = [seq for batch in batches for seq in journal.append_all(batch)]
        journal.close()
        written = [record for batch in batches for record in batch]
        assert given_out == list(range(1, len(written) + 1))

        again = opened(folder)
        assert again.notes == ()
        assert again.last_seq == len(written)
        expected = list(zip(given_out, map(repr, written), strict=True))
        assert held(again) == expected
        assert [entry.seq for entry in again.records(after_seq)] == given_out[after_seq:]
        again.close()


def test_a_file_torn_at_any_byte_keeps_every_whole_record_and_goes_on(tmp_path: Path) -> None:
    written = [
        {"id": f"g-{number}", "price": number / 3, "note": "line\nfeed"} for number in range(4)
    ]
    journal = opened(tmp_path)
    ends = []
    path = tmp_path / "BTCUSDT_journal.jsonl"
    head = path.stat().st_size
    for record in written:
        journal.append(record)
        ends.append(path.stat().st_size)
    journal.close()
    data = path.read_bytes()
    for size in range(head, len(data)):
        path.write_bytes(data[:size])
        journal = opened(tmp_path)
        whole = sum(end <= size for end in ends)
        assert [entry.record for entry in journal.records()] == written[:whole]
        assert bool(journal.notes) == (size not in (head, *ends))
        seq = journal.append({"next": True})
        assert seq > whole
        journal.close()
        again = opened(tmp_path)
        assert again.notes == ()
        assert again.records(whole) == [(seq, {"next": True})]
        again.close()


@settings(max_examples=300)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_never_changes_a_record_nor_brings_a_number_back(
    place: int, bit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = opened(folder)
        journal.append_all([{"id": f"g-{number}", "qty": 0.1} for number in range(3)])
        expected = held(journal)
        journal.close()
        path = Path(folder) / "BTCUSDT_journal.jsonl"
        data = bytearray(path.read_bytes())
        data[place % len(data)] ^= 1 << bit
        path.write_bytes(data)
        journal = opened(folder, after_seq=0)
        found = held(journal)
        assert set(found) <= set(expected)
        assert len(found) >= 1
        assert journal.append({}) > 3
        journal.close()


def test_a_damaged_line_in_the_middle_is_named_and_passed_over(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_all([{"number": number} for number in range(3)])
    path = tmp_path / "BTCUSDT_journal.jsonl"
    path.write_text(path.read_text().replace('"number":1', '"number":7'))
    assert "line 3 is damaged; an order may have been sent" in journal.complaint()
    assert [entry.seq for entry in journal.records()] == [1, 3]
    journal.forget(3)
    assert "line 2 is damaged" in journal.complaint()
    journal.append({"number": 4})
    journal.forget(4)
    assert journal.records() == [(4, {"number": 4})]
    assert journal.complaint() == ""
    journal.close()


def test_damage_among_records_that_nobody_needs_is_not_complained_of(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_all([{"number": number} for number in range(4)])
    path = tmp_path / "BTCUSDT_journal.jsonl"
    path.write_text(path.read_text().replace('"number":1', '"number":7'))
    complaints = [bool(journal.complaint(after_seq)) for after_seq in range(5)]
    assert complaints == [True, True, False, False, False]
    journal.close()


def test_forgetting_bounds_the_file_and_numbers_go_on(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    path = tmp_path / "BTCUSDT_journal.jsonl"
    for number in range(1, 201):
        assert journal.append({"number": number}) == number
        if number % 10 == 0:
            journal.forget(number - 4)
            assert path.stat().st_size < 1000
    assert [entry.seq for entry in journal.records()] == [196, 197, 198, 199, 200]
    journal.forget(10**9)
    assert journal.records() == []
    journal.close()
    again = opened(tmp_path)
    assert again.last_seq == 200
    assert again.append({}) == 201
    again.close()


def test_numbers_go_on_above_what_the_caller_knows_when_the_file_is_lost(tmp_path: Path) -> None:
    journal = opened(tmp_path, after_seq=41)
    assert journal.append({"id": "a"}) == 42
    journal.close()
    (tmp_path / "BTCUSDT_journal.jsonl").write_text("")
    again = opened(tmp_path, after_seq=42)
    assert "holds no record that can be read" in again.notes[0]
    assert again.append({"id": "b"}) == 43
    again.close()


def test_numbers_go_on_above_what_the_caller_knows_when_the_file_is_an_older_one(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    journal.append_all([{"id": "a"}, {"id": "b"}])
    journal.close()
    again = opened(tmp_path, after_seq=42)
    assert again.append({"id": "c"}) == 43
    again.close()


def test_two_lines_run_into_one_do_not_bring_a_number_back(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_all([{}, {}, {}])
    journal.close()
    path = tmp_path / "BTCUSDT_journal.jsonl"
    head, first, second, third = path.read_text().splitlines()
    path.write_text(f"{head}\n{first}\n{second} {third}\n")
    again = opened(tmp_path)
    assert again.append({}) > 3
    again.close()


def test_the_number_of_a_damaged_last_line_stays_given_out_after_forgetting(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_all([{"number": number} for number in range(3)])
    journal.close()
    path = tmp_path / "BTCUSDT_journal.jsonl"
    path.write_text(path.read_text().replace('"number":2', '"number":7'))
    journal = opened(tmp_path)
    assert "was torn and cut off: " in journal.notes[0]
    assert '"number":7' in journal.notes[0]
    journal.forget(100)
    journal.close()
    again = opened(tmp_path)
    assert again.append({}) > 3
    again.close()


def test_a_line_that_is_there_twice_is_damage(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_all([{"number": number} for number in range(3)])
    path = tmp_path / "BTCUSDT_journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[2], lines[3]]))
    journal.close()
    journal = opened(tmp_path)
    assert "line 4 is damaged" in journal.complaint()
    assert [entry.seq for entry in journal.records()] == [1, 2, 3]
    journal.close()


@pytest.mark.parametrize("record", [{"a": [1]}, {"a": float("nan")}, {"a": {}}, {1: 2}])
def test_what_is_no_flat_record_is_refused_and_nothing_written(
    tmp_path: Path, record: dict[str, Scalar]
) -> None:
    journal = opened(tmp_path)
    with pytest.raises(StateError):
        journal.append_all([{"good": 1}, record])
    assert journal.records() == []
    assert journal.append({"good": 1}) == 1
    journal.close()


def test_threads_get_numbers_of_their_own(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    given_out: list[int] = []

    def write() -> None:
        given_out.extend(journal.append({"thread": threading.get_ident()}) for _ in range(25))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given_out) == list(range(1, 101))
    assert [entry.seq for entry in journal.records()] == list(range(1, 101))
    journal.close()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(StateError, match="is closed"):
        journal.append({})
