"""A run's log: one file with rotation, and what is written to the console, by one logger.

What libraries say is kept from WARNING on: ccxt and aiohttp write addresses with signatures, and
headers with keys, at DEBUG. Whatever is written is searched for secrets before.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from engine.live.wording import LiveText, stamp
from state.durable import make_folder
from state.errors import os_failure

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_BYTES = 10_000_000
BACKUPS = 5

_OURS = ("gridtui", "engine", "exchange", "state")
_MASK = "***"

TO_FILE_ALONE = "file_alone"
"""A member of `extra`: the console says it in another way."""

log = logging.getLogger("gridtui.live")


@contextlib.contextmanager
def run_log(
    path: Path,
    level: str,
    secrets: Sequence[str],
    console: logging.Handler | None = None,
    lost: Callable[[str], None] = lambda _reason: None,
) -> Iterator[None]:
    """Write the log of a run to `path`, and to `console`, until the block ends.

    Args:
        level: one of LEVELS.
        secrets: never written, whoever says them.
        lost: is told, once, that a line could not be written; it must not log itself.

    Raises:
        StateError: the file cannot be written.
    """
    make_folder(path.parent)
    try:
        file = _LogFile(path, lost)
    except OSError as error:
        raise os_failure("write", path, error) from error
    root = logging.getLogger()
    before = root.level
    handlers = [file] if console is None else [file, console]
    if console is not None:
        console.addFilter(_for_the_console)
    for handler in handlers:
        handler.setLevel(level)
        handler.addFilter(_worth_keeping)
        handler.setFormatter(_Lines(secrets, traces=handler is file))
        root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            with contextlib.suppress(OSError):  # of lines that could not be written
                handler.close()


def say(text: LiveText, kind: str, payload: Mapping[str, Any]) -> None:
    """Log what an event of a run has to say."""
    for said in text.say(kind, payload):
        log.log(said.level, said.text)


class StreamLines(logging.StreamHandler[TextIO]):
    """Lines on a console; falls silent when the console is gone, as a closed terminal is."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gone = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._gone:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        if isinstance(sys.exc_info()[1], OSError | ValueError):
            self._gone = True
        else:
            super().handleError(record)


class _LogFile(RotatingFileHandler):
    """A disk that is full costs lines, never the run."""

    def __init__(self, path: Path, lost: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=BACKUPS, encoding="utf-8")
        self._path = path
        self._lost: Callable[[str], None] | None = lost

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif self._lost is not None:
            tell, self._lost = self._lost, None
            tell(f"the log has lines missing: {os_failure('write', self._path, error)}")


class _Lines(logging.Formatter):
    """`[2024-01-15 14:30:00] ...`, UTC; what has its own time keeps it. No secret.

    `traces`: with the traceback of a defect, which belongs into the file and not before a trader.
    """

    def __init__(self, secrets: Sequence[str], *, traces: bool) -> None:
        super().__init__()
        self._traces = traces
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if not text.startswith("["):
            text = f"{stamp(record.created * 1000)} {record.levelname} | {text}"
        if record.exc_info and self._traces:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text


def _for_the_console(record: logging.LogRecord) -> bool:
    return record.__dict__.get(TO_FILE_ALONE) is None


def _worth_keeping(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS
