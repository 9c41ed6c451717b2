"""Candles in memory that all worker processes share: written once, mapped by each."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from engine.errors import ParameterError
from engine.features import Bars, LastSettlement
from engine.optimize.candles import Candles, CoinBars

_ALIGNED = 64
_FOLDER = "/dev/shm"  # where Linux keeps shared memory; elsewhere there is none to be asked


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the arrays of `candles` (whose own are empty) lie in the block `name`: (offset, length,
    dtype) each, those of one coin after those of another."""

    name: str
    candles: Candles
    places: tuple[tuple[tuple[int, int, str], ...], ...]


class SharedCandles:
    """Owns the block of `size` bytes; a context manager that frees it. `shelf` is what goes to a
    worker.

    Raises ParameterError: the machine has no room for it.
    """

    def __init__(self, candles: Candles) -> None:
        arrays = [_arrays(coin) for coin in candles.coins]
        places: list[tuple[tuple[int, int, str], ...]] = []
        size = 0
        for columns in arrays:
            row: list[tuple[int, int, str]] = []
            for column in columns:
                row.append((size, len(column), column.dtype.str))
                size += -(-column.nbytes // _ALIGNED) * _ALIGNED
            places.append(tuple(row))
        _require_room(size)
        self.size = size
        self._block = SharedMemory(create=True, size=max(size, 1))
        for spots, columns in zip(places, arrays, strict=True):
            for place, column in zip(spots, columns, strict=True):
                _view(self._block, place)[:] = column
        bare = tuple(replace(coin, bars=_NOTHING, settled=None) for coin in candles.coins)
        self.shelf = Shelf(self._block.name, replace(candles, coins=bare), tuple(places))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._block.close()
        self._block.unlink()


def attached(shelf: Shelf) -> tuple[Candles, SharedMemory]:
    """The candles on the shelf, without a copy; they live as long as the returned block."""
    block = SharedMemory(name=shelf.name)
    coins = []
    for coin, places in zip(shelf.candles.coins, shelf.places, strict=True):
        columns = [_view(block, place) for place in places]
        settled = LastSettlement(*columns[7:]) if len(columns) > 7 else None
        coins.append(replace(coin, bars=Bars(*columns[:7]), settled=settled))
    return replace(shelf.candles, coins=tuple(coins)), block


_NOTHING = Bars(np.empty(0, np.int64), *(np.empty(0) for _ in range(6)))


def _require_room(size: int) -> None:
    """What does not fit kills the process when it is written, without a word."""
    try:
        free = os.statvfs(_FOLDER)
    except OSError:
        return
    room = free.f_bavail * free.f_frsize
    if size > room:
        raise ParameterError(
            f"the candles need {size / (1 << 20):,.1f} MiB of shared memory, {_FOLDER} has "
            f"{room / (1 << 20):,.1f} MiB free: give it more, or give --workers 0, fewer coins or "
            "a later --start"
        )


def _arrays(coin: CoinBars) -> tuple[npt.NDArray[Any], ...]:
    return (*coin.bars, *(coin.settled or ()))


def _view(block: SharedMemory, place: tuple[int, int, str]) -> npt.NDArray[Any]:
    offset, length, kind = place
    return np.ndarray((length,), kind, buffer=block.buf, offset=offset)
