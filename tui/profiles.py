"""Profiles: TOML files of parameters for `--config`, in `profiles` of the data folder.

Wherever a config file is taken, a bare name that is no file of the working folder is a profile's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ParameterError
from engine.params import StrategyParams, load_config_file

if TYPE_CHECKING:
    from engine.optimize.apply import PlannedChanges

SUFFIX = ".toml"
_FOLDER = "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """A file and its parameters, those it does not name as they come; or why it is of no use."""

    path: Path
    values: Mapping[str, Any]
    trouble: str = ""

    @property
    def name(self) -> str:
        """As it is typed."""
        return self.path.stem


def profile_path(folder: Path, typed: str) -> Path:
    """`careful` and `careful.toml` are `{folder}/profiles/careful.toml`; a path is a path.

    A file of that name in the working folder comes first.
    """
    path = Path(typed.strip()).expanduser()
    if not _is_name(path) or path.is_file():
        return path
    return folder / _FOLDER / f"{path.name.removesuffix(SUFFIX)}{SUFFIX}"


def config_file(folder: Path, typed: str) -> Path:
    """The file that is meant, whose contents are not looked at yet.

    Raises ParameterError: neither a file nor a profile has that bare name.
    """
    path = profile_path(folder, typed)
    if path.is_file() or not _is_name(Path(typed.strip())):
        return path
    names = sorted(each.stem for each in (folder / _FOLDER).glob(f"*{SUFFIX}"))
    known = f"the profiles are {', '.join(names)}" if names else f"no profile is in {path.parent}"
    raise ParameterError(
        f"cannot read config file {typed.strip()}: No such file or directory; {known}"
    )


def profile_for(study: str) -> str:
    """The name of a profile for what a study has found: without what a file's name cannot hold."""
    return re.sub(r"[^\w.-]+", "_", study).strip("._") or "tuned"


def is_profile_name(typed: str) -> bool:
    """Whether a profile of that name may be made: a bare name that does not look like a file's."""
    path = Path(typed.strip())
    return _is_name(path) and path.suffix != SUFFIX


def called(folder: Path, path: Path) -> str:
    """How a file is typed where a config file is taken: a profile by its name."""
    return path.stem if profile_path(folder, path.stem) == path else str(path)


def read_profile(path: Path) -> Profile:
    """Its parameters, checked. Raises ParameterError."""
    strategy, _ = load_config_file(path)
    try:
        return Profile(path, StrategyParams.checked(strategy).model_dump())
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None


def profiles(folder: Path) -> list[Profile]:
    """Every profile by its name; those that cannot be used say why."""
    found = []
    for path in sorted((folder / _FOLDER).glob(f"*{SUFFIX}")):
        try:
            found.append(read_profile(path))
        except ParameterError as error:
            found.append(Profile(path, {}, str(error)))
    return found


def planned(values: Mapping[str, Any], path: Path) -> PlannedChanges:
    """What saving would change in a file, which need not be there; comments stay.

    Raises ParameterError: the file is there and cannot be used.
    """
    from engine.optimize.apply import FoundParameters, plan_changes  # tomlkit: 50 ms

    return plan_changes(FoundParameters(path, "parameters", values, None), path, may_make=True)


def saved(changes: PlannedChanges) -> str:
    """Write them; a sentence about what was done. Raises ParameterError, OSError."""
    from engine.optimize.apply import apply_changes
    from engine.wording import plural

    changes.path.parent.mkdir(parents=True, exist_ok=True)
    backup = apply_changes(changes)
    kept = f"; the file as it was: {backup}" if backup else ""
    return f"wrote {plural(len(changes.changes), 'change')} to {changes.path}{kept}"


def _is_name(path: Path) -> bool:
    return len(path.parts) == 1 and path.parts[0] not in (".", "..", "/", "~")
