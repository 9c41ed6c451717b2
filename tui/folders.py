"""Where files lie unless something else is said."""

import contextlib
import os
from pathlib import Path

STORAGE_VARIABLE = "GRIDTUI_STORAGE"
"""Names the optimizer's database where `--storage` does not: a password is no secret on a command
line."""


def data_folder(data_dir: Path | None) -> Path:
    """`--data-dir`, the environment's, or `data`; absolute, unless the working folder is gone."""
    folder = Path(data_dir or os.environ.get("GRIDTUI_DATA") or "data")
    with contextlib.suppress(FileNotFoundError):
        return folder.absolute()
    return folder


def demo_folder(folder: Path) -> Path:
    """The data folder of the demonstration's bot, within the one of all else."""
    return folder / "demo"
