"""What 10,000 log lines a second cost the screens, beside Textual's own log: about 10 s.

`pytest tests/bench -k logs --benchmark-only -s`
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import Log

from tui.widgets.log_lines import LogLines

SECONDS = 5
A_SECOND, AT_ONCE = 10_000, 1_000
"""Lines, and how many of them come together, as the screen takes them in ten times a second."""

_MOST_KEY_S = 0.25


class Page(App[None]):
    """One log on a screen."""

    def __init__(self, log: Widget) -> None:
        super().__init__()
        self.lines = log

    def compose(self) -> ComposeResult:
        yield self.lines


def chunks() -> Iterator[list[tuple[int, str]]]:
    """Lines as a bot logs them, of one length with their number."""
    for start in range(0, SECONDS * A_SECOND, AT_ONCE):
        yield [
            (logging.INFO, f"[2024-01-15 14:30:{n % 60:02}] INFO | BTCUSDT order {n} at 64,812.4")
            for n in range(start, start + AT_ONCE)
        ]


async def _pour(log: Widget, add: Callable[[list[tuple[int, str]]], object]) -> tuple[float, float]:
    """Seconds to take in and paint all lines, and those that a key waited for at most."""
    app = Page(log)
    waited = 0.0
    async with app.run_test(size=(120, 40)) as pilot:
        log.focus()
        start = time.perf_counter()
        for chunk in chunks():
            add(chunk)
            pressed = time.perf_counter()
            app.simulate_key("up")
            await pilot.pause(0)
            waited = max(waited, time.perf_counter() - pressed)
        return time.perf_counter() - start, waited


def _ours() -> tuple[float, float]:
    log = LogLines()
    return asyncio.run(_pour(log, log.add))


def _textuals() -> tuple[float, float]:
    log = Log(max_lines=30_000)
    return asyncio.run(_pour(log, lambda chunk: log.write_lines(text for _, text in chunk)))


def test_ten_thousand_log_lines_a_second(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = min(_textuals()[0] for _ in range(3))
    seconds, waited = min(_ours() for _ in range(3))
    benchmark.pedantic(_ours, rounds=1)
    share = seconds / SECONDS
    benchmark.extra_info["to_textuals_log"] = seconds / bare
    benchmark.extra_info["share_of_a_core"] = share
    with capsys.disabled():
        print(
            f"\n{A_SECOND:,} lines/s take {share:.0%} of a core, {seconds / bare:.2f} times what "
            f"Textual's Log takes; a key waits {1e3 * waited:.0f} ms at most"
        )
    assert share < 1.0
    assert waited < _MOST_KEY_S
