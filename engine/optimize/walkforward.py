"""Which bars train, which test, and which nobody looks at until the end.

    bars    0 ............................................................ n
    window  [train........purge][test.]
    window  [train.........................purge][test........]
    hold-out                                             purge [hold-out...]

Windows are anchored: all begin at bar 0. Each is divided 70 to 30. The end of every train span is
purged: its last bars, as many as the longest feature of any trial looks back, count for nobody, so
that no feature of a test bar is made of bars that were trained on. The same gap lies before the
hold-out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.errors import ParameterError
from engine.features import bars_per_day, warmup_bars
from engine.optimize.records import Plan, WindowSpan
from engine.optimize.settings import HOLDOUT_SHARE, MOST_WINDOWS
from engine.optimize.space import Space
from engine.params import StrategyParams

TRAIN_SHARE = 0.7
FEWEST_TEST_BARS = 50
_WEEK_DAYS = 7  # the volume ratio's mean, the longest window of any feature

Solid = npt.NDArray[np.bool_]


def anchored_plan(
    solid: Solid, windows: int, purge: int, warmup: int, holdout: float = HOLDOUT_SHARE
) -> Plan:
    """Windows that end at 1/W, 2/W ... of the search's bars, each divided 70 to 30.

    `solid`, shape (bars,): whether the data may be cut before a bar (see `solid_cuts`); a cut
    that may not be moves to the next bar where it may, the end of a train span to the one before.
    `purge`: bars left out behind each train span and before the hold-out; `warmup`: bars before the
    first decision.

    Raises ParameterError for impossible settings, or data too short for them.
    """
    _check(windows, holdout)
    cut = _Cuts(solid)
    bars, holdout_start, search_end = _ends(cut, holdout, purge)
    spans = []
    for k in range(1, windows + 1):
        end = search_end if k == windows else cut.at(search_end * k / windows)
        spans.append(_window(cut, cut.at(TRAIN_SHARE * end), end, purge))
    return _checked_plan(bars, purge, spans, search_end, holdout_start, warmup)


def refit_plan(
    solid: Solid, windows: int, purge: int, warmup: int, holdout: float = HOLDOUT_SHARE
) -> Plan:
    """Windows whose test spans are equally long and join: what a real walk-forward trades.

    The first window is divided 70 to 30; every later one trains up to the end of the test span
    before it. Arguments and errors as in `anchored_plan`.
    """
    _check(windows, holdout)
    cut = _Cuts(solid)
    bars, holdout_start, search_end = _ends(cut, holdout, purge)
    first = search_end / (1.0 + (1.0 - TRAIN_SHARE) * (windows - 1))
    starts = [cut.at(first * (TRAIN_SHARE + (1.0 - TRAIN_SHARE) * k)) for k in range(windows)]
    ends = [*starts[1:], search_end]
    spans = [_window(cut, start, end, purge) for start, end in zip(starts, ends, strict=True)]
    return _checked_plan(bars, purge, spans, search_end, holdout_start, warmup)


def lookback(
    space: Space, base: StrategyParams, times: Sequence[npt.NDArray[np.int64]], timeframe_ms: int
) -> tuple[int, int]:
    """(purge, warm-up) in bars that suffice for every trial of the space.

    `times`: opens of each coin's bars, ms. Both grow with every period; only how many bars of a
    first bucket are missing goes up and down with the regime's timeframe, so each of those counts.
    """
    highest = {each.name: each.high for each in space.ranges}
    buckets = range(base.regime_timeframe_mult, base.regime_timeframe_mult + 1)
    for each in space.ranges:
        if each.name == "regime_timeframe_mult":
            buckets = range(int(each.low), int(each.high) + 1)
    slowest = [space.params({**highest, "regime_timeframe_mult": bars}, base) for bars in buckets]
    purge = max(longest_window(params, timeframe_ms) for params in slowest)
    warmup = max(warmup_bars(time, params, timeframe_ms) for params in slowest for time in times)
    return purge, warmup


def longest_window(params: StrategyParams, timeframe_ms: int) -> int:
    """Bars that the longest feature looks back: a week of volume, or the indicators' warm-up."""
    start = np.zeros(1, np.int64)  # a whole bucket begins at time 0
    return max(_WEEK_DAYS * bars_per_day(timeframe_ms), warmup_bars(start, params, timeframe_ms))


def solid_cuts(times: list[npt.NDArray[np.int64]], first_ms: int, bars: int, step: int) -> Solid:
    """Whether every coin has both the bar before and the bar behind a cut, shape (bars,).

    `times`: opens of each coin's bars, ms; bar k of the plan opens at `first_ms + k * step`. At
    such a cut the backtest of a shorter history is the first part of the longer one, exactly: the
    last bar before a hole would not know how long it lasts.
    """
    present = np.ones(bars, np.bool_)
    for time in times:
        has = np.zeros(bars, np.bool_)
        slot = (time - first_ms) // step
        has[slot[(slot >= 0) & (slot < bars)]] = True
        present &= has
    solid = present.copy()
    solid[1:] &= present[:-1]
    return solid


class _Cuts:
    """The bars before which data may be cut; both ends of the data count."""

    def __init__(self, solid: Solid) -> None:
        self.bars = len(solid)
        self._allowed = np.append(np.flatnonzero(solid), self.bars)

    def before(self, position: int) -> int:
        """The last allowed cut that is not behind `position`; 0 if there is none."""
        k = int(np.searchsorted(self._allowed, position, side="right"))
        return int(self._allowed[k - 1]) if k else 0

    def at(self, position: float) -> int:
        """The first allowed cut that is not before `position`, rounded down to a bar."""
        k = int(np.searchsorted(self._allowed, int(position + 1e-9)))
        return int(self._allowed[min(k, len(self._allowed) - 1)])


def _ends(cut: _Cuts, holdout: float, purge: int) -> tuple[int, int, int]:
    """(bars, first bar of the hold-out, end of the search)."""
    if not holdout:
        return cut.bars, cut.bars, cut.bars
    start = cut.at(cut.bars * (1.0 - holdout))
    return cut.bars, start, cut.before(start - purge)


def _window(cut: _Cuts, split: int, end: int, purge: int) -> tuple[int, int, int]:
    return cut.before(split - purge), split, end


def _check(windows: int, holdout: float) -> None:
    if not 1 <= windows <= MOST_WINDOWS:
        raise ParameterError(f"windows = {windows} is out of range: it takes 1 to {MOST_WINDOWS}")
    if not 0.0 <= holdout <= 0.5:
        raise ParameterError(f"holdout = {holdout:g} is out of range: it takes 0 to 0.5")


def _checked_plan(
    bars: int,
    purge: int,
    spans: list[tuple[int, int, int]],
    search_end: int,
    holdout_start: int,
    warmup: int,
) -> Plan:
    least = warmup + FEWEST_TEST_BARS
    enough = all(train >= least and end - split >= FEWEST_TEST_BARS for train, split, end in spans)
    if not enough or 0 < bars - holdout_start < FEWEST_TEST_BARS:
        raise ParameterError(
            f"{bars:,} bars are too few for {len(spans)} windows with a purge of {purge} bars: "
            "give an earlier --start, fewer --windows or a smaller --holdout"
        )
    windows = tuple(WindowSpan(0, train, split, end) for train, split, end in spans)
    return Plan(bars, purge, windows, search_end, holdout_start, bars)
