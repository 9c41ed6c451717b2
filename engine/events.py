"""What a run tells its watchers: the one language between engine and screens.

Every event is a frozen dataclass. They are sent from the run's thread; whoever listens must be
quick and must not raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadingCandles:
    """Candles of a coin are being read or downloaded; `share` of them is there, 0 to 1."""

    coin: str
    share: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class CandlesLoaded:
    """Candles are there. Times are ms UTC; gaps are (first missing ms, bars)."""

    coin: str
    candles: int
    first_ms: int
    last_ms: int
    source: str
    simulated: bool
    funding: str
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CompilingKernel:
    """The kernel is compiled for the first time on this machine, which takes about 20 s."""


@dataclass(frozen=True, slots=True)
class BarsDone:
    """Progress of one coin's backtest."""

    coin: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class CoinFinished:
    """One coin's result: the dictionary of `BacktestSimulator.run_single`."""

    coin: str
    result: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RunFinished:
    """All coins are done: the dictionary of `BacktestSimulator.run_multi`."""

    results: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ended without a result; `message` is one line for a person."""

    message: str
    cancelled: bool = False


BacktestEvent = (
    LoadingCandles
    | CandlesLoaded
    | CompilingKernel
    | BarsDone
    | CoinFinished
    | RunFinished
    | RunFailed
)
