"""One backtest as a person orders it: checked settings in, results and files out.

job = BacktestJob.checked({"gamma": "0.3"}, {"coins": ["BTC"]}, source="sim")
results = job.run(on_event=print)
paths = job.export(results)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ParameterError
from engine.params import BACKTEST_CONFIG, StrategyParams
from exchange.span import Moment, Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms

if TYPE_CHECKING:
    from engine.events import BacktestEvent


@dataclass(frozen=True, slots=True)
class BacktestJob:
    """What is to be tested, on what, and where the files go. Build it with `checked`."""

    params: StrategyParams
    coins: tuple[Symbol, ...]
    start: Moment
    end: Moment | None
    timeframe: str
    detail_timeframe: str | None
    source: str
    data_dir: Path

    @classmethod
    def checked(
        cls,
        strategy: Mapping[str, Any],
        backtest: Mapping[str, Any],
        *,
        source: str | None = None,
        data_dir: Path | None = None,
        detail_timeframe: str | None = None,
    ) -> BacktestJob:
        """The job for settings that differ from `STRATEGY_PARAMS` and `BACKTEST_CONFIG`.

        `source`: "binance", "sim" or a folder; None: that of `backtest`, else environment
        GRIDTUI_SOURCE, else "binance".
        `data_dir`: None: environment GRIDTUI_DATA, else ./data.

        Raises ParameterError or DataError: one line about what cannot be used.
        """
        settings = {**BACKTEST_CONFIG, **backtest}
        coins = settings["coins"]
        if not isinstance(coins, list | tuple) or not coins:
            raise ParameterError(f"coins must be a list of at least one coin, not {coins!r}")
        timeframe_ms(settings["timeframe"])
        if detail_timeframe is not None:
            _require_finer(detail_timeframe, settings["timeframe"])
        start_ms = moment_ms(settings["start_date"])
        if settings["end_date"] is not None:
            Span(start_ms, moment_ms(settings["end_date"]))
        return cls(
            params=StrategyParams.checked(strategy),
            coins=tuple(dict.fromkeys(Symbol.parse(coin) for coin in coins)),
            start=settings["start_date"],
            end=settings["end_date"],
            timeframe=settings["timeframe"],
            detail_timeframe=detail_timeframe,
            source=source
            or settings.get("source")
            or os.environ.get("GRIDTUI_SOURCE")
            or "binance",
            data_dir=Path(data_dir or os.environ.get("GRIDTUI_DATA") or "data"),
        )

    def run(
        self,
        on_event: Callable[[BacktestEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """The results of `BacktestSimulator.run_multi`, without lists of trades: `fills` has all.

        Raises DataError, ParameterError, Cancelled once `cancelled()` is true.
        """
        from engine.simulator import BacktestSimulator  # pandas and numba: most of a second

        simulator = BacktestSimulator(
            self.params,
            {
                "coins": [coin.pair for coin in self.coins],
                "start_date": self.start,
                "end_date": self.end,
                "timeframe": self.timeframe,
            },
            source=self.source,
            data_dir=self.data_dir,
            detail_timeframe=self.detail_timeframe,
            trades=False,
            on_event=on_event,
            cancelled=cancelled,
        )
        return simulator.run_multi()

    def settings(self) -> dict[str, Any]:
        """The job in plain values, for a JSON document."""
        return {
            "coins": [coin.pair for coin in self.coins],
            "start": _plain(self.start),
            "end": _plain(self.end),
            "timeframe": self.timeframe,
            "detail_timeframe": self.detail_timeframe,
            "source": self.source,
            "data_dir": str(self.data_dir),
            "params": self.params.model_dump(),
        }

    def export(self, results: Mapping[str, Any], charts: bool = True) -> Iterator[Path]:
        """Write the trade log and, with `charts`, two PNGs of every coin; yields each path.

        Files of an earlier run give way under a name with their time; without `charts` its
        pictures do so, too, so that no log stands beside the pictures of another run.

        Raises OSError.
        """
        from engine.export import keep_aside, write_trades  # with the results, NumPy is loaded

        for coin in self.coins:
            path = self.data_dir / "output" / f"{coin.coin}_trades.csv"
            write_trades(results[coin.pair], path, self._charts(coin))
            yield path
        if charts:
            from engine.charts import write_equity_chart, write_trade_chart  # matplotlib: 0.5 s

            for coin in self.coins:
                writers = (write_equity_chart, write_trade_chart)
                for path, write in zip(self._charts(coin), writers, strict=True):
                    write(results[coin.pair], path)
                    yield path
        else:
            for coin in self.coins:
                for path in self._charts(coin):
                    keep_aside(path)

    def _charts(self, coin: Symbol) -> tuple[Path, Path]:
        folder = self.data_dir / "charts"
        return folder / f"{coin.coin}_equity.png", folder / f"{coin.coin}_trades.png"


def _require_finer(detail: str, base: str) -> None:
    fine, coarse = timeframe_ms(detail), timeframe_ms(base)
    if fine >= coarse or coarse % fine:
        raise ParameterError(
            f"detail timeframe {detail} does not divide the timeframe {base}: choose a finer one"
        )


def _plain(moment: Moment | None) -> str | int | None:
    return moment.isoformat() if isinstance(moment, date) else moment
