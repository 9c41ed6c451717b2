"""What the screens know: the run under way and the runs of this session, data, studies, bots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.events import (
    BarsDone,
    CandlesLoaded,
    CoinFinished,
    CompilingKernel,
    LoadingCandles,
    RunFailed,
)
from engine.wording import count
from tui.activity import Activity
from tui.bot.fleet import Fleet
from tui.data_store import DataStore
from tui.feed import BacktestFeed, BandStarted, RunDone
from tui.figures import decimals
from tui.optimizer_store import OptimizerStore
from tui.request import RunRequest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.band import Band

PORTFOLIO = "_portfolio"
_MOST_RUNS = 30
_COMPILE_SECONDS = 20
_STANDING_S = 3
"""A compiled loop tells of its bars many times a second."""

_STARTING = "starting"


class CoinView(NamedTuple):
    """One coin of a run, or its portfolio, as arrays of equal length and a dictionary of numbers.

    `time` ms UTC, `equity` USDT; `close`, `regime` and `fills` (layout TRADE) are None for a
    portfolio, `band` where it was not asked for; `result` is the engine's own dictionary.
    """

    key: str
    name: str
    time: npt.NDArray[np.int64]
    equity: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64] | None
    regime: npt.NDArray[np.int64] | None
    fills: npt.NDArray[Any] | None
    metrics: dict[str, Any]
    band: Band | None
    simulated: bool
    result: dict[str, Any]


class CoinFills(NamedTuple):
    """Fills of one coin (layout TRADE), and the decimals of its market's prices and quantities."""

    coin: str
    rows: npt.NDArray[Any]
    price_decimals: int
    qty_decimals: int


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run; `number` counts the runs of this session from 1."""

    number: int
    request: RunRequest
    results: dict[str, Any] = field(repr=False)
    bands: dict[str, Band]
    seconds: float

    @property
    def keys(self) -> list[str]:
        """Coins in order, and the portfolio where there are several."""
        coins = [key for key in self.results if key != PORTFOLIO]
        return [*coins, PORTFOLIO] if len(coins) > 1 else coins

    @property
    def main_key(self) -> str:
        """The coin, or the portfolio where there are several."""
        return self.keys[-1]

    @property
    def simulated(self) -> bool:
        """Whether any of its candles are made up."""
        return bool(self.results[PORTFOLIO]["simulated"])

    @property
    def span_ms(self) -> tuple[int, int]:
        """Open of the first and of the last bar, ms UTC."""
        time = self.results[PORTFOLIO]["timestamps"]
        return int(time[0]), int(time[-1])

    def export(self) -> Iterator[Path]:
        """Write its trade logs and charts; yields each path. Raises OSError."""
        return self.request.job.export(self.results)

    def metrics(self, key: str) -> dict[str, Any]:
        """The numbers of a coin or of the portfolio."""
        numbers: dict[str, Any] = self.results[key]["metrics"]
        return numbers

    def fills(self, key: str) -> list[CoinFills]:
        """The fills of a coin, or of every coin of the portfolio."""
        coins = [key] if key != PORTFOLIO else [name for name in self.results if name != PORTFOLIO]
        parts = []
        for coin in coins:
            market = self.results[coin]["market"]
            name, _, _ = coin.partition("/")
            rows = self.results[coin]["fills"]
            parts.append(CoinFills(name, rows, decimals(market.tick), decimals(market.step)))
        return parts

    def view(self, key: str) -> CoinView:
        """One coin or the portfolio, ready to be drawn."""
        result = self.results[key]
        if key == PORTFOLIO:
            time, equity = result["timestamps"], result["equity_curve"]
            close = regime = fills = None
        else:
            time = result["candles"]["timestamp"].to_numpy()
            close = result["candles"]["close"].to_numpy()
            equity, regime, fills = result["equity_curve"], result["regime_log"], result["fills"]
        return CoinView(
            key,
            coin_name(key),
            time,
            equity,
            close,
            regime,
            fills,
            result["metrics"],
            self.bands.get(key),
            result["simulated"],
            result,
        )


@dataclass(slots=True)
class Progress:
    """The run under way: what it does, and how much of the whole is done (0 to 1)."""

    feed: BacktestFeed
    started: float
    stage: str = _STARTING
    stage_started: float = 0.0
    compiling: bool = False
    at_first_bars: bool = False
    told_of_bars: bool = False
    share: float = 0.0
    steps_done: int = 0

    @property
    def steps(self) -> int:
        """A step a coin, and another one where the band is asked for."""
        return len(self.feed.request.coins) * (2 if self.feed.request.band else 1)

    def words(self, now: float) -> str:
        """The stage; while nothing is told, as the kernel is compiled, the seconds so far."""
        seconds = int(now - self.stage_started)
        if self.stage == _STARTING and seconds:
            return f"{self.stage}, loading the engine: {seconds} s"
        if self.at_first_bars and seconds >= _STANDING_S:
            # the disk has machine code of some runs, and not all that this one needs
            return f"compiling the kernel, once, about {_COMPILE_SECONDS} s: {seconds} s"
        if not self.compiling:
            return self.stage
        return f"{self.stage}, about {_COMPILE_SECONDS} s: {now - self.stage_started:.0f} s"


class Store:
    """Events in, view model out."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.progress: Progress | None = None
        self.message = ""
        self.message_is_error = False
        self.failed_field = ""
        self.version = 0
        self.data = DataStore()
        self.optimizer = OptimizerStore()
        self.fleet = Fleet()
        self._counted = 0
        self._feeds: list[BacktestFeed] = []

    @property
    def busy(self) -> bool:
        """Whether a thread is still at work, be it one that was given up."""
        return any(feed.at_work for feed in self._feeds) or self.data.busy

    @property
    def known(self) -> object:
        """Equal as long as there is nothing new for a screen to show but the time."""
        fleet = self.fleet
        view = fleet.watched
        bot = None if view is None else (view, view.known)
        calls = (len(fleet.crashes), bool(fleet.others.calling))
        fleets = (fleet.awaited, len(fleet.running), calls)
        return self.version, self.activities, bot, fleets

    @property
    def activities(self) -> tuple[Activity, ...]:
        """Everything that is under way, for whichever screen is shown."""
        run = self.run_activity
        others = (*self.data.activities, *self.optimizer.activities)
        return (run, *others) if run else others

    @property
    def run_activity(self) -> Activity | None:
        """The run under way, in the words of its progress bar."""
        if self.progress is None:
            return None
        words = self.progress.words(time.monotonic())
        return Activity("A backtest", words, self.progress.share, "Leaving now drops it.")

    def begin(self, feed: BacktestFeed) -> None:
        """A run starts; its events will be taken from `feed`."""
        now = time.monotonic()
        self.progress = Progress(feed, now, stage_started=now)
        feed.earlier = [run.results for run in reversed(self.runs)]
        self._feeds = [*(earlier for earlier in self._feeds if earlier.at_work), feed]
        self.say("")

    def cancel(self) -> None:
        """The run under way is given up at once; its thread ends when it next looks up."""
        if self.progress is not None:
            self.progress.feed.cancel()
            self.progress = None
            self.say("cancelled, nothing was kept")

    def say(self, message: str, *, error: bool = False) -> None:
        """The line beside the form."""
        self.message, self.message_is_error = message, error
        self.version += 1

    def drain(self) -> Run | None:
        """Take in what has happened; returns a run that has just finished."""
        if self.progress is None:
            return None
        for event in self.progress.feed.drain():
            if isinstance(event, RunDone):
                return self._keep(event)
            if isinstance(event, RunFailed):
                self.failed_field = self.progress.feed.failed_field
                self.progress = None
                self.say(event.message, error=not event.cancelled)
                return None
            _advance(self.progress, event)
        return None

    def _keep(self, done: RunDone) -> Run:
        assert self.progress is not None
        self._counted += 1
        seconds = time.monotonic() - self.progress.started
        run = Run(self._counted, self.progress.feed.request, done.results, done.bands, seconds)
        self.runs.append(run)
        del self.runs[:-_MOST_RUNS]
        self.progress = None
        bars = sum(len(r["equity_curve"]) for k, r in done.results.items() if k != PORTFOLIO)
        self.say(f"{count(bars)} bars in {seconds:.1f} s")
        return run


def coin_name(key: str) -> str:
    """`BTC/USDT`, or `portfolio`."""
    return "portfolio" if key == PORTFOLIO else key


def _advance(progress: Progress, event: object) -> None:
    """Stage and share after an event."""
    if progress.compiling and isinstance(event, BarsDone) and event.done < event.total:
        return  # told before the first bar, which is what the compiler is at work on
    progress.compiling = isinstance(event, CompilingKernel)
    progress.at_first_bars = False
    within = 0.0
    match event:
        case LoadingCandles(coin, share, message):
            detail = message or f"candles of {coin}"
            stage = f"loading {detail}" + (f"  {share:.0%}" if share else "")
        case CandlesLoaded(coin, candles):
            stage = f"{coin}: {count(candles)} candles loaded"
        case CompilingKernel():
            stage = "compiling the kernel for the first time"
            progress.stage_started = time.monotonic()
        case BarsDone(coin, done, total):
            stage = f"{coin}: bar {count(done)} of {count(total)}"
            within = done / total
            first = not progress.told_of_bars
            progress.at_first_bars, progress.told_of_bars = first, True
            progress.stage_started = time.monotonic() if first else progress.stage_started
        case CoinFinished(coin):
            progress.steps_done += 1
            stage = f"{coin}: done"
        case BandStarted(coin):
            stage = f"{coin}: the other fill models"
            progress.steps_done += 1
            within = -1.0
        case _:
            return
    progress.stage = stage
    progress.share = min(1.0, (progress.steps_done + within) / progress.steps)
