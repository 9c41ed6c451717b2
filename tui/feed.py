"""Where the events of a run come from; screens drain them and never wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Any

from engine.events import CandlesLoaded, RunFailed, RunFinished
from engine.priority import thread_gives_way
from tui.folders import data_folder
from tui.request import RunRequest

if TYPE_CHECKING:
    from pathlib import Path

    from engine.band import Band
    from engine.events import BacktestEvent

_MOST_WAITING = 2_000
"""Events kept between two drains. The newest are kept, and the last one has all results."""


@dataclass(frozen=True, slots=True)
class BandStarted:
    """A coin is being run under the other fill models."""

    coin: str


@dataclass(frozen=True, slots=True)
class RunDone:
    """A whole request is done.

    `results`: as of `BacktestSimulator.run_multi`; `bands`: by the same keys, empty unless they
    were asked for.
    """

    results: dict[str, Any] = field(repr=False)
    bands: dict[str, Band]


class BacktestFeed:
    """A backtest in a thread of this process: `run` there, `drain` and `cancel` here."""

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.at_work = False
        self.failed_field = ""  # of the form, once a run has failed
        self.earlier: Sequence[dict[str, Any]] = ()  # results of other runs, the newest first
        self._loaded = False
        self._events: deque[BacktestEvent | BandStarted | RunDone] = deque(maxlen=_MOST_WAITING)
        self._stop = Flag()

    def drain(self) -> list[BacktestEvent | BandStarted | RunDone]:
        """Everything that has happened since the last call, oldest first; never blocks."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def cancel(self) -> None:
        """Ask the run to end; it does so at its next sign of progress."""
        self._stop.set()

    def run_apart(self) -> None:
        """`run` in a thread of low priority, which lasts no longer; returns when it has ended."""

        def work() -> None:
            thread_gives_way()
            self.run()

        thread = Thread(target=work, name="backtest")
        thread.start()
        thread.join()

    def run(self) -> None:
        """Do the work and leave its events, of which the last is RunDone or RunFailed."""
        self.at_work = True
        try:
            self._events.append(self._outcome())
        except Exception as error:
            self.failed_field = "coins" if self._loaded or _unknown_coin(error) else "source"
            words = in_words(error, data_folder(self.request.job.data_dir))
            self._events.append(RunFailed(words, cancelled=self._stop.is_set()))
        finally:
            self.at_work, self.earlier = False, ()

    def _outcome(self) -> RunDone:
        def tell(event: BacktestEvent) -> None:
            self._loaded |= isinstance(event, CandlesLoaded)  # so the source is one that works
            if not isinstance(event, RunFinished):
                self._events.append(event)

        results = self.request.job.run(tell, self._stop.is_set)
        done = RunDone(results, self._bands(results) if self.request.band else {})
        self._lighten(results)
        return done

    def _lighten(self, results: dict[str, Any]) -> None:
        """Many runs must fit into memory: equal candles are kept once."""
        for symbol in self.request.job.coins:
            result = results[symbol.pair]
            candles = result["candles"]
            for earlier in self.earlier:
                other = earlier.get(symbol.pair, {}).get("candles")
                if other is not None and other.attrs == candles.attrs and other.equals(candles):
                    result["candles"] = other
                    break

    def _bands(self, results: dict[str, Any]) -> dict[str, Band]:
        """Of every coin, and of the portfolio: its accounts begin alike, so it is their mean."""
        from engine.band import Band, fill_model_band
        from engine.simulator import PORTFOLIO

        bands = {}
        for symbol in self.request.job.coins:
            self._events.append(BandStarted(symbol.coin))
            bands[symbol.pair] = fill_model_band(
                results[symbol.pair], lambda *_: not self._stop.is_set()
            )
        returns = [band.returns for band in bands.values()]
        mean = {model: sum(r[model] for r in returns) / len(returns) for model in returns[0]}
        return {**bands, PORTFOLIO: Band(mean)}


def _unknown_coin(error: BaseException | None) -> bool:
    """Whether the exchange knows no such symbol; ccxt, which says so, is not imported here."""
    while error is not None and type(error).__name__ != "BadSymbol":
        error = error.__cause__
    return error is not None


def in_words(error: Exception, folder: Path) -> str:
    """One line for a person; of a defect the rest goes into a file, which the line names."""
    from engine.errors import ParameterError
    from engine.loop import Cancelled
    from exchange.errors import DataError
    from tui.crash import told

    if isinstance(error, Cancelled):
        return "cancelled"
    if isinstance(error, (ParameterError, DataError)):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot use {error.filename or 'a file'}: {error.strerror or error}"
    return told(error, folder)
