"""The door of the public indicator functions: what comes in is one clean array after it."""

import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Column = NDArray[np.float64]


def checked_series(**arrays: ArrayLike) -> list[Column]:
    """The named arrays as contiguous, writable float64 of one common length.

    Compiled code has one version per memory layout; after this there is only one layout.

    Raises ValueError if one is not a 1-D array of floats or if their lengths differ.
    """
    columns = []
    for name, values in arrays.items():
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind != "f":
            raise ValueError(
                f"{name} must be a 1-D array of floats, not {array.dtype} of shape {array.shape}"
            )
        columns.append(np.require(array, np.float64, ["C", "W"]))
    if len({column.size for column in columns}) > 1:
        lengths = ", ".join(
            f"{name} {column.size}" for name, column in zip(arrays, columns, strict=True)
        )
        raise ValueError(f"arrays must have the same length: {lengths}")
    return columns


def checked_period(name: str, value: int) -> int:
    """A whole number of bars, at least 1; ValueError otherwise."""
    try:
        period = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number of bars, not {value!r}") from None
    if period < 1:
        raise ValueError(f"{name} must be at least 1, not {period}")
    return period
