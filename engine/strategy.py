"""`GridStrategyV4`: a whole backtest of one market, the compiled loop over decide and fills.

    strategy = GridStrategyV4({"gamma": 0.3}, symbol="BTC/USDT")
    result = strategy.run(candles)  # columns timestamp, open, high, low, close, volume
    result["metrics"]["total_return_pct"]

Live trading calls the same compiled steps with an exchange in place of `walk_candle`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import ParameterError
from engine.features import Bars, Features, LastSettlement, build, warmup_bars
from engine.loop import Detail, simulate
from engine.metrics import compute_metrics
from engine.params import StrategyParams
from engine.rules import FILL_MODELS
from engine.trades import trade_dicts
from exchange.checks import Problems, check_candles, read_timestamps
from exchange.errors import DataError
from exchange.market import Market, market_for
from exchange.symbol import Symbol
from exchange.timeframe import TIMEFRAMES, timeframe_ms
from indicators.kama import REGIME_NAMES

if TYPE_CHECKING:
    import pandas as pd


class GridStrategyV4:
    """The strategy on one market.

    `config`: parameters that differ from `STRATEGY_PARAMS`; `symbol` (any spelling) gives tick,
    step, minimum notional and margin tiers, unless a `market` is given.

    Raises ParameterError for a wrong parameter or fill model, DataError for an unknown spelling of
    a symbol.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | StrategyParams | None = None,
        symbol: str = "BTC/USDT",
        *,
        market: Market | None = None,
        fill_model: str = "path",
    ) -> None:
        self.params = StrategyParams.checked(config)
        if fill_model not in FILL_MODELS:
            known = ", ".join(FILL_MODELS)
            raise ParameterError(f"unknown fill model {fill_model!r}; known: {known}")
        self.symbol = Symbol.parse(symbol)
        self.fill_model = fill_model
        self._market = market

    def market_at(self, price: float) -> Market:
        """The market's grid and tiers; `price` scales the assumptions for an unknown symbol."""
        return self._market or market_for(self.symbol, price)

    def prepare_indicators(self, df: "pd.DataFrame") -> Features:
        """Every feature of `df`'s bars, each column causal; arrays of length len(df)."""
        bars, settled, timeframe_ms = bars_of(df)
        return build(bars, self.params, timeframe_ms, settled)

    def run(
        self,
        df: "pd.DataFrame",
        *,
        detail: "pd.DataFrame | None" = None,
        on_progress: Callable[[int, int], bool] | None = None,
        trades: bool = True,
    ) -> dict[str, Any]:
        """Backtest `df`: columns timestamp (ms UTC, bar open), open, high, low, close, volume.

        A `funding_rate` column holds real settlements; where it has none they are synthetic.
        `detail` holds finer candles; step 9 walks them in every bar that has all of its own.
        `on_progress(done, total)` is called now and then; the run is cancelled when it returns
        False.

        Returns a dictionary: `equity_curve` (float64, length len(df)), `trades` (list of dicts,
        empty unless `trades`: making and freeing it holds other threads up), `regime_log` (int
        codes, length len(df)), `metrics`, and `fills` (the same trades as an array of layout
        TRADE), `state` (the final record), `market`, `params`.

        Raises DataError for candles that cannot be used, ParameterError for detail candles that do
        not fit, Cancelled.
        """
        bars, settled, timeframe_ms = bars_of(df)
        features = build(bars, self.params, timeframe_ms, settled)
        warmup = warmup_bars(bars.time, self.params, timeframe_ms)
        if warmup >= len(bars.time):
            raise DataError(
                f"Insufficient data for {self.symbol}: {len(bars.time)} candles, the indicators of "
                f"these parameters need {warmup + 1} to warm up"
            )
        market = self.market_at(float(bars.close[0]))
        outcome = simulate(
            features,
            self.params,
            market,
            warmup,
            fill_model=self.fill_model,
            detail=None if detail is None else _detail(bars.time, timeframe_ms, detail),
            on_progress=on_progress,
        )
        return {
            "equity_curve": outcome.equity,
            "trades": trade_dicts(outcome.fills, REGIME_NAMES) if trades else [],
            "regime_log": outcome.regime,
            "metrics": compute_metrics(
                outcome.equity,
                outcome.fills,
                outcome.state[0],
                bars.close,
                self.params.initial_capital,
                timeframe_ms,
            ),
            "fills": outcome.fills,
            "state": outcome.state,
            "market": market,
            "params": self.params,
        }


def bars_of(df: "pd.DataFrame") -> tuple[Bars, LastSettlement | None, int]:
    """The candles of a checked DataFrame as arrays, what settled in them, their timeframe."""
    step = _timeframe_of(df)
    df = check_candles(df, step, "the DataFrame").frame
    if "funding_rate" in df.columns:
        funding = df["funding_rate"].to_numpy(np.float64)
    else:
        funding = np.full(len(df), np.nan)
    opened, high, low, close, volume = (
        np.ascontiguousarray(df[name].to_numpy(np.float64))
        for name in ("open", "high", "low", "close", "volume")
    )
    time = df["timestamp"].to_numpy(np.int64)
    settled = None
    if "funding_last" in df.columns and "funding_last_ms" in df.columns:
        last = df["funding_last"].to_numpy(np.float64)
        settled = LastSettlement(last, df["funding_last_ms"].to_numpy(np.float64))
    return Bars(time, opened, high, low, close, volume, funding), settled, step


def _detail(time: npt.NDArray[np.int64], step: int, df: "pd.DataFrame") -> Detail:
    """Which finer candles belong to which bar; a bar that lacks any of its own walks its own path.

    Raises ParameterError where the timeframe of `df` does not divide a bar.
    """
    fine_step = _timeframe_of(df)
    if fine_step >= step or step % fine_step:
        raise ParameterError("the detail timeframe must be a part of the candles' timeframe")
    df = check_candles(df, fine_step, "the detail candles").frame
    fine = df["timestamp"].to_numpy(np.int64)
    bar = np.searchsorted(time, fine, side="right") - 1
    inside = (bar >= 0) & (fine < time[np.maximum(bar, 0)] + step)
    complete = np.bincount(bar[inside], minlength=len(time)) == step // fine_step
    used = inside & complete[np.maximum(bar, 0)]
    first = np.concatenate([[0], np.cumsum(complete * (step // fine_step))])
    columns = (
        np.ascontiguousarray(df[name].to_numpy(np.float64)[used])
        for name in ("open", "high", "low", "close")
    )
    return Detail(first.astype(np.int64), *columns)


def _timeframe_of(df: "pd.DataFrame") -> int:
    """The timeframe a DataFrame says it has, else the smallest distance of its rows, in ms."""
    if "timeframe" in df.attrs:
        return timeframe_ms(df.attrs["timeframe"])
    if "timestamp" in df.columns and len(df) > 1:
        times = read_timestamps(df["timestamp"], Problems("the DataFrame", 0))
        steps = np.diff(times)
        smallest = int(steps[steps > 0].min(initial=TIMEFRAMES["1d"]))
        if smallest in TIMEFRAMES.values():
            return smallest
    return TIMEFRAMES["15m"]  # the check that follows says what is wrong with the times
