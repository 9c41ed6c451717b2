"""The cache survives a power cut: what replaces files is on the disk before they go. Under 1 s."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from exchange.cache import merge_into_cache
from exchange.span import Span
from tests.test_cache import SERIES, check, hours, names, truth


def test_joined_files_go_only_after_the_disk_has_what_takes_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for span in (hours(0, 20), hours(40, 60)):
        merge_into_cache(
            tmp_path, SERIES, [(span, truth(span))], "Binance", check, [], replace=False
        )
    done: list[str] = []
    sync, move, remove = os.fsync, os.replace, Path.unlink

    def synced(handle: int) -> None:
        sync(handle)
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        done.append("sync folder" if is_folder else "sync file")

    def moved(source: Any, target: Any) -> None:
        move(source, target)
        done.append("take its place")

    def removed(path: Path, missing_ok: bool = False) -> None:
        if not path.name.endswith(".partial"):
            done.append("remove old")
        remove(path, missing_ok)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", moved)
    monkeypatch.setattr(Path, "unlink", removed)
    middle = hours(20, 40)
    merge_into_cache(
        tmp_path, SERIES, [(middle, truth(middle))], "Binance", check, [], replace=False
    )
    steps = ["sync file", "take its place", "sync folder", "remove old", "remove old"]
    assert done == steps
    assert len(names(tmp_path)) == 1


def add(folder: Path, span: Span) -> None:
    part = (span, truth(span))
    merge_into_cache(folder, SERIES, [part], "Binance", check, [], replace=False)
