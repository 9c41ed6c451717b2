"""A run that is cut off anywhere goes on as if it had not been. Costs 40 s, slow 150 s more.

Each test walks a busy stretch in which orders fill in parts as well, and compares trades, equity,
account, what rests, and the exchange's wallet with a walk that nothing cut off.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import state.durable
from exchange.errors import DataError
from tests.live.busy import HAIR_FINE, End, busy_scene, compare, end_of, some_fill_in_parts
from tests.live.harness import LockStep, Scene
from tests.live.knife import Cut, DangerousDisk, Knife
from tests.live.truth import check_resting, check_whole

pytestmark = pytest.mark.market_data

_EVERY = 16
_AGAIN = 0.75


@pytest.fixture(scope="module")
def busy(market_data: Path) -> Scene:
    return busy_scene(market_data)


@pytest.fixture
def knife(monkeypatch: pytest.MonkeyPatch) -> Iterator[Knife]:
    knife = Knife()
    monkeypatch.setattr(state.durable, "os", DangerousDisk(knife))
    return knife


async def walk_through(
    scene: Scene,
    folder: Path,
    knife: Knife,
    plan: Callable[[], int | None],
    again: Callable[[], int | None],
) -> tuple[End, list[int], int]:
    """Walk the scene; `plan` says at which input or output to cut in each bar, `again` after how
    many more to cut once more.

    Returns:
        The end, how many inputs and outputs each bar had, and how many cuts there were.
    """
    cuts = 0

    async def look(walk: LockStep) -> None:
        nonlocal cuts
        down = False
        while True:
            try:
                if down:
                    await walk.come_back()
                await walk.runner.tick()
                return
            except Cut:
                cuts += 1
                knife.arm(again())
                await walk.drop()
                down = True

    counts = []
    faults = some_fill_in_parts()
    async with LockStep(scene, folder, faults=faults, look=look, connected=knife.threaten) as walk:
        while True:
            knife.arm(plan())
            await walk.walk_bar()
            counts.append(knife.count)
            knife.arm(None)
            check_resting(walk.paper)
            if not await walk.open_bar():
                break
        check_whole(walk.runner, walk.paper)
        return end_of(walk.runner.run.store, walk.paper), counts, cuts


def nowhere() -> None:
    return None


async def in_turn(scene: Scene, folder: Path, knife: Knife, first: int, every: int) -> int:
    """Cut each bar at its `first` input or output, in the next walk at the one that comes `every`
    later, and so on to the last; returns how many cuts there were."""
    expected, counts, _ = await walk_through(scene, folder / "whole", knife, nowhere, nowhere)
    total = 0
    for nth in range(first, max(counts) + 1, every):
        end, _, cuts = await walk_through(
            scene, folder / str(nth), knife, partial(int, nth), nowhere
        )
        compare(end, expected)
        total += cuts
    return total


async def test_it_goes_on_after_a_cut_at_every_16th_input_and_output(
    busy: Scene, run_files: Path, knife: Knife
) -> None:
    assert await in_turn(busy, run_files, knife, 3, _EVERY) > 100


@pytest.mark.slow
async def test_it_goes_on_after_a_cut_at_every_input_and_output(
    busy: Scene, run_files: Path, knife: Knife
) -> None:
    assert await in_turn(busy, run_files, knife, 1, 1) > 2000


@pytest.mark.parametrize("seed", range(3))
async def test_it_goes_on_after_further_cuts_while_it_recovers(
    seed: int, busy: Scene, run_files: Path, knife: Knife
) -> None:
    await in_the_dark(busy, run_files, knife, seed, longest=40)


async def test_it_goes_on_after_cuts_among_hundreds_of_orders(
    market_data: Path, run_files: Path, knife: Knife
) -> None:
    scene = Scene.of(market_data, "SOL", "2022-11-08", 110, **HAIR_FINE)
    await in_the_dark(scene, run_files, knife, seed=1, longest=200)


async def in_the_dark(scene: Scene, folder: Path, knife: Knife, seed: int, longest: int) -> None:
    """Cut most bars at one of their first `longest` inputs and outputs, and again soon after."""
    expected, _, _ = await walk_through(scene, folder / "whole", knife, nowhere, nowhere)
    dice = random.Random(seed)

    def soon() -> int | None:
        return dice.randint(1, longest) if dice.random() < _AGAIN else None

    end, _, cuts = await walk_through(scene, folder / "cut", knife, soon, soon)
    compare(end, expected)
    assert cuts > 40


async def test_it_can_begin_anew_after_a_cut_while_it_began(
    busy: Scene, run_files: Path, knife: Knife
) -> None:
    knife.arm(None)
    async with LockStep(busy, run_files / "whole", connected=knife.threaten):
        points = knife.count
    assert points > 20
    for nth in range(1, points + 1, 2):
        walk = LockStep(busy, run_files / str(nth), connected=knife.threaten)
        await walk.open()
        knife.arm(nth)
        with pytest.raises(Cut):
            await walk.begin()
        await walk.drop()
        try:
            await walk.come_back()
        except DataError:
            await walk.drop()
            await walk.begin()
        await walk.walk(3)
        await walk.look()
        check_whole(walk.runner, walk.paper)
        check_resting(walk.paper)
        await walk.close()
