"""Worker processes: the same answers, and nothing lost with one that dies (about 30 s)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.loop import Cancelled
from engine.optimize.evaluate import Evaluator
from engine.optimize.workers import (
    InProcess,
    TrialTask,
    Workers,
    WorkersLostError,
    _private_bytes,
    evaluations,
)
from tests.optimize.candles import BASE, plan_of, random_candles, random_values

CANDLES = random_candles("wild", "gaps", length=2_500)
PLAN = plan_of(CANDLES, 2)


@dataclass(frozen=True)
class WhoAmI:
    def perform(self, evaluator: Evaluator) -> Any:  # noqa: ARG002
        return os.getpid()


@dataclass(frozen=True)
class DieOnce:
    """Kills its worker unless the file is there, which it makes first."""

    path: str

    def perform(self, evaluator: Evaluator) -> Any:  # noqa: ARG002
        if os.path.exists(self.path):
            return "survived"
        with open(self.path, "w"):
            os.kill(os.getpid(), signal.SIGKILL)
        return "not reached"


@dataclass(frozen=True)
class AlwaysDie:
    def perform(self, evaluator: Evaluator) -> Any:  # noqa: ARG002
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Stumble:
    kind: type[Exception]

    def perform(self, evaluator: Evaluator) -> Any:  # noqa: ARG002
        raise self.kind("over a stone")


@dataclass(frozen=True)
class Hoard:
    """Holds on to so many bytes."""

    size: int

    def perform(self, evaluator: Evaluator) -> Any:
        evaluator.hoard = np.ones(self.size, np.int8)  # type: ignore[attr-defined]
        return os.getpid()


@dataclass(frozen=True)
class PrivateBytes:
    """What the worker counts as its own, with every candle read."""

    def perform(self, evaluator: Evaluator) -> Any:
        for column in evaluator.candles.coins[0].bars:
            column.sum()
        return _private_bytes()


@dataclass(frozen=True)
class Sleep:
    seconds: float

    def perform(self, evaluator: Evaluator) -> Any:  # noqa: ARG002
        time.sleep(self.seconds)


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    with Workers(CANDLES, PLAN, BASE, 2) as workers:
        yield workers


def test_workers_answer_as_the_same_trials_in_this_process(two: Workers) -> None:
    trials = [random_values(seed) for seed in range(6)]
    here = InProcess(CANDLES, PLAN, BASE)
    for one, other in zip(evaluations(two, trials), evaluations(here, trials), strict=True):
        assert one.train_scores == other.train_scores
        assert one.test_scores == other.test_scores
        assert np.array_equal(one.returns, other.returns)


def test_a_killed_workers_trial_is_tried_again(two: Workers, tmp_path: Any) -> None:
    before = set(two.process_ids)
    killer = two.submit(DieOnce(str(tmp_path / "been here")))
    trial = two.submit(TrialTask(random_values(0)))
    answers = _all(two, 2)
    assert answers[killer] == "survived"
    assert answers[trial].score == Evaluator(CANDLES, PLAN, BASE).trial(random_values(0)).score
    assert len(two.process_ids) == 2
    assert set(two.process_ids) != before


def test_an_idle_worker_that_is_killed_is_replaced(two: Workers) -> None:
    os.kill(two.process_ids[0], signal.SIGKILL)
    for _ in range(4):
        two.submit(WhoAmI())
    assert len(_all(two, 4)) == 4
    assert len(two.process_ids) == 2


def test_a_task_that_kills_three_workers_is_given_up(two: Workers) -> None:
    two.submit(AlwaysDie())
    with pytest.raises(WorkersLostError, match="3 worker processes died of the same task"):
        _all(two, 1)


def test_a_users_error_in_a_worker_is_the_same_error_here(two: Workers) -> None:
    two.submit(Stumble(ParameterError))
    with pytest.raises(ParameterError, match="over a stone"):
        _all(two, 1)


def test_a_defect_in_a_worker_is_told_with_its_kind(two: Workers) -> None:
    two.submit(Stumble(ZeroDivisionError))
    with pytest.raises(RuntimeError, match="a worker failed: ZeroDivisionError: over a stone"):
        _all(two, 1)


def test_a_worker_that_has_grown_too_large_is_replaced_after_its_answer() -> None:
    with Workers(CANDLES, PLAN, BASE, 1, most_private=400 << 20) as one:
        first = _asked(one, WhoAmI())
        assert _asked(one, Hoard(500 << 20)) == first
        assert _asked(one, WhoAmI()) != first


def test_memory_that_all_workers_share_makes_none_of_them_too_large() -> None:
    long = random_candles("wild", length=300_000)
    assert sum(column.nbytes for column in long.coins[0].bars) > 16 << 20
    with Workers(CANDLES, PLAN, BASE, 1) as one:
        small = _asked(one, PrivateBytes())
    with Workers(long, plan_of(long, 2), BASE, 1) as one:
        assert _asked(one, PrivateBytes()) < small + (8 << 20)


def test_a_search_does_not_get_the_answers_of_another_one(two: Workers) -> None:
    stale = [two.submit(TrialTask(random_values(seed))) for seed in range(100, 106)]
    wanted = [random_values(seed) for seed in range(4)]
    here = InProcess(CANDLES, PLAN, BASE)
    for seed in range(100, 106):
        here.submit(TrialTask(random_values(seed)))
    true = [Evaluator(CANDLES, PLAN, BASE).trial(values).score for values in wanted]
    assert [found.score for found in evaluations(two, wanted)] == true
    assert [found.score for found in evaluations(here, wanted)] == true
    assert two.submit(WhoAmI()) > max(stale)


def test_what_is_recalled_is_what_was_finished_and_nothing_comes_after(two: Workers) -> None:
    two.recall()
    done = two.submit(WhoAmI())
    [(key, _)] = _all(two, 1).items()
    assert key == done
    for _ in range(6):
        two.submit(Sleep(30.0))
    begun = time.monotonic()
    assert two.recall() == []
    assert two.answers(0.5) == []
    assert _asked(two, WhoAmI()) in two.process_ids
    assert time.monotonic() - begun < 20.0


def test_an_error_of_one_task_costs_no_other_ones_answer(two: Workers) -> None:
    two.recall()
    good = two.submit(WhoAmI())
    two.submit(Stumble(ParameterError))
    assert all(worker.door.poll(60.0) for worker in two._workers)  # both have answered
    with pytest.raises(ParameterError):
        _all(two, 2)
    assert [key for key, _ in two.recall()] == [good]


def test_nothing_is_left_when_the_workers_are_dismissed() -> None:
    with Workers(CANDLES, PLAN, BASE, 1) as one:
        [pid] = one.process_ids
        name = one._shared.shelf.name
        one.submit(TrialTask(random_values(0)))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not os.path.exists(f"/dev/shm/{name}")


def test_candles_that_do_not_fit_into_shared_memory_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.statvfs

    def nearly_full(path: str) -> Any:
        found = real(path)
        return SimpleNamespace(f_bavail=3, f_frsize=found.f_frsize)

    monkeypatch.setattr(os, "statvfs", nearly_full)
    with pytest.raises(ParameterError, match=r"need 0\.\d MiB of shared memory, /dev/shm has 0\.0"):
        Workers(CANDLES, PLAN, BASE, 1)


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = [sys.executable, "-m", "tests.optimize.solo_search"]
    words = [*script, str(tmp_path / "study.db"), "100000", "2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(listed) >= 2
        parent.kill()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in listed) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [pid for pid in listed if Path(f"/proc/{pid}").exists()]


def test_waiting_for_evaluations_can_be_broken_off() -> None:
    pool = InProcess(CANDLES, PLAN, BASE)
    with pytest.raises(Cancelled):
        list(evaluations(pool, [random_values(0)], lambda: True))


def _asked(workers: Workers, task: Any) -> Any:
    key = workers.submit(task)
    return _all(workers, 1)[key]


def _all(workers: Workers, count: int) -> dict[int, Any]:
    found: dict[int, Any] = {}
    while len(found) < count:
        found.update(workers.answers(10.0))
    return found
