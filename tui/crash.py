"""A defect of gridtui: one line before the user, everything else in a file for a report."""

from __future__ import annotations

import os
import platform
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path

from engine import __version__
from engine.optimize.settings import passwords_in, without_password
from tui.folders import STORAGE_VARIABLE

DEBUG = "GRIDTUI_DEBUG"
"""An environment variable: with it tracebacks go to the terminal, as developers want them."""

_MOST_FILES = 20
_LIBRARIES = ("textual", "rich", "numpy", "pandas", "numba", "ccxt", "aiohttp", "optuna")
_SHOWN = ("TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR", "TMUX", "SSH_TTY", "COLUMNS", "LINES")
_ENV_FILE = ".env"
_MASK = "***"
_SECRET_NAME = re.compile(r"key|secret|token|passw|pwd|credential|auth", re.IGNORECASE)
_SHORTEST = 6
"""Values shorter than that are no secrets, and would blot out half of the text."""

_STORAGE_FLAG = "--storage"
_NAMED = re.compile(
    r"((?:api[_-]?key|secret|signature|listen[_-]?key|passw\w*|pwd)\w*['\"]?\s*[=:]\s*)"
    r"(?:b?'[^'\n]*'|b?\"[^\"\n]*\"|[^\s'\"&]+)",
    re.IGNORECASE,
)
_PATTERNS = (
    (_NAMED, rf"\1{_MASK}"),
    (re.compile(r"(://[^\s/:@]*:)\S+@"), rf"\1{_MASK}@"),  # a password in an address
    (re.compile(r"\b[A-Za-z0-9]{64}\b"), _MASK),  # as long as Binance's keys and signatures
)


def told(error: BaseException, folder: Path, lost: str = "") -> str:
    """Write the report; the line that tells a user of it.

    Args:
        folder: the data folder; the report lies in its `live_logs`.
        lost: what becomes of bots and searches, a sentence.
    """
    path = folder / "live_logs" / f"gridtui_crash_{datetime.now(UTC):%Y%m%dT%H%M%S_%fZ}.txt"
    secrets = _secrets(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _masked("\n".join(_report(error)), secrets)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        _forget_old(path.parent)
        where = f"The full report is in {path}"
    except OSError as trouble:
        why = trouble.strerror or type(trouble).__name__
        where = f"No report could be written to {path.parent} ({why}); {DEBUG}=1 shows it"
    about = _masked(" ".join(f"{type(error).__name__}: {error}".split())[:300], secrets)
    what = f"unexpected {about}. This is a defect of gridtui."
    return " ".join(part for part in (what, lost, where) if part)


def debugging() -> bool:
    """Whether tracebacks are wanted on the terminal."""
    return bool(os.environ.get(DEBUG))


def _report(error: BaseException) -> Iterator[str]:
    yield f"gridtui {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield f"Python {platform.python_version()}, {platform.platform()}"
    yield ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    yield f"command: {' '.join(_arguments(sys.argv[1:])) or '(the screens)'}"
    for name in sorted(os.environ):
        if name in _SHOWN or (name.startswith("GRIDTUI_") and not _SECRET_NAME.search(name)):
            yield f"{name}={os.environ[name]}"
    yield ""
    yield "".join(traceback.format_exception(error))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(none)"


def _arguments(given: Sequence[str]) -> Iterator[str]:
    """The command line without what follows a flag for a secret."""
    hide = False
    for one in given:
        flag, equals, _ = one.partition("=")
        secret = flag.startswith("--") and bool(_SECRET_NAME.search(flag))
        yield _MASK if hide else f"{flag}={_MASK}" if secret and equals else one
        hide = secret and not equals


def _secrets(folder: Path) -> list[str]:
    """Values of the environment, the command line and the files `.env` that must not be seen.

    Longest first.
    """
    values = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    for path in (Path(_ENV_FILE), folder / _ENV_FILE):
        values |= _entries(path)
    for url in _databases():
        values |= passwords_in(url)
    return sorted((v for v in values if len(v) >= _SHORTEST), key=len, reverse=True)


def _databases() -> Iterator[str]:
    """What this process was told of databases, with passwords."""
    if url := os.environ.get(STORAGE_VARIABLE):
        yield url
    for before, one in pairwise(["", *sys.argv]):
        if before == _STORAGE_FLAG:
            yield one
        elif one.startswith(f"{_STORAGE_FLAG}="):
            yield one.partition("=")[2]


def _entries(path: Path) -> set[str]:
    """Every value of a file `.env`: none of it belongs into a report."""
    from dotenv import dotenv_values

    try:
        return {value for value in dotenv_values(path, interpolate=False).values() if value}
    except (OSError, UnicodeDecodeError):
        return set()


def _masked(text: str, secrets: Sequence[str]) -> str:
    for url in _databases():
        text = text.replace(url, without_password(url))
    for secret in secrets:
        text = text.replace(secret, _MASK)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("gridtui_crash_*.txt"))[:-_MOST_FILES]:
        path.unlink(missing_ok=True)
