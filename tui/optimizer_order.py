"""What the optimizer's form asks for: text as typed, a search that can be started, its start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from exchange.symbol import Symbol
from tui.folders import STORAGE_VARIABLE, data_folder
from tui.last_lines import last_lines
from tui.request import (
    SOURCES,
    FieldError,
    coins_named,
    period_named,
    source_named,
    usual_source,
    without_separators,
)

if TYPE_CHECKING:
    from engine.optimize.notice import SearchOrder
    from engine.optimize.settings import SearchSettings

LOG_FILE = "log.txt"
_WHOLE = ("trials", "windows", "mc_perms", "workers", "seed")
_FLAG = re.compile(r"--(start|end|trials|windows|holdout|workers|storage|study-name|config)\b")
_LABELS = {"start": "from", "end": "to", "holdout": "hold-out", "study-name": "study"}
_SETTINGS = (*_WHOLE, "holdout", "sampler", "mode", "storage")


@dataclass(frozen=True, slots=True)
class SearchText:
    """The form as it stands, unchecked."""

    study: str
    coins: str
    source: str
    folder: str
    start: str
    end: str
    trials: str
    windows: str
    holdout: str
    mc_perms: str
    sampler: str
    mode: str
    workers: str
    seed: str
    storage: str
    config: str

    @classmethod
    def defaults(cls) -> SearchText:
        """What the form shows first: the command's defaults, on `usual_source`."""
        from engine.optimize.settings import SearchSettings
        from engine.params import BACKTEST_CONFIG  # pydantic: 50 ms

        plain = SearchSettings()
        source, folder = usual_source()
        return cls(
            study=plain.study_name,
            coins=" ".join(Symbol.parse(coin).coin for coin in BACKTEST_CONFIG["coins"]),
            source=source,
            folder=folder,
            start=BACKTEST_CONFIG["start_date"],
            end=BACKTEST_CONFIG["end_date"] or "",
            trials=str(plain.trials),
            windows=str(plain.windows),
            holdout=f"{plain.holdout:g}",
            mc_perms=str(plain.mc_perms),
            sampler=plain.sampler,
            mode=plain.mode,
            workers="",
            seed=str(plain.seed),
            storage="",
            config="",
        )

    @classmethod
    def again(cls, order: SearchOrder, trials: int) -> SearchText:
        """The form that asks for `trials` more of a search that was asked for before."""
        from engine.optimize.settings import DATABASE

        named = order.source in SOURCES
        return cls(
            study=order.study,
            coins=" ".join(order.coins),
            source=order.source if named else "folder",
            folder="" if named else order.source,
            start=order.start,
            end=order.end or "",
            trials=str(trials),
            windows=str(order.windows),
            holdout=f"{order.holdout:g}",
            mc_perms=str(order.mc_perms),
            sampler=order.sampler,
            mode=order.mode,
            workers="" if order.workers is None else str(order.workers),
            seed=str(order.seed),
            storage=_near(order.storage, "" if os.environ.get(STORAGE_VARIABLE) else DATABASE),
            config=_near(order.config or "", ""),
        )


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search to start. Build it with `checked`. `arguments`: of `gridtui`, without secrets."""

    text: SearchText
    settings: SearchSettings
    arguments: tuple[str, ...]
    folder: Path

    @classmethod
    def checked(cls, text: SearchText, data_dir: Path | None = None) -> SearchRequest:
        """The search of a filled form; the search itself looks whether the candles are its study's.

        Takes up to a second: call it in a thread. Raises FieldError, which names the field.
        """
        from engine.errors import ParameterError
        from engine.optimize.job import OptimizeJob
        from engine.optimize.notice import search_folder
        from engine.optimize.space import load_space
        from engine.params import load_config_file
        from exchange.errors import DataError
        from tui.profiles import config_file

        coins = coins_named(text.coins)
        source = source_named(text.source, text.folder)
        start, end = period_named(text.start.strip(), text.end.strip())
        settings = settings_of(text)
        strategy: dict[str, Any] = {}
        space = None
        config = ""
        if text.config.strip():
            try:
                path = config_file(data_folder(data_dir), text.config)
                strategy, _ = load_config_file(path)
                space, config = load_space(path), str(path)
            except ParameterError as error:
                raise FieldError("config", str(error)) from None
        period = {"coins": coins, "start_date": start, "end_date": end}
        try:
            job = OptimizeJob.checked(
                strategy, period, settings, space=space, source=source, data_dir=data_dir
            )
        except (ParameterError, DataError) as error:
            field = "storage" if "database" in str(error) else "config" if config else "coins"
            field = "study" if str(error).startswith(f"study {settings.study_name} ") else field
            raise FieldError(field, str(error)) from None
        arguments = ("--data-dir", str(job.backtest.data_dir), "optimize", "--coins", *coins)
        arguments += ("--source", source, "--start", start)
        arguments += ("--end", end) if end else ()
        arguments += ("--config", config) if config else ()
        folder = search_folder(job.backtest.data_dir, settings)
        return cls(text, settings, arguments + flags_of(settings), folder)


class Launched:
    """A search that this application has started; it does not end with the application.

    `code`: how its process ended, None while it runs. Raises OSError: it cannot be started.
    """

    def __init__(self, request: SearchRequest) -> None:
        self.request = request
        self.code: int | None = None
        request.folder.mkdir(parents=True, exist_ok=True)
        self.log = request.folder / LOG_FILE
        environment = {**os.environ, STORAGE_VARIABLE: request.settings.storage or ""}
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gridtui", *request.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # the terminal's end is not its end
            )
        self.pid = process.pid
        Thread(target=self._wait, args=(process,), name="launched", daemon=True).start()

    def last_words(self) -> str:
        """What it said last."""
        lines = last_lines(self.log, 1)
        return lines[-1].removeprefix("gridtui: ") if lines else "it ended without a word"

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        self.code = process.wait()


def flags_of(settings: SearchSettings) -> tuple[str, ...]:
    """The settings on a command line; not the storage, whose password others could read there."""
    flags: tuple[str, ...] = ("--study-name", settings.study_name)
    flags += ("--trials", str(settings.trials), "--windows", str(settings.windows))
    flags += ("--holdout", f"{settings.holdout:g}", "--mc-perms", str(settings.mc_perms))
    flags += ("--sampler", settings.sampler, "--mode", settings.mode, "--seed", str(settings.seed))
    return flags if settings.workers is None else (*flags, "--workers", str(settings.workers))


def settings_of(text: SearchText) -> SearchSettings:
    """The settings of the form. Raises FieldError."""
    from engine.errors import ParameterError
    from engine.optimize.settings import SearchSettings

    numbers: dict[str, float] = {}
    for name in (*_WHOLE, "holdout"):
        typed = getattr(text, name).strip()
        if not typed and name == "workers":
            continue
        try:
            bare = without_separators(typed)
            numbers[name] = float(bare) if name == "holdout" else int(bare)
        except ValueError:
            kind = "a share such as 0.15" if name == "holdout" else "a whole number"
            shown = f"'{typed}'" if typed else "nothing"
            said = f"{name.replace('_', '-')} takes {kind}, not {shown}"
            raise FieldError(name, said) from None
    if not text.study.strip():
        raise FieldError("study", "name the study, such as grid_v4_wfo")
    plain = SearchSettings(study_name=text.study.strip(), storage=storage_named(text.storage))
    try:
        _ = plain.url
    except ParameterError as error:
        raise FieldError("storage", str(error)) from None
    try:
        return replace(plain, sampler=text.sampler, mode=text.mode, **numbers)  # type: ignore[arg-type]
    except ParameterError as error:
        first = str(error).partition(" ")[0].replace("-", "_")
        raise FieldError(first if first in _SETTINGS else "trials", str(error)) from None


def named_as_in_the_form(words: str) -> str:
    """A message of the search, which names flags of the command line, with the form's labels."""
    return _FLAG.sub(lambda flag: f"'{_LABELS.get(flag[1], flag[1])}'", words)


def storage_named(typed: str) -> str | None:
    """The database of the form: as typed, else GRIDTUI_STORAGE's; None: the usual file."""
    return typed.strip() or os.environ.get(STORAGE_VARIABLE) or None


def _near(path: str, default: str) -> str:
    """A path below the current folder as it is typed there; the default one as nothing."""
    try:
        near = str(Path(path).relative_to(Path.cwd())) if "://" not in path else path
    except ValueError:
        return path
    return "" if near in (default, ".") else near
