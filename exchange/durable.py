"""Bytes that are still there after the power has failed."""

import os
from pathlib import Path


def make_durable(path: Path) -> None:
    """Wait until the disk has a file's bytes, or of a folder the names in it.

    Raises:
        OSError: it is not there, or the disk failed.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
