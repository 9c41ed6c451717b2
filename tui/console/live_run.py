"""A bot in this process: signals stop it, its log and a console tell of it."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from engine.live.asked import by_operator, by_shutdown
from engine.live.bot import Bot
from engine.live.config import BotConfig
from engine.live.log import TO_FILE_ALONE, StreamLines, log, run_log, say
from engine.live.wording import LiveText
from exchange.errors import DataError
from state.control import CommandError
from state.errors import StateError
from tui.console.live_console import LiveConsole
from tui.console.live_keys import LiveKeys, Wish
from tui.console.live_status import LiveStatus

_CONSOLE = "a key of its console"
"""What its records call a command from here."""


def run_bot(
    config: BotConfig,
    level: str,
    secrets: Sequence[str],
    *,
    screen: bool,
    warnings: Sequence[str] = (),
) -> int:
    """Trade until a stop is confirmed; returns the exit code, 0.

    Args:
        level: of the log and of the console, one of `engine.live.log.LEVELS`.
        secrets: never written.
        screen: with a status line and keys; else lines alone, also after the terminal is closed.
        warnings: what was not well before trading, as the user has been shown it.

    Raises:
        DataError, StateError: something the user can set right; it is in the log as well.
    """
    return asyncio.run(_LiveRun(config, screen).run(level, secrets, warnings))


class _LiveRun:
    def __init__(self, config: BotConfig, screen: bool) -> None:
        self._config = config
        self._bot = Bot(config, self._hear)
        about = self._bot.view.about
        self._text = LiveText(about)
        self._screen: LiveConsole | None = None
        if screen:
            status = LiveStatus(about, self._text)
            self._screen = LiveConsole(
                status, LiveKeys(status.word_to_close), self._obey, self._hung_up
            )

    async def run(self, level: str, secrets: Sequence[str], warnings: Sequence[str]) -> int:
        console: logging.Handler = self._screen or StreamLines(sys.stdout)
        with run_log(self._config.log_file, level, secrets, console, self._log_is_torn):
            self._handle_signals()
            log.info("%s %s begins", self._text.badge(), self._config.symbol)
            for warning in warnings:
                log.warning("before trading: %s", warning, extra={TO_FILE_ALONE: True})
            try:
                async with self._shown():
                    summary = await self._bot.run()
            except (DataError, StateError) as error:
                # the last line on the terminal says it
                log.error("ended: %s", error, extra={TO_FILE_ALONE: True})
                raise
            except Exception:
                log.exception("ended by a defect of gridtui")
                raise
            log.info("stopped: %s", summary)
        return 0

    def _hear(self, kind: str, payload: Mapping[str, Any]) -> None:
        say(self._text, kind, payload)
        if self._screen:
            self._screen.take(kind, payload)

    @contextlib.asynccontextmanager
    async def _shown(self) -> AsyncIterator[None]:
        if self._screen is None:
            yield
            return
        async with self._screen.shown():
            yield

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number.name, by_shutdown(number.name))
        if self._screen:
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        else:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _stop(self, origin: str, by: str) -> None:
        if self._bot.stop(by):
            words = "stopping: asked for by %s; entries are cancelled, take-profits and stops stay"
            log.info(words, origin)
        else:
            log.info(
                "a stop is under way: it is done when the exchange has confirmed it; kill -9 "
                "leaves everything there as it is, and --resume goes on"
            )

    def _hung_up(self) -> None:
        if self._bot.stop(by_shutdown("the terminal was closed")):
            log.info("stopping: the terminal was closed; it goes on until the exchange confirms it")

    def _log_is_torn(self, reason: str) -> None:
        # not now: a handler of the log is at work
        loop = asyncio.get_running_loop()
        loop.call_soon(self._bot.alarm, "log", reason)

    async def _obey(self, wish: Wish) -> str:
        if wish == "stop":
            self._stop(_CONSOLE, by_operator("stop", _CONSOLE))
            return ""
        try:
            await self._bot.obey(wish, {}, _CONSOLE)
        except CommandError:
            pass  # told like what is done
        except Exception:
            log.exception("%s is not done", wish, extra={TO_FILE_ALONE: True})
            raise
        return ""
