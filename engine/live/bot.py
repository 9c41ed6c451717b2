"""One bot, whole: lock, files, exchange, strategy, health, and the socket for its watchers."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from engine.events import LiveEvent
from engine.live.clock import BrokerClock
from engine.live.health import Health
from engine.live.loop import LiveLoop
from engine.live.runner import LiveRunner
from engine.live.start import Exchange, begin, resume
from engine.live.stops import FLATTENING, STOPPING
from engine.live.store import RunStore
from engine.live.view import View, kind_of, payload_of
from engine.params import StrategyParams
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import Broker
from exchange.dryrun import DryRunBroker
from exchange.errors import DataError
from exchange.outcomes import Failure
from exchange.paper.listing import load_offer
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.symbol import Symbol
from state.control import CommandError, ControlServer
from state.control_wire import socket_path
from state.lock import BotLock

Mode = Literal["live", "demo", "paper", "dry-run"]

PAPER_WALLET = 10_000
_LEVERAGE_RESERVE = 3
"""The exchange's leverage is this many times the strategy's: two sides at 70 % of the equity and
their orders must fit into the margin. With cross margin it does not move the liquidation price."""

_LOWEST_LEVERAGE = 5


@dataclass(frozen=True, slots=True)
class BotConfig:
    """What a bot is to do.

    Args:
        symbol: the coin.
        mode: where its orders go.
        params: of the strategy; `initial_capital` is replaced by `capital`.
        data_dir: its files lie in `live_state` there.
        capital: USDT; None: the whole wallet.
        keys: of the account; only paper and dry runs need none.
        resume: go on with the state on disk.
        source, speed, seed: of the paper exchange.
        control: whether watchers may also steer.
    """

    symbol: Symbol
    mode: Mode
    params: StrategyParams
    data_dir: Path
    timeframe: str = "15m"
    capital: float | None = None
    keys: Keys | None = field(default=None, repr=False)
    resume: bool = False
    source: str | Path = "sim"
    speed: float = 1.0
    seed: int = 4
    control: bool = True

    def __post_init__(self) -> None:
        if self.mode in ("live", "demo") and self.keys is None:
            raise DataError("trading needs an API key: set BINANCE_API_KEY and BINANCE_API_SECRET")
        if self.mode == "paper" and self.resume:
            raise DataError(
                "a paper exchange ends with its bot: start without --resume, or use --dry-run"
            )
        if self.mode != "paper" and self.speed != 1.0:
            raise DataError("only a paper exchange has a speed: leave --speed out, or add --paper")

    @property
    def account(self) -> str:
        """Names the account without telling its key."""
        if self.keys is None:
            return self.mode
        return f"{self.mode}-{hashlib.sha256(self.keys.api_key.encode()).hexdigest()[:12]}"

    @property
    def folder(self) -> Path:
        """Of the state; runs that trade nothing real have folders of their own."""
        folder = self.data_dir / "live_state"
        return folder if self.mode == "live" else folder / self.mode


class Bot:
    """Runs until it is told to stop.

    Args:
        config: what to do.
        tell: gets every event, in the loop's thread.
    """

    def __init__(
        self, config: BotConfig, tell: Callable[[LiveEvent], None] = lambda _: None
    ) -> None:
        self.config = config
        self._tell_owner = tell
        self._control: ControlServer | None = None
        self._loop: LiveLoop | None = None
        self._runner: LiveRunner | None = None
        self._asked_to_stop: str | None = None
        about = {
            "symbol": config.symbol.pair,
            "mode": config.mode,
            "timeframe": config.timeframe,
            "speed": config.speed,
            "params": config.params.model_dump(),
        }
        self.view = View(about)

    async def run(self) -> str:
        """Trade; returns what was done at the end, a sentence.

        Raises:
            Failure: the exchange, before the first bar; afterwards failures are waited out.
            DataError, StateError: something the user can set right.
        """
        config = self.config
        socket = socket_path(config.folder, config.symbol.id)
        lock = BotLock(config.account, config.symbol.id)
        lock.acquire(data_folder=config.data_dir, mode=config.mode, control=socket)
        async with AsyncExitStack() as stack:
            stack.callback(lock.release)
            store = RunStore(config.folder, config.symbol)
            stack.callback(store.close)
            broker = await stack.enter_async_context(open_broker(config))
            exchange = await prepare(config, broker)
            if config.resume:
                runner = await resume(exchange, store, self._tell)
            else:
                runner = await begin(
                    exchange,
                    config.params,
                    store,
                    self._tell,
                    timeframe=config.timeframe,
                    capital=config.capital,
                )
            for reason in (STOPPING, FLATTENING):
                if reason in runner.run.memory.paused:
                    runner.run.memory.paused.remove(reason)
            self._runner = runner
            self._control = ControlServer(socket, self._obey, allow_control=config.control)
            self._control.set_snapshot(self.snapshot)
            await self._control.start()
            stack.push_async_callback(self._control.close)
            health = Health(runner, config.speed)
            self._loop = LiveLoop(runner, health, self._tell, config.speed)
            if self._asked_to_stop == FLATTENING:
                self._loop.flatten()
            elif self._asked_to_stop:
                self._loop.stop()
            return await self._loop.run()

    def stop(self) -> None:
        """End gracefully; from the loop's thread, any number of times."""
        self._asked_to_stop = self._asked_to_stop or STOPPING
        if self._loop:
            self._loop.stop()

    def flatten(self) -> None:
        """End with everything closed; from the loop's thread, any number of times."""
        self._asked_to_stop = FLATTENING
        if self._loop:
            self._loop.flatten()

    def snapshot(self) -> dict[str, Any]:
        """See `View.snapshot`."""
        return self.view.snapshot(self._runner.run if self._runner else None)

    def _tell(self, event: LiveEvent) -> None:
        self.view.take(event)
        if self._control is not None:
            kind, lossless = kind_of(event)
            self._control.publish(kind, payload_of(event), lossless=lossless)
        self._tell_owner(event)

    async def _obey(self, name: str, arguments: Mapping[str, Any]) -> object:
        """A command from the socket."""
        if arguments:
            raise CommandError(f"{name} takes no arguments")
        if self._loop is None:
            raise CommandError("the bot is still starting")
        try:
            if name == "pause":
                return await self._loop.stops.pause()
            if name == "resume":
                return await self._loop.stops.go_on()
            if name == "stop":
                return await self._ended(self.stop)
            if name == "flatten":
                return await self._ended(self.flatten)
        except Failure as failure:
            raise CommandError(f"not confirmed by the exchange yet: {failure}") from failure
        raise CommandError(f"there is no command {name!r}; pause, resume, stop and flatten are")

    async def _ended(self, end: Callable[[], None]) -> str:
        """Ask for the end and wait until the exchange has confirmed it."""
        end()
        while self._loop is not None and not self._loop.summary:
            await asyncio.sleep(0.05)
        return self._loop.summary if self._loop else ""


@contextlib.asynccontextmanager
async def open_broker(config: BotConfig) -> AsyncIterator[Broker]:
    """The broker of a mode; a paper exchange lives as long as it does.

    Raises:
        Failure: the exchange cannot be reached.
        DataError: as `load_offer`, for paper.
    """
    coin = config.symbol
    async with AsyncExitStack() as stack:
        if config.mode == "paper":
            offer = load_offer([coin.coin], config.source, speed=config.speed, seed=config.seed)
            paper = PaperExchange(
                offer.listings,
                start=offer.start_ms,
                speed=config.speed,
                wallet=Decimal(str(config.capital or PAPER_WALLET)),
                small_closes=True,
            )
            await stack.enter_async_context(paper)
            venue = Venue(base_url=paper.url)
            keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
            yield await stack.enter_async_context(BinanceBroker(coin, keys, venue))
        elif config.mode == "dry-run":
            market = await stack.enter_async_context(BinanceBroker(coin))
            keep = config.folder / f"{coin.id}_account.json"
            yield await stack.enter_async_context(
                DryRunBroker(
                    market,
                    wallet=Decimal(str(config.capital or PAPER_WALLET)),
                    leverage=exchange_leverage(config.params),
                    maker=Decimal(str(config.params.fee_maker)),
                    taker=Decimal(str(config.params.fee_taker)),
                    slippage=Decimal(str(config.params.slippage)),
                    keep=keep,
                )
            )
        else:
            venue = Venue(testnet=config.mode == "demo")
            yield await stack.enter_async_context(BinanceBroker(coin, config.keys, venue))


async def prepare(config: BotConfig, broker: Broker) -> Exchange:
    """Set hedge mode, cross margin and leverage; returns what a run needs of the exchange.

    Raises:
        Failure: the exchange refused one of them, or cannot be reached.
    """
    await broker.ensure_hedge_mode()
    await broker.ensure_cross_margin()
    leverage = exchange_leverage(config.params)
    if await broker.leverage() != leverage:
        await broker.set_leverage(leverage)
    return Exchange(broker, await broker.market(), BrokerClock(broker, config.speed))


def exchange_leverage(params: StrategyParams) -> int:
    """What the exchange is set to, so that the margin holds both sides and their orders."""
    return min(125, max(_LOWEST_LEVERAGE, _LEVERAGE_RESERVE * int(params.leverage)))
