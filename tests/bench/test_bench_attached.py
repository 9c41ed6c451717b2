"""What an attached screen costs, itself and its bot: processor, memory, delay. 14 min, printed:

`pytest tests/bench/test_bench_attached.py --benchmark-only -s`
"""

import json
import os
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.watching import paper_bot, processor_s, resident_kb, screens
from tests.terminal.tmux import Terminal, until

NAMES = {
    "1": "Live",
    "2": "Grid",
    "3": "Equity",
    "4": "Orders",
    "5": "Logs",
    "7": "Optimizer",
    "8": "Data",
    "9": "Config",
    "0": "Bots",
}
OPTIMIZER = "7"
IDLE_S, SETTLING_S, MOST_SHARE = 30.0, 5.0, 0.03
FAST = "900"
HOUR_S = 4.0
HOURS, WARM_HOURS, MOST_GROWTH_KB = 60, 36, 100.0
"""By then each list that forgets its oldest rows is full; what grows afterwards grows for ever."""

SCREENS = (0, 1, 3)
BLOCKS, BARS_A_BLOCK, REVIVAL_S, MOST_DELAY = 12, 10, 3.0, 1.05
BAR_MS, FOLLOWS_MS = 900_000, 270_000
"""Of the exchange's time; a request that comes later in a bar follows from a fill."""


@pytest.fixture(autouse=True)
def _tmux() -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")


def test_an_idle_attached_screen_costs_little(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shares: dict[str, float] = {}
    with paper_bot(tmp_path, "1"), screens(tmp_path) as terminal:

        def look() -> None:
            for key, name in NAMES.items():
                go_to(terminal, key)
                time.sleep(SETTLING_S)
                before, began = processor_s(terminal.pid), time.monotonic()
                time.sleep(IDLE_S)
                spent = processor_s(terminal.pid) - before
                shares[name] = spent / (time.monotonic() - began)

        benchmark.pedantic(look, rounds=1)
    with capsys.disabled():
        print("\nprocessor of an idle screen:")
        print(", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    assert max(shares.values()) < MOST_SHARE


def test_memory_stays_flat_over_simulated_days(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    resident: list[int] = []
    with paper_bot(tmp_path, FAST), screens(tmp_path) as terminal:

        def watch() -> None:
            for hour in range(HOURS):
                go_to(terminal, list(NAMES)[hour % len(NAMES)])
                time.sleep(HOUR_S)
                resident.append(resident_kb(terminal.pid))

        benchmark.pedantic(watch, rounds=1)
    slope = float(np.polyfit(range(WARM_HOURS, HOURS), resident[WARM_HOURS:], 1)[0])
    with capsys.disabled():
        print(f"\nresident memory, MB by simulated hour: {[kb // 1000 for kb in resident]}")
        print(f"{slope:+.0f} kB an hour from hour {WARM_HOURS} on")
    assert slope < MOST_GROWTH_KB


def test_a_bot_is_as_prompt_with_screens_as_without(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Screens are stopped and woken in turn, and a candle is compared with those alone that led to
    as many requests: 11 ms are two of them, 28 ms are 14. To tell a screen that is stopped costs
    the bot what it costs to tell one that reads, 0.2 ms a candle, which is therefore in both."""
    delays: dict[int, list[tuple[int, float]]] = {number: [] for number in SCREENS}
    with ExitStack() as stack:
        stack.enter_context(paper_bot(tmp_path, FAST, "--config", str(restless(tmp_path))))
        events = tmp_path / "data" / "live_state" / "paper" / "BTCUSDT_events.jsonl"
        watching = [stack.enter_context(screens(tmp_path)).pid for _ in range(max(SCREENS))]
        for pid in watching:  # a process that is stopped cannot end
            stack.callback(os.kill, pid, signal.SIGCONT)

        def watch() -> None:
            for _ in range(BLOCKS):
                for number, found in delays.items():
                    for index, pid in enumerate(watching):
                        os.kill(pid, signal.SIGCONT if index < number else signal.SIGSTOP)
                    time.sleep(REVIVAL_S)
                    start = events.stat().st_size
                    time.sleep(BARS_A_BLOCK)
                    found += bar_delays_ms(events, start)

        benchmark.pedantic(watch, rounds=1)
    alone = {
        requests: np.median([ms for number, ms in delays[0] if number == requests])
        for requests in {requests for requests, _ in delays[0]}
    }
    ratios = {
        number: float(np.median([ms / alone[many] for many, ms in found if many in alone]))
        for number, found in delays.items()
    }
    with capsys.disabled():
        for number, found in delays.items():
            median = np.median([ms for _, ms in found])
            print(
                f"\n{number} screens: candle to last order, {len(found)} bars, median "
                f"{median:.1f} ms, {ratios[number]:.3f} of alone at as many orders",
                end="",
            )
        print()
    assert ratios[1] < MOST_DELAY
    assert ratios[3] < MOST_DELAY


def go_to(terminal: Terminal, key: str) -> None:
    """Another screen, by its number; no field keeps the focus, which would take the next number."""
    terminal.press(key)
    terminal.wait_for(f"[{NAMES[key]}]")
    if key == OPTIMIZER:
        terminal.press("Escape")


def restless(folder: Path) -> Path:
    """Parameters with which a grid is laid anew in most bars."""
    path = folder / "restless.toml"
    path.write_text(
        "[strategy]\nregen_drift_mult = 0.05\nspacing_floor = 0.002\nadaptive_floor_scale = 0\n"
        "grid_spacing_k = 0.8\n"
    )
    return path


def bar_delays_ms(events: Path, start: int) -> list[tuple[int, float]]:
    """Of each candle the number of requests about orders that follow from it, and the milliseconds
    of ours from its close to the last of them, by what the bot has written from a byte on."""
    until(lambda: events.stat().st_size > start, "an event")
    offsets: dict[int, list[int]] = {}
    with events.open("rb") as file:
        file.seek(start)
        for line in file.read().split(b"\n")[1:-1]:
            event = json.loads(line)
            if event["kind"] == "order sent":
                bar, offset = divmod(event["payload"]["time_ms"], BAR_MS)
                if offset < FOLLOWS_MS:
                    offsets.setdefault(bar, []).append(offset)
    return [(len(each), max(each) / float(FAST)) for each in offsets.values()]
