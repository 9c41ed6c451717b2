"""Processes that evaluate: tasks in, answers out, in any order.

A worker that dies takes nothing with it: its task goes to another one, which takes its place. Only
a task that kills its workers again and again is given up, with an error that says so.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from engine.errors import ParameterError
from engine.loop import Cancelled
from engine.optimize.candles import Candles
from engine.optimize.evaluate import KEPT_BYTES, Evaluation, Evaluator
from engine.optimize.records import Number, Plan
from engine.optimize.shared import SharedCandles, Shelf, attached
from engine.params import StrategyParams
from indicators.compiled import is_compiled, mark_compiled

MOST_TRIES = 3  # of one task; the third death is no accident
MOST_RESIDENT_BYTES = 1 << 30  # a worker that has grown beyond is replaced between two tasks
_GOODBYE = None
_PATIENCE = 0.1  # s, between two questions whether to go on


class Task(Protocol):
    """What can be asked of a worker; picklable."""

    def perform(self, evaluator: Evaluator) -> Any:
        """The answer, picklable as well."""


@dataclass(frozen=True, slots=True)
class TrialTask:
    """Evaluate a trial: answers with `engine.optimize.evaluate.Evaluation`."""

    values: Mapping[str, Number]
    fill_model: str = "path"

    def perform(self, evaluator: Evaluator) -> Any:
        return evaluator.trial(self.values, self.fill_model)


class WorkersLostError(ParameterError):
    """A task has killed as many workers as it may, most likely for want of memory."""


class Pool(Protocol):
    """Where tasks are performed."""

    def submit(self, key: int, task: Task) -> None:
        """Take a task; `key` comes back with its answer."""

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        """What has been finished since the last call; waits up to `timeout` seconds for one."""

    runs_ahead: bool
    """Whether tasks are performed before their answers are asked for."""


@contextmanager
def open_pool(candles: Candles, plan: Plan, base: StrategyParams, processes: int) -> Iterator[Pool]:
    """A pool of so many processes; of none: one that works in this process.

    What is not compiled yet is compiled here first, once instead of in every process.
    """
    if not is_compiled():
        Evaluator(candles, plan, base).trial({})
        mark_compiled()
    if not processes:
        yield InProcess(candles, plan, base)
        return
    with Workers(candles, plan, base, processes) as workers:
        yield workers


def evaluations(
    pool: Pool,
    trials: Sequence[Mapping[str, Number]],
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Evaluation]:
    """What a trial of each of these parameters comes to, in their order; nobody else may use the
    pool meanwhile.

    Raises Cancelled once `cancelled()` is true.
    """
    for key, values in enumerate(trials):
        pool.submit(key, TrialTask(values))
    done: dict[int, Evaluation] = {}
    for key in range(len(trials)):
        while key not in done:
            if cancelled():
                raise Cancelled
            done.update(pool.answers(_PATIENCE))
        yield done.pop(key)


class InProcess:
    """A pool without processes: every task is performed when its answer is asked for."""

    runs_ahead = False

    def __init__(self, candles: Candles, plan: Plan, base: StrategyParams) -> None:
        self._evaluator = Evaluator(candles, plan, base)
        self._tasks: deque[tuple[int, Task]] = deque()

    def submit(self, key: int, task: Task) -> None:
        self._tasks.append((key, task))

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        if not self._tasks:
            time.sleep(timeout)
            return []
        key, task = self._tasks.popleft()
        return [(key, task.perform(self._evaluator))]


class Workers:
    """`count` worker processes; a context manager, which ends them and frees what they share."""

    runs_ahead = True

    def __init__(
        self,
        candles: Candles,
        plan: Plan,
        base: StrategyParams,
        count: int,
        *,
        kept_bytes: int = KEPT_BYTES,
        most_resident: int = MOST_RESIDENT_BYTES,
    ) -> None:
        self._shared = SharedCandles(candles)
        self._context = multiprocessing.get_context("spawn")
        self._setup = (self._shared.shelf, plan, base, kept_bytes)
        self._most_resident = most_resident
        self._queue: deque[_Sent] = deque()
        self._workers: list[_Worker] = []
        try:
            for _ in range(count):
                self._workers.append(self._hire())
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def submit(self, key: int, task: Task) -> None:
        self._queue.append(_Sent(key, task))
        self._hand_out()

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        """As in `Pool`. Raises WorkersLostError."""
        doors: dict[Any, _Worker] = {worker.door: worker for worker in self._workers}
        ready = wait([*doors, *(w.process.sentinel for w in self._workers)], timeout)
        done = []
        for worker in list(self._workers):
            if worker.door in ready:
                done += self._answer_of(worker)
            elif worker.process.sentinel in ready:
                self._replace(worker)
        self._hand_out()
        return done

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that live now."""
        return [worker.process.pid or 0 for worker in self._workers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.see_off()
        self._workers.clear()
        self._shared.__exit__(kind, error, trace)

    def _hire(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_work, args=(there, *self._setup), daemon=True)
        with _deaf_to_interrupts():
            process.start()
        there.close()
        return _Worker(process, here)

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.sent is None and self._queue:
                worker.send(self._queue.popleft())

    def _answer_of(self, worker: _Worker) -> list[tuple[int, Any]]:
        try:
            answer, resident, fault = worker.door.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return []
        sent, worker.sent = worker.sent, None
        if fault is not None:
            raise fault
        if resident > self._most_resident:
            self._replace(worker)
        return [] if sent is None else [(sent.key, answer)]

    def _replace(self, worker: _Worker) -> None:
        """A fresh worker for one that has died or grown too large; what it was at goes first."""
        self._workers.remove(worker)
        worker.dismiss()
        worker.see_off()
        if (sent := worker.sent) is not None:
            if sent.tries == MOST_TRIES:
                raise WorkersLostError(
                    f"{MOST_TRIES} worker processes died of the same task (exit code "
                    f"{worker.process.exitcode}): give fewer --workers if memory is short"
                )
            self._queue.appendleft(_Sent(sent.key, sent.task, sent.tries + 1))
        self._workers.append(self._hire())


@dataclass(frozen=True, slots=True)
class _Sent:
    key: int
    task: Task
    tries: int = 1


class _Worker:
    """One process, this end of the pipe to it, and the task it is at."""

    def __init__(self, process: SpawnProcess, door: Connection[Any, Any]) -> None:
        self.process = process
        self.door = door
        self.sent: _Sent | None = None

    def send(self, sent: _Sent) -> None:
        self.sent = sent
        with suppress(OSError):  # it is dead, which its sentinel tells
            self.door.send(sent.task)

    def dismiss(self) -> None:
        if self.sent is not None:
            self.process.terminate()
            return
        with suppress(OSError):
            self.door.send(_GOODBYE)

    def see_off(self) -> None:
        self.process.join(5.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.door.close()


def _work(
    door: Connection[Any, Any], shelf: Shelf, plan: Plan, base: StrategyParams, kept_bytes: int
) -> None:
    """The life of a worker; it ends when nobody holds the other end of the pipe any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    candles, _block = attached(shelf)
    evaluator = Evaluator(candles, plan, base, kept_bytes)
    try:
        while (task := door.recv()) is not _GOODBYE:
            answer: Any = None
            fault: Exception | None = None
            try:
                answer = task.perform(evaluator)
            except ParameterError as error:
                fault = error
            except Exception as error:
                fault = RuntimeError(f"a worker failed: {type(error).__name__}: {error}")
            door.send((answer, _resident_bytes(), fault))
    except (EOFError, OSError):
        pass
    os._exit(0)  # the block cannot be closed while the evaluator's arrays lie in it


def _resident_bytes() -> int:
    """Memory that this process holds, the shared candles included; 0 where it cannot be read."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A process started meanwhile ignores Ctrl-C from its first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Callable[..., Any] | int | None = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
