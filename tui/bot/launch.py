"""Starting a bot: a process of its own, which no screen's end stops."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from engine.live.folders import log_folder
from exchange.errors import DataError
from exchange.symbol import Symbol
from state.lock import running_bots
from tui.bots import RunningBot
from tui.last_lines import last_lines
from tui.request import FieldError, without_separators

if TYPE_CHECKING:
    from tui.profiles import Profile

FLAGS = {"paper": ["--paper"], "dry-run": ["--dry-run"], "demo": ["--testnet"], "live": []}


@dataclass(frozen=True, slots=True)
class StartText:
    """The form as typed, unchecked. `speed` and `source` are of paper alone; `parameters`:
    `name=value` each, over those of `config`."""

    coin: str
    mode: str = "paper"
    capital: str = ""
    leverage: str = ""
    speed: str = "1"
    source: str = ""
    config: str = ""
    short: bool = True
    fresh: bool = False
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A bot to start. Build it with `checked`, or with `resumed`.

    `flags`: what stands after `gridtui live`; `text`: the form that it came from.
    """

    symbol: Symbol
    mode: str
    data_folder: Path
    flags: tuple[str, ...]
    text: StartText | None = None

    @classmethod
    def checked(cls, text: StartText, folder: Path) -> StartOrder:
        """The bot of a filled form. Raises FieldError, which names the field."""
        if not text.coin.strip():
            raise FieldError("coin", "name a coin, such as BTC")
        try:
            symbol = Symbol.parse(text.coin)
        except DataError as error:
            raise FieldError("coin", str(error)) from None
        flags = ["--coin", symbol.coin, *FLAGS[text.mode]]
        if capital := _number("capital", text.capital, "USDT above 0, or nothing"):
            flags += ["--capital", f"{capital:.15g}"]
        if text.leverage.strip():
            flags += ["--leverage", _leverage(text.leverage)]
        if text.mode == "paper":
            if speed := _number("speed", text.speed, "times real time, above 0"):
                flags += ["--speed", f"{speed:.15g}"]
            if source := text.source.strip():
                flags += ["--source", _source(source)]
        others: Mapping[str, Any] = {}
        if config := text.config.strip():
            profile = _config(folder, config)
            others = profile.values
            flags += ["--config", str(profile.path.absolute())]
        for assignment in _parameters(text.parameters, others):
            flags += ["--set", assignment]
        flags += [] if text.short else ["--no-short"]
        flags += ["--fresh"] if text.fresh else []
        return cls(symbol, text.mode, folder, tuple(flags), text)

    @classmethod
    def resumed(cls, symbol: Symbol, mode: str, folder: Path) -> StartOrder:
        """A run that goes on with its state."""
        return cls(symbol, mode, folder, ("--coin", symbol.coin, *FLAGS[mode], "--resume"))

    @property
    def typed(self) -> str:
        """The command as a person would type it."""
        return shlex.join(["gridtui", "--data-dir", str(self.data_folder), "live", *self.flags])


class Launch:
    """A bot that was started; it goes on when this process ends.

    Attributes:
        code: how its process ended, None while it runs.
        began: monotonic seconds.

    Raises:
        OSError: it cannot be started, or its folder cannot be made.
    """

    def __init__(self, order: StartOrder) -> None:
        self.order = order
        self.code: int | None = None
        self.began = time.monotonic()
        folder = log_folder(order.data_folder, order.mode)
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"{order.symbol.id}.log"
        self._log_began = self._log.stat().st_size if self._log.exists() else 0
        self._errors = folder / f"{order.symbol.id}.start"
        command = [sys.executable, "-m", "gridtui", "--data-dir", str(order.data_folder), "live"]
        with self._errors.open("wb") as errors:
            process = subprocess.Popen(
                [*command, *order.flags, "--headless", "--yes"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the log has the same lines, and is bounded
                stderr=errors,
                start_new_session=True,  # the terminal's end is not its end
            )
        self.pid = process.pid
        self._process = process
        Thread(target=self._wait, args=(process,), name="bot", daemon=True).start()

    def found(self) -> RunningBot | None:
        """The bot, once it can be reached. Looks at files."""
        for lock in running_bots():
            holder = lock.holder
            ours = lock.held and holder is not None and holder.pid == self.pid
            if ours and holder is not None and holder.control and Path(holder.control).exists():
                return RunningBot(holder, Path(holder.control))
        return None

    def last_words(self) -> str:
        """Why it has ended, or what it said last; "" before it has said anything."""
        for line in reversed(last_lines(self._errors, 20)):
            if line.startswith("gridtui: "):
                return line.removeprefix("gridtui: ")
        if self.code is None and _size(self._log) <= self._log_began:
            return ""
        lines = last_lines(self._log, 1)
        return lines[-1] if lines else ""

    def end(self) -> None:
        """Have it stop, as a terminal would: entries are cancelled."""
        self._process.terminate()

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.began

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        self.code = process.wait()


def _number(field: str, typed: str, wanted: str) -> float | None:
    """None where nothing is typed."""
    if not typed.strip():
        return None
    if "," in typed:
        wanted += "; decimals follow a point"
    try:
        value = float(without_separators(typed))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise FieldError(field, f"{typed.strip()}: {wanted}")
    return value


def _leverage(typed: str) -> str:
    from engine.errors import ParameterError
    from engine.params import StrategyParams  # pydantic: 50 ms

    try:
        return str(StrategyParams.checked({"leverage": typed.strip()}).leverage)
    except ParameterError as error:
        raise FieldError("leverage", str(error)) from None


def _source(typed: str) -> str:
    path = Path(os.path.expanduser(typed))
    if typed != "sim" and not path.is_dir():
        raise FieldError("source", f"{typed}: no such folder; a folder with candles, or sim")
    return typed if typed == "sim" else str(path.absolute())


def _config(folder: Path, typed: str) -> Profile:
    from engine.errors import ParameterError
    from tui.profiles import config_file, read_profile

    try:
        return read_profile(config_file(folder, typed))
    except ParameterError as error:
        raise FieldError("config", str(error)) from None


def _parameters(typed: str, others: Mapping[str, Any]) -> list[str]:
    """`name=value` each, which go over `others`."""
    from engine.errors import ParameterError
    from engine.params import StrategyParams, parse_assignment

    assignments = typed.replace(",", " ").split()
    try:
        StrategyParams.checked({**others, **dict(map(parse_assignment, assignments))})
    except ParameterError as error:
        raise FieldError("parameters", str(error).removeprefix("--set ")) from None
    return assignments


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
