"""A long live run at full speed, printed: `pytest tests/bench -k live --benchmark-only -s`.

The run has a process of its own, so that its memory is not the exchange's. Costs 2 min.
"""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.paper.server import Served
from tests.live.bot import Bot, walk
from tests.live.bot_process import Task
from tests.live.harness import Scene

_BARS = 10_000
_EARLY = 2_000
_ORDER_PATHS = ("/fapi/v1/order", "/fapi/v1/algoOrder")
_MOST_GROWTH_KB = 30_000
_MOST_JOURNAL = 3_000_000


def _resident_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


async def _live(scene: Scene, folder: Path) -> dict[str, Any]:
    """Memory of the process, delays from a candle to the last order request, sizes of files."""
    resident: dict[int, int] = {}
    delays: list[float] = []
    closed, last = 0.0, 0.0
    async with scene.exchange() as paper:

        def served(request: Served) -> None:
            nonlocal last
            if request.method != "GET" and request.path in _ORDER_PATHS:
                last = time.perf_counter()

        def opened() -> None:
            nonlocal closed
            bars = (paper.clock.market_ms - scene.first_ms) // 900_000
            if bars % _EARLY == 0 and bot.pid is not None:
                resident[bars] = _resident_kb(bot.pid)
            closed = time.perf_counter()

        def decided() -> None:
            if last > closed:
                delays.append(last - closed)

        paper.on_served.append(served)
        paper.open_bar()
        params = scene.params.model_dump()
        bot = Bot(Task(scene.coin, paper.url, folder, params, scene.first_ms), random.Random(0))
        try:
            await walk(paper, bot, opened, decided)
        finally:
            bot.kill()
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return {"resident": resident, "delays": delays[1:], "sizes": sizes}


@pytest.mark.market_data
def test_bench_ten_thousand_bars(benchmark: Any, market_data: Path, tmp_path: Path) -> None:
    scene = Scene.of(market_data, "BTC", "2023-03-01", _BARS + 1)

    def once() -> dict[str, Any]:
        return asyncio.run(_live(scene, tmp_path))

    found = benchmark.pedantic(once, rounds=1)
    resident, delays = found["resident"], np.array(found["delays"]) * 1000
    print(f"\nresident memory, kB by bar: {resident}")
    print(
        f"from a candle to its last order request, ms: median {np.median(delays):.1f}, "
        f"p99 {np.percentile(delays, 99):.1f}, most {delays.max():.1f} ({len(delays)} bars)"
    )
    for name, size in found["sizes"].items():
        print(f"{name}: {size / 1000:.0f} kB")
    assert resident[_BARS] - resident[_EARLY] < _MOST_GROWTH_KB
    assert found["sizes"]["BTCUSDT_journal.jsonl"] < _MOST_JOURNAL
