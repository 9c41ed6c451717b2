"""JSON that gives back what was put in: floats to the bit, keys as they were, every character."""

import json
import math
from collections.abc import Mapping
from typing import Any

from state.errors import StateError

_NESTED = (dict, list, tuple)
_exact = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def encode(document: object, name: str = "document") -> str:
    """One line of ASCII; what `decode` makes of it gives the same line again.

    Args:
        name: what an error calls it.

    Raises:
        StateError: NaN, infinity, a key that is no string, something JSON has no form for; each
            named by its place.
    """
    try:
        fault = _key_fault(document, name)
        if fault:
            raise StateError(fault)
        try:
            return _exact.encode(document)
        except (TypeError, ValueError) as error:
            fault = _value_fault(document, name) or f"{name} cannot be kept: {error}"
            raise StateError(fault) from error
    except RecursionError as error:
        raise StateError(f"{name} is nested too deeply to be kept") from error


def decode(text: str | bytes) -> Any:
    """What `encode` was given; tuples have become lists.

    Raises:
        ValueError: the text is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def encode_for_show(value: object) -> str:
    """One line of ASCII for people to look at, whatever the value.

    Numbers that are not finite become null, keys and things without a JSON form their `str`.
    """
    try:
        return _exact.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _exact.encode(_showable(value, 0))


def _key_fault(value: object, place: str) -> str | None:
    """JSON would turn the key 1 into "1" without a word."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{place}: the key {key!r} is no text, so it would not come back as it is"
            if isinstance(item, _NESTED):
                fault = _key_fault(item, f"{place}.{key}")
                if fault:
                    return fault
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if isinstance(item, _NESTED):
                fault = _key_fault(item, f"{place}[{index}]")
                if fault:
                    return fault
    return None


def _value_fault(value: object, place: str) -> str | None:
    if isinstance(value, dict):
        faults = (_value_fault(item, f"{place}.{key}") for key, item in value.items())
        return next((fault for fault in faults if fault), None)
    if isinstance(value, (list, tuple)):
        faults = (_value_fault(item, f"{place}[{index}]") for index, item in enumerate(value))
        return next((fault for fault in faults if fault), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place} is {value}, which cannot be kept"
    if value is None or isinstance(value, (str, int, float)):
        return None
    return f"{place} is a {type(value).__name__}, which cannot be kept"


_DEEPEST = 50
_LONGEST_INT = 10_000
"""Bits; Python refuses to write out numbers of more than 4300 digits."""


def _showable(value: object, depth: int) -> object:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _LONGEST_INT else _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): _showable(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        return [_showable(item, depth + 1) for item in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"
