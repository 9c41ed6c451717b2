"""Bots on the simulated market in lock step, with the files that they leave and what they tell."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.events import HealthRead, LiveEvent, Noted
from engine.live.beginning import introduction
from engine.live.config import BotConfig
from engine.live.health import Health
from engine.live.log import run_log, say
from engine.live.recorder import Recorder, events_path
from engine.live.standing import quote_of
from engine.live.stops import Stops
from engine.live.view import View, kind_of, payload_of
from engine.live.wording import LiveText
from engine.params import StrategyParams
from exchange.binance.client import Keys
from exchange.candles import fetch_data
from exchange.paper.listing import load_listing
from exchange.span import moment_ms
from exchange.symbol import Symbol
from state.control import CommandError, ControlServer
from state.exact_json import decode, encode
from state.lock import BotLock, lock_folder
from tests.live.harness import BAR_MS, LockStep, Scene

SEED = 8
RUN_ID, PID, LATENCY_MS = "k3x9q2", 4711, 38.0
"""Real ones differ from run to run."""


class PaperBot:
    """A run in lock step that tells of itself as a bot does.

    Args:
        config: coin, mode, parameters and data folder.
        start: its first candle; `bars`: how many there are, those of its history among them.
    """

    def __init__(self, config: BotConfig, start: str, bars: int) -> None:
        first = moment_ms(start)
        span = (config.symbol.coin, config.timeframe, first, first + bars * BAR_MS)
        candles = fetch_data(*span, source="sim", seed=SEED)
        listing = load_listing(*span, source="sim", seed=SEED)
        scene = Scene(config.symbol.coin, start, bars, config.params, candles, listing)
        self.config = config
        about = {
            "symbol": config.symbol.pair,
            "mode": config.mode,
            "timeframe": config.timeframe,
            "speed": config.speed,
            "params": config.params.model_dump(),
            "simulated": True,
        }
        self.view = View(about)
        self.walk = LockStep(scene, config.folder, look=self._look, run_id=RUN_ID)
        self.walk.hear = self._hear
        self._text = LiveText(about)
        self._health: Health | None = None
        self._recorder: Recorder | None = None

    @contextlib.asynccontextmanager
    async def trading(self, to: str) -> AsyncIterator["PaperBot"]:
        """Trade from the first bar that can be decided to a moment."""
        config, walk = self.config, self.walk
        config.folder.mkdir(parents=True, exist_ok=True)
        with run_log(config.log_file, "INFO", ()):
            self._recorder = Recorder(events_path(config.folder, config.symbol))
            async with walk:
                memory = walk.runner.run.memory
                now_ms = walk.runner.run.clock.now_ms()
                self._recorder.introduce(self.view.about, now_ms)
                self._hear(Noted(now_ms, introduction(config, memory, "the paper exchange")))
                self._health = Health(walk.runner, config.speed)
                await self._to(moment_ms(to))
                await self._tell_where_it_stands()
                yield self
            self._recorder.close()

    @property
    def began(self) -> str:
        """When its first bar opened, ISO 8601."""
        return datetime.fromtimestamp(self.walk.scene.first_ms / 1000, UTC).isoformat()

    async def obey(self, name: str, _: Mapping[str, Any], origin: str) -> object:
        """It is looked at alone."""
        raise CommandError(f"{name} by {origin}: this bot is a picture of one")

    async def stop(self) -> None:
        """End gracefully."""
        await Stops(self.walk.runner).graceful()

    def snapshot(self) -> dict[str, Any]:
        """What a watcher is sent first."""
        return self.view.snapshot(self.walk.runner.run)

    async def _to(self, end_ms: int) -> None:
        walk = self.walk
        while walk.paper.clock.market_ms + BAR_MS <= end_ms:
            await walk.walk_bar()
            await walk.open_bar()
        await walk.look()
        walk.paper.advance_to(end_ms)
        await walk.look()

    async def _look(self, walk: LockStep) -> None:
        await walk.runner.tick()
        if self._health is not None:
            price = float(await walk.broker.mark_price())
            self._health.price_is(price, walk.runner.run.clock.now_ms())
            self._health.beat()

    async def _tell_where_it_stands(self) -> None:
        health, run = self._health, self.walk.runner.run
        assert health is not None
        now_ms, price = run.clock.now_ms(), health.price
        self._hear(HealthRead(now_ms, tuple(health.readings(run.broker))))
        self._hear(quote_of(run, now_ms, price, now_ms - 400, LATENCY_MS))

    def _hear(self, event: LiveEvent) -> None:
        if self._health is not None:
            self._health.hear(event)
        self.view.take(event)
        if self._recorder is not None:
            self._recorder.take(event)
        say(self._text, kind_of(event)[0], payload_of(event))


def bot_config(coin: str, mode: Any, data_dir: Path, **params: Any) -> BotConfig:
    """Of a bot with the default parameters, but for these."""
    keys = None if mode in ("paper", "dry-run") else Keys("none", "none")
    return BotConfig(Symbol.parse(coin), mode, StrategyParams(**params), data_dir, keys=keys)


async def earlier_bots(data_dir: Path) -> None:
    """Files of one that was stopped, one that crashed, and one on paper that has ended."""
    for coin, mode, end in (
        ("ETH", "demo", "2025-02-04T18:40:10"),
        ("SOL", "demo", "2025-02-06T05:21:44"),
        ("XRP", "paper", "2025-02-03T07:55:02"),
    ):
        bot = PaperBot(bot_config(coin, mode, data_dir), "2025-02-01", 600)
        async with bot.trading(end):
            if coin != "SOL":
                await bot.stop()
        _as_of(bot, end)


@contextlib.asynccontextmanager
async def running(bot: PaperBot) -> AsyncIterator[None]:
    """The bot's lock is held and its socket answers, as if its process had begun with its run."""
    config = bot.config
    socket = config.folder / f"{config.symbol.id}.sock"
    server = ControlServer(socket, bot.obey)
    server.set_snapshot(bot.snapshot)
    with BotLock(config.account, config.symbol.id).acquire(
        data_folder=config.data_dir, mode=config.mode, control=socket
    ):
        [path] = lock_folder().glob("*.lock")
        holder = {**decode(path.read_bytes()), "pid": PID, "started": bot.began}
        path.write_text(f"{encode(holder)}\n")
        await server.start()
        try:
            yield
        finally:
            await server.close()


def _as_of(bot: PaperBot, moment: str) -> None:
    """The state was written at a time of the market's."""
    at = moment_ms(moment) / 1000
    os.utime(bot.config.folder / f"{bot.config.symbol.id}_state.json", (at, at))
