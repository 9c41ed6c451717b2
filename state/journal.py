"""Order intents: on disk before the request leaves, so that a crash never forgets a request.

A file is lines of JSON. The first says which number the journal goes on from; each other one holds
a number, a CRC-32 and a record. What `append` has returned is there after a power cut.
"""

import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from state.durable import AppendFile, lines_of, replace_file, set_aside
from state.errors import StateError
from state.exact_json import decode, encode

Scalar = str | int | float | bool | None
Record = Mapping[str, Scalar]

_HEAD = "gridtui-journal-1"
_SHORTEST = len('{"crc":"01234567","seq":1,"record":{}}')


class Entry(NamedTuple):
    """A record and its number."""

    seq: int
    record: dict[str, Scalar]


class Journal:
    """Numbered records in a file; one writer, any thread.

    Args:
        path: made if it is missing, with its folder.
        after_seq: numbers begin above this even if the file was lost; a caller that keeps the last
            number it knows elsewhere passes it here.

    Attributes:
        notes: a sentence for each thing that was repaired at opening.
        first_seq: the lowest number that was there at opening, or the first that will be given.

    Raises:
        StateError: if the file cannot be read or written.
    """

    def __init__(self, path: Path, after_seq: int = 0) -> None:
        notes: list[str] = []
        # a file without a head is never left behind by a crash, so it is made whole at once
        if not path.exists():
            _begin(path, after_seq)
        self._file = AppendFile(path)
        self._lock = threading.Lock()
        content = _Content.of(self._file.read())
        if content.head is None and not content.entries:
            self._file.close()
            aside = set_aside(path, "damaged")
            notes.append(f"{path} holds no record that can be read; it was kept as {aside.name}")
            _begin(path, after_seq)
            self._file = AppendFile(path)
            content = _Content.of(self._file.read())
        elif content.tail:
            self._file.cut(self._file.size - len(content.tail))
            notes.append(f"the last line of {path} was torn and cut off: {_shown(content.tail)}")
        self.notes = tuple(notes)
        first = content.entries[0].seq if content.entries else None
        self.first_seq = content.last_seq + 1 if first is None else first
        # a damaged line's number may have been given out, so it is not given again
        self._last_seq = max(content.last_seq, after_seq)

    @property
    def last_seq(self) -> int:
        """The highest number given so far; 0 for a new journal."""
        return self._last_seq

    def restored(self) -> list[str]:
        """See `AppendFile.restored`."""
        return self._file.restored()

    def append(self, record: Record) -> int:
        """Write one record; its number (1, 2, 3, ...), once it is on disk.

        Raises:
            StateError: not a flat mapping of str, int, finite float, bool and None; disk full.
                Nothing is written then.
        """
        return self.append_all([record])[0]

    def append_all(self, records: Iterable[Record]) -> range:
        """Write several with one fsync; their numbers.

        After an error none is there; a crash before this returns may leave the first ones.

        Raises:
            StateError: as `append`.
        """
        records = [_flat(record) for record in records]
        with self._lock:
            given = range(self._last_seq + 1, self._last_seq + 1 + len(records))
            lines = [_line(seq, record) for seq, record in zip(given, records, strict=True)]
            if lines:
                self._file.append(b"".join(lines))
                self._last_seq = given[-1]
        return given

    def records(self, after_seq: int = 0) -> list[Entry]:
        """The records with a number above `after_seq` that can be read, in order; see `complaint`.

        Raises:
            StateError: if the file cannot be read.
        """
        with self._lock:
            content = self._content()
        return [entry for entry in content.entries if entry.seq > after_seq]

    def complaint(self, after_seq: int = 0) -> str:
        """What is to be said of damaged lines that may hold records above `after_seq`; "" of none.

        Raises:
            StateError: if the file cannot be read.
        """
        with self._lock:
            content = self._content()
        seqs = [entry.seq for entry in content.entries]
        # a line's own number is below that of the next good one
        damaged = [
            str(line)
            for line, entries in content.damaged
            if entries == len(seqs) or seqs[entries] > after_seq + 1
        ]
        if not damaged:
            return ""
        lines = f"line {damaged[0]} is" if len(damaged) == 1 else f"lines {', '.join(damaged)} are"
        return f"{self._file.path}: {lines} damaged; an order may have been sent that is not known"

    def forget(self, before_seq: int) -> None:
        """Drop the records below `before_seq`; numbers go on where they were.

        Raises:
            StateError: the disk is full; the file is as before then.
        """
        with self._lock:
            content = self._content()
            dropped = sum(entry.seq < before_seq for entry in content.entries)
            if not dropped:
                return
            # byte for byte, so that a damaged line among those that stay is still seen
            rest = self._file.read()[content.ends[dropped - 1] : self._file.size]
            after_seq = content.entries[dropped - 1].seq if rest else self._last_seq
            self._file.replace(_line(after_seq, {"head": _HEAD}) + rest)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def _content(self) -> "_Content":
        # beyond its size is only what a failed append has left
        return _Content.of(self._file.read()[: self._file.size])


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file holds.

    Attributes:
        head: the number that the journal goes on from; None if its first line is damaged.
        ends: the offset behind each entry.
        damaged: of damaged lines that are not the last one: number, from 1, and entries before it.
        tail: the last line if it is torn or damaged.
        last_seq: the highest number that may have been given out.
    """

    head: int | None
    entries: tuple[Entry, ...]
    ends: tuple[int, ...]
    damaged: tuple[tuple[int, int], ...]
    tail: bytes
    last_seq: int

    @classmethod
    def of(cls, data: bytes) -> "_Content":
        head = None
        entries: list[Entry] = []
        ends: list[int] = []
        bad: list[tuple[int, int]] = []
        last, offset, unknown = 0, 0, 0
        lines = lines_of(data)
        for number, line in enumerate(lines, start=1):
            offset += len(line)
            entry = _entry(line)
            if number == 1 and entry and entry.record == {"head": _HEAD}:
                head = last = entry.seq
            elif number > 1 and entry and entry.seq > last:
                entries.append(entry)
                ends.append(offset)
                last, unknown = entry.seq, 0
            else:
                bad.append((number, len(entries)))
                # without its line feed a line may hold several records
                unknown += 1 + len(line) // _SHORTEST
        tail = lines[-1] if bad and bad[-1][0] == len(lines) else b""
        damaged = tuple(bad[:-1] if tail else bad)
        return cls(head, tuple(entries), tuple(ends), damaged, tail, last + unknown)


def _begin(path: Path, after_seq: int) -> None:
    replace_file(path, _line(after_seq, {"head": _HEAD}))


def _line(seq: int, record: Record) -> bytes:
    body = f'"seq":{seq},"record":{encode(dict(record))}'
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}",{body}}}\n'.encode()


def _entry(line: bytes) -> Entry | None:
    """None unless the line is, byte for byte, what was once written."""
    try:
        content = decode(line)
        entry = Entry(content["seq"], content["record"])
        return entry if line == _line(*entry) else None
    except (ValueError, TypeError, KeyError, StateError):
        return None


def _flat(record: Record) -> Record:
    for key, value in record.items():
        if not (value is None or isinstance(value, (str, int, float))):
            raise StateError(f"a journal record's {key!r} is a {type(value).__name__}, not a value")
    encode(dict(record), "record")
    return record


def _shown(tail: bytes) -> str:
    text = tail.decode("ascii", "backslashreplace").rstrip("\n")
    return text if len(text) <= 400 else f"{text[:400]}... ({len(tail)} bytes)"
