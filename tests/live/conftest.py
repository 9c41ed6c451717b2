"""Where the runs of these tests keep their files, and what each of them need not do again."""

import functools
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def run_files(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where the system has that: no power cut is tried here, and
    thousands of bars wait for the disk several times each."""
    if not _IN_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY, prefix="gridtui-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True, scope="package")
def _certificates_are_read_once() -> Iterator[None]:
    """Each client of ccxt reads all certificates, 20 ms, though nothing here is encrypted; these
    tests make thousands of clients."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
    yield
    patch.undo()
