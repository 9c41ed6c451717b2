"""One trial: the score of its parameters for every coin and window.

All train spans of a coin come out of one run (`engine.optimize.anchored`); what the indicators
make of the candles is kept and shared by all trials with the same indicator parameters.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.features import SIGNAL_PARAMS, Features, Signals, signals, warmup_bars, with_regime
from engine.optimize.anchored import Run, runs_to
from engine.optimize.candles import Candles, CoinBars
from engine.optimize.objective import Numbers, numbers
from engine.optimize.records import Number, Plan, Scores, WindowSpan
from engine.params import StrategyParams
from exchange.market import Market, market_for
from exchange.timeframe import DAY_MS

FILL_MODEL = "path"
KEPT_BYTES = 256 << 20  # of indicators, per process; those of one trial are kept in any case


class Evaluation(NamedTuple):
    """What a trial came to; the fields as in `TrialRecord`.

    `growth` and `drawdown`: the worst of any coin's train span; `seconds`: processor time.
    """

    train_scores: Scores
    test_scores: Scores
    growth: float
    drawdown: float
    returns: npt.NDArray[np.float64]
    seconds: float

    @property
    def score(self) -> float:
        return min(min(row) for row in self.train_scores)


class Evaluator:
    """Backtests of trials on one set of candles and windows. One for each process."""

    def __init__(
        self,
        candles: Candles,
        plan: Plan,
        base: StrategyParams,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.candles = candles
        self.plan = plan
        self.base = base
        self._coins = [_Coin.of(coin, candles, plan) for coin in candles.coins]
        self._signals = _SignalCache(candles.timeframe_ms, kept_bytes, len(candles.coins))

    def trial(self, values: Mapping[str, Number], fill_model: str = FILL_MODEL) -> Evaluation:
        """Every train and test score of the parameters `values`, the rest as in the base.

        The test runs begin with a fresh account and indicators that have seen the bars before.
        """
        begun = time.process_time()
        params = self.params(values)
        train: list[list[Numbers]] = []
        test: list[list[Numbers]] = []
        wealth = np.zeros(len(self._coins[0].day_ends))
        for coin in self._coins:
            features = self.features(coin.candles, params)
            start = warmup_bars(features.time, params, self.candles.timeframe_ms)
            ends = [window.train_end for window in coin.windows]
            runs = runs_to(features, params, coin.market, start, ends, fill_model)
            train.append([self._numbers(run, params) for run in runs])
            test.append(
                [
                    self._numbers(
                        runs_to(
                            features,
                            params,
                            coin.market,
                            max(window.test_start, start),
                            [window.test_end],
                            fill_model,
                        )[0],
                        params,
                    )
                    for window in coin.windows
                ]
            )
            wealth += coin.wealth(runs[-1].equity, start, params.initial_capital)
        cells = [cell for row in train for cell in row]
        return Evaluation(
            tuple(tuple(cell.score for cell in row) for row in train),
            tuple(tuple(cell.score for cell in row) for row in test),
            min(cell.growth for cell in cells),
            max(cell.drawdown for cell in cells),
            _returns(wealth, len(self._coins) * params.initial_capital),
            time.process_time() - begun,
        )

    def span(
        self,
        values: Mapping[str, Number],
        start: int,
        end: int,
        fill_model: str = FILL_MODEL,
    ) -> list[Run]:
        """The backtest of every coin in the bars [start, end) of the plan, with a fresh account.

        Its equity is that of the coin's own bars in the span; a coin without them is ruled out by
        the plan.
        """
        params = self.params(values)
        runs = []
        for coin in self._coins:
            features = self.features(coin.candles, params)
            first = warmup_bars(features.time, params, self.candles.timeframe_ms)
            begin, stop = coin.indices(start, end)
            begin = max(begin, first)
            runs += runs_to(features, params, coin.market, begin, [stop], fill_model)
        return runs

    def params(self, values: Mapping[str, Number]) -> StrategyParams:
        """All parameters of a trial; ParameterError for a value out of its range."""
        return StrategyParams.checked({**self.base.model_dump(), **values})

    def features(self, coin: CoinBars, params: StrategyParams) -> Features:
        """The features of a coin under `params`, from what is kept where that is possible."""
        return with_regime(self._signals.of(coin, params), params)

    def _numbers(self, run: Run, params: StrategyParams) -> Numbers:
        return numbers(run.equity, run.fills, params.initial_capital, self.candles.timeframe_ms)


class _Coin(NamedTuple):
    candles: CoinBars
    market: Market
    windows: tuple[WindowSpan, ...]
    day_ends: npt.NDArray[np.int64]
    """Index of the coin's last bar of each day of the longest train span; -1 before its first."""
    slots: npt.NDArray[np.int64]
    """Which bar of the plan each bar of the coin is."""

    @classmethod
    def of(cls, coin: CoinBars, candles: Candles, plan: Plan) -> _Coin:
        slots = (coin.bars.time - candles.first_ms) // candles.timeframe_ms
        windows = tuple(
            WindowSpan(*np.searchsorted(slots, list(_cuts(window))).tolist())
            for window in plan.windows
        )
        end_ms = candles.first_ms + plan.windows[-1].train_end * candles.timeframe_ms
        midnights = np.arange(candles.first_ms // DAY_MS + 1, -(-end_ms // DAY_MS) + 1) * DAY_MS
        day_ends = np.searchsorted(coin.bars.time, np.minimum(midnights, end_ms)) - 1
        market = market_for(coin.pair, float(coin.bars.close[0]))
        return cls(coin, market, windows, day_ends, slots)

    def indices(self, start: int, end: int) -> tuple[int, int]:
        begin, stop = np.searchsorted(self.slots, [start, end]).tolist()
        return begin, stop

    def wealth(
        self, equity: npt.NDArray[np.float64], start: int, capital: float
    ) -> npt.NDArray[np.float64]:
        """The account at the end of each day; before its first bar it holds its capital."""
        at = self.day_ends - start
        return np.where(at < 0, capital, equity[np.maximum(at, 0)])


class _SignalCache:
    """The last used `Signals`, up to a number of bytes but `least` in any case; the key is what
    they depend on."""

    def __init__(self, timeframe_ms: int, kept_bytes: int, least: int) -> None:
        self._timeframe_ms = timeframe_ms
        self._kept_bytes = kept_bytes
        self._least = least
        self._bytes = 0
        self._known: OrderedDict[tuple[Any, ...], Signals] = OrderedDict()

    def of(self, coin: CoinBars, params: StrategyParams) -> Signals:
        key = (coin.pair, *(getattr(params, name) for name in SIGNAL_PARAMS))
        found = self._known.pop(key, None)
        if found is None:
            found = signals(coin.bars, params, self._timeframe_ms, coin.settled)
            self._bytes += _size(found)
        self._known[key] = found
        while self._bytes > self._kept_bytes and len(self._known) > self._least:
            self._bytes -= _size(self._known.popitem(last=False)[1])
        return found


def _size(known: Signals) -> int:
    own = (known.adx, known.readings, *known.features[5:])  # time and prices are the candles' own
    return sum(column.nbytes for column in own)


def _cuts(window: WindowSpan) -> tuple[int, int, int, int]:
    return window.train_start, window.train_end, window.test_start, window.test_end


def _returns(wealth: npt.NDArray[np.float64], capital: float) -> npt.NDArray[np.float64]:
    """Day by day; single precision, as it is stored. A ruined account returns 0."""
    before = np.concatenate([[capital], wealth[:-1]])
    growth = np.divide(wealth, before, out=np.ones(len(wealth)), where=before > 0.0)
    returns: npt.NDArray[np.float64] = (growth - 1.0).astype(np.float32).astype(np.float64)
    return returns
