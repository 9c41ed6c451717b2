"""Where files lie unless something else is said."""

import os
from pathlib import Path


def data_folder(data_dir: Path | None) -> Path:
    """`--data-dir`, the environment's, or `data`; absolute."""
    return Path(data_dir or os.environ.get("GRIDTUI_DATA") or "data").absolute()
