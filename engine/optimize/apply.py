"""Optimized parameters into a TOML file of settings, by hand's rules: nothing else in it moves.

found = read_parameters(Path("data/optimizer_results_robust.json"), "robust_params")
planned = plan_changes(found, Path("mine.toml"))
backup = apply_changes(planned)
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from engine.errors import ParameterError
from engine.export import write_whole
from engine.optimize.verdict import RESULTS_FILE
from engine.params import StrategyParams, load_config_file
from engine.summary import simulated_note

BEST_FILE = "best_params_v4.json"
DEFAULT_KEY = "best_params"
ROBUST_KEY = "robust_params"
MEDOID_KEY = "medoid_params"
WHOLE_KEY = "params"
JUDGED = (ROBUST_KEY, WHOLE_KEY)
"""What the verdict of a robust report is about, alone and with those that were not searched."""

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class FoundParameters:
    """Parameters of a file.

    `verdict`: the optimizer's sentence about them; `warnings`: what else speaks against using them
    as they are. Both are what the file says, empty where it says nothing.
    """

    path: Path
    key: str
    values: Mapping[str, Any]
    verdict: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter; `in_file`: whether the file names it, else `old` is the default."""

    name: str
    old: Value
    new: Value
    in_file: bool


@dataclass(frozen=True, slots=True)
class PlannedChanges:
    """What would be written. `before` is None where the file is not there yet."""

    path: Path
    before: str | None
    after: str
    changes: tuple[Change, ...]
    unchanged: int


def read_parameters(path: Path, key: str = DEFAULT_KEY) -> FoundParameters:
    """The parameters under `key` of a JSON file; values are checked when changes are planned.

    Raises ParameterError: the file cannot be read, or has no object of that name.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(
            f"cannot read parameters from {path}: {error.strerror}; run gridtui optimize first, "
            "or name a file with --params"
        ) from None
    except ValueError as error:
        raise ParameterError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ParameterError(f"{path} must hold a JSON object with the key '{key}'")
    values = document.get(key)
    if not isinstance(values, dict) or not values:
        others = [name for name in (ROBUST_KEY, DEFAULT_KEY) if name in document]
        hint = f"; it has '{others[0]}': --key {others[0]}" if others else ""
        raise ParameterError(f"{path} has no parameters under '{key}'{hint}")
    return FoundParameters(
        path,
        key,
        values,
        _sentence(document) if key in JUDGED else None,
        tuple(_warnings(document, path, key)),
    )


def best_file_of(report: Path) -> Path | None:
    """The file of the single best trial that was written with a robust report; None: it is gone."""
    try:
        study = json.loads(report.read_text(encoding="utf-8"))["study"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    stem = BEST_FILE.removesuffix(".json")
    for path in sorted(report.parent.glob(f"{stem}*.json"), reverse=True):
        try:
            if json.loads(path.read_text(encoding="utf-8"))["study"] == study:
                return path
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def plan_changes(found: FoundParameters, path: Path, *, may_make: bool = False) -> PlannedChanges:
    """What changes in the TOML file at `path`, and its new text.

    Comments, order and formatting stay; new parameters go behind the last of `[strategy]`. With
    `may_make` a file that is not there is one without settings.

    Raises ParameterError: no such file, bad TOML, a foreign key, a value out of range.
    """
    before: str | None = None
    strategy: dict[str, Any] = {}
    if path.exists() or not may_make:
        strategy, _ = load_config_file(path)
        before = path.read_bytes().decode("utf-8")
    old = _checked(strategy, str(path))
    new = _checked({**strategy, **found.values}, f"{found.path}, {found.key}")
    changes = tuple(
        Change(name, getattr(old, name), getattr(new, name), name in strategy)
        for name in found.values
        if getattr(old, name) != getattr(new, name)
    )
    after = _rewritten(before or "", changes)
    return PlannedChanges(path, before, after, changes, len(found.values) - len(changes))


def apply_changes(planned: PlannedChanges) -> Path | None:
    """Write the new text whole or not at all; returns the copy of the file as it was before.

    Raises:
        ParameterError: the file has changed since the plan was made.
        OSError: it cannot be written.
    """
    path = planned.path.resolve()  # a link stays a link
    now = path.read_bytes().decode("utf-8") if path.exists() else None
    if now != planned.before:
        raise ParameterError(f"{planned.path} was changed by another meanwhile: look again")
    backup = None
    if now is not None:
        backup = _free_name(path)
        write_whole(backup, lambda partial: _write(partial, now, path))
    write_whole(path, lambda partial: _write(partial, planned.after, path))
    return None if backup is None else planned.path.with_name(backup.name)


def _warnings(document: Mapping[str, Any], path: Path, key: str) -> Iterator[str]:
    """The file's note, whether its market was made up, and what the report beside it says."""
    study = document.get("study")
    told = study if isinstance(study, dict) else {}
    if told.get("simulated") is True:
        yield simulated_note(str(told.get("source", "SIMULATED market")))
    if isinstance(note := document.get("note"), str):
        yield note
    if key in JUDGED:
        return
    report = document if _sentence(document) else _beside(path, told)
    if (sentence := _sentence(report)) is None:
        return
    name = path.name if report is document else RESULTS_FILE
    yield f"{name} judges the robust parameters of the study, not these: {sentence}"
    yield f"recommended: --params {path.with_name(name)} --key {ROBUST_KEY}"


def _beside(path: Path, study: Mapping[str, Any]) -> Mapping[str, Any]:
    """The robust report in the same folder, if it is about the same study; else nothing."""
    try:
        report = json.loads(path.with_name(RESULTS_FILE).read_text(encoding="utf-8"))
        other = report["study"]
        same = all(other[name] == study[name] for name in ("name", "coins", "start"))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return report if same else {}


def _sentence(document: Mapping[str, Any]) -> str | None:
    verdict = document.get("verdict")
    sentence = verdict.get("sentence") if isinstance(verdict, dict) else None
    return sentence if isinstance(sentence, str) else None


def _rewritten(text: str, changes: tuple[Change, ...]) -> str:
    """`text` with the changes; a parameter without a value is taken out."""
    document = tomlkit.parse(text)
    if "strategy" not in document:
        if text.strip():
            document.add(tomlkit.nl())
        document.add("strategy", tomlkit.table())
    table: Any = document["strategy"]
    # what follows the last parameter belongs to the next table: it must stay behind the new ones
    tail: list[Any] = []
    if isinstance(table, Table):
        body = table.value.body
        while body and body[-1][0] is None:
            tail.insert(0, body.pop())
    for change in changes:
        if change.new is None:
            table.remove(change.name)
        else:
            table[change.name] = change.new
    if isinstance(table, Table):
        table.value.body.extend(tail)
    written = tomlkit.dumps(document)
    if "\r\n" in text:
        written = written.replace("\r\n", "\n").replace("\n", "\r\n")
    return written


def _checked(config: Mapping[str, Any], where: str) -> StrategyParams:
    try:
        return StrategyParams.checked(config)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error}") from None


def _free_name(path: Path) -> Path:
    """`mine.toml.bak`, or `.bak-2` and so on."""
    backup, number = path.with_name(f"{path.name}.bak"), 2
    while backup.exists():
        backup = path.with_name(f"{path.name}.bak-{number}")
        number += 1
    return backup


def _write(partial: Path, text: str, like: Path) -> None:
    """On the disk when it returns, with the permissions of `like`."""
    with partial.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    if like.exists():
        shutil.copymode(like, partial)
