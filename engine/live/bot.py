"""One bot, whole: lock, files, exchange, strategy, health, and the socket for its watchers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from engine.events import AccountSeen, CompilingKernel, HealthRead, LiveEvent, Noted
from engine.live.asked import FLATTENING, STOPPING, by_operator
from engine.live.beginning import introduction, require_beginning
from engine.live.config import BotConfig, run_to_resume, unfinished
from engine.live.earlier import Earlier, put_aside
from engine.live.health import Health
from engine.live.loop import LiveLoop
from engine.live.recorder import Recorder, events_path
from engine.live.runner import LiveRunner
from engine.live.standing import account_of, quote_of
from engine.live.start import begin, resume
from engine.live.store import RunStore
from engine.live.venue import open_account, open_market, prepare
from engine.live.view import View, kind_of, payload_of
from engine.live.warm import warm_up
from exchange.errors import DataError
from exchange.outcomes import Failure
from state.control import CommandError, ControlServer
from state.control_wire import socket_path
from state.errors import StateError
from state.lock import BotLock, running_bots

_PATIENCE_S = 2.0
"""Warming up takes longer only where everything is compiled anew."""


class Bot:
    """Runs until it is told to stop.

    Args:
        config: what to do.
        tell: gets every event's name and content, as watchers at the socket do; in the loop's
            thread.
    """

    def __init__(
        self,
        config: BotConfig,
        tell: Callable[[str, Mapping[str, Any]], None] = lambda _kind, _payload: None,
    ) -> None:
        self.config = config
        self._tell_owner = tell
        self._control: ControlServer | None = None
        self._recorder: Recorder | None = None
        self._loop: LiveLoop | None = None
        self._health: Health | None = None
        self._runner: LiveRunner | None = None
        self._asked_to_stop: str | None = None
        self._asked_by = ""
        self._account: dict[str, Any] = {}
        self._turn = asyncio.Lock()
        about = {
            "symbol": config.symbol.pair,
            "mode": config.mode,
            "timeframe": config.timeframe,
            "speed": config.speed,
            "params": config.params.model_dump(),
            "simulated": config.simulated,
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
            earlier = self._earlier()
            await self._compile()
            market = await stack.enter_async_context(open_market(config, self.view.about))
            if earlier is None:
                await require_beginning(config, market)
                put_aside(config.folder, config.symbol)
            store = RunStore(config.folder, config.symbol)
            stack.callback(store.close)
            self._recorder = Recorder(events_path(config.folder, config.symbol))
            stack.callback(self._recorder.close)
            broker = await stack.enter_async_context(open_account(config, market))
            params = earlier.params if earlier else config.params
            exchange = await prepare(config.speed, params, broker)
            if earlier:
                runner = await resume(exchange, store, self._tell)
                self.view.recall(*store.told(runner.run.memory.opened_ms))
            else:
                runner = await begin(
                    exchange,
                    params,
                    store,
                    self._tell,
                    timeframe=config.timeframe,
                    capital=config.capital,
                )
            self._runner = runner
            runner.wallet.shared = self._shares_wallet
            memory = runner.run.memory
            self.view.about |= {"params": memory.params, "timeframe": memory.timeframe}
            self._recorder.introduce(self.view.about, runner.run.clock.now_ms())
            source = str(self.view.about["source"])
            at = source if market.host in source else f"{source} ({market.host})"
            self._note(introduction(config, memory, at))
            self._control = ControlServer(socket, self.obey, allow_control=config.control)
            self._control.set_snapshot(self.snapshot)
            await self._control.start()
            stack.push_async_exit(self._say_goodbye)
            self._health = Health(runner, config.speed)
            self._loop = LiveLoop(runner, self._health, self._tell, config.speed)
            if self._asked_to_stop == FLATTENING:
                self._loop.flatten(self._asked_by)
            elif self._asked_to_stop:
                self._loop.stop(self._asked_by)
            summary = await self._loop.run()
            self._quote(runner.run.clock.now_ms())  # who watches keeps what is told last
            return summary

    def stop(self, by: str = by_operator("stop")) -> bool:
        """End gracefully; from the loop's thread, any number of times. False: it had been asked
        for already.

        Args:
            by: who asks for it, see `engine.live.asked`.
        """
        first = self._asked_to_stop is None
        if first:
            self._asked_to_stop, self._asked_by = STOPPING, by
        if self._loop:
            self._loop.stop(by)
        return first

    def flatten(self, by: str = by_operator("flatten")) -> bool:
        """End with everything closed; as `stop`."""
        first = self._asked_to_stop != FLATTENING
        if first:
            self._asked_to_stop, self._asked_by = FLATTENING, by
        if self._loop:
            self._loop.flatten(by)
        return first

    def alarm(self, key: str, text: str) -> None:
        """Tell watchers of a trouble that the owner of the bot has seen; once."""
        if self._runner is not None:
            self._runner.run.alarm(key, text)

    def snapshot(self) -> dict[str, Any]:
        """See `View.snapshot`."""
        return self.view.snapshot(self._runner.run if self._runner else None)

    async def obey(
        self, name: str, arguments: Mapping[str, Any], origin: str = "the socket"
    ) -> str:
        """Carry out a command; what was done, a sentence. It is told of, with what became of it;
        `acknowledge` alone is not, with which screens say which alarm was seen (key, time_ms).

        Args:
            origin: where it comes from.

        Raises:
            CommandError: it is none, or the exchange has not confirmed it.
        """
        if name == "acknowledge":
            return self._acknowledge(arguments)
        ends = name in ("stop", "flatten")
        done = ": done when the exchange has confirmed it" if ends else ""
        self._note(f"{name} was asked for by {origin}{done}")
        try:
            answer = await self._obey(name, arguments, by_operator(name, origin))
        except CommandError as error:
            self._note(f"{name} is not done: {error}", warning=True)
            raise
        if not ends:  # its last line says what an ending has done
            self._note(f"{name}: {answer}")
        return answer

    def _acknowledge(self, arguments: Mapping[str, Any]) -> str:
        key, time_ms = arguments.get("key"), arguments.get("time_ms")
        if not isinstance(key, str) or not isinstance(time_ms, int):
            raise CommandError("acknowledge takes the key and the time_ms of an alarm")
        self.view.acknowledge(key, time_ms)
        return "the alarm was seen"

    async def _obey(self, name: str, arguments: Mapping[str, Any], by: str) -> str:
        if arguments:
            raise CommandError(f"{name} takes no arguments")
        if self._loop is None:
            raise CommandError("the bot is still starting")
        # an end is asked for at once: it overrules what waits for its turn
        if name == "stop":
            return await self._ended(lambda: self.stop(by))
        if name == "flatten":
            return await self._ended(lambda: self.flatten(by))
        async with self._turn:
            return await self._in_turn(name, self._loop, by)

    async def _in_turn(self, name: str, loop: LiveLoop, by: str) -> str:
        """One after the other, in the order in which they came."""
        try:
            if name in ("pause", "resume") and loop.ending is not None:
                asked = "stop" if loop.ending == STOPPING else "flatten"
                raise CommandError(f"{asked} was asked for before: the bot is ending")
            if name == "pause":
                return await loop.stops.pause(by)
            if name == "resume":
                return await loop.stops.go_on(by)
            if name == "adopt":
                return await loop.repair.adopt(by)
            if name == "disown":
                return await loop.repair.disown(by)
        except Failure as failure:
            if name in ("pause", "resume"):
                words = f"noted, it takes effect when the exchange answers ({failure})"
            else:
                words = f"the exchange has not confirmed it: {failure}"
            raise CommandError(words) from failure
        known = "pause, resume, stop, flatten, adopt and disown"
        raise CommandError(f"there is no command {name!r}; {known} are")

    def _earlier(self) -> Earlier | None:
        """The run to go on with; None: what lies in the folder may be put aside.

        Raises:
            DataError: nothing to resume; or something of it is at the exchange, and nobody has
                said what is to become of it.
        """
        config = self.config
        if config.resume:
            return run_to_resume(config)
        if not config.fresh:
            complaint = unfinished(config)
            if complaint:
                raise DataError(complaint)
        return None

    def _shares_wallet(self) -> bool:
        """Whether other bots on this machine trade with the same keys."""
        mine = (self.config.account, self.config.symbol.id)
        holders = (found.holder for found in running_bots() if found.held)
        return any(h and h.account == mine[0] and h.symbol_id != mine[1] for h in holders)

    async def _compile(self) -> None:
        warming = asyncio.create_task(asyncio.to_thread(warm_up))
        if not (await asyncio.wait([warming], timeout=_PATIENCE_S))[0]:
            self._tell(CompilingKernel())
        await warming

    def _tell(self, event: LiveEvent) -> None:
        if isinstance(event, HealthRead):
            self._quote(event.time_ms)
        if self._health is not None:
            self._health.hear(event)
        self.view.take(event)
        if self._recorder is not None:
            self._recorder.take(event)
        kind, lossless = kind_of(event)
        payload = payload_of(event)
        if self._control is not None:
            self._control.publish(kind, payload, lossless=lossless)
        self._tell_owner(kind, payload)

    def _note(self, text: str, *, warning: bool = False) -> None:
        runner = self._runner
        now_ms = runner.run.clock.now_ms() if runner else int(time.time() * 1000)
        self._tell(Noted(now_ms, text, warning))

    async def _say_goodbye(self, _kind: object, error: BaseException | None, _at: object) -> None:
        if self._control is None:
            return
        words = self._loop.summary if self._loop else ""
        if isinstance(error, DataError | StateError):
            words = f"ended by an error: {error}"
        elif isinstance(error, Exception):  # its words may hold what no screen may show
            words = f"ended by a defect of gridtui ({type(error).__name__}); its log has it"
        await self._control.close(words or "the bot has stopped")

    def _quote(self, time_ms: int) -> None:
        if self._runner is None or self._health is None or not self._health.price:
            return
        run, health = self._runner.run, self._health
        self._tell(quote_of(run, time_ms, health.price, health.price_ms, health.latency_ms))
        account = account_of(run)
        if account != self._account:
            self._account = account
            self._tell(AccountSeen(account))

    async def _ended(self, end: Callable[[], object]) -> str:
        """Ask for the end and wait until the exchange has confirmed it."""
        end()
        while self._loop is not None and not self._loop.summary:
            await asyncio.sleep(0.05)
        return self._loop.summary if self._loop else ""
