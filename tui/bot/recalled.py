"""What a bot's files have of its trades and requests, for whoever has not heard it from the
beginning."""

from __future__ import annotations

from contextlib import ExitStack
from os import SEEK_END
from pathlib import Path
from typing import Any, NamedTuple

from state.durable import lines_of, read_file
from state.errors import StateError
from state.exact_json import decode
from tui.bot.record import ENDING, TRADE, Payload, event_in, parts_of

REQUESTS = ("order sent", "order answered")
_A_REQUEST = b"order "
_LONG_ROW = 600
"""Bytes of a trade."""
_IN_A_TABLE = TRADE | {"side", "trade_id", "client_id", "entry_price", "hold_hours", "r"}


class Recalled(NamedTuple):
    """Rows as the bot tells them, the oldest first."""

    trades: list[Payload]
    requests: list[Payload]


def read_recalled(
    folder: Path, symbol_id: str, trades: int | None, requests: int | None
) -> Recalled:
    """The newest of both, at most so many, if any number is given; whatever cannot be read is left
    out.

    It reads beside the bot that writes: the last line may not be whole yet.
    """
    rows = _rows(folder / f"{symbol_id}_trades.jsonl", trades)
    rows = [row for row in rows if row.keys() >= _IN_A_TABLE]
    told = [{name: value for name, value in row.items() if name != "n"} for row in rows]
    return Recalled(told, _requests(folder / f"{symbol_id}{ENDING}", requests))


def trades_before(path: Path, before_ms: int) -> list[Payload]:
    """Rows of the trade log; damaged ones are left out."""
    return [row for row in _rows(path) if row["timestamp"] < before_ms]


def _rows(path: Path, most: int | None = None) -> list[Payload]:
    """The newest, if a number is given; of a long file no more is read than they need."""
    try:
        lines = lines_of(read_file(path) if most is None else _end_of(path, most * _LONG_ROW))
    except (StateError, OSError):
        return []
    rows: list[Any] = []
    for line in lines[-most:] if most is not None else lines:
        try:
            row = decode(line)
            if row.keys() >= TRADE and type(row["timestamp"]) is int:
                rows.append(row)
        except (ValueError, TypeError, AttributeError):
            continue
    return rows


def _end_of(path: Path, size: int) -> bytes:
    """The last bytes of a file, from the beginning of a line on."""
    with path.open("rb") as file:
        length = file.seek(0, SEEK_END)
        file.seek(max(0, length - size))
        if length > size:
            file.readline()
        return file.read()


def _requests(path: Path, most: int | None) -> list[Payload]:
    """From the newest back, of files that are opened at once: the bot may rename them meanwhile."""
    found: list[Payload] = []
    with ExitStack() as files:
        try:
            parts = [files.enter_context(part.open("rb")) for part in parts_of(path)]
            for part in reversed(parts):
                for line in reversed(lines_of(part.read())):
                    read = event_in(line) if _A_REQUEST in line else None
                    if read is not None and read[1] in REQUESTS:
                        found.append({"kind": read[1], **read[2]})
                    if len(found) == most:
                        return found[::-1]
        except OSError:
            return found[::-1]
    return found[::-1]
