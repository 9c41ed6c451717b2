"""The other end of `bot_process`: starts a run's process, tells it the time, and may kill it."""

import asyncio
import multiprocessing
import random
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from exchange.paper.server import PaperExchange
from tests.live import bot_process
from tests.live.bot_process import Task

_PATIENCE_S = 60.0
_LOOK_S, _START_S = 0.02, 0.6


class Bot:
    """The process that trades, and its successors.

    Args:
        dice: when it is killed.
        chance: that it will be killed while it looks, if it is not faster.
        kills: how many there are at most.
    """

    def __init__(
        self, task: Task, dice: random.Random, chance: float = 0.0, kills: int = 0
    ) -> None:
        self.killed = 0
        self._task = task
        self._dice = dice
        self._chance = chance
        self._kills = kills
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([bot_process.__name__])
        self._process: BaseProcess | None = None
        self._line: Connection

    async def look(self, ms: int) -> None:
        """Have it look at the market until it says that it has; it may be killed on the way."""
        while True:
            longest_s = _LOOK_S
            if self._process is None:
                self._start()
                longest_s = _START_S
            self._line.send(ms)
            spared = self.killed == self._kills or self._dice.random() >= self._chance
            patience = _PATIENCE_S if spared else self._dice.random() * longest_s
            if await asyncio.to_thread(self._line.poll, patience):
                assert self._line.recv() == ms
                return
            assert not spared
            self.kill()
            self.killed += 1

    @property
    def pid(self) -> int | None:
        """Of the process that is alive."""
        return None if self._process is None else self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._line.close()
        self._process = None

    def _start(self) -> None:
        self._line, its = self._context.Pipe()
        arguments = (self._task, its)
        self._process = self._context.Process(target=bot_process.trade, args=arguments, daemon=True)
        self._process.start()
        its.close()


async def walk(
    paper: PaperExchange,
    bot: Bot,
    opened: Callable[[], None] | None = None,
    decided: Callable[[], None] | None = None,
) -> None:
    """To the end of the exchange's candles; the callbacks are called before and after the first
    look at each bar."""
    while True:
        if opened is not None:
            opened()
        await bot.look(paper.clock.market_ms)
        if decided is not None:
            decided()
        while paper.step() is not None:
            await bot.look(paper.clock.market_ms)
        if paper.open_bar() is None:
            return
