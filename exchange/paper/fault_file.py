"""Faults from a TOML file: when each strikes, and some by chance.

    [[fault]]
    what = "timeout"                    # the order is executed, the answer never comes
    endpoint = "POST /fapi/v1/order"
    number = 3                          # the third request to that endpoint
    executed = true

    [[fault]]
    what = "http"
    status = 503
    at = 2024-01-31T12:00:00Z           # from this market time on ...
    for_seconds = 30                    # ... for half a minute

    [random]
    seed = 7
    rate = 0.02                         # two in a hundred, for ever
    kinds = ["drop executed", "code -1008", "stream_drop"]

The fields of a fault are those of `exchange.paper.faults.Fault`, the kinds those of
`exchange.paper.fault_menu.MENU`.
"""

import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from exchange.errors import DataError
from exchange.paper.fault_menu import MENU
from exchange.paper.faults import Fault, Faults

_MOST_COMPLAINTS = 3


def load_faults(path: Path) -> Faults:
    """Read a file.

    Raises:
        DataError: it cannot be read, or something in it is wrong: says in which table, which field,
            and what is allowed there.
    """
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): give another file") from error
    except ValueError as error:  # bytes that are no text, or text that is no TOML
        raise DataError(f"{path}: is not TOML ({error}): correct it") from error
    try:
        script = _Script.model_validate(written)
    except ValidationError as error:
        found = error.errors()
        complaints = [_complaint(each) for each in found[:_MOST_COMPLAINTS]]
        if len(found) > _MOST_COMPLAINTS:
            complaints.append(f"and {len(found) - _MOST_COMPLAINTS} more")
        raise DataError(f"{path}: {'; '.join(complaints)}") from error
    return Faults(script.faults, script.random.seed)


class _Chance(BaseModel):
    """Kinds that strike by chance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0)
    rate: float | None = Field(default=None, gt=0, le=1)
    kinds: list[str] = []

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        strange = [kind for kind in kinds if kind not in MENU]
        if strange:
            raise ValueError(f"{strange[0]!r} is not known: use {', '.join(MENU)}")
        return kinds

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.rate is None) != (not self.kinds):
            raise ValueError("rate and kinds belong together: give both or neither")
        return self


class _Script(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: list[Fault] = []
    random: _Chance = _Chance()

    @property
    def faults(self) -> list[Fault]:
        """The scripted ones, then those by chance."""
        rate = {"rate": self.random.rate}
        return [*self.fault, *(MENU[kind].model_copy(update=rate) for kind in self.random.kinds)]


_FIELDS = {
    "fault": ", ".join("at" if name == "at_ms" else name for name in Fault.model_fields),
    "random": ", ".join(_Chance.model_fields),
}


def _complaint(error: Any) -> str:
    """`[[fault]] 2, what: ...`: the table, the field, what is wrong and what is allowed."""
    table, *place = error["loc"]
    if table not in _FIELDS:
        return f"{table}: is not known: write [[fault]] tables and [random]"
    where = f"[{table}]"
    if table == "fault":
        where = f"[[fault]] {place.pop(0) + 1}" if place else "[[fault]]"
    if place:
        where += f", {place[0]}"
    kind, text = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return f"{where}: is not known: use {_FIELDS[table]}"
    if kind == "missing":
        return f"{where}: is missing: give it"
    if kind == "value_error":
        return f"{where}: {text.removeprefix('Value error, ')}"
    wanted = text[0].lower() + text[1:]
    if kind.endswith(("_type", "_parsing")) and not place:
        return f"{where}: write it as a table"
    return f"{where}: {wanted.removeprefix('input ')}, not {error['input']!r}"
