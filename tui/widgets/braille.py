"""Lines in braille dots: a picture in a millisecond, for charts that keys move.

Imports numpy, which costs 0.1 s: import this module only where something is drawn.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_DOTS = np.array(((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)), np.uint8)
_BLANK = 0x2800
_LETTERS = [" ", *(chr(_BLANK + code) for code in range(1, 256))]

Values = npt.NDArray[np.float64]
Dots = npt.NDArray[np.bool_]


class Line(NamedTuple):
    """Points of `tui.series.lowest_highest` for twice as many buckets as there are columns.

    `fill`: all the way up to zero; `dashed`: told from another line without colours.
    """

    bucket: Values
    values: Values
    fill: bool = False
    dashed: bool = False


class Canvas:
    """Cells of 2 x 4 dots between two values."""

    def __init__(self, columns: int, height: int, low: float, high: float) -> None:
        self._columns, self._height = columns, height
        self._low, self._high = low, high
        self._codes = np.zeros((height, columns), np.uint8)
        self._owners = np.full((height, columns), -1, np.int64)
        self._letters: dict[tuple[int, int], str] = {}

    def draw(self, line: Line, owner: int) -> None:
        """Add a line; in a cell with several the last one's `owner` gives the colour."""
        bucket, values = line.bucket, line.values
        if not len(bucket):
            return
        # a bucket's second point lies half a bucket on
        at = bucket + np.tile((0.0, 0.5), len(bucket) // 2)
        across = np.arange(int(bucket[0]), int(bucket[-1]) + 1)
        last = bucket[-1] + 0.5
        reach = [np.interp(np.minimum(across + step, last), at, values) for step in (0.0, 0.5, 1.0)]
        if line.fill:
            reach.append(np.zeros(len(across)))
        rows = self._rows(np.stack(reach))
        down, dots = np.arange(4 * self._height)[:, None], self._no_dots()
        dots[:, across] = (rows.min(axis=0) <= down) & (down <= rows.max(axis=0))
        if line.dashed:
            dots[:, 2::3] = False
        self._add(dots, owner)

    def scatter(self, line: Line, owner: int) -> None:
        """Add the points alone."""
        dots = self._no_dots()
        dots[self._rows(line.values), line.bucket.astype(np.int64)] = True
        self._add(dots, owner)

    def level(self, value: float, owner: int) -> None:
        """A thin line across."""
        dots = self._no_dots()
        dots[self._rows(np.array([value])), ::3] = True
        self._add(dots, owner)

    def put(self, column: int, row: int, letter: str, owner: int) -> None:
        """One letter in the place of a cell's dots."""
        self._letters[row, column] = letter
        self._owners[row, column] = owner

    def rows(self) -> Iterator[list[tuple[str, int]]]:
        """(dots, owner) of the cells of each row, those of one owner together; -1 owns nothing."""
        letters = [[_LETTERS[code] for code in codes] for codes in self._codes.tolist()]
        for (row, column), letter in self._letters.items():
            letters[row][column] = letter
        # an empty cell goes with what is to its left: a terminal is told fewer colours
        before = np.where(self._owners >= 0, np.arange(self._columns), 0)
        painted = np.take_along_axis(self._owners, np.maximum.accumulate(before, axis=1), axis=1)
        changes = np.diff(painted, axis=1) != 0
        for row, (cells, owners) in enumerate(zip(letters, painted, strict=True)):
            ends = [*(np.flatnonzero(changes[row]) + 1).tolist(), self._columns]
            begins = [0, *ends[:-1]]
            yield [
                ("".join(cells[begin:end]), int(owners[begin]))
                for begin, end in zip(begins, ends, strict=True)
            ]

    def _rows(self, values: Values) -> npt.NDArray[np.int64]:
        most = 4 * self._height - 1
        share = (self._high - values) / (self._high - self._low)
        return np.clip(np.rint(share * most), 0, most).astype(np.int64)

    def _no_dots(self) -> Dots:
        return np.zeros((4 * self._height, 2 * self._columns), np.bool_)

    def _add(self, dots: Dots, owner: int) -> None:
        cells = dots.reshape(self._height, 4, self._columns, 2)
        codes = np.where(cells, _DOTS[:, None, :], 0).sum(axis=(1, 3), dtype=np.uint8)
        self._codes |= codes
        self._owners[codes > 0] = owner
