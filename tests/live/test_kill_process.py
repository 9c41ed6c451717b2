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
    async with busy.exchange(some_fill_in_parts()) as paper:
        paper.open_bar()
        params = busy.params.model_dump()
        task = Task(busy.coin, paper.url, run_files / "killed", params, busy.first_ms)
        bot = Bot(task, random.Random(kills), chance, kills)
        try:
            await walk(paper, bot)
        finally:
            bot.kill()
        assert bot.killed == kills
        store = RunStore(run_files / "killed", busy.symbol)
        compare(end_of(store, paper), expected)
        store.close()
