"""A live run against the backtest of its own candles: where they differ, why, and what it cost.

The backtest goes along with the run until a bar in which the two differ. There the account takes
over what the run did, and a backtest goes on from it; so each difference is judged from one and the
same account, and nothing that merely follows from an earlier one is counted as another. What a
difference cost is the end of the backtest with it less the end of the backtest without it: at once
(at the close of its bar) and later (all that followed). The costs add up to the whole difference.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.live.parity_pairs import (
    Fill,
    Pair,
    count_equal,
    fills_of,
    fills_of_rows,
    is_same,
    pairs,
)
from engine.live.parity_replay import Played, Replay
from engine.live.parity_run import OPENINGS, RecordedRun
from engine.trades import EXTERNAL_CLOSE, FINAL_CLOSE
from engine.wording import plural

Cause = Literal[
    "missed",
    "extra",
    "moved",
    "quantity",
    "price",
    "fee",
    "funding",
    "silent",
    "outside",
    "unexplained",
]

MEANINGS: dict[Cause, str] = {
    "missed": "filled in the backtest only",
    "extra": "filled in the run only",
    "moved": "filled sooner or later",
    "quantity": "another quantity",
    "price": "another price",
    "fee": "another fee",
    "funding": "another funding",
    "silent": "no order sent: down, or paused",
    "outside": "closed by hand or elsewhere",
    "unexplained": "not explained by the records",
}

_LEAST_MONEY = 1e-6
_OF_CAPITAL = 1e-9
_NEAR_BARS = 96
_JUMP = 10  # equities may move apart by this many tolerances in a bar
_NOTHING = Pair(None, None)
_MOVES_POSITION = frozenset({"missed", "extra", "moved", "quantity", "silent", "outside"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision or fill in which run and backtest differ, from the same account.

    `at_once` and `later` in USDT; negative: the run has less. `live` and `backtest` are the fills,
    None where there is none. A silence may last several `bars`.
    """

    bar: int
    time_ms: int
    cause: Cause
    text: str
    live: Fill | None
    backtest: Fill | None
    at_once: float
    later: float = 0.0
    bars: int = 1

    @property
    def cost(self) -> float:
        return self.at_once + self.later


@dataclass(frozen=True, slots=True)
class Total:
    """All differences of one cause; USDT as in `Difference`."""

    count: int
    at_once: float
    later: float

    @property
    def cost(self) -> float:
        return self.at_once + self.later


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison; equities at the last close in USDT.

    `equal` trades are the same in the run and in the one backtest that began with it. `remainder`
    is what the costs leave of the equities' difference; `fills_on` the timeframe of the candles on
    which the backtest's orders filled, where there were any.
    """

    run: RecordedRun
    live_trades: int
    backtest_trades: int
    equal: int
    live_equity: float
    backtest_equity: float
    differences: tuple[Difference, ...]
    fills_on: str

    @property
    def difference(self) -> float:
        return self.live_equity - self.backtest_equity

    @property
    def remainder(self) -> float:
        return self.difference - sum(found.cost for found in self.differences)

    @property
    def causes(self) -> dict[Cause, Total]:
        """Totals of the causes that occur, the dearest first."""
        by_cause: dict[Cause, list[Difference]] = defaultdict(list)
        for found in self.differences:
            by_cause[found.cause].append(found)
        totals = {
            cause: Total(len(all_), sum(d.at_once for d in all_), sum(d.later for d in all_))
            for cause, all_ in by_cause.items()
        }
        return dict(sorted(totals.items(), key=lambda item: -abs(item[1].cost)))


def compare(run: RecordedRun, detail: pd.DataFrame | None = None) -> Parity:
    """Replay a run's candles and name every difference.

    Args:
        run: see `engine.live.parity_run.load_run`.
        detail: finer candles on which the backtest's orders fill.

    Raises:
        ParameterError, DataError: the finer candles do not fit.
    """
    replay = Replay(run, detail)
    tolerance = max(_LEAST_MONEY, _OF_CAPITAL * run.params.initial_capital)
    state, first, apart = replay.fresh(), run.began, 0.0
    baseline = played = replay.play(state, first, run.bars)
    differences: list[Difference] = []
    while first < run.bars:
        gaps = run.equity[first:] - played.equity[first:]
        bar = _first_difference(replay, played, gaps, first, apart, tolerance)
        silence = replay.first_silence(state, first, min(bar + 1, run.bars))
        if silence is not None:
            bar, stop, after = silence
        elif bar < run.bars:
            stop = bar + 1
            after = replay.follow(replay.play(state, first, bar).state, bar, decided=True)
        else:
            break
        gap_before = float(gaps[bar - first - 1]) if bar > first else apart
        rest = replay.play(after, stop, run.bars)
        rest.equity[stop - 1] = float(after["equity"][0])
        apart = float(run.equity[stop - 1] - rest.equity[stop - 1])
        step = _Step(run, replay, bar, stop, played, rest, tolerance)
        differences += step.differences() if silence is None else step.silence()
        if abs(apart - gap_before) > _JUMP * tolerance:
            differences.append(step.found("unexplained", "the equity", apart - gap_before))
        state, first, played = after, stop, rest
    live, backtest = fills_of(run.trades), fills_of_rows(baseline.trades)
    return Parity(
        run=run,
        live_trades=len(live),
        backtest_trades=len(backtest),
        equal=count_equal(live, backtest, tolerance),
        live_equity=float(run.equity[-1]),
        backtest_equity=float(baseline.equity[-1]),
        differences=tuple(differences),
        fills_on=run.timeframe if detail is None else str(detail.attrs["timeframe"]),
    )


def _first_difference(
    replay: Replay,
    played: Played,
    gaps: npt.NDArray[np.float64],
    first: int,
    apart: float,
    tolerance: float,
) -> int:
    """The first bar from `first` on whose trades differ, or whose equity moved otherwise.

    `gaps` is the run's equity less the backtest's; `apart` what it was in the bar before. The
    number of bars if there is none.
    """
    moved = np.abs(np.diff(gaps, prepend=apart)) > _JUMP * tolerance
    last = first + (int(np.argmax(moved)) if moved.any() else len(gaps))
    theirs: dict[int, list[Fill]] = defaultdict(list)
    for fill in fills_of_rows(played.trades[played.trades["bar"] <= last]):
        theirs[fill.bar].append(fill)
    bars = {trade.bar for trade in replay.trades if first <= trade.bar <= last} | set(theirs)
    for bar in sorted(bars):
        here = fills_of(replay.trades_in(bar))
        if not all(is_same(pair, tolerance) for pair in pairs(here, theirs[bar])):
            return bar
    return last


@dataclass(frozen=True, slots=True)
class _Step:
    """One bar, or the bars [bar, stop) of a silence: `played` is the backtest with them, `rest` the
    one that goes on from what the run did in them."""

    run: RecordedRun
    replay: Replay
    bar: int
    stop: int
    played: Played
    rest: Played
    tolerance: float

    @property
    def at_once(self) -> float:
        """What the equity differs by at the close."""
        return float(self.rest.equity[self.stop - 1] - self.played.equity[self.stop - 1])

    def silence(self) -> list[Difference]:
        """Bars that were not decided: one difference, with all that hangs on it."""
        bars = self.stop - self.bar
        text = f"nothing was decided for {plural(bars, 'bar')}"
        return self._with_later([replace(self.found("silent", text, self.at_once), bars=bars)])

    def differences(self) -> list[Difference]:
        """Fill by fill, then the funding."""
        theirs = self.played.trades[self.played.trades["bar"] == self.bar]
        found: list[Difference] = []
        for pair in pairs(fills_of(self.replay.trades_in(self.bar)), fills_of_rows(theirs)):
            if not is_same(pair, self.tolerance):
                found += self._of_pair(pair)
        funding = self.at_once - sum(one.at_once for one in found)
        if abs(funding) > self.tolerance:
            found.append(self.found("funding", self._settlement(), funding))
        return self._with_later(found)

    def _settlement(self) -> str:
        """How the funding of this bar differs, in words."""
        features = self.run.features
        if np.isnan(features.settlement[self.bar]):
            return "the run booked a settlement late"
        if features.synthetic[self.bar]:
            return "the backtest assumed a settlement; no rate of it was recorded"
        return "the run settled at another price, or at another time"

    def found(self, cause: Cause, text: str, at_once: float, pair: Pair = _NOTHING) -> Difference:
        """A difference in this bar."""
        time_ms = int(self.run.features.time[self.bar])
        return Difference(self.bar, time_ms, cause, text, pair.live, pair.backtest, at_once)

    def _of_pair(self, pair: Pair) -> list[Difference]:
        close = float(self.run.features.close[self.bar])
        live, backtest = pair
        if live is not None and backtest is not None:
            return self._of_both(live, backtest, close)
        if live is not None:
            outside = live.label in (FINAL_CLOSE, EXTERNAL_CLOSE)
            bars = None if outside else self._bars_until(live, fills_of_rows(self.played.trades))
            cause: Cause = "outside" if outside else "extra" if bars is None else "moved"
            text = live.words if bars is None else f"{live.words}, {plural(bars, 'bar')} sooner"
            return [self.found(cause, text, live.worth(close), pair)]
        assert backtest is not None
        bars = self._bars_until(backtest, fills_of(self.replay.trades))
        text = backtest.words if bars is None else f"{backtest.words}, {plural(bars, 'bar')} later"
        cause = "missed" if bars is None else "moved"
        if self.run.paused[self.bar] and backtest.label in OPENINGS:
            cause, text = "silent", f"{text}: entries were held back"
        return [self.found(cause, text, -backtest.worth(close), pair)]

    def _bars_until(self, fill: Fill, others: list[Fill]) -> int | None:
        """How many bars later the other log has the same fill, None if it is not near."""
        tick = float(self.run.market.tick)
        return next(
            (
                other.bar - fill.bar
                for other in others
                if 0 < other.bar - fill.bar <= _NEAR_BARS
                and (other.side, other.label) == (fill.side, fill.label)
                and abs(other.price - fill.price) < tick / 2
            ),
            None,
        )

    def _of_both(self, live: Fill, backtest: Fill, close: float) -> list[Difference]:
        """Price, quantity and fee of a fill that both have; the fee's rate is judged alone."""
        pair = Pair(live, backtest)
        notional = backtest.price * backtest.qty
        rate = backtest.fee / notional if notional else 0.0
        dearer = live.fee - rate * live.price * live.qty
        step = live.qty - backtest.qty
        parts: list[tuple[Cause, str, float, bool]] = [
            (
                "quantity",
                f"{live.words} instead of {backtest.qty:.8g}",
                step * (live.direction * (close - backtest.price) - rate * backtest.price),
                not np.isclose(live.qty, backtest.qty, rtol=1e-9, atol=0),
            ),
            (
                "price",
                f"{live.words} instead of {backtest.price:.8g}",
                (backtest.price - live.price) * live.qty * (live.direction + rate),
                not np.isclose(live.price, backtest.price, rtol=1e-9, atol=0),
            ),
            (
                "fee",
                f"{live.words}: {live.fee:.6g} instead of {live.fee - dearer:.6g}",
                -dearer,
                abs(dearer) > self.tolerance,
            ),
        ]
        return [self.found(cause, text, cost, pair) for cause, text, cost, is_so in parts if is_so]

    def _with_later(self, found: list[Difference]) -> list[Difference]:
        """Charge what followed to what moved the position, else to what cost most at once."""
        if not found:
            return []
        total = float(self.rest.equity[-1] - self.played.equity[-1])
        later = total - sum(one.at_once for one in found)
        moving = [one for one in found if one.cause in _MOVES_POSITION]
        charged = moving or [max(found, key=lambda one: abs(one.at_once))]
        sizes = [_size(one) for one in charged]
        return [
            replace(one, later=later * sizes[charged.index(one)] / sum(sizes))
            if one in charged
            else one
            for one in found
        ]


def _size(found: Difference) -> float:
    """USDT by which a difference moved the position; never quite 0."""
    sides = [fill.price * fill.qty for fill in (found.live, found.backtest) if fill is not None]
    return max(abs(sides[0] - sides[1]) if len(sides) == 2 else sum(sides), 1e-9)
