"""The events of a run as JSON lines, to be looked at again; bounded by size and number of files."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from state.durable import AppendFile, lines_of, read_file
from state.errors import StateError, os_failure
from state.exact_json import decode, encode_for_show


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it was published.

    Attributes:
        at_ms: int64 ms UTC.
        kind: `fill`, `quote`, ...
        payload: as it was given; numbers that are not finite have become None.
    """

    at_ms: int
    kind: str
    payload: dict[str, Any]


class EventLog:
    """Appends events to `path`; at `max_bytes` it becomes `path.1`, that `path.2`, and so on.

    It outlives `kill -9`, but is not fsynced: a power cut may cost its last seconds.

    Args:
        path: made if it is missing, with its folder.
        max_bytes: of one file.
        keep: how many older files stay.

    Raises:
        StateError: if the file cannot be read or written.
    """

    def __init__(self, path: Path, max_bytes: int = 10_000_000, keep: int = 5) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file = AppendFile(path, sync=False)
        data = self._file.read()
        if not data.endswith(b"\n"):
            self._file.cut(data.rfind(b"\n") + 1)

    def append(self, at_ms: int, kind: str, payload: Mapping[str, Any]) -> None:
        """Write one event.

        Raises:
            StateError: disk full; nothing is written then.
        """
        event = {"at_ms": at_ms, "kind": kind, "payload": dict(payload)}
        line = f"{encode_for_show(event)}\n".encode()
        if self._file.size and self._file.size + len(line) > self._max_bytes:
            self._rotate()
        self._file.append(line)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        try:
            for number in range(self._keep - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(_older(self._path, number), _older(self._path, number + 1))
            if self._keep:
                os.replace(self._path, _older(self._path, 1))
            else:
                self._path.unlink()
        except OSError as error:
            raise os_failure("rotate", self._path, error) from error
        finally:
            self._file = AppendFile(self._path, sync=False)


def read_events(path: Path, *, skip_damaged: bool = False) -> Iterator[LoggedEvent]:
    """The events of `path` and the older files beside it, oldest first, without a torn last line.

    Raises:
        StateError: no such file; a line is damaged and `skip_damaged` is not set.
    """
    for part in _parts(path):
        for number, line in enumerate(lines_of(read_file(part)), start=1):
            event = _event(line)
            if event:
                yield event
            elif line.endswith(b"\n") and not skip_damaged:
                raise StateError(
                    f"{part}: line {number} is no event; leave it out, or replay another file"
                )


def _parts(path: Path) -> list[Path]:
    """Oldest first; a crash while files are renamed leaves a gap in their numbers, or no newest."""
    names = re.compile(rf"{re.escape(path.name)}\.([0-9]+)")
    found = (names.fullmatch(part.name) for part in path.parent.glob("*"))
    numbers = sorted((int(match[1]) for match in found if match), reverse=True)
    older = [_older(path, number) for number in numbers]
    return older if older and not path.exists() else [*older, path]


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _event(line: bytes) -> LoggedEvent | None:
    try:
        content = decode(line)
        event = LoggedEvent(content["at_ms"], content["kind"], content["payload"])
    except (ValueError, TypeError, KeyError):
        return None
    fits = (
        type(event.at_ms) is int
        and isinstance(event.kind, str)
        and isinstance(event.payload, dict)
        and line.endswith(b"\n")
    )
    return event if fits else None
