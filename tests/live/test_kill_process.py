"""A process that is killed with SIGKILL at any moment and started again loses nothing. Costs 9 s,
the slow one 50 s more."""

import random
from pathlib import Path

import pytest

from engine.live.store import RunStore
from tests.live.bot import Bot, walk
from tests.live.bot_process import Task
from tests.live.busy import busy_scene, compare, end_of, some_fill_in_parts
from tests.live.harness import LockStep

pytestmark = pytest.mark.market_data


@pytest.mark.parametrize(
    ("kills", "chance"), [(20, 0.4), pytest.param(200, 0.9, marks=pytest.mark.slow)]
)
async def test_it_ends_as_if_it_had_not_been_killed(
    kills: int, chance: float, market_data: Path, run_files: Path
) -> None:
    busy = busy_scene(market_data)
    async with LockStep(busy, run_files / "whole", faults=some_fill_in_parts()) as whole:
        await whole.walk()
        expected = end_of(whole.runner.run.store, whole.paper)
    killed = 0
    while killed < kills:
        folder = run_files / str(killed)
        async with busy.exchange(some_fill_in_parts()) as paper:
            paper.open_bar()
            task = Task(busy.coin, paper.url, folder, busy.params.model_dump(), busy.first_ms)
            bot = Bot(task, random.Random(killed), chance, kills - killed)
            try:
                await walk(paper, bot)
            finally:
                bot.kill()
            assert bot.killed
            killed += bot.killed
            store = RunStore(folder, busy.symbol)
            compare(end_of(store, paper), expected)
            store.close()
