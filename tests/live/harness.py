"""A live run on a paper exchange in lock step: unmodified ccxt, real HTTP, real files.

Time stands still while the run acts. The exchange walks from event to event (a fill, a fired stop,
a liquidation) and the run looks after each, as it does in real time after each hint.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from engine.events import Alarm, BarClosed, LiveEvent, TradeBooked
from engine.features import warmup_bars
from engine.live.runner import LiveRunner
from engine.live.start import Exchange, begin, resume
from engine.live.store import RunStore
from engine.params import StrategyParams
from engine.strategy import GridStrategyV4
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.candles import fetch_data
from exchange.outcomes import Failure
from exchange.paper.faults import Faults
from exchange.paper.listing import Listing, load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.span import moment_ms
from exchange.symbol import Symbol

BAR_MS = 900_000
RUN = "test01"
SETTLE_WAITS_S = (0.0, 0.01, 0.02)


@dataclass(frozen=True)
class Scene:
    """A span of a coin's recorded candles, and the strategy that trades it."""

    coin: str
    start: str
    bars: int
    params: StrategyParams
    candles: pd.DataFrame = field(repr=False)
    listing: Listing = field(repr=False)

    @classmethod
    def of(cls, folder: Path, coin: str, start: str, bars: int, **params: Any) -> "Scene":
        """Candles from `folder`, parameters that differ from the defaults."""
        first = moment_ms(start)
        span = (coin, "15m", first, first + bars * BAR_MS)
        candles = fetch_data(*span, source=folder)
        assert len(candles) == bars
        listing = load_listing(*span, source=folder)
        return cls(coin, start, bars, StrategyParams(**params), candles, listing)

    @property
    def first_ms(self) -> int:
        """Open of the first candle."""
        return int(self.candles["timestamp"].iloc[0])

    @property
    def warmup(self) -> int:
        """The first bar that is decided."""
        return warmup_bars(self.candles["timestamp"].to_numpy(), self.params, BAR_MS)

    @property
    def symbol(self) -> Symbol:
        return Symbol.parse(self.coin)

    def exchange(self, faults: Faults | None = None) -> PaperExchange:
        """An exchange that stands before the first bar that is decided."""
        paper = PaperExchange(
            [self.listing],
            start=int(self.candles["timestamp"].iloc[self.warmup]),
            wallet=int(self.params.initial_capital),
            small_closes=True,
            faults=faults,
        )
        paper.venue.account.leverage[self.symbol.id] = self.params.leverage
        return paper

    def backtest(self) -> dict[str, Any]:
        """The backtest of the same candles."""
        return GridStrategyV4(self.params, symbol=self.coin).run(self.candles)


class MarketClock:
    """The market's time, as `now` tells it: it leaps from event to event, nobody waits for it."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def now_ms(self) -> int:
        return self._now()

    async def sync(self) -> float:
        return 0.0

    async def sleep_ms(self, ms: float) -> None:
        del ms
        await asyncio.sleep(0)


class LockStep:
    """A scene being traded.

    Args:
        scene: what is traded.
        folder: of the run's files.
        faults: of the exchange.
        look: what the run does whenever something may have happened; None: one `tick`.
        connected: is given every broker that the run gets.

    Attributes:
        bar: the number of the bar under way.
        events: everything that was told, restarts included.
        hear: is told everything as well.
    """

    def __init__(
        self,
        scene: Scene,
        folder: Path,
        *,
        faults: Faults | None = None,
        look: Callable[["LockStep"], Awaitable[None]] | None = None,
        connected: Callable[[BinanceBroker], None] | None = None,
        timeout_s: float = 10.0,
        settle_waits_s: tuple[float, ...] = SETTLE_WAITS_S,
        run_id: str = RUN,
    ) -> None:
        self.scene = scene
        self._run_id = run_id
        self.folder = folder
        self.events: list[LiveEvent] = []
        self.hear: Callable[[LiveEvent], None] = lambda _event: None
        self.bar = scene.warmup
        self.paper = scene.exchange(faults)
        self.runner: LiveRunner
        self._look = look or _tick
        self._connected = connected
        self._timeout_s = timeout_s
        self._settle_waits_s = settle_waits_s
        self.broker: BinanceBroker
        self._store: RunStore | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        await self.begin()
        return self

    async def open(self) -> None:
        """Open the exchange, at the first bar that is decided."""
        await self.paper.start()
        self.paper.open_bar()

    async def begin(self) -> None:
        """Begin a run; after a failure all is dropped again."""
        store = await self._connect()
        params = self.scene.params
        try:
            self.runner = await begin(
                await self._exchange(),
                params,
                store,
                self.tell,
                capital=params.initial_capital,
                first_ms=self.scene.first_ms,
                run_id=self._run_id,
            )
        except Failure:
            await self.drop()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the run and the exchange."""
        await self.drop()
        await self.paper.stop()

    async def look(self) -> None:
        """Let the run see where the market stands."""
        await self._look(self)

    async def walk(self, bars: int | None = None) -> None:
        """Go on for so many bars, or to the end of the candles."""
        while bars is None or bars > 0:
            await self.walk_bar()
            if bars is not None:
                bars -= 1
            if not await self.open_bar():
                return

    async def walk_bar(self) -> None:
        """From the open to the close of the bar under way; the run looks after each event."""
        await self.look()
        while self.paper.step() is not None:
            await self.look()

    async def open_bar(self) -> bool:
        """Open the next bar; False if there is none."""
        if self.paper.open_bar() is None:
            return False
        self.bar += 1
        return True

    async def drop(self) -> None:
        """Leave everything as it is on disk and at the exchange, as a crash would."""
        if self._store is not None:
            self._store.close()
        self._store = None
        await self.broker.close()

    async def restart(self) -> None:
        """Forget all that is in memory, and go on from the files."""
        await self.drop()
        await self.come_back()

    async def come_back(self) -> None:
        """Go on from the files; after a failure all is dropped again."""
        store = await self._connect()
        try:
            self.runner = await resume(await self._exchange(), store, self.tell)
        except Failure:
            await self.drop()
            raise

    def tell(self, event: LiveEvent) -> None:
        """Of the run."""
        self.events.append(event)
        self.hear(event)

    async def _connect(self) -> RunStore:
        keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=self.paper.url)
        self.broker = BinanceBroker(
            self.scene.coin,
            keys,
            venue,
            timeout_s=self._timeout_s,
            settle_waits_s=self._settle_waits_s,
        )
        if self._connected:
            self._connected(self.broker)
        self._store = RunStore(self.folder, self.scene.symbol)
        return self._store

    async def _exchange(self) -> Exchange:
        clock = MarketClock(lambda: self.paper.clock.market_ms)
        return Exchange(self.broker, await self.broker.market(), clock)

    @property
    def trades(self) -> list[dict[str, Any]]:
        """The trade log as it was told."""
        return [event.row for event in self.events if isinstance(event, TradeBooked)]

    @property
    def equity(self) -> dict[int, float]:
        """Equity at the close of each bar."""
        return {event.bar: event.equity for event in self.events if isinstance(event, BarClosed)}

    @property
    def alarms(self) -> list[Alarm]:
        """Every alarm that was raised."""
        return [event for event in self.events if isinstance(event, Alarm) and not event.over]

    @property
    def troubles(self) -> list[Alarm]:
        """Those that the strategy itself gives no cause for: no stop that was hit, no halt."""
        usual = ("stop ", "circuit breaker")
        return [alarm for alarm in self.alarms if not alarm.key.startswith(usual)]


async def _tick(walk: LockStep) -> None:
    await walk.runner.tick()
