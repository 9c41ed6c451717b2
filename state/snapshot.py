"""The state of a run: one file, replaced after every step, and the last checkpoints.

A file is one JSON object: format, version, symbol, SHA-256 of the rest, document. What does not
fit its hash is never used; it is moved aside and said so.
"""

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from state.durable import (
    identity_of,
    make_folder,
    names,
    put_back,
    read_file,
    replace_file,
    set_aside,
)
from state.errors import StateError, os_failure
from state.exact_json import decode, encode

_FORMAT = "gridtui-state"
_VERSION = 1
_STAMP = "%Y%m%dT%H%M%SZ.json"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document read back.

    Attributes:
        document: equal to what was saved, floats to the bit; tuples have become lists.
        source: the file it came from.
        checkpoint: whether that is an older state, because the last one cannot be used.
        notes: a sentence for each file that could not be used; empty when all was well.
    """

    document: dict[str, Any]
    source: Path
    notes: tuple[str, ...]
    checkpoint: bool = False


class Snapshots:
    """`{SYMBOL}_state.json` and `{SYMBOL}_snapshot_{time}.json` in one folder; one writer.

    Args:
        folder: made if it is missing.
        symbol_id: `BTCUSDT`.
        keep: how many checkpoints stay.

    Raises:
        StateError: if the folder cannot be made.
    """

    def __init__(self, folder: Path, symbol_id: str, keep: int = 10) -> None:
        self._folder = folder
        self._symbol_id = symbol_id
        self._keep = keep
        self._path = folder / f"{symbol_id}_state.json"
        self._written: tuple[int, int] | None = None
        self._restored: list[str] = []
        make_folder(folder)

    def restored(self) -> list[str]:
        """A sentence for each time since the last call that the state file was found gone."""
        said, self._restored = self._restored, []
        return said

    def save(self, document: Mapping[str, Any]) -> None:
        """Replace the state file; on return the document is on disk, on error the old one is.

        Raises:
            StateError: NaN or infinity, something JSON has no form for, a key that is no string
                (each named by its place in the document), a disk that is full or not writable.
        """
        data = _to_bytes(self._symbol_id, document)
        try:
            if self._written is None or names(self._path, self._written):
                replace_file(self._path, data)
            else:
                self._restored.append(put_back(self._path, data))
            self._written = identity_of(self._path.stat())
        except OSError as error:
            raise os_failure("read", self._path, error) from error

    def checkpoint(self, document: Mapping[str, Any], at_ms: int) -> Path:
        """Write `{SYMBOL}_snapshot_{YYYYMMDDTHHMMSSZ}.json`, drop all but the last `keep`.

        Raises:
            StateError: as `save`.
        """
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        path = self._folder / f"{self._symbol_id}_snapshot_{at:{_STAMP}}"
        replace_file(path, _to_bytes(self._symbol_id, document))
        unfinished = self._folder.glob(f"{self._symbol_id}_snapshot_*.json.tmp")
        for old in (*self._checkpoints()[self._keep :], *unfinished):
            try:
                old.unlink(missing_ok=True)
            except OSError as error:
                raise os_failure("delete", old, error) from error
        return path

    def load(self) -> Loaded | None:
        """The last document saved; None if there is neither a state file nor a checkpoint.

        A file that is damaged or of another version is renamed to `*.damaged` and the newest good
        checkpoint taken instead.

        Raises:
            StateError: files are there but none can be used; one belongs to another symbol; one
                cannot be read (which is not the same as damaged: it stays where it is).
        """
        notes: list[str] = []
        if not self._path.exists():
            damaged = sorted(self._folder.glob(f"{self._path.name}.damaged*"))
            why = "is missing"
            if damaged:
                why = f"was damaged and is kept aside as {damaged[-1].name}"
            notes.append(f"{self._path} {why}")
        candidates = [path for path in (self._path, *self._checkpoints()) if path.exists()]
        for path in candidates:
            try:
                document = _from_bytes(self._symbol_id, path, read_file(path))
            except _UnusableError as error:
                aside = set_aside(path, "damaged")
                notes.append(f"{path} {error} and was kept aside as {aside.name}")
                continue
            if path != self._path:
                notes.append(f"the checkpoint {path.name} is used instead")
            return Loaded(document, path, tuple(notes), path != self._path)
        if not candidates:
            return None
        raise StateError(
            f"no state of {self._symbol_id} can be used: {'; '.join(notes)}; "
            "look at the exchange before anything is begun anew"
        )

    def newest_ms(self) -> int:
        """When the newest checkpoint was written, ms UTC; 0 if there is none.

        Raises:
            StateError: the folder cannot be read.
        """
        newest = next(iter(self._checkpoints()), None)
        if newest is None:
            return 0
        at = datetime.strptime(newest.name.rpartition("_")[2], _STAMP)
        return int(at.replace(tzinfo=UTC).timestamp()) * 1000

    def oldest(self) -> dict[str, Any] | None:
        """The document of the oldest checkpoint that can be used; None if there is none.

        Raises:
            StateError: a file cannot be read, or belongs to another symbol.
        """
        for path in reversed(self._checkpoints()):
            with contextlib.suppress(_UnusableError):
                return _from_bytes(self._symbol_id, path, read_file(path))
        return None

    def _checkpoints(self) -> list[Path]:
        """Newest first."""
        pattern = re.compile(rf"{re.escape(self._symbol_id)}_snapshot_\d{{8}}T\d{{6}}Z\.json")
        try:
            found = [path for path in self._folder.iterdir() if pattern.fullmatch(path.name)]
        except OSError as error:
            raise os_failure("read", self._folder, error) from error
        return sorted(found, reverse=True)


class _UnusableError(Exception):
    """Goes on from `{path}`: `is damaged (...)`."""


def _to_bytes(symbol_id: str, document: Mapping[str, Any]) -> bytes:
    body = encode(dict(document))
    head = encode({"format": _FORMAT, "version": _VERSION, "symbol": symbol_id})
    # one pass over the document, so that saving several times a bar costs little more than fsync
    return f'{head[:-1]},"sha256":"{_hash(head, body)}","document":{body}}}\n'.encode()


def _from_bytes(symbol_id: str, path: Path, data: bytes) -> dict[str, Any]:
    try:
        content = decode(data)
    except ValueError as error:
        raise _UnusableError("is damaged (no JSON)") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise _UnusableError("is damaged, or no state file of gridtui")
    version = content.get("version")
    try:
        head = encode({key: content[key] for key in ("format", "version", "symbol")})
        document = content["document"]
        fits = content["sha256"] == _hash(head, encode(document))
    except (KeyError, StateError) as error:
        raise _UnusableError("is damaged (not complete)") from error
    if version != _VERSION:
        raise _UnusableError(f"is of version {version!r}, this program knows {_VERSION}")
    if not fits or not isinstance(document, dict):
        raise _UnusableError("is damaged (its SHA-256 does not fit)")
    if content["symbol"] != symbol_id:
        raise StateError(
            f"{path} holds the state of {content['symbol']}, not of {symbol_id}; move it away"
        )
    return document


def _hash(head: str, body: str) -> str:
    return hashlib.sha256(f"{head}\n{body}".encode()).hexdigest()
