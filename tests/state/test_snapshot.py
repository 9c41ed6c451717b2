"""The state file and its checkpoints: whole, exact, or refused. Costs 3 s."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.errors import StateError
from state.snapshot import Snapshots

DOCUMENT = {
    "lots": [{"side": "long", "qty": 0.1 + 0.2, "price": 1e16, "id": "aé\n\u2028\ud800"}],
    "wallet": -0.0,
    "flags": {"halted": True, "since": None},
    "bar": 2**53 + 1,
}
# 2024-01-15T14:30:00Z
AT_MS = 1_705_329_000_000
MINUTE = 60_000

scalars = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
finite = st.recursive(
    scalars.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(st.text(), finite, max_size=6)


def exact(value: object) -> str:
    """Tells 0.0 from -0.0 and 1 from 1.0 and True."""
    return repr(value)


def saved(folder: Path, document: dict[str, Any] = DOCUMENT) -> Snapshots:
    snapshots = Snapshots(folder, "BTCUSDT")
    snapshots.save(document)
    return snapshots


@given(documents)
def test_a_document_comes_back_to_the_bit(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        loaded = saved(Path(folder), document).load()
        assert loaded
        assert exact(loaded.document) == exact(document)
        assert loaded.source == Path(folder) / "BTCUSDT_state.json"
        assert loaded.notes == ()


@settings(max_examples=300)
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_is_never_taken_for_the_state(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snapshots = saved(folder)
        path = folder / "BTCUSDT_state.json"
        data = bytearray(path.read_bytes())
        data[place % len(data)] ^= 1 << bit
        path.write_bytes(data)
        try:
            loaded = snapshots.load()
        except StateError:
            assert not path.exists()
        else:
            assert loaded
            assert exact(loaded.document) == exact(DOCUMENT)


def test_a_file_cut_at_any_byte_gives_the_checkpoint_and_is_kept_aside(tmp_path: Path) -> None:
    snapshots = saved(tmp_path)
    checkpoint = snapshots.checkpoint({"older": 1}, AT_MS)
    path = tmp_path / "BTCUSDT_state.json"
    whole = path.read_bytes()
    for size in range(len(whole) - 1):
        path.write_bytes(whole[:size])
        loaded = snapshots.load()
        assert loaded
        assert (loaded.document, loaded.source) == ({"older": 1}, checkpoint)
        assert re.search(r"_state\.json is damaged .* kept aside", loaded.notes[0])
        assert loaded.notes[1] == f"the checkpoint {checkpoint.name} is used instead"
    kept = {path.read_bytes() for path in tmp_path.glob("*.damaged*")}
    assert kept == {whole[:size] for size in range(len(whole) - 1)}


def test_nothing_saved_is_none_and_all_damaged_is_an_error(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "new" / "folder", "BTCUSDT")
    assert snapshots.load() is None
    snapshots.save(DOCUMENT)
    (tmp_path / "new" / "folder" / "BTCUSDT_state.json").write_text("{}")
    with pytest.raises(StateError, match=r"no state of BTCUSDT can be used: .* is begun anew"):
        snapshots.load()
    assert snapshots.load() is None


def test_a_missing_state_file_gives_the_newest_good_checkpoint(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, "BTCUSDT")
    for number in range(3):
        newest = snapshots.checkpoint({"number": number}, AT_MS + number * MINUTE)
    newest.write_text("damaged")
    loaded = snapshots.load()
    assert loaded
    assert loaded.document == {"number": 1}
    assert len(loaded.notes) == 3


def test_a_state_of_another_version_is_kept_aside_and_named(tmp_path: Path) -> None:
    snapshots = saved(tmp_path)
    snapshots.checkpoint({"older": 1}, AT_MS)
    path = tmp_path / "BTCUSDT_state.json"
    path.write_text(path.read_text().replace('"version":1', '"version":7'))
    loaded = snapshots.load()
    assert loaded
    assert "is of version 7, this program knows 1" in loaded.notes[0]


def test_a_state_of_another_symbol_stops_and_stays(tmp_path: Path) -> None:
    Snapshots(tmp_path, "ETHUSDT").save(DOCUMENT)
    path = tmp_path / "BTCUSDT_state.json"
    (tmp_path / "ETHUSDT_state.json").rename(path)
    with pytest.raises(StateError, match="holds the state of ETHUSDT, not of BTCUSDT"):
        Snapshots(tmp_path, "BTCUSDT").load()
    assert path.exists()


def test_the_last_ten_checkpoints_stay(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, "BTCUSDT")
    other = Snapshots(tmp_path, "BTCUSDT_2").checkpoint({}, AT_MS)
    for number in range(13):
        snapshots.checkpoint({"number": number}, AT_MS + number * MINUTE)
        (tmp_path / f"BTCUSDT_snapshot_{number}.json.tmp").write_text("left by a crash")
    snapshots.checkpoint({"number": 12}, AT_MS + 12 * MINUTE)
    names = sorted(path.name for path in tmp_path.glob("BTCUSDT_snapshot_*"))
    assert len(names) == 10
    assert names[0] == "BTCUSDT_snapshot_20240115T143300Z.json"
    assert other.exists()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": [1.0, {"b": float("nan")}]}, r"document\.a\[1\]\.b is nan"),
        ({"a": float("inf")}, r"document\.a is inf"),
        ({"a": {1: 2}}, r"document\.a: the key 1 is no text"),
        ({"a": {1, 2}}, r"document\.a is a set"),
        ({"a": 10**5000}, "cannot be kept"),
    ],
)
def test_what_would_not_come_back_is_refused_by_its_place(
    tmp_path: Path, document: dict[str, Any], message: str
) -> None:
    snapshots = saved(tmp_path)
    with pytest.raises(StateError, match=message):
        snapshots.save(document)
    loaded = snapshots.load()
    assert loaded
    assert exact(loaded.document) == exact(DOCUMENT)


def test_a_document_in_itself_is_refused(tmp_path: Path) -> None:
    document: dict[str, Any] = {}
    document["self"] = document
    with pytest.raises(StateError, match="nested too deeply"):
        Snapshots(tmp_path, "BTCUSDT").save(document)


def test_a_file_that_cannot_be_read_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, "BTCUSDT")
    snapshots.checkpoint({"older": 1}, AT_MS)
    (tmp_path / "BTCUSDT_state.json").mkdir()
    with pytest.raises(StateError, match=r"cannot read .*BTCUSDT_state\.json"):
        snapshots.load()


def test_the_file_says_what_it_is_to_whoever_opens_it(tmp_path: Path) -> None:
    saved(tmp_path)
    content = json.loads((tmp_path / "BTCUSDT_state.json").read_text())
    assert list(content) == ["format", "version", "symbol", "sha256", "document"]
    assert os.listdir(tmp_path) == ["BTCUSDT_state.json"]
