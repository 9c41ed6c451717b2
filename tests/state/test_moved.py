"""A file that is moved or deleted under its writer is written anew, whole (1 s)."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from state.durable import AppendFile
from state.errors import StateError
from state.journal import Journal
from state.recording import Recording
from state.snapshot import Snapshots
from state.trades import TradeFiles

Upset = Callable[[Path], object]


def elsewhere(path: Path) -> Path:
    return path.rename(path.parent / f"elsewhere-{path.name}")


UPSETS: list[Upset] = [Path.unlink, elsewhere, lambda path: shutil.rmtree(path.parent)]


@pytest.mark.parametrize("upset", UPSETS, ids=["deleted", "moved", "with its folder"])
def test_a_file_that_grows_is_whole_again_with_the_next_piece(tmp_path: Path, upset: Upset) -> None:
    path = tmp_path / "folder" / "file"
    file = AppendFile(path)
    file.append(b"one\n")
    upset(path)
    file.append(b"two\n")
    assert path.read_bytes() == file.read() == b"one\ntwo\n"
    (said,) = file.restored()
    assert f"{path} was moved or deleted while in use" in said
    file.append(b"three\n")
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert file.restored() == []
    upset(path)
    assert len(file.restored()) == 1  # looked for without a piece
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_what_is_there_instead_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = AppendFile(path)
    file.append(b"one\n")
    path.unlink()
    path.write_bytes(b"somebody's")
    file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "file.found").read_bytes() == b"somebody's"
    assert "file.found" in file.restored()[0]


def test_a_place_that_cannot_be_written_is_one_line_and_the_file_is_not_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "folder" / "file"
    file = AppendFile(path)
    file.append(b"one\n")
    shutil.rmtree(path.parent)
    path.parent.write_text("a file in the folder's place")
    with pytest.raises(StateError, match="cannot"):
        file.append(b"two\n")
    path.parent.unlink()
    file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("upset", UPSETS, ids=["deleted", "moved", "with its folder"])
def test_every_file_of_a_run_comes_back_and_says_so(tmp_path: Path, upset: Upset) -> None:
    folder = tmp_path / "state"
    snapshots, journal = Snapshots(folder, "X"), Journal(folder / "X_journal.jsonl")
    trades = TradeFiles(folder, "X", ("price",))
    candles = Recording(folder / "X_candles.csv", ("time", "close"))
    files: tuple[Any, ...] = (snapshots, journal, trades, candles)

    def write(value: int) -> None:
        snapshots.save({"value": value})
        journal.append({"value": value})
        trades.append([{"price": float(value)}])
        candles.append([(value, 1.0)])

    write(1)
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        if (folder / name).exists():
            upset(folder / name)
    write(2)
    assert [len(file.restored()) for file in files] == [1, 1, 2, 1]
    assert set(names) <= {path.name for path in folder.iterdir()}
    for file in (journal, trades, candles):
        file.close()
    loaded = Snapshots(folder, "X").load()
    assert loaded is not None
    assert loaded.document == {"value": 2}
    assert [entry.record for entry in Journal(folder / "X_journal.jsonl").records()] == [
        {"value": 1},
        {"value": 2},
    ]
    assert (folder / "X_trades.csv").read_text() == "n,price\n0,1.0\n1,2.0\n"
    assert (folder / "X_candles.csv").read_text() == "time,close\n1,1.0\n2,1.0\n"


def test_a_state_that_was_found_damaged_is_called_so_however_often_one_looks(
    tmp_path: Path,
) -> None:
    snapshots = Snapshots(tmp_path, "X")
    snapshots.checkpoint({"value": 1}, 0)
    snapshots.save({"value": 2})
    (tmp_path / "X_state.json").write_text("torn")
    for _ in range(2):
        loaded = Snapshots(tmp_path, "X").load()
        assert loaded is not None
        assert loaded.document == {"value": 1}
        assert "damaged" in loaded.notes[0]
        assert "kept aside as X_state.json.damaged" in loaded.notes[0]
