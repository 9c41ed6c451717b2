"""The end of a bot's log file: what it said before anybody listened."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

MOST_BYTES = 2_000_000
_HEAD = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ([A-Z]+) \|")
_LEVELS = {
    "SENT": logging.DEBUG,
    "ANSWER": logging.DEBUG,
    "ALARM": logging.WARNING,
    "DEBUG": logging.DEBUG,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.ERROR,
}
_BEGINS = re.compile(r"\[[^]]*\] INFO \| [A-Z][A-Z ]* \S+ begins$")
RUN_BEGINS = logging.CRITICAL + 1
"""The level of a run's first line: above all others, so that runs are told apart at each."""

_HEALTH = {"warning": logging.WARNING, "bad": logging.ERROR}


def read_tail(path: Path) -> list[tuple[int, str]]:
    """Its last entries, (level as in `logging`, text); none where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            data = file.read(MOST_BYTES)
    except OSError:
        return []
    lines = data.decode("utf-8", "replace").splitlines()
    if size > MOST_BYTES:
        lines = lines[1:]  # most likely not whole
    entries: list[tuple[int, list[str]]] = []
    for line in lines:
        if line.startswith("[") or not entries:
            entries.append((level_of(line), [line]))
        else:
            entries[-1][1].append(line)
    return [(level, "\n".join(parts)) for level, parts in entries]


def around(
    tail: Sequence[tuple[int, str]], said: Sequence[tuple[int, str]]
) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """The parts of a file's end before and after `said`, which the bot has told itself: it may
    have written its last words when nobody could hear them any more."""
    heard = {text for level, text in said if level >= logging.INFO}
    last = len(tail)
    # not into the run before, which on a simulated market may have said the same
    while last and tail[last - 1][1] not in heard and tail[last - 1][0] != RUN_BEGINS:
        last -= 1
    if not last or tail[last - 1][1] not in heard:
        return list(tail), []
    first = last
    while first and tail[first - 1][1] in heard:
        first -= 1
    return list(tail[:first]), list(tail[last:])


def level_of(line: str) -> int:
    """By its first word; the file has no levels of what the bot tells as an event."""
    found = _HEAD.match(line)
    if found is None:
        return logging.INFO
    if found[1] == "INFO" and _BEGINS.match(line):
        return RUN_BEGINS
    if found[1] == "HEALTH":
        return next((level for word, level in _HEALTH.items() if f" {word}:" in line), logging.INFO)
    return _LEVELS.get(found[1], logging.INFO)
