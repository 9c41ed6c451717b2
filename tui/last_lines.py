"""The end of a text file that another process writes."""

import os
from pathlib import Path


def last_lines(path: Path, most: int) -> list[str]:
    """The last lines with text, `most` at most; none where the file cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200 * most - 2_000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-most:]
