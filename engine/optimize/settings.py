"""What a person may say about a search, checked at the door."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from engine.errors import ParameterError

STUDY_NAME = "grid_v4_wfo"
DATABASE = "grid_v4_wfo.db"
SAMPLERS = {
    "tpe": "tree-structured Parzen estimator (the default)",
    "cmaes": "CMA-ES, a covariance matrix that adapts",
    "qmc": "quasi-random points that learn nothing",
    "nsga2": "NSGA-II: yearly growth against drawdown instead of the score",
    "random": "random points",
}
MODES = {
    "search": "one set of parameters for all windows (the default)",
    "refit": "a search of its own in every window, its test spans stitched together",
}
_NO_FILE = (":memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:")
_IN_QUERY = re.compile(r"([?&]\w*(?:passw\w*|pwd)=)([^&#]*)", re.IGNORECASE)
HOLDOUT_SHARE = 0.15
MOST_WINDOWS = 50
MOST_TRIALS = 1_000_000
MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How to search. Raises ParameterError: one line about what cannot be used.

    `trials`: to add to the study (0: none, conclude from those it has; of a refit: those that each
    window shall have in all); `storage`: URL of a database (None: SQLite, `grid_v4_wfo.db` in
    the current folder); `workers`: processes (0: none, everything in this one); `mc_perms`:
    permuted markets of the significance test, 0 to skip it; `seed`: of sampler and permutations.
    """

    trials: int = 100
    windows: int = 4
    study_name: str = STUDY_NAME
    storage: str | None = None
    sampler: str = "tpe"
    mode: str = "search"
    holdout: float = HOLDOUT_SHARE
    mc_perms: int = 50
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        _require("trials", self.trials, 0, MOST_TRIALS)
        _require("windows", self.windows, 1, MOST_WINDOWS)
        _require("mc-perms", self.mc_perms, 0, MOST_TRIALS)
        _require("seed", self.seed, 0, 2**32 - 1)
        _require("holdout", self.holdout, 0.0, 0.5)
        if self.workers is not None:
            _require("workers", self.workers, 0, MOST_WORKERS)
        _require_known("sampler", self.sampler, SAMPLERS)
        _require_known("mode", self.mode, MODES)
        if not self.study_name.strip():
            raise ParameterError("the study needs a name: give --study-name")

    @property
    def url(self) -> str:
        """The database's URL; a plain path is that of an SQLite file.

        Raises ParameterError for a kind of database that is not supported.
        """
        storage = self.storage or DATABASE
        if storage in _NO_FILE:
            raise ParameterError(f"storage {storage} keeps nothing: give a file")
        if "://" not in storage:
            return f"sqlite:///{Path(storage)}"
        if not storage.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
            raise ParameterError(
                f"storage {without_password(storage)} is not supported: give a file, "
                "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
            )
        if (port := _port(storage)) and not port.isdecimal():
            raise ParameterError(f"storage {without_password(storage)}: '{port}' is no port")
        return storage.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def is_shared(self) -> bool:
        """Whether several machines may work on the study at once."""
        return self.url.startswith("postgresql")

    @property
    def processes(self) -> int:
        """Worker processes: as asked for, else one for each core that this process may use."""
        if self.workers is not None:
            return self.workers
        allowed = getattr(os, "sched_getaffinity", None)
        return len(allowed(0)) if allowed else os.cpu_count() or 1


def without_password(url: str) -> str:
    """The URL as it may be shown: `user:***@host`, `host/database?password=***`."""
    url = _IN_QUERY.sub(r"\1***", url)
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not (separator and at and ":" in login):
        return url
    return f"{scheme}://{login.partition(':')[0]}:***@{place}"


def passwords_in(url: str) -> set[str]:
    """What `without_password` leaves out, as typed and as a driver shows it."""
    found = [match[2] for match in _IN_QUERY.finditer(url)]
    login, at, _ = _IN_QUERY.sub(r"\1", url).partition("://")[2].rpartition("@")
    found += [login.partition(":")[2]] if at else []
    return {shown for password in found for shown in (password, unquote(password))} - {""}


def _port(url: str) -> str:
    """What stands for a port in a URL; "" where nothing does, and for a file."""
    if url.startswith("sqlite"):
        return ""
    place = url.partition("://")[2].partition("?")[0].rpartition("@")[2].partition("/")[0]
    return place.rpartition("]")[2].partition(":")[2]  # of [::1]:5432, too


def needs_extra() -> ParameterError:
    """What to raise where the driver of PostgreSQL is missing."""
    return ParameterError("PostgreSQL needs the extra `postgres`: pip install 'gridtui[postgres]'")


def _require(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not low <= value <= high:
        raise ParameterError(f"{name} = {value} is out of range: it takes {low:g} to {high:,.10g}")


def _require_known(name: str, value: str, known: dict[str, str]) -> None:
    if value not in known:
        raise ParameterError(f"unknown {name} '{value}'; known: {', '.join(known)}")
