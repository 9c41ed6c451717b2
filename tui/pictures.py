"""What is on the screen, as files: a picture to send, and the same as text."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from textual.app import App

FOLDER = "screens"


def save_picture(app: App[Any], folder: Path, names: list[str], now: datetime) -> Path:
    """Write `NAMES_TIME.svg` and `.txt`; returns the picture's path. Raises OSError.

    `names`: of what is shown; empty ones are left out. The second picture of a second has `-2`.
    """
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    stem = "_".join(re.sub(r"[^\w-]", "", name) for name in [*names, stamp] if name)
    text, svg = picture(app)
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / f"{stem}{'' if n == 1 else f'-{n}'}.svg" for n in count(1))
    path = next(path for path in paths if not path.exists())
    path.write_text(svg, "utf-8")
    path.with_suffix(".txt").write_text(text, "utf-8")
    return path


def picture(app: App[Any]) -> tuple[str, str]:
    """(text, SVG) of what is shown, dialogs over the screen below them."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    # Textual makes an SVG of these itself, but gives no text
    below = app._background_screens
    console.print(app.screen._compositor.render_update(full=True, screen_stack=below))
    text = "\n".join(line.rstrip() for line in console.export_text(clear=False).splitlines())
    svg = console.export_svg(title=app.title)
    # whoever opens it asks no server for a font
    return f"{text}\n", re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
