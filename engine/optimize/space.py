"""The space that a search walks in: `OPTIMIZER_SPACE`, checked, and as Optuna's distributions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ParameterError
from engine.optimize.records import Number
from engine.params import OPTIMIZER_SPACE, StrategyParams, read_tables, unknown_parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_KINDS = {"float": float, "int": int}
_KEYS = {"type", "low", "high", "step", "log"}


@dataclass(frozen=True, slots=True)
class Range:
    """The values of one parameter, both ends included; `step` None: every float between."""

    name: str
    kind: str
    low: Number
    high: Number
    step: Number | None = None
    log: bool = False

    @property
    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import (  # 0.3 s
            FloatDistribution,
            IntDistribution,
        )

        if self.kind == "int":
            step = 1 if self.step is None else int(self.step)
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=step)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def plain(self) -> dict[str, Any]:
        """The row of `OPTIMIZER_SPACE`."""
        row: dict[str, Any] = {"type": self.kind, "low": self.low, "high": self.high}
        if self.step is not None:
            row["step"] = self.step
        if self.log:
            row["log"] = True
        return row


@dataclass(frozen=True, slots=True)
class Space:
    """Every searched parameter, in the order of the dictionary it came from."""

    ranges: tuple[Range, ...]

    @classmethod
    def checked(
        cls,
        space: Mapping[str, Mapping[str, Any]] | None = None,
        base: StrategyParams | None = None,
    ) -> Space:
        """The space of a dictionary like `OPTIMIZER_SPACE` (None: that one).

        A row has `type` ("float" or "int"), `low`, `high`, and may have `step` or `log`. Every
        value must be one that the parameter takes together with those of `base`.

        Raises ParameterError: one line that names the row.
        """
        rows = OPTIMIZER_SPACE if space is None else space
        if not rows:
            raise ParameterError("the search space is empty: name at least one parameter")
        found = cls(tuple(_range(name, row) for name, row in rows.items()))
        for corner in ("low", "high"):
            values = {each.name: getattr(each, corner) for each in found.ranges}
            found.params(values, base)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.ranges)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distributions by name."""
        return {each.name: each.distribution for each in self.ranges}

    def plain(self) -> dict[str, dict[str, Any]]:
        """The dictionary like `OPTIMIZER_SPACE`."""
        return {each.name: each.plain() for each in self.ranges}

    @property
    def fingerprint(self) -> str:
        """Hash (16 hex digits) that differs where a range, a kind or a name does."""
        text = json.dumps(self.plain(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def params(
        self, values: Mapping[str, Number], base: StrategyParams | None = None
    ) -> StrategyParams:
        """All parameters: `values` for those of the space, `base` for the others.

        Raises ParameterError for a value out of the parameter's range.
        """
        rest = (base or StrategyParams()).model_dump()
        return StrategyParams.checked({**rest, **values})

    def objection(
        self, values: Mapping[str, Number], base: StrategyParams | None = None
    ) -> str | None:
        """Why `values` cannot be, in one line: each fits its range, but not with another one or
        with `base`. None: they can."""
        try:
            self.params(values, base)
        except ParameterError as error:
            return str(error)
        return None


def load_space(path: Path) -> dict[str, dict[str, Any]]:
    """`OPTIMIZER_SPACE` as the table `[optimizer_space]` of a config file changes it.

    `gamma = { high = 1.5 }` changes that much of a row, a whole row adds a parameter, and
    `kappa = false` leaves one out, so that it keeps its value of `[strategy]`.

    Raises ParameterError: the file cannot be read, or a row is neither; ranges are checked by
    `Space.checked`.
    """
    rows = {name: dict(row) for name, row in OPTIMIZER_SPACE.items()}
    for name, change in read_tables(path).get("optimizer_space", {}).items():
        if name not in StrategyParams.model_fields:
            raise ParameterError(f"{path}: {unknown_parameter(name)}")
        if change is False:
            rows.pop(name, None)
        elif isinstance(change, dict):
            rows[name] = {**rows.get(name, {}), **change}
        else:
            raise ParameterError(
                f"{path}: {name} in [optimizer_space] takes a row like "
                "{ low = 0.3, high = 2.0 }, or false to leave it out"
            )
    return rows


def _range(name: str, row: Mapping[str, Any]) -> Range:
    where = f"search space, {name}"
    if name not in StrategyParams.model_fields:
        raise ParameterError(f"search space: {unknown_parameter(name)}")
    if not isinstance(row, Mapping) or not {"type", "low", "high"} <= set(row) <= _KEYS:
        raise ParameterError(f"{where}: a row has type, low, high, and may have step or log")
    kind = row["type"]
    if kind not in _KINDS or StrategyParams.model_fields[name].annotation is not _KINDS[kind]:
        wanted = getattr(StrategyParams.model_fields[name].annotation, "__name__", "another type")
        raise ParameterError(f"{where}: type {kind!r} does not fit a parameter of type {wanted}")
    numbers = {key: row[key] for key in ("low", "high", "step") if row.get(key) is not None}
    for key, value in numbers.items():
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or (kind == "int" and value != int(value)):
            raise ParameterError(f"{where}: {key} = {value!r} is not a number of type {kind}")
    low, high = _KINDS[kind](row["low"]), _KINDS[kind](row["high"])
    if not low <= high:
        raise ParameterError(f"{where}: low = {low:g} lies above high = {high:g}")
    step, log = numbers.get("step"), bool(row.get("log", False))
    if step is not None and (step <= 0 or log):
        raise ParameterError(f"{where}: step must be positive and does not go with log")
    if log and low <= 0:
        raise ParameterError(f"{where}: log needs a low above 0")
    return Range(name, kind, low, high, step, log)
