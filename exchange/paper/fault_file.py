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
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from exchange.errors import DataError
from exchange.paper.door import ROUTES
from exchange.paper.events import NAMES
from exchange.paper.fault_menu import MENU
from exchange.paper.faults import Fault, Faults, StreamFault

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
    for number, fault in enumerate(script.fault, 1):
        if fault.endpoint is not None and fault.endpoint not in _endpoints(fault):
            raise DataError(f"{path}: [[fault]] {number}, endpoint: {_unknown(fault)}")
    return Faults(script.faults, script.random.seed)


def _endpoints(fault: Fault) -> list[str]:
    """What its endpoint may be: methods, paths and both together, or events of streams."""
    if fault.what in get_args(StreamFault):
        return list(NAMES)
    routes = [route for route in ROUTES if fault.what != "stale" or route[0] == "GET"]
    whole = [f"{method} {path}" for method, path in routes]
    return list(dict.fromkeys([*whole, *(path for _, path in routes), *(m for m, _ in routes)]))


def _unknown(fault: Fault) -> str:
    """What is wrong with an endpoint at which it would never strike."""
    wanted, known = str(fault.endpoint), _endpoints(fault)
    by_form = {" ".join(name.split()).lower(): name for name in reversed(known)}
    near = get_close_matches(wanted.lower(), by_form, 1, 0.6)
    if near:
        hint = f"did you mean {by_form[near[0]]!r}?"
    elif fault.what in get_args(StreamFault):
        hint = f"use {', '.join(known)}"
    else:
        hint = "write a method, a path or both, as POST /fapi/v1/order"
    return f"{wanted!r} is nothing that {fault.what} can strike: {hint}"


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
