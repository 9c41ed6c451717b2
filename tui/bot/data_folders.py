"""Data folders of bots that ran on this machine, in a file beside the locks: a lock that was given
back no longer says where the state of its bot lies."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from state.durable import make_folder, replace_file
from state.errors import StateError
from state.exact_json import decode, encode
from state.lock import lock_folder

_MOST = 50


def remembered() -> list[Path]:
    """The newest last; none where the file cannot be read."""
    try:
        known = decode(_file().read_bytes())
    except (OSError, ValueError):
        return []
    texts = known if isinstance(known, list) else []
    return [Path(text) for text in texts if isinstance(text, str)]


def remember(folders: Iterable[Path]) -> None:
    """Add to them; a folder that is gone is forgotten. Whoever cannot write does without."""
    known = remembered()
    new = sorted(set(folders) - set(known))
    if not new:
        return
    kept = [folder for folder in known if folder.is_dir()]
    try:
        make_folder(_file().parent, 0o700)
        replace_file(_file(), encode([str(each) for each in [*kept, *new][-_MOST:]]).encode())
    except StateError:
        pass


def _file() -> Path:
    return lock_folder() / "data_folders.json"
