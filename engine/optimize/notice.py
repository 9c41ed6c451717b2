"""What a search tells other processes, and how they steer it: by files, in a folder of its own.

`optimizer/NAME-HASH` below the data folder holds `notice.json` (how far the search is), `wish`
(what it shall do), `log.txt` and `lock`. Whoever runs the search holds the lock, which the system
gives back however the process ends: a notice of work under way that nobody holds is that of a
search that was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from engine.export import write_whole
from engine.optimize.settings import SearchSettings, without_password
from state.lock import is_held

Stage = Literal["loading", "searching", "paused", "examining", "finished", "stopped", "failed"]
Wish = Literal["run", "pause", "stop"]

FOLDER = "optimizer"
NOTICE_FILE, WISH_FILE, LOCK_FILE, LOG_FILE = "notice.json", "wish", "lock", "log.txt"
MOST_NOTICES = 200
_AT_WORK: tuple[Stage, ...] = ("loading", "searching", "paused", "examining")
_LONGEST_NAME = 80


class SearchOrder(BaseModel):
    """Everything that a search was asked for, so that it can be asked for again.

    `storage`: as it may be shown; paths are absolute, since who reads it may be elsewhere. `end`:
    None where none was given; `workers`: None for one a core.
    """

    model_config = ConfigDict(frozen=True)

    study: str
    storage: str
    coins: tuple[str, ...]
    source: str
    start: str
    end: str | None
    trials: int
    windows: int
    holdout: float
    mc_perms: int
    sampler: str
    mode: str
    workers: int | None
    seed: int
    config: str | None
    joins: bool


class Notice(BaseModel):
    """How far a search is. Built from what it says itself.

    `done`, `wanted`: trials of the study, `known` of them from before; `rate`: trials a second,
    lately; `left_s`: seconds to the last trial, None while nothing can be said; `share`: of the
    stage, 0 to 1, None where unknown; `words`: the stage, or why it failed, or the verdict;
    times in ms UTC.
    """

    model_config = ConfigDict(frozen=True)

    order: SearchOrder
    stage: Stage
    words: str
    share: float | None = None
    done: int = 0
    wanted: int = 0
    known: int = 0
    rate: float = 0.0
    left_s: float | None = None
    part: str = ""
    pid: int
    began_ms: int
    told_ms: int
    simulated: bool | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice with its folder; `held`: whether a process is at it this moment."""

    folder: Path
    notice: Notice
    held: bool

    @property
    def at_work(self) -> bool:
        """Whether it goes on by itself."""
        return self.held and self.notice.stage in _AT_WORK

    @property
    def killed(self) -> bool:
        """Whether its process has ended without a word."""
        return not self.held and self.notice.stage in _AT_WORK


def posted(data_dir: Path) -> tuple[Posted, ...]:
    """The searches of a data folder, the newest first; what cannot be read is left out."""
    found = [one for folder in _folders(data_dir) if (one := posted_in(folder)) is not None]
    found.sort(key=lambda one: one.notice.began_ms, reverse=True)
    return tuple(found)


def posted_in(folder: Path) -> Posted | None:
    """The notice of one folder; None: there is none that can be read."""
    held = is_held(folder / LOCK_FILE)  # first: one that ends now must not look as if killed
    try:
        text = (folder / NOTICE_FILE).read_bytes()
        notice = Notice.model_validate_json(text)
    except (OSError, ValueError):
        return None
    return Posted(folder, notice, held)


def tell_wish(folder: Path, wish: Wish) -> None:
    """What the search in `folder` shall do; it looks five times a second. Raises OSError."""
    write_whole(folder / WISH_FILE, lambda partial: _write(partial, wish))


def wish_in(folder: Path) -> Wish | None:
    """What was wished last; None: nothing, or nothing that is known."""
    try:
        word = (folder / WISH_FILE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return cast("Wish", word) if word in get_args(Wish) else None


def search_folder(data_dir: Path, settings: SearchSettings) -> Path:
    """The folder of the study that `settings` name: another one for the same name elsewhere."""
    place = hashlib.sha256(shown_storage(settings).encode()).hexdigest()[:8]
    return data_dir / FOLDER / f"{quote(settings.study_name, safe=' ')[:_LONGEST_NAME]}-{place}"


def shown_storage(settings: SearchSettings) -> str:
    """The database without its password; a file by its absolute path."""
    url = settings.url
    if not url.startswith("sqlite:///"):
        return without_password(url)
    return str(Path(url.removeprefix("sqlite:///")).absolute())


def _folders(data_dir: Path) -> Iterator[Path]:
    """Those written to last, so many that a listing stays quick."""
    times: list[tuple[int, Path]] = []
    with suppress(OSError):
        for folder in (data_dir / FOLDER).iterdir():
            with suppress(OSError):
                times.append(((folder / NOTICE_FILE).stat().st_mtime_ns, folder))
    times.sort(reverse=True)
    yield from (folder for _, folder in times[:MOST_NOTICES])


def _write(partial: Path, text: str) -> None:
    partial.write_text(text, encoding="utf-8")
