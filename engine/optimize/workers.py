"""Processes that evaluate: tasks in, answers out, in any order.

A worker that dies takes nothing with it: its task goes to another one, which takes its place. Only
a task that kills its workers again and again is given up, with an error that says so.
"""

from __future__ import annotations

import itertools
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
from engine.priority import give_way, group_gives_way
from indicators.compiled import is_compiled, mark_compiled

MOST_TRIES = 3  # of one task; the third death is no accident
MOST_PRIVATE_BYTES = 1 << 30  # a worker that has grown beyond is replaced between two tasks
_SETS_OF_INDICATORS = 3  # on top, each as large as the candles: those of one trial never go
_MEANT_FOR_THE_SEARCH = (signal.SIGINT, signal.SIGHUP)  # which a terminal sends to its workers, too
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

    def submit(self, task: Task) -> int:
        """Take a task; the key that comes back with its answer, higher than all before it."""

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        """What has been finished since the last call; waits up to `timeout` seconds for one."""

    def recall(self) -> list[tuple[int, Any]]:
        """What has been finished since the last call; every other task is forgotten."""


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
    pool.recall()
    keys = [pool.submit(TrialTask(values)) for values in trials]
    done: dict[int, Evaluation] = {}
    try:
        for key in keys:
            while key not in done:
                if cancelled():
                    raise Cancelled
                done.update(pool.answers(_PATIENCE))
            yield done.pop(key)
    finally:
        pool.recall()


class InProcess:
    """A pool without processes: every task is performed when its answer is asked for."""

    def __init__(self, candles: Candles, plan: Plan, base: StrategyParams) -> None:
        self._evaluator = Evaluator(candles, plan, base)
        self._tasks: deque[tuple[int, Task]] = deque()
        self._keys = itertools.count()

    def submit(self, task: Task) -> int:
        key = next(self._keys)
        self._tasks.append((key, task))
        return key

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        if not self._tasks:
            time.sleep(timeout)
            return []
        key, task = self._tasks.popleft()
        return [(key, task.perform(self._evaluator))]

    def recall(self) -> list[tuple[int, Any]]:
        self._tasks.clear()
        return []


class Workers:
    """`count` worker processes; a context manager, which ends them and frees what they share.

    Raises ParameterError: there is no room for what they share.
    """

    def __init__(
        self,
        candles: Candles,
        plan: Plan,
        base: StrategyParams,
        count: int,
        *,
        kept_bytes: int = KEPT_BYTES,
        most_private: int = MOST_PRIVATE_BYTES,
    ) -> None:
        with _deaf_to_interrupts():  # as is the process that Python starts to watch over it
            self._shared = SharedCandles(candles)
        self._context = multiprocessing.get_context("spawn")
        self._setup = (self._shared.shelf, plan, base, kept_bytes)
        self._most_private = most_private + _SETS_OF_INDICATORS * self._shared.size
        self._count = count
        self._keys = itertools.count()
        self._queue: deque[_Sent] = deque()
        self._workers: list[_Worker] = []
        self._done: list[tuple[int, Any]] = []
        try:
            self._hire()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def submit(self, task: Task) -> int:
        key = next(self._keys)
        self._queue.append(_Sent(key, task))
        self._hand_out()
        return key

    def answers(self, timeout: float) -> list[tuple[int, Any]]:
        """As in `Pool`. Raises WorkersLostError, and what a task has raised."""
        fault = self._collect(timeout)
        if fault is not None:
            raise fault
        self._hand_out()
        return self._given_out()

    def recall(self) -> list[tuple[int, Any]]:
        """As in `Pool`: workers that are at a task are ended, others take their place when there is
        work again."""
        self._collect(0.0)
        self._queue.clear()
        for worker in [each for each in self._workers if each.sent is not None]:
            self._part_with(worker)
        return self._given_out()

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

    def _hire(self) -> None:
        while len(self._workers) < self._count:
            here, there = self._context.Pipe()
            process = self._context.Process(target=_work, args=(there, *self._setup), daemon=True)
            with _deaf_to_interrupts():
                process.start()
            there.close()
            self._workers.append(_Worker(process, here))

    def _hand_out(self) -> None:
        self._hire()
        for worker in self._workers:
            if worker.sent is None and self._queue:
                worker.send(self._queue.popleft())

    def _given_out(self) -> list[tuple[int, Any]]:
        done, self._done = self._done, []
        return done

    def _collect(self, timeout: float) -> Exception | None:
        """Take in every answer that is there; the first fault among them. Whatever one task comes
        to, the answers of the others are kept."""
        doors: dict[Any, _Worker] = {worker.door: worker for worker in self._workers}
        ready = wait([*doors, *(w.process.sentinel for w in self._workers)], timeout)
        faults = []
        for worker in list(self._workers):
            if worker.door in ready:
                faults.append(self._take_answer(worker))
            elif worker.process.sentinel in ready:
                faults.append(self._lose(worker))
        return next((fault for fault in faults if fault is not None), None)

    def _take_answer(self, worker: _Worker) -> Exception | None:
        fault: Exception | None
        try:
            answer, private, fault = worker.door.recv()
        except (EOFError, OSError):
            return self._lose(worker)
        sent, worker.sent = worker.sent, None
        if private > self._most_private:
            self._part_with(worker)
        if fault is None and sent is not None:
            self._done.append((sent.key, answer))
        return fault

    def _lose(self, worker: _Worker) -> WorkersLostError | None:
        """What a worker that has died was at goes first to another one."""
        self._part_with(worker)
        if (sent := worker.sent) is not None:
            if sent.tries == MOST_TRIES:
                return WorkersLostError(
                    f"{MOST_TRIES} worker processes died of the same task (exit code "
                    f"{worker.process.exitcode}): give fewer --workers if memory is short"
                )
            self._queue.appendleft(_Sent(sent.key, sent.task, sent.tries + 1))
        return None

    def _part_with(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.dismiss()
        worker.see_off()


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
    for number in _MEANT_FOR_THE_SEARCH:
        signal.signal(number, signal.SIG_IGN)
    give_way()
    candles, _block = attached(shelf)
    evaluator = Evaluator(candles, plan, base, kept_bytes)
    aside = False
    try:
        while (task := door.recv()) is not _GOODBYE:
            aside = aside or group_gives_way(leave=True)
            answer: Any = None
            fault: Exception | None = None
            try:
                answer = task.perform(evaluator)
            except ParameterError as error:
                fault = error
            except Exception as error:
                fault = RuntimeError(f"a worker failed: {type(error).__name__}: {error}")
            door.send((answer, _private_bytes(), fault))
    except (EOFError, OSError):
        pass
    os._exit(0)  # the block cannot be closed while the evaluator's arrays lie in it


def _private_bytes() -> int:
    """Memory that this process holds for itself alone, without the candles that all share; 0 where
    it cannot be read."""
    try:
        _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * resource.getpagesize()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A process started meanwhile ignores what is meant for the search from its first instruction
    on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(each, signal.signal(each, signal.SIG_IGN)) for each in _MEANT_FOR_THE_SEARCH]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)
