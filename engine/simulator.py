"""`BacktestSimulator`: candles in, results out, for one coin, several, or a whole portfolio.

    simulator = BacktestSimulator({"gamma": 0.3}, source="sim")
    result = simulator.run_single("BTC/USDT", start="2024-01-01")
    print(result["metrics"]["total_return_pct"])

Every coin trades its own account of `initial_capital`; the portfolio is the sum of the accounts.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import ParameterError
from engine.events import (
    BacktestEvent,
    BarsDone,
    CandlesLoaded,
    CoinFinished,
    CompilingKernel,
    LoadingCandles,
    RunFinished,
)
from engine.loop import Cancelled
from engine.metrics import portfolio_metrics
from engine.params import BACKTEST_CONFIG, StrategyParams
from engine.rules import FILL_MODELS
from engine.strategy import GridStrategyV4
from exchange.candles import fetch_data
from exchange.checks import require_enough
from exchange.span import Moment
from exchange.symbol import Symbol
from indicators.compiled import is_compiled

PORTFOLIO = "_portfolio"


class BacktestSimulator:
    """Backtests by name of coin.

    `config`: parameters that differ from `STRATEGY_PARAMS`; `backtest_config`: coins, dates and
    timeframe where a call names none (`BACKTEST_CONFIG`); `source`, `data_dir` as in
    `exchange.candles.fetch_data`; `detail_timeframe`: finer candles that fills walk where they
    exist; `trades`: as of `GridStrategyV4.run`. `on_event` hears `engine.events`; a run stops with
    Cancelled when `cancelled()` is true.

    Raises ParameterError for a wrong parameter or a foreign key in `backtest_config`.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | StrategyParams | None = None,
        backtest_config: Mapping[str, Any] | None = None,
        *,
        source: str | Path | None = None,
        data_dir: str | Path | None = None,
        fill_model: str = "path",
        detail_timeframe: str | None = None,
        trades: bool = True,
        on_event: Callable[[BacktestEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        foreign = set(backtest_config or ()) - set(BACKTEST_CONFIG)
        if foreign:
            raise ParameterError(
                f"unknown key {sorted(foreign)[0]!r} in the backtest settings; "
                f"known: {', '.join(BACKTEST_CONFIG)}"
            )
        if fill_model not in FILL_MODELS:
            raise ParameterError(
                f"unknown fill model {fill_model!r}; known: {', '.join(FILL_MODELS)}"
            )
        self.params = StrategyParams.checked(config)
        self.backtest_config = {**BACKTEST_CONFIG, **(backtest_config or {})}
        self.source = source
        self.data_dir = data_dir
        self.fill_model = fill_model
        self.detail_timeframe = detail_timeframe
        self._trades = trades
        self._tell = on_event or (lambda _: None)
        self._cancelled = cancelled or (lambda: False)

    def run_single(
        self, coin: str, start: Moment | None = None, end: Moment | None = None
    ) -> dict[str, Any]:
        """Backtest one coin: the dictionary of `GridStrategyV4.run`, and where its data are from.

        Added keys: `symbol` ("BTC/USDT"), `candles` and `detail` (DataFrames; the latter
        None without finer candles), `source` (text), `simulated` (bool), `funding` (text), `gaps`
        (list of [first missing ms, bars]), `fill_model`.

        Raises DataError, ParameterError, Cancelled.
        """
        symbol = Symbol.parse(coin)
        df = self._candles(symbol, self.backtest_config["timeframe"], start, end)
        require_enough(df, symbol)
        detail = None
        if self.detail_timeframe:
            detail = self._candles(symbol, self.detail_timeframe, start, end)
        if not is_compiled():
            self._tell(CompilingKernel())
        strategy = GridStrategyV4(self.params, symbol.pair, fill_model=self.fill_model)
        result = strategy.run(
            df,
            detail=detail,
            on_progress=lambda done, total: self._progress(symbol, done, total),
            trades=self._trades,
        )
        result.update(
            symbol=symbol.pair,
            candles=df,
            detail=detail,
            source=df.attrs["source"],
            simulated=df.attrs["simulated"],
            funding=df.attrs["funding"],
            gaps=df.attrs["gaps"],
            fill_model=self.fill_model,
        )
        self._tell(CoinFinished(symbol.coin, result))
        return result

    def run_multi(
        self,
        coins: Sequence[str] | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> dict[str, Any]:
        """Backtest several coins: results by pair ("BTC/USDT"), and `_portfolio`.

        `_portfolio` has `equity_curve` and `timestamps` (all bars of any coin; an account counts
        with its first and last equity where it has no bar) and `metrics`.
        """
        symbols = [Symbol.parse(coin) for coin in coins or self.backtest_config["coins"]]
        results: dict[str, Any] = {}
        for symbol in dict.fromkeys(symbols):
            results[symbol.pair] = self.run_single(symbol.pair, start, end)
        if not results:
            raise ParameterError("there are no coins to test: name at least one")
        results[PORTFOLIO] = _portfolio(list(results.values()), self.params.initial_capital)
        self._tell(RunFinished(results))
        return results

    def _candles(
        self, symbol: Symbol, timeframe: str, start: Moment | None, end: Moment | None
    ) -> pd.DataFrame:
        self._stop_if_cancelled()
        self._tell(LoadingCandles(symbol.coin))
        df = fetch_data(
            symbol.pair,
            timeframe,
            start if start is not None else self.backtest_config["start_date"],
            end if end is not None else self.backtest_config["end_date"],
            source=self.source,
            data_dir=self.data_dir,
            progress=lambda share, message: self._loading(symbol, share, message),
        )
        self._tell(
            CandlesLoaded(
                symbol.coin,
                len(df),
                int(df["timestamp"].iloc[0]),
                int(df["timestamp"].iloc[-1]),
                df.attrs["source"],
                df.attrs["simulated"],
                df.attrs["funding"],
                tuple((int(first), int(bars)) for first, bars in df.attrs["gaps"]),
            )
        )
        return df

    def _loading(self, symbol: Symbol, share: float, message: str) -> None:
        self._stop_if_cancelled()
        self._tell(LoadingCandles(symbol.coin, share, message))

    def _progress(self, symbol: Symbol, done: int, total: int) -> bool:
        self._tell(BarsDone(symbol.coin, done, total))
        return not self._cancelled()

    def _stop_if_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled


def _portfolio(results: list[dict[str, Any]], initial_capital: float) -> dict[str, Any]:
    """The accounts of several coins as one."""
    curves = [
        pd.Series(r["equity_curve"], index=r["candles"]["timestamp"].to_numpy()) for r in results
    ]
    closes = [
        pd.Series(r["candles"]["close"].to_numpy(), index=r["candles"]["timestamp"].to_numpy())
        for r in results
    ]
    equity = pd.concat(curves, axis=1).sort_index().ffill().fillna(initial_capital)
    prices = pd.concat(closes, axis=1).sort_index()
    total = equity.sum(axis=1).to_numpy(np.float64)
    return {
        "equity_curve": total,
        "timestamps": equity.index.to_numpy(np.int64),
        "metrics": portfolio_metrics(results, total, prices.to_numpy(np.float64)),
        "simulated": any(r["simulated"] for r in results),
    }
