"""Client order ids: made from what an order is, so that they can be made again after a crash."""

import re
from dataclasses import dataclass
from typing import Literal

from exchange.errors import DataError

Side = Literal["long", "short"]
Role = Literal["entry", "near take-profit", "far take-profit", "stop", "exit"]

_MARK = "gt"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SIDES: dict[str, Side] = {"L": "long", "S": "short"}
_ROLES: dict[str, Role] = {
    "e": "entry",
    "n": "near take-profit",
    "f": "far take-profit",
    "s": "stop",
    "x": "exit",
}
_SIDE_LETTERS = {side: letter for letter, side in _SIDES.items()}
_ROLE_LETTERS = {role: letter for letter, role in _ROLES.items()}
_BAR_DIGITS, _LEVEL_DIGITS, _GENERATION_DIGITS = 9, 4, 6
_RUN = re.compile(r"[A-Za-z0-9]{1,9}")


def _number(digits: int) -> str:
    return f"(0|[1-9a-z][0-9a-z]{{0,{digits - 1}}})"


_WRITTEN = re.compile(
    f"{_MARK}([A-Za-z0-9]{{1,9}})-{_number(_BAR_DIGITS)}-([{''.join(_SIDES)}])"
    f"-([{''.join(_ROLES)}]){_number(_LEVEL_DIGITS)}-{_number(_GENERATION_DIGITS)}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ClientId:
    """Who laid an order, when, for what.

    `str()` of it is what the exchange gets: `gtRUN-BAR-SIDE-LEVEL-GENERATION` in
    `[A-Za-z0-9_-]{1,36}`, numbers in base 36, for example `gtk3-lqu5m2o0-L-e2-0`. Equal orders have
    equal ids: that is how an order whose fate is unknown can be asked for.

    Args:
        run: 1 to 9 letters and digits; one per run, so that two runs never share an id.
        bar: the bar in which it was laid: open in ms, or a count.
        side: of the position, not of the order.
        role: an entry; the nearer or the farther part of a take-profit; the stop of a whole
            position; an exit at market.
        level: of an entry: its grid level; of a take-profit: its lot's number; else any number.
        generation: 0, and one more for each order that replaces another with the same rest.

    Raises:
        DataError: a value that no id can hold.
    """

    run: str
    bar: int
    side: Side
    role: Role
    level: int = 0
    generation: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.run, str) or not _RUN.fullmatch(self.run):
            raise DataError(f"run {self.run!r} must be 1 to 9 letters and digits (a to z, 0 to 9)")
        if self.side not in _SIDE_LETTERS or self.role not in _ROLE_LETTERS:
            raise DataError(f"{self.side!r}, {self.role!r} are not a side and a role of an order")
        for name, digits in (
            ("bar", _BAR_DIGITS),
            ("level", _LEVEL_DIGITS),
            ("generation", _GENERATION_DIGITS),
        ):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < 36**digits:
                raise DataError(f"{name} {value!r} must be an integer from 0 to {36**digits - 1}")

    def __str__(self) -> str:
        side, role = _SIDE_LETTERS[self.side], _ROLE_LETTERS[self.role]
        level = f"{role}{_in_base_36(self.level)}"
        generation = _in_base_36(self.generation)
        return f"{_MARK}{self.run}-{_in_base_36(self.bar)}-{side}-{level}-{generation}"

    @classmethod
    def parse(cls, text: str) -> "ClientId | None":
        """The id that is written so; None for a foreign one (another program's, or a person's)."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            return None
        run, bar, side, role, level, generation = match.groups()
        return cls(
            run, int(bar, 36), _SIDES[side], _ROLES[role], int(level, 36), int(generation, 36)
        )


def _in_base_36(number: int) -> str:
    written = ""
    while True:
        number, digit = divmod(number, 36)
        written = _DIGITS[digit] + written
        if number == 0:
            return written
