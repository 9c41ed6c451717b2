"""A run on an exchange that misbehaves: each fault alone, then mixtures. Costs 80 s,
the slow ones 10 min more."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.live.runner import LiveRunner
from exchange.outcomes import Failure
from exchange.paper.faults import Fault, Faults
from tests.live.busy import HAIR_FINE, End, busy_scene, compare, end_of
from tests.live.harness import LockStep, Scene
from tests.live.truth import check_resting, check_whole

pytestmark = pytest.mark.market_data

_PLACE, _CANCEL, _READ = (f"{method} /fapi/v1/order" for method in ("POST", "DELETE", "GET"))
_STOP = "POST /fapi/v1/algoOrder"
_TIMEOUT_S = 0.06
_SETTLE_WAITS_S = (0.0, 0.02, 0.05, 0.08)
_ATTEMPTS = 60


def code(number: int, **more: Any) -> dict[str, Any]:
    return {"what": "code", "code": number, **more}


def http(status: int, **more: Any) -> dict[str, Any]:
    return {"what": "http", "status": status, **more}


HARMLESS: dict[str, dict[str, Any]] = {
    "latency": {"what": "latency", "seconds": 0.02},
    "timeout": {"what": "timeout", "rate": 0.01},
    "timeout executed": {"what": "timeout", "executed": True, "rate": 0.01},
    "late": {"what": "latency", "seconds": 0.1, "rate": 0.01},
    "drop": {"what": "drop"},
    "drop executed": {"what": "drop", "executed": True},
    "http 403": http(403),
    "http 408": http(408),
    "http 418": http(418, retry_after=0, text="banned"),
    "http 429": http(429, retry_after=0),
    "http 500": http(500),
    "http 502 executed": http(502, executed=True),
    "http 503": http(503),
    "http 503 executed": http(503, executed=True),
    "http 504 executed": http(504, executed=True),
    "code -1000": code(-1000),
    "code -1003": code(-1003, retry_after=0),
    "code -1006": code(-1006),
    "code -1007": code(-1007),
    "code -1007 executed": code(-1007, executed=True),
    "code -1008": code(-1008, retry_after=0),
    "code -1021": code(-1021),
    "code -2011": code(-2011, endpoint=_CANCEL, rate=0.2),
    "code -2021": code(-2021, endpoint=_STOP, rate=0.2, times=1),
    "code -4116": code(-4116, endpoint=_PLACE, rate=0.2),
    "candle_missing": {"what": "candle_missing", "rate": 0.2},
    "candle_repeated": {"what": "candle_repeated", "rate": 0.2},
    "skew": {"what": "skew", "ms": 7000, "rate": 0.01},
    "skew back": {"what": "skew", "ms": -1500, "number": 690},
    "drift": {"what": "drift", "ppm": 500, "rate": 0.01},
}
"""Faults that a run must overcome as if they had not been; each strikes at `rate`, else 5 %.

With `times` so often in each bar; with `number` once, at the how-manieth request.
"""

HARMFUL: dict[str, dict[str, Any]] = {
    "code -2013": code(-2013, endpoint=_READ, rate=0.3),
    "code -2019": code(-2019, endpoint=_PLACE, rate=0.1),
    "code -2022": code(-2022, endpoint=_PLACE, rate=0.1),
    "code -4061": code(-4061, endpoint=_PLACE, rate=0.1),
    "code -4061 of a stop": code(-4061, endpoint=_STOP, rate=0.1),
    "code -4120": code(-4120, endpoint=_PLACE, rate=0.1),
    "code -4164": code(-4164, endpoint=_PLACE, rate=0.1),
    "code -5022": code(-5022, endpoint=_PLACE, rate=0.1),
    "partial": {"what": "partial", "rate": 0.5},
    "stale": {"what": "stale"},
    "candle_revised": {"what": "candle_revised", "share": "0.001", "rate": 0.1},
}
"""Faults after which it cannot be the same run: something was refused, or a read was a lie."""


@pytest.fixture(scope="module")
def busy(market_data: Path) -> Scene:
    return busy_scene(market_data)


@pytest.fixture(scope="module")
def undisturbed(busy: Scene, tmp_path_factory: pytest.TempPathFactory) -> End:
    async def walk() -> End:
        async with LockStep(busy, tmp_path_factory.mktemp("whole")) as walk:
            await walk.walk()
            return end_of(walk.runner.run.store, walk.paper)

    return asyncio.run(walk())


class Stormy:
    """A walk on which faults strike.

    Args:
        restarts: chance, for each bar, that the run ends in it and goes on from its files.
    """

    def __init__(
        self, scene: Scene, folder: Path, faults: list[Fault], seed: int, restarts: float = 0.0
    ) -> None:
        self.struck = 0
        self._faults = [fault for fault in faults if fault.rate is not None]
        self._once = [fault for fault in faults if fault.rate is None]
        self._restarts = restarts
        self._dice = random.Random(seed)
        waits = {"timeout_s": _TIMEOUT_S, "settle_waits_s": _SETTLE_WAITS_S}
        self._walk = LockStep(scene, folder, faults=Faults(seed=seed), look=self._look, **waits)

    async def walk(self) -> End:
        """Walk to the end; after each bar, with the faults gone, all must be as it should."""
        walk = self._walk
        await walk.open()
        try:
            await self._persist(walk.begin)
            walk.paper.faults.listeners.append(self._count)
            for fault in self._once:
                walk.paper.faults.add(fault)
            while True:
                await self._bar()
                if not await walk.open_bar():
                    return end_of(walk.runner.run.store, walk.paper)
        finally:
            await walk.close()

    async def _bar(self) -> None:
        walk = self._walk
        self._misbehave()
        if self._dice.random() < self._restarts:
            await walk.drop()
            await self._persist(walk.come_back)
        await walk.walk_bar()
        for fault in self._faults:
            walk.paper.faults.remove(fault)
        await self._settle(walk.runner)
        check_resting(walk.paper)
        check_whole(walk.runner, walk.paper)

    def _misbehave(self) -> None:
        for fault in self._faults:
            self._walk.paper.faults.add(fault)

    def _count(self, fault: Fault, target: str) -> None:
        del fault, target
        self.struck += 1

    async def _look(self, walk: LockStep) -> None:
        await self._settle(walk.runner)

    async def _settle(self, runner: LiveRunner) -> None:
        """Tick as a run's loop does: again after a failure, and while a candle is missing."""
        run = runner.run
        await self._persist(runner.tick, runner.look_at_orders)
        for _ in range(_ATTEMPTS):
            if run.clock.now_ms() < run.bar_end_ms:
                return
            await asyncio.sleep(0.05)
            await self._persist(runner.tick, runner.look_at_orders)
        raise AssertionError("the candle does not come")

    async def _persist(
        self, action: Callable[[], Awaitable[None]], failed: Callable[[], None] | None = None
    ) -> None:
        failures = []
        for _ in range(_ATTEMPTS):
            try:
                await action()
                return
            except Failure as failure:
                failures.append(str(failure))
                if failed is not None:
                    failed()
                await asyncio.sleep(0.001)
        raise AssertionError(f"it does not get through: {failures[-3:]}")


def mixture(seed: int) -> list[Fault]:
    """Some faults at once, each of them rare."""
    dice = random.Random(seed)
    kinds = {**HARMLESS, **HARMFUL}
    names = dice.sample([name for name in kinds if "number" not in kinds[name]], dice.randint(2, 5))
    return [Fault(**(kinds[name] | {"rate": dice.uniform(0.005, 0.04)})) for name in names]


async def walk_in_storms(scene: Scene, folder: Path, seeds: range) -> None:
    struck = 0
    for seed in seeds:
        stormy = Stormy(scene, folder / str(seed), mixture(seed), seed, restarts=0.1)
        try:
            await stormy.walk()
        except AssertionError as error:
            error.add_note(f"mixture {seed}: {mixture(seed)}")
            raise
        struck += stormy.struck
    assert struck > 10 * len(seeds)


@pytest.mark.parametrize("first", range(0, 40, 20))
async def test_whatever_comes_together_the_run_stays_whole(
    first: int, busy: Scene, run_files: Path
) -> None:
    await walk_in_storms(busy, run_files, range(first, first + 10))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 50))
async def test_500_mixtures_leave_the_run_whole(first: int, busy: Scene, run_files: Path) -> None:
    await walk_in_storms(busy, run_files, range(first, first + 50))


async def test_a_post_only_order_that_expires_is_as_good_as_refused(
    market_data: Path, run_files: Path
) -> None:
    scene = Scene.of(market_data, "SOL", "2022-11-08", 105, **HAIR_FINE)
    async with LockStep(scene, run_files / "whole") as walk:
        await walk.walk()
        refused = end_of(walk.runner.run.store, walk.paper)
    expire = Fault(what="expire_post_only", rate=1.0)
    stormy = Stormy(scene, run_files / "expired", [expire], seed=1)
    compare(await stormy.walk(), refused)
    assert stormy.struck > 3


def endless(fault: dict[str, Any]) -> Fault:
    return Fault(**(fault if "number" in fault else {"rate": 0.05} | fault))


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_fault_that_can_be_overcome_changes_nothing(
    name: str, busy: Scene, undisturbed: End, run_files: Path
) -> None:
    stormy = Stormy(busy, run_files, [endless(HARMLESS[name])], seed=1)
    compare(await stormy.walk(), undisturbed)
    assert stormy.struck > (0 if "number" in HARMLESS[name] else 3)


@pytest.mark.parametrize("name", HARMFUL)
async def test_whatever_is_refused_or_untrue_the_run_stays_whole(
    name: str, busy: Scene, run_files: Path
) -> None:
    stormy = Stormy(busy, run_files, [endless(HARMFUL[name])], seed=1)
    await stormy.walk()
    assert stormy.struck > 3
