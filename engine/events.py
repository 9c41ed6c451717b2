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


@dataclass(frozen=True, slots=True)
class OrderSent:
    """A request about an order leaves: place or cancel it. The price of a stop is its trigger.
    `by`: who asked for it, see `engine.live.asked`; empty in what older versions recorded."""

    time_ms: int
    verb: str
    client_id: str
    qty: str
    price: str
    by: str


@dataclass(frozen=True, slots=True)
class OrderAnswered:
    """What the exchange made of a request, in words; `code` is its number for an error."""

    time_ms: int
    client_id: str
    answer: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A live run has seen a candle close. `equity` in USDT, `regime` the code in force in it;
    `unrealised`: open result of long and short at the close, USDT; `decided` is False where the run
    was not there, or could not ask, when the bar's orders were due."""

    bar: int
    time_ms: int
    close: float
    equity: float
    wallet: float
    regime: int
    unrealised: tuple[float, float]
    decided: bool = True


@dataclass(frozen=True, slots=True)
class Quoted:
    """Where a live run stands between two bars, by the mark price as it was asked for last.

    `equity` and `unrealised` (long, short) at that price, USDT; `orders` rest at the exchange;
    `paused`: why no entries do, empty when they may; `price_ms`: when it was asked;
    `latency_ms`: how long the last round of requests took.
    """

    time_ms: int
    price: float
    equity: float
    wallet: float
    unrealised: tuple[float, float]
    orders: int
    regime: int
    bar_end_ms: int
    paused: tuple[str, ...]
    price_ms: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """Lots, stops and resting orders of a live run have changed; see `engine.live.view`."""

    account: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GridLaid:
    """What should rest at the exchange now, after the decision of a bar."""

    bar: int
    time_ms: int
    anchors: tuple[float, float]
    halted: bool
    orders: tuple[tuple[str, str, str], ...]  # role, price, quantity


@dataclass(frozen=True, slots=True)
class TradeBooked:
    """A row of the trade log: the guide's columns, real time and price."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that the operator must know; `key` is equal for what is the same trouble.

    `over`: the trouble of that key is gone.
    """

    time_ms: int
    key: str
    text: str
    over: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that happened and is worth a line: an operator's command, an outage's end.
    `warning`: it is not as it should be."""

    time_ms: int
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class HealthRead:
    """The health panel: readings of `engine.live.health.Reading`."""

    time_ms: int
    readings: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SearchStarted:
    """A search begins: `known` trials are in the study, `wanted` will be."""

    study: str
    storage: str
    known: int
    wanted: int
    workers: int
    sampler: str


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial is finished; `best`: no trial of the study has a higher score."""

    number: int
    params: dict[str, Any]
    score: float
    test_score: float
    best: bool


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is. `rate` in trials per second.

    Seconds: `wall` so far, `sampling` and `storage` in the searching process, `engine` processor
    time of all workers together.
    """

    done: int
    wanted: int
    rate: float
    wall: float
    sampling: float
    engine: float
    storage: float
    paused: bool


@dataclass(frozen=True, slots=True)
class Examining:
    """The search is over, its result is being questioned; `share` of that is done, 0 to 1."""

    what: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class SearchFinished:
    """The study as it stands, an `engine.optimize.records.SearchResult`, and what follows from it,
    an `engine.optimize.conclusion.Conclusion` (None: nothing was concluded)."""

    result: Any = field(repr=False)
    conclusion: Any = field(default=None, repr=False)


LiveEvent = (
    OrderSent
    | OrderAnswered
    | BarClosed
    | Quoted
    | AccountSeen
    | GridLaid
    | TradeBooked
    | Alarm
    | Noted
    | HealthRead
    | CompilingKernel
)

BacktestEvent = (
    LoadingCandles
    | CandlesLoaded
    | CompilingKernel
    | BarsDone
    | CoinFinished
    | RunFinished
    | RunFailed
)

SearchEvent = (
    LoadingCandles
    | CandlesLoaded
    | CompilingKernel
    | SearchStarted
    | TrialFinished
    | SearchProgress
    | Examining
    | SearchFinished
    | RunFailed
)
