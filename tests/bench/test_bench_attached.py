"""What an attached screen costs, itself and its bot: processor, memory, delay. 14 min, printed:

`pytest tests/bench/test_bench_attached.py --benchmark-only -s`
"""

import json
import shutil
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

BLOCKS, BARS_A_BLOCK, MOST_DELAY = 4, 25, 1.05
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
    delays: dict[int, list[float]] = {0: [], 1: [], 3: []}
    with paper_bot(tmp_path, FAST, "--config", str(restless(tmp_path))):
        events = tmp_path / "data" / "live_state" / "paper" / "BTCUSDT_events.jsonl"

        def watch() -> None:
            for _ in range(BLOCKS):
                for number, found in delays.items():
                    with ExitStack() as stack:
                        for _ in range(number):
                            stack.enter_context(screens(tmp_path))
                        time.sleep(SETTLING_S)
                        start = events.stat().st_size
                        time.sleep(BARS_A_BLOCK)
                        found += bar_delays_ms(events, start)

        benchmark.pedantic(watch, rounds=1)
    medians = {number: float(np.median(found)) for number, found in delays.items()}
    with capsys.disabled():
        for number, found in delays.items():
            print(
                f"\n{number} screens: candle to last order, median {medians[number]:.1f} ms, "
                f"{medians[number] / medians[0]:.3f} of alone, {len(found)} bars",
                end="",
            )
        print()
    assert medians[1] < MOST_DELAY * medians[0]
    assert medians[3] < MOST_DELAY * medians[0]


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


def bar_delays_ms(events: Path, start: int) -> list[float]:
    """From the close of each candle to the last request about an order that follows from it, in
    milliseconds of ours, by what the bot has written from a byte on."""
    until(lambda: events.stat().st_size > start, "an event")
    offsets: dict[int, int] = {}
    with events.open("rb") as file:
        file.seek(start)
        for line in file.read().split(b"\n")[1:-1]:
            event = json.loads(line)
            if event["kind"] == "order sent":
                bar, offset = divmod(event["payload"]["time_ms"], BAR_MS)
                if offset < FOLLOWS_MS:
                    offsets[bar] = max(offset, offsets.get(bar, 0))
    return [offset / float(FAST) for offset in offsets.values()]
