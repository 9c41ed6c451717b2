"""The events of a bot's runs on disk, by their number: what a replay is made of."""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.events import (
    Alarm,
    BarClosed,
    GridLaid,
    HealthRead,
    Noted,
    OrderAnswered,
    OrderSent,
    Quoted,
)
from engine.wording import plural
from exchange.symbol import Symbol
from exchange.timeframe import TIMEFRAMES
from state.errors import StateError, os_failure
from state.exact_json import decode

ENDING = "_events.jsonl"

TRADE = frozenset({"timestamp", "price", "qty", "label", "regime", "pnl", "fee", "funding"})
"""What the screens read of a trade."""

_ADDED = {"order sent": {"by"}}
"""What older records do not have."""

_NEEDED: dict[str, frozenset[str]] = {
    kind: frozenset(field.name for field in fields(event)) - _ADDED.get(kind, set())
    for kind, event in (
        ("order sent", OrderSent),
        ("order answered", OrderAnswered),
        ("bar", BarClosed),
        ("grid", GridLaid),
        ("alarm", Alarm),
        ("note", Noted),
        ("health", HealthRead),
        ("quote", Quoted),
    )
} | {
    "about": frozenset({"mode", "timeframe", "speed", "params", "simulated"}),
    "trade": TRADE,
    "account": frozenset({"tick", "step", "capital", "wallet", "halted", "paused", "sides"})
    | {"orders", "regime", "liquidation", "absent", "fees", "funding"},
}
"""What the screens read of an event; one without it is as damaged as one that is no JSON."""

_NUMBER = (int, float)
_TYPES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "order sent": {"time_ms": int, "client_id": str},
    "order answered": {"time_ms": int, "client_id": str, "answer": str},
    "bar": {"time_ms": int, "close": _NUMBER, "equity": _NUMBER, "unrealised": list},
    "grid": {"time_ms": int, "anchors": list, "orders": list},
    "alarm": {"time_ms": int, "key": str, "text": str},
    "note": {"text": str},
    "health": {"readings": list},
    "quote": {"time_ms": int, "bar_end_ms": int, "price_ms": int, "unrealised": list}
    | dict.fromkeys(("price", "equity", "wallet"), _NUMBER),
    "about": {"mode": str, "params": dict, "speed": _NUMBER},
    "trade": {"timestamp": int, "price": _NUMBER, "qty": _NUMBER, "label": str},
    "account": {"sides": dict, "orders": list, "paused": list},
}
"""What the screens compute with, and what it has to be."""

KINDS = tuple(_NEEDED)
"""A kind's number is its place here."""

_AT_BAR_ENDS = bytes((KINDS.index("quote"), KINDS.index("account")))
_BEGINNINGS = ("begins at ", "goes on at ")
"""The first note of a run (`engine.live.beginning.introduction`)."""

Payload = dict[str, Any]


class Record:
    """A symbol's runs in one folder, one after the other. The files are opened once, so that a bot
    that goes on writing may move them meanwhile; what it writes later is not part of it.

    Reads all of it: 1 s for 50 MB, which is the most that a bot keeps. Call it in a thread.

    Args:
        path: of the newest file.
        mode: of the bot.

    Attributes:
        times: ms UTC of each event, never falling.
        kinds: of each event, its number in KINDS.
        steps: how many events there were at the end of each bar, with what was told of it.
        runs: the number of each run's first event; of one that began before, none.
        damaged: lines that are no event.
        simulated: whether a run says that its market is.
        timeframe: of the bars.

    Raises:
        StateError: no such file, it cannot be read, or no event is in it.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self.path, self.mode = path, mode
        self.symbol = Symbol.parse(path.name.removesuffix(ENDING))
        self.times = array("q")
        self.kinds = bytearray()
        self.steps = array("q")
        self.runs: list[int] = []
        self.damaged = 0
        self.simulated = False
        self._starts, self._sizes = array("q"), array("q")
        self._files: list[int] = []
        self._bases: list[int] = []
        self._bar_ends = False
        self._bar_ms: int | None = None
        self._length_ms: int | None = None
        try:
            for part in parts_of(path):
                self._open(part)
            self._read()
        except OSError as error:
            self.close()
            raise os_failure("read", path, error) from error
        except BaseException:
            self.close()
            raise
        if not self.times:
            self.close()
            raise StateError(f"{path}: no event is in it, so there is nothing to replay")
        names = {length: name for name, length in TIMEFRAMES.items()}
        self.timeframe = names.get(self._length_ms or 0, "15m")

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.times)

    def event(self, number: int) -> tuple[str, Payload]:
        """Kind and payload; from any thread."""
        start = self._starts[number]
        file = bisect_right(self._bases, start) - 1
        line = os.pread(self._files[file], self._sizes[number], start - self._bases[file])
        return KINDS[self.kinds[number]], decode(line)["payload"]

    def before(self, end: int, kinds: bytes, most: int) -> list[int]:
        """The numbers of the last events of some kinds before the event `end`, rising."""
        found: list[int] = []
        for number in range(end - 1, -1, -1):
            if len(found) == most:
                break
            if self.kinds[number] in kinds:
                found.append(number)
        return found[::-1]

    @property
    def complaint(self) -> str:
        """What could not be read, in one line; "" if all of it could."""
        if not self.damaged:
            return ""
        return f"{self.path.name}: {plural(self.damaged, 'line')} damaged and left out"

    def close(self) -> None:
        """Close the files."""
        while self._files:
            os.close(self._files.pop())

    def _open(self, part: Path) -> None:
        base = self._bases[-1] + os.fstat(self._files[-1]).st_size if self._files else 0
        self._files.append(os.open(part, os.O_RDONLY))
        self._bases.append(base)

    def _read(self) -> None:
        for base, file in zip(self._bases, self._files, strict=True):
            with os.fdopen(os.dup(file), "rb") as lines:
                start = base
                for line in lines:
                    self._take(line, start, newest=file == self._files[-1])
                    start += len(line)
        self._end_bar()

    def _take(self, line: bytes, start: int, *, newest: bool) -> None:
        read = event_in(line)
        if read is None:
            # the last line may be on its way, or was torn when the bot was killed
            self.damaged += line.endswith(b"\n") or not newest
            return
        at_ms, kind, payload = read
        code = KINDS.index(kind)
        number = len(self.times)
        if code not in _AT_BAR_ENDS:
            self._end_bar()
        if kind == "bar":
            self._bar_ends = True
            self._bar_ms, before = payload["time_ms"], self._bar_ms
            if before is not None and self._bar_ms > before:
                self._length_ms = min(self._length_ms or self._bar_ms, self._bar_ms - before)
        elif kind == "about":
            self.simulated |= bool(payload["simulated"])
        elif begins(kind, payload):
            self.runs.append(number)
            self.simulated |= "SIMULATED" in payload["text"]
        self.times.append(max(at_ms, self.times[-1] if number else at_ms))
        self.kinds.append(code)
        self._starts.append(start)
        self._sizes.append(len(line))

    def _end_bar(self) -> None:
        """A bar is followed by what quote and account were at its end."""
        if self._bar_ends:
            self.steps.append(len(self.times))
            self._bar_ends = False


def begins(kind: str, payload: Mapping[str, Any]) -> bool:
    """Whether it is the first event of a run."""
    return kind == "note" and str(payload["text"]).startswith(_BEGINNINGS)


def parts_of(path: Path) -> Iterator[Path]:
    """The files of a record, oldest first: `path.2`, `path.1`, `path`."""
    names = re.compile(rf"{re.escape(path.name)}\.([0-9]+)")
    found = (names.fullmatch(part.name) for part in path.parent.glob(f"{path.name}.*"))
    numbers = sorted((int(match[1]) for match in found if match), reverse=True)
    yield from (path.with_name(f"{path.name}.{number}") for number in numbers)
    if path.exists() or not numbers:  # a crash while they are renamed leaves no newest
        yield path


def event_in(line: bytes) -> tuple[int, str, Payload] | None:
    """Time, kind, payload; None if it is no whole event."""
    try:
        content = decode(line)
        at_ms, kind, payload = content["at_ms"], content["kind"], content["payload"]
        whole = line.endswith(b"\n") and type(at_ms) is int and _NEEDED[kind] <= payload.keys()
        whole = whole and all(isinstance(payload[name], of) for name, of in _TYPES[kind].items())
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return (at_ms, kind, payload) if whole else None
