"""One bot per account and symbol on this machine, and the list of the bots that run here.

The lock is `flock` on a file, which the system gives back when the process ends, however it ends.
What the file says is for people; it decides nothing.
"""

import fcntl
import os
import re
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from state.durable import make_folder
from state.errors import StateError, os_failure
from state.exact_json import decode, encode

_PATIENCE_S = 0.5
"""`running_bots` takes a lock for a moment to see whether it is free."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, in its own words.

    Attributes:
        account: the label that `BotLock` was given.
        symbol_id: `BTCUSDT`.
        pid: of the process.
        started: ISO 8601 UTC.
        data_folder: where its files are.
        mode: `dry-run`, `paper`, `demo`, `live`.
        control: its control socket; None if it has none.
    """

    account: str
    symbol_id: str
    pid: int
    started: str
    data_folder: str
    mode: str
    control: str | None


@dataclass(frozen=True, slots=True)
class FoundLock:
    """A lock on this machine: of a bot that runs (`held`), or left behind by a crash.

    `holder` is None if the file does not say (a bot that started this very moment).
    """

    path: Path
    held: bool
    holder: Holder | None


class BotLock:
    """One bot per account and symbol on this machine, whatever its data folder.

    Args:
        account: a label in `[A-Za-z0-9._-]{1,64}`; never a secret: it is the file's name.
        symbol_id: `BTCUSDT`.
        folder: where the lock files are; `lock_folder()` unless given.

    Raises:
        StateError: a label with other characters.
    """

    def __init__(self, account: str, symbol_id: str, folder: Path | None = None) -> None:
        for label in (account, symbol_id):
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", label):
                raise StateError(
                    f"{label!r} cannot name a lock; use letters, digits, '.', '_' or '-'"
                )
        self._account = account
        self._symbol_id = symbol_id
        self._path = (folder or lock_folder()) / f"{account}_{symbol_id}.lock"
        self._descriptor: int | None = None

    def acquire(self, *, data_folder: Path, mode: str, control: Path | None = None) -> Self:
        """Take the lock until `release`, the end of a `with` block or of the process.

        Raises:
            StateError: another bot holds it (who, since when, where), or the file cannot be made.
        """
        if self._descriptor is not None:
            raise StateError(f"{self._path} is already held by this very bot")
        make_folder(self._path.parent, 0o700)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise os_failure("open", self._path, error) from error
        try:
            self._lock(descriptor)
            holder = Holder(
                account=self._account,
                symbol_id=self._symbol_id,
                pid=os.getpid(),
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                data_folder=str(data_folder.absolute()),
                mode=mode,
                control=str(control) if control else None,
            )
            _write(descriptor, f"{encode(asdict(holder))}\n".encode())
        except OSError as error:
            os.close(descriptor)
            raise os_failure("write", self._path, error) from error
        except StateError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(descriptor)
        return self

    def taken(self) -> str:
        """Who else holds it, what to do, in words; "" if nobody does. Nothing is written."""
        return self._taken(_holder(self._path)) if is_held(self._path) else ""

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and descriptor in _held:
            _held.discard(descriptor)
            try:
                # the file stays: to delete it would let two bots lock two files of one name
                os.ftruncate(descriptor, 0)
            finally:
                os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StateError(self._taken(_holder(self._path))) from None
                time.sleep(0.02)
            else:
                return

    def _taken(self, holder: Holder | None) -> str:
        if holder is None:
            return f"another bot trades {self._symbol_id} with this account ({self._path}); stop it"
        return (
            f"{self._symbol_id} is traded with this account by process {holder.pid} "
            f"({holder.mode}, since {holder.started}, data in {holder.data_folder}); stop it first"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def running_bots(folder: Path | None = None) -> list[FoundLock]:
    """The locks that are held and those left behind by a crash; not those given back."""
    found = []
    for path in sorted((folder or lock_folder()).glob("*.lock")):
        held = is_held(path)
        holder = _holder(path)
        if held or holder:
            found.append(FoundLock(path, held, holder))
    return found


def lock_folder() -> Path:
    """`$GRIDTUI_STATE_HOME`, else `$XDG_STATE_HOME/gridtui`, else `~/.local/state/gridtui`."""
    own = os.environ.get("GRIDTUI_STATE_HOME")
    if own:
        return Path(own)
    users = os.environ.get("XDG_STATE_HOME")
    return (Path(users) if users else Path.home() / ".local" / "state") / "gridtui"


def is_held(path: Path) -> bool:
    """Whether a process has the lock of this file; it is taken for a moment to see."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(descriptor)


def _holder(path: Path) -> Holder | None:
    try:
        # a shorter text may for a moment have the end of a longer one behind it
        holder = Holder(**decode(path.read_bytes().partition(b"\n")[0]))
    except (OSError, ValueError, TypeError):
        return None
    texts = (holder.account, holder.symbol_id, holder.started, holder.data_folder, holder.mode)
    good = all(isinstance(text, str) for text in texts) and type(holder.pid) is int
    return holder if good and isinstance(holder.control, (str, type(None))) else None


def _write(descriptor: int, text: bytes) -> None:
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)


_held: set[int] = set()


def _let_go_in_child() -> None:
    """A forked worker would keep the lock for as long as it outlives the bot."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go_in_child)
