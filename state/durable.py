"""Writes that are on disk when they return, and that leave the old content when they fail."""

import contextlib
import os
import re
from pathlib import Path

from state.errors import StateError, os_failure


def replace_file(path: Path, data: bytes) -> None:
    """Give `path` this content, atomically: after a crash it has the old or the new one, whole.

    Raises:
        StateError: disk full, not writable; the old content stays.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write_at(descriptor, data, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise os_failure("write", path, error) from error


class AppendFile:
    """A file that only grows, by whole pieces; one writer.

    Whoever moves or deletes it meanwhile does not take what it holds: at the next piece it is
    written anew under its name, whole.

    Args:
        path: made if it is missing, with its folder.
        sync: False leaves it to the system when a piece reaches the disk: it outlives the process
            then, not a power cut.

    Raises:
        StateError: if it cannot be opened for writing.
    """

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        self.path = path
        self._sync = sync
        self._descriptor: int | None = None
        self._size = 0
        self._dirty = False
        self._restored: list[str] = []
        make_folder(path.parent)
        self._open()

    @property
    def size(self) -> int:
        """Bytes that are known to be good; the next piece begins there."""
        return self._size

    def read(self) -> bytes:
        """The whole content.

        Raises:
            StateError: if it cannot be read.
        """
        descriptor = self._opened()
        try:
            return _read_all(descriptor, os.fstat(descriptor).st_size)
        except OSError as error:
            raise os_failure("read", self.path, error) from error

    def restored(self) -> list[str]:
        """A sentence for each time since the last call that it was found gone and written anew; it
        is looked for now, too.

        Raises:
            StateError: it has gone and cannot be written anew.
        """
        self._put_back()
        said, self._restored = self._restored, []
        return said

    def append(self, data: bytes) -> None:
        """Add a piece: all of it or nothing.

        Raises:
            StateError: disk full, not writable, closed.
        """
        self._put_back()
        descriptor = self._opened()
        try:
            # what an earlier failure left behind the good part must not end up inside it
            if self._dirty:
                os.ftruncate(descriptor, self._size)
            self._dirty = True
            _write_at(descriptor, data, self._size)
            if self._sync:
                os.fsync(descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._size)
            raise os_failure("write", self.path, error) from error
        self._dirty = False
        self._size += len(data)

    def cut(self, size: int) -> None:
        """Drop everything from byte `size` on.

        Raises:
            StateError: not writable, closed.
        """
        self._put_back()
        descriptor = self._opened()
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        except OSError as error:
            raise os_failure("write", self.path, error) from error
        self._size = size
        self._dirty = False

    def replace(self, data: bytes) -> None:
        """Give it other content, atomically.

        Raises:
            StateError: disk full, not writable; the old content stays.
        """
        replace_file(self.path, data)
        self.close()
        self._open()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        new = not self.path.exists()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            self._size = os.fstat(self._descriptor).st_size
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise os_failure("open", self.path, error) from error
        self._dirty = False

    def _put_back(self) -> None:
        descriptor = self._opened()
        try:
            if names(self.path, identity_of(os.fstat(descriptor))):
                return
            content = _read_all(descriptor, self._size)
        except OSError as error:
            raise os_failure("read", self.path, error) from error
        self._restored.append(put_back(self.path, content))
        self.close()
        self._open()

    def _opened(self) -> int:
        if self._descriptor is None:
            raise StateError(f"{self.path} is closed; open it anew")
        return self._descriptor


def read_file(path: Path) -> bytes:
    """The content.

    Raises:
        StateError: if it cannot be read, or is not there.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise os_failure("read", path, error) from error


def identity_of(status: os.stat_result) -> tuple[int, int]:
    """What tells one file from another, whatever it is called."""
    return status.st_dev, status.st_ino


def names(path: Path, identity: tuple[int, int]) -> bool:
    """Whether a path still names the file that it named; raises OSError if it cannot be seen."""
    try:
        return identity_of(path.stat()) == identity
    except FileNotFoundError:
        return False


def put_back(path: Path, data: bytes) -> str:
    """Write a file that has gone under the hands of its writer anew; a sentence that says so.

    What is there instead is kept aside as `*.found`.

    Raises:
        StateError: disk full, not writable.
    """
    make_folder(path.parent)
    aside = f"; what was there instead is {set_aside(path, 'found').name}" if path.exists() else ""
    replace_file(path, data)
    return f"{path} was moved or deleted while in use: it is written anew, whole{aside}"


def lines_of(data: bytes) -> list[bytes]:
    """The lines with their line feeds; the last may be without one."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


def set_aside(path: Path, ending: str) -> Path:
    """Rename to `{name}.{ending}`, or `.{ending}-2` and so on: nothing is overwritten.

    Raises:
        StateError: if it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.{ending}")
    number = 2
    while aside.exists():
        aside = path.with_name(f"{path.name}.{ending}-{number}")
        number += 1
    try:
        os.rename(path, aside)
        sync_folder(path.parent)
    except OSError as error:
        raise os_failure("rename", path, error) from error
    return aside


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make it, with those above it, unless it is there.

    Raises:
        StateError: if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise os_failure("make", folder, error) from error


def sync_folder(folder: Path) -> None:
    """Bring names to the disk: a file that was made or renamed is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    pieces, offset = [], 0
    while offset < size and (piece := os.pread(descriptor, size - offset, offset)):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
