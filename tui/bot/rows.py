"""What a bot tells as rows, the newest last: told anew, or read from its files, each stays once."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def join(rows: deque[Row], newer: Sequence[Row], by: str) -> None:
    """Put rows behind those that are older than they; a bot remembers fewer than we do."""
    if newer:
        while rows and rows[-1][by] >= newer[0][by]:
            rows.pop()
    rows.extend(newer)


def add(rows: deque[Row], newer: Sequence[Row], by: tuple[str, ...]) -> None:
    """Put rows behind those that were known, each once; `by`: what tells one from another."""
    told = {_values(row, by) for row in newer}
    known = [row for row in rows if _values(row, by) not in told]
    rows.clear()
    rows.extend(known)
    rows.extend(newer)


def put_before(rows: deque[Row], older: Sequence[Row], by: tuple[str, ...], moment: str) -> None:
    """Put rows before those that are known, the newest of them as far as there is room.

    Args:
        older: from the beginning on, and from the first known one on what is known already.
        by: what tells one from another.
        moment: what of a row says when it was, ms UTC.
    """
    known = {_values(row, by) for row in rows}
    new = next((n for n, row in enumerate(older) if _values(row, by) in known), len(older))
    first = rows[0][moment] if rows else None
    before = [row for row in older[:new] if first is None or row[moment] <= first]
    room = len(before) if rows.maxlen is None else rows.maxlen - len(rows)
    rows.extendleft(reversed(before[-room:] if room else []))


def _values(row: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names)
