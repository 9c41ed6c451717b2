"""A live loop on a paper exchange whose time passes by itself: real HTTP, real streams, real waits.

Everything shares one thread, so that between two awaits the exchange's own books can be compared.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from engine.events import Alarm, HealthRead, LiveEvent, TradeBooked
from engine.live.health import Health, Reading
from engine.live.loop import LiveLoop
from engine.live.runner import LiveRunner
from engine.live.start import begin
from engine.live.store import RunStore
from engine.live.venue import prepare
from engine.params import StrategyParams
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.paper.faults import Fault
from exchange.paper.limits import Quota
from exchange.paper.listing import Listing, load_listing
from exchange.paper.notices import Notice, OrderChanged, StopChanged
from exchange.paper.server import PAPER_KEYS, PaperExchange, Served
from exchange.span import moment_ms
from exchange.symbol import Symbol
from tests.live.harness import RUN, MarketClock
from tests.live.truth import check_resting, check_whole

MINUTE_MS = 60_000
START_MS = moment_ms("2024-01-09T15:00")
_FIRST_MS = moment_ms("2024-01-08T15:00")
_SYMBOL = Symbol.parse("BTC")
# Every minute orders fill and others are laid
PARAMS = StrategyParams(
    spacing_floor=0.0002,
    adaptive_floor_scale=0,
    grid_spacing_k=0.1,
    regen_drift_mult=0.2,
    gamma=0,
    kappa=1000,
    max_inventory_per_side=6,
    leverage=3,
    max_drawdown_pct=1,
    circuit_breaker_enabled=False,
)


class Request(NamedTuple):
    """A request, and when it came, by a real clock."""

    at: float
    served: Served


class Filled(NamedTuple):
    """A trade of the exchange, and when it happened by a real clock."""

    id: int
    at: float


class Bare(NamedTuple):
    """A real time in which the exchange held a position that no stop of its size covered."""

    side: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Flow:
    """A run that trades while time passes.

    Args:
        folder: of the run's files.
        speed: how many times faster than real time passes.
        faults: of the exchange, from the loop's first request on.
        begin_at_ms: so long after a bar has opened it begins.

    Attributes:
        events: everything that the run has told.
        requests: everything that was asked of the exchange.
        booked: when each trade of the exchange was in the run's books, by a real clock.
    """

    def __init__(
        self,
        folder: Path,
        speed: float,
        *,
        begin_at_ms: int = 0,
        quota: Quota | None = None,
        faults: Sequence[Fault] = (),
        timeout_s: float = 2.0,
        settle_waits_s: tuple[float, ...] = (0.05, 0.1, 0.2),
    ) -> None:
        self.speed = speed
        self.paper = PaperExchange(
            [listing()],
            START_MS,
            speed=speed,
            wallet=10_000,
            small_closes=True,
            quota=quota,
        )
        self.events: list[LiveEvent] = []
        self.requests: list[Request] = []
        self.filled: list[Filled] = []
        self.booked: dict[int, float] = {}
        self.bare: list[Bare] = []
        self.runner: LiveRunner
        self.health: Health | None = None
        self.loop: LiveLoop
        self.broker: BinanceBroker
        self._hear: Callable[[LiveEvent], None] = lambda _event: None
        self._folder = folder
        self._faults = faults
        self._begin_at_ms = begin_at_ms
        self._waits = {"timeout_s": timeout_s, "settle_waits_s": settle_waits_s}
        self._stack = AsyncExitStack()
        self._task: asyncio.Task[str]
        self._bare_since: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        for fault in self._faults:
            self.paper.faults.add(fault)
        self._task = asyncio.create_task(self.loop.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._stack.aclose()

    async def run_for(self, seconds: float) -> None:
        """Let real time pass; the loop must be alive afterwards."""
        await asyncio.sleep(seconds)
        if self._task.done():
            raise AssertionError(f"the loop has ended: {self._task.result()}")

    async def end(self) -> None:
        """Stop gracefully, stop the market, and compare everything with the exchange's books."""
        self.paper.faults.clear()
        self.loop.stop()
        async with asyncio.timeout(30):
            assert "state saved" in await self._task
        self.paper.catch_up()
        self.paper.clock.speed = None
        self.runner.run.clock = MarketClock(lambda: self.paper.clock.market_ms)
        self.runner.look_at_orders()
        await self.runner.tick()
        check_resting(self.paper)
        check_whole(self.runner, self.paper)
        assert self.booked.keys() == {trade.id for trade in self.paper.venue.account.trades}
        assert not self.runner.unprotected()

    def reading(self, name: str) -> Reading:
        """A health reading as it is now."""
        readings = {each.name: each for each in self.health.readings(self.broker)}
        return readings[name]

    def states(self, name: str) -> list[str]:
        """The states that a health reading was told to have, repetitions left out."""
        told: list[str] = []
        for event in self.events:
            if isinstance(event, HealthRead):
                state = next((each.state for each in event.readings if each.name == name), None)
                if state is not None and told[-1:] != [state]:
                    told.append(state)
        return told

    @property
    def alarms(self) -> list[str]:
        """Keys of the alarms that were raised."""
        return [event.key for event in self.events if isinstance(event, Alarm) and not event.over]

    def delays(self) -> list[float]:
        """Seconds from each trade that is booked to when it was."""
        return [
            self.booked[trade.id] - trade.at for trade in self.filled if trade.id in self.booked
        ]

    def between(self, began: float, ended: float) -> list[Served]:
        """What was asked of the exchange in a real time."""
        return [asked.served for asked in self.requests if began < asked.at < ended]

    def longest_bare_s(self) -> float:
        """The longest time without a stop, one under way included."""
        now = time.monotonic()
        running = (now - since for since in self._bare_since.values())
        return max([*(each.seconds for each in self.bare), *running], default=0.0)

    async def _begin(self) -> None:
        paper = self.paper
        paper.venue.advance_to(START_MS + self._begin_at_ms)
        await self._stack.enter_async_context(paper)
        paper.on_served.append(self._served)
        paper.venue.listeners.append(self._noticed)
        keys, venue = Keys(PAPER_KEYS.key, PAPER_KEYS.secret), Venue(base_url=paper.url)
        self.broker = BinanceBroker(_SYMBOL, keys, venue, **self._waits)
        await self._stack.enter_async_context(self.broker)
        store = RunStore(self._folder, _SYMBOL)
        self._stack.callback(store.close)
        self.runner = await begin(
            await prepare(self.speed, PARAMS, self.broker),
            PARAMS,
            store,
            self._tell,
            timeframe="1m",
            capital=10_000.0,
            first_ms=_FIRST_MS,
            run_id=RUN,
        )
        self.health = Health(self.runner, self.speed)
        self._hear = self.health.hear
        self.loop = LiveLoop(self.runner, self.health, self._tell, self.speed)

    def _served(self, served: Served) -> None:
        self.requests.append(Request(time.monotonic() - served.took_ms / 1000, served))

    def _tell(self, event: LiveEvent) -> None:
        self.events.append(event)
        self._hear(event)
        if self.health is not None:
            self.health.hear(event)
        if isinstance(event, TradeBooked) and event.row["trade_id"] is not None:
            for trade in self.filled:
                if trade.id <= event.row["trade_id"]:
                    self.booked.setdefault(trade.id, time.monotonic())

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, OrderChanged) and notice.trade is not None:
            self.filled.append(Filled(notice.trade.id, time.monotonic()))
        if isinstance(notice, OrderChanged | StopChanged):
            self._watch_stops()

    def _watch_stops(self) -> None:
        now, book = time.monotonic(), self.paper.venue.book
        for side in ("LONG", "SHORT"):
            amount = abs(self.paper.venue.account.position(_SYMBOL.id, side).amount)
            stops = (stop.quantity for stop in book.waiting() if stop.position_side == side)
            if amount > max(stops, default=Decimal(0)):
                self._bare_since.setdefault(side, now)
            elif side in self._bare_since:
                self.bare.append(Bare(side, self._bare_since.pop(side), now))


@cache
def listing() -> Listing:
    """A day of minutes as history, and more of them than any test walks."""
    return load_listing("BTC", "1m", _FIRST_MS, START_MS + 540 * MINUTE_MS)
