"""A search that tells others how far it is, and does what they wish; see `engine.optimize.notice`.

with announced(job, control) as tell:
    job.run(tell, control)
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from engine.errors import ParameterError
from engine.export import write_whole
from engine.optimize.control import SearchControl
from engine.optimize.notice import (
    LOCK_FILE,
    NOTICE_FILE,
    WISH_FILE,
    Notice,
    SearchOrder,
    search_folder,
    shown_storage,
    wish_in,
)
from exchange.errors import DataError
from exchange.span import moment_ms, moment_text

if TYPE_CHECKING:
    from engine.events import SearchEvent, SearchProgress
    from engine.optimize.job import OptimizeJob

_TOLD_SECONDS = 0.5
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 1.0  # who looks whether a lock is held takes it for a moment
_RATE_SECONDS = 20.0


@contextmanager
def announced(
    job: OptimizeJob, control: SearchControl, config: Path | None = None
) -> Iterator[Announcer]:
    """Announce what happens within: hand it every event of the search.

    `config`: the file that the job's settings are from. A second process on the same study of the
    same database says nothing: one notice is there.

    Raises OSError: the folder cannot be made.
    """
    folder = search_folder(job.backtest.data_dir, job.settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a") as lock:
        announcer = Announcer(folder if _taken(lock) else None, order_of(job, config), control)
        with announcer.listening():
            try:
                yield announcer
            except BaseException as error:
                announcer.end("stopped" if control.stopped else "failed", _in_words(error))
                raise
            announcer.end("stopped" if control.stopped else "finished", "")


class Announcer:
    """Writes the notice of one search, at most twice a second; `folder` None: it stays silent.

    A notice that cannot be written costs those who watch, never the search.
    """

    def __init__(self, folder: Path | None, order: SearchOrder, control: SearchControl) -> None:
        self._folder = folder
        self._control = control
        self._verdict = ""
        self._written_at = 0.0
        self._lately: deque[tuple[float, int]] = deque()
        now = _now_ms()
        self._notice = Notice(
            order=order,
            stage="loading",
            words="starting",
            pid=os.getpid(),
            began_ms=now,
            told_ms=now,
        )
        if folder is not None:
            with suppress(OSError):
                (folder / WISH_FILE).unlink()
            self._write()

    def __call__(self, event: SearchEvent) -> None:
        """Take in what happens."""
        told = self._told(event)
        if told:
            changed = told.get("stage", self._notice.stage) != self._notice.stage
            self._notice = self._notice.model_copy(update={**told, "told_ms": _now_ms()})
            if changed or time.monotonic() - self._written_at >= _TOLD_SECONDS:
                self._write()

    def end(self, stage: str, words: str) -> None:
        """The last word: why it failed, else the verdict, if there is one."""
        told = {"stage": stage, "share": None, "left_s": None, "told_ms": _now_ms()}
        told["words"] = words or self._verdict
        self._notice = self._notice.model_copy(update=told)
        self._write()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Do what others wish, within."""
        over = threading.Event()
        thread = threading.Thread(target=self._listen, args=(over,), name="wishes", daemon=True)
        if self._folder is not None:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if thread.ident is not None:
                thread.join()

    def _listen(self, over: threading.Event) -> None:
        assert self._folder is not None
        control = self._control
        obey = {"run": control.resume, "pause": control.pause, "stop": control.stop}
        last = None
        while not over.wait(_LOOK_SECONDS):
            wish = wish_in(self._folder)
            if wish is not None and wish != last:
                obey[wish]()
                last = wish

    def _told(self, event: SearchEvent) -> dict[str, Any]:
        from engine.events import (
            CandlesLoaded,
            CompilingKernel,
            Examining,
            LoadingCandles,
            SearchFinished,
            SearchProgress,
            SearchStarted,
        )

        match event:
            case LoadingCandles(coin, share, message):
                return {"words": message or f"loading {coin}", "share": share or None}
            case CandlesLoaded(coin):
                return {"words": f"{coin} loaded", "share": None, "simulated": event.simulated}
            case CompilingKernel():
                return {"words": "compiling for the first time, about 20 s", "share": None}
            case SearchStarted():
                self._lately.clear()
                told = {"stage": "searching", "words": "searching", "known": event.known}
                part = event.study if event.study != self._notice.order.study else ""
                return {**told, "done": event.known, "wanted": event.wanted, "part": part}
            case SearchProgress():
                return self._progress(event)
            case Examining(what, share):
                told = {"stage": "examining", "words": f"questioning the result: {what}"}
                return {**told, "share": share, "left_s": None}
            case SearchFinished(_, conclusion) if conclusion is not None:
                self._verdict = conclusion.verdict.sentence
                return {"words": self._verdict, "share": None}
            case _:
                return {}

    def _progress(self, event: SearchProgress) -> dict[str, Any]:
        """The rate is that of the last seconds at work: pauses do not slow it."""
        now = time.monotonic()
        if event.paused:
            self._lately.clear()
            rate, left = 0.0, None
        else:
            self._lately.append((now, event.done))
            while now - self._lately[0][0] > _RATE_SECONDS and len(self._lately) > 2:
                self._lately.popleft()
            since, before = self._lately[0]
            rate = (event.done - before) / (now - since) if now - since > 1.0 else 0.0
            left = (event.wanted - event.done) / rate if rate > 0.0 else None
        return {
            "stage": "paused" if event.paused else "searching",
            "words": "paused" if event.paused else "searching",
            "done": event.done,
            "wanted": event.wanted,
            "share": event.done / max(event.wanted, 1),
            "rate": rate,
            "left_s": left,
        }

    def _write(self) -> None:
        self._written_at = time.monotonic()
        if self._folder is None:
            return
        text = self._notice.model_dump_json(indent=1)
        with suppress(OSError):
            write_whole(
                self._folder / NOTICE_FILE,
                lambda partial: _write_text(partial, text),
            )


def order_of(job: OptimizeJob, config: Path | None = None) -> SearchOrder:
    """The order that a job came from."""
    backtest, settings = job.backtest, job.settings
    source = backtest.source
    return SearchOrder(
        study=settings.study_name,
        storage=shown_storage(settings),
        coins=tuple(coin.coin for coin in backtest.coins),
        source=str(Path(source).absolute()) if Path(source).is_dir() else source,
        start=_day(backtest.start),
        end=None if backtest.end is None else _day(backtest.end),
        trials=settings.trials,
        windows=settings.windows,
        holdout=settings.holdout,
        mc_perms=settings.mc_perms,
        sampler=settings.sampler,
        mode=settings.mode,
        workers=settings.workers,
        seed=settings.seed,
        config=None if config is None else str(config.absolute()),
        joins=job.joins,
    )


def _day(moment: Any) -> str:
    """As it is typed: `2024-01-31`, with a time only where it is not midnight."""
    return moment_text(moment_ms(moment)).removesuffix(" UTC").removesuffix(" 00:00")


def _taken(lock: TextIO) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _in_words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    if isinstance(error, ParameterError | DataError):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot use {error.filename or 'a file'}: {error.strerror or error}"
    return f"unexpected {type(error).__name__}: {error}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _write_text(partial: Path, text: str) -> None:
    partial.write_text(text, encoding="utf-8")
