"""The events of a run, for replay. Costs 1 s."""

from pathlib import Path

import pytest

from state.errors import StateError
from state.events_log import EventLog, LoggedEvent, read_events


def logged(path: Path, numbers: range, **bounds: int) -> None:
    log = EventLog(path, **bounds)
    for number in numbers:
        log.append(number, "fill", {"number": number})
    log.close()


def numbers(path: Path) -> list[int]:
    return [event.payload["number"] for event in read_events(path)]


def test_events_come_back_as_they_were_published(tmp_path: Path) -> None:
    path = tmp_path / "new" / "BTCUSDT_events.jsonl"
    log = EventLog(path)
    log.append(5, "quote", {"bid": float("nan"), "ask": 0.1 + 0.2, "text": "\n\ud800"})
    log.close()
    payload = {"bid": None, "ask": 0.1 + 0.2, "text": "\n\ud800"}
    assert list(read_events(path)) == [LoggedEvent(5, "quote", payload)]


def test_files_are_bounded_in_size_and_number_and_the_newest_events_stay(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    logged(path, range(500), max_bytes=500, keep=3)
    logged(path, range(500, 1000), max_bytes=500, keep=3)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["events.jsonl"] + [
        f"events.jsonl.{n}" for n in (1, 2, 3)
    ]
    assert all(file.stat().st_size <= 500 for file in files)
    found = numbers(path)
    assert found == list(range(found[0], 1000))
    assert len(found) > 20


def test_a_torn_last_line_is_left_out_and_cut_off_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    logged(path, range(3))
    data = path.read_bytes()
    line = len(data) // 3
    for size in range(2 * line, len(data)):
        path.write_bytes(data[:size])
        assert numbers(path) == [0, 1]
        logged(path, range(7, 8))
        assert numbers(path) == [0, 1, 7]


def test_a_damaged_line_is_named_and_can_be_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    logged(path, range(3))
    path.write_text(path.read_text().replace('"at_ms":1', '"at_ms":x'))
    with pytest.raises(StateError, match="line 2 is no event"):
        numbers(path)
    assert [event.at_ms for event in read_events(path, skip_damaged=True)] == [0, 2]


def test_a_crash_while_files_are_renamed_costs_no_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    logged(path, range(20), max_bytes=200, keep=9)
    before = numbers(path)
    path.with_name("events.jsonl.1").rename(path.with_name("events.jsonl.99"))
    path.rename(path.with_name("events.jsonl.1"))
    assert sorted(numbers(path)) == before


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"cannot read .*events\.jsonl: No such file"):
        numbers(tmp_path / "events.jsonl")
