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
        return read_file(self.path)

    def append(self, data: bytes) -> None:
        """Add a piece: all of it or nothing.

        Raises:
            StateError: disk full, not writable, closed.
        """
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


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
