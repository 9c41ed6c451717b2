"""Lines in braille dots: a picture in a millisecond, for charts that keys move.

Imports numpy, which costs 0.1 s: import this module only where something is drawn.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800

Values = npt.NDArray[np.float64]


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
        self._codes = [[0] * columns for _ in range(height)]
        self._owners = [[-1] * columns for _ in range(height)]

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
        rows = np.stack([self._rows(part) for part in reach])
        tops, ends = rows.min(axis=0).tolist(), rows.max(axis=0).tolist()
        for x, top, end in zip(across.tolist(), tops, ends, strict=True):
            if not (line.dashed and x % 3 == 2):
                for y in range(top, end + 1):
                    self._dot(x, y, owner)

    def scatter(self, line: Line, owner: int) -> None:
        """Add the points alone."""
        for x, y in zip(line.bucket.tolist(), self._rows(line.values).tolist(), strict=True):
            self._dot(int(x), y, owner)

    def level(self, value: float, owner: int) -> None:
        """A thin line across."""
        row = int(self._rows(np.array([value]))[0])
        for x in range(0, 2 * self._columns, 3):
            self._dot(x, row, owner)

    def rows(self) -> Iterator[list[tuple[str, int]]]:
        """(dots, owner) of the cells of each row, those of one owner together; -1 owns nothing."""
        for codes, owners in zip(self._codes, self._owners, strict=True):
            parts: list[tuple[str, int]] = []
            for code, owner in zip(codes, owners, strict=True):
                letter = chr(_BLANK + code) if code else " "
                if parts and parts[-1][1] == owner:
                    parts[-1] = (parts[-1][0] + letter, owner)
                else:
                    parts.append((letter, owner))
            yield parts

    def _rows(self, values: Values) -> npt.NDArray[np.int64]:
        most = 4 * self._height - 1
        share = (self._high - values) / (self._high - self._low)
        return np.clip(np.rint(share * most), 0, most).astype(np.int64)

    def _dot(self, x: int, y: int, owner: int) -> None:
        self._codes[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._owners[y // 4][x // 2] = owner
