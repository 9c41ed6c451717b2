"""From a key to its painted answer in a terminal while everything is busy: about 2 min.

`pytest tests/bench/test_bench_keys.py --benchmark-only -s`

An engine tells 5,000 events a second, a backtest runs in the application, a search beside it. What
is timed is the output that the key alone brings about: the name of a screen, a title, a row.
"""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.control_mode import ControlMode
from tests.bench.watching import SIZE, busy_engine, screens, search
from tests.terminal.tmux import Terminal

RATE = 5_000
ROUNDS = 5
P95_MS, MOST_MS = 50.0, 250.0
COINS = "BTC ETH SOL BNB XRP DOGE ADA LTC LINK AVAX DOT TRX UNI ATOM NEAR FIL"
BEGINS = "2014-01-01"
UNDER_WAY = re.compile(r"backtest +\d+%|\d+% +(loading|[A-Z]+: )")


class Press(NamedTuple):
    """A key on a screen, and what in the output is its answer; None: it is not timed."""

    screen: str
    key: str
    sign: str | None


def _equity() -> Iterator[tuple[str, str]]:
    spans = ["7 days", "3.5 days", "42 h", "21 h", "10.5 h"]
    yield from zip("iiii", spans[1:], strict=True)
    yield from zip("oooo", reversed(spans[:-1]), strict=True)
    yield from zip("www", ("30 days", "everything", "1 day"), strict=True)


WALK = [
    Press("Live", "1", r"\[Live\]"),
    Press("Live", "?", "this page"),
    Press("Live", "Escape", None),
    Press("Live", "Tab", None),
    Press("Live", "z", None),
    Press("Live", "z", "health"),
    Press("Grid", "2", r"\[Grid\]"),
    Press("Grid", "i", "to scale x2"),
    Press("Grid", "i", "to scale x4"),
    Press("Grid", "i", "one line a level"),
    Press("Grid", "o", "to scale x4"),
    Press("Grid", "o", "to scale x2"),
    Press("Grid", "o", "to scale(?! x)"),
    Press("Equity", "3", r"\[Equity\]"),
    *(Press("Equity", key, f"equity, {span}[ ,]") for key, span in _equity()),
    Press("Equity", "w", "equity, 7 days "),
    Press("Equity", "L", "logarithmic"),
    Press("Equity", "L", None),
    Press("Orders", "4", r"\[Orders\]"),
    Press("Orders", "v", r"\[trades "),
    Press("Orders", "v", r"\[audit "),
    Press("Orders", "v", r"\[resting "),
    Press("Orders", "/", "a word, or !word"),
    Press("Orders", "s", "with /s"),
    Press("Orders", "t", "with /st"),
    Press("Orders", "o", "with /sto"),
    Press("Orders", "Escape", None),
    Press("Logs", "5", r"\[Logs\]"),
    Press("Logs", "w", "warnings and errors"),
    Press("Logs", "e", "log: errors"),
    Press("Logs", "d", "log: everything"),
    Press("Logs", "i", "log: info and above"),
    Press("Logs", "/", "a word; enter goes"),
    Press("Logs", "x", "/x"),
    Press("Logs", "Escape", None),
    Press("Logs", "Escape", None),
    Press("Grid", "2", r"\[Grid\]"),
    Press("Orders", "4", r"\[Orders\]"),
    Press("Equity", "3", r"\[Equity\]"),
    Press("Live", "1", r"\[Live\]"),
    Press("Logs", "5", r"\[Logs\]"),
]
ROWS = 15


def test_keys_are_answered_while_an_engine_a_backtest_and_a_search_are_busy(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    dice, times = random.Random(0), list[tuple[Press, float]]()
    with busy_engine(tmp_path, RATE) as sent, search(tmp_path), screens(tmp_path) as terminal:
        _fill_form(terminal)
        _visit_all(terminal)

        def walk() -> None:
            for _ in range(ROUNDS):
                _have_a_backtest(terminal)
                with ControlMode(terminal, SIZE) as control:
                    times.extend(_walked(control, terminal, dice))

        before = _count(sent)
        benchmark.pedantic(walk, rounds=1)
        seconds, events = (new - old for new, old in zip(_count(sent), before, strict=True))
    milliseconds = np.array([1000 * took for _, took in times])
    p50, p95 = np.percentile(milliseconds, (50, 95))
    with capsys.disabled():
        print(f"\n{events / seconds:,.0f} events a second for {seconds:.0f} s")
        for screen in dict.fromkeys(press.screen for press, _ in times):
            print(_row(screen, [1000 * took for press, took in times if press.screen == screen]))
        print(_row("all", milliseconds.tolist()))
        for press, took in sorted(times, key=lambda each: -each[1])[:8]:
            print(f"  {1000 * took:5.0f} ms: {press.key} on {press.screen}, {press.sign}")
    benchmark.extra_info |= {"p50_ms": p50, "p95_ms": p95, "most_ms": milliseconds.max()}
    assert len(times) >= 300
    assert events / seconds > 0.9 * RATE
    assert p95 < P95_MS
    assert milliseconds.max() < MOST_MS


def _walked(
    control: ControlMode, terminal: Terminal, dice: random.Random
) -> Iterator[tuple[Press, float]]:
    """One time through all screens, and through the rows of a table that stands still."""
    for press in WALK:
        yield from _timed(control, press, dice)
    for press in (
        Press("Orders", "4", r"\[Orders\]"),
        Press("Orders", "v", r"\[trades "),
        Press("Orders", "v", r"\[audit "),
        Press("Orders", "Space", "PAUSED VIEW"),
    ):
        yield from _timed(control, press, dice)
    rows = list(dict.fromkeys(re.findall(r"\bg\d{9}\b", terminal.screen)))
    for name in rows[1:ROWS]:
        yield from _timed(control, Press("Orders", "Down", name), dice)
    for name in reversed(rows[: ROWS - 1]):
        yield from _timed(control, Press("Orders", "Up", name), dice)
    for key in ("Space", "v"):
        yield from _timed(control, Press("Orders", key, None), dice)


def _timed(
    control: ControlMode, press: Press, dice: random.Random
) -> Iterator[tuple[Press, float]]:
    """Press a key some time after the last; with its seconds if it is one that is timed."""
    if press.sign is None:
        control.press(press.key)
        control.drain(0.4)
        return
    yield press, control.answered(press.key, press.sign)
    control.drain(dice.uniform(0.03, 0.15))


def _fill_form(terminal: Terminal) -> None:
    """On Backtest: many coins and years, which take some twenty seconds."""
    terminal.press("6")
    terminal.wait_for("[Backtest]")
    terminal.press("f")
    terminal.wait_for("esc leave field")
    terminal.press("C-u")
    terminal.type(COINS)
    terminal.wait_for(COINS[-12:])
    terminal.move_to("source")
    terminal.move_to("from")
    terminal.type(BEGINS)
    terminal.wait_for(BEGINS)
    terminal.move_to("to")
    terminal.press("Escape")
    terminal.wait_without("esc leave field")


def _visit_all(terminal: Terminal) -> None:
    """Each screen reads what lies on the disk when it is shown first."""
    for key, sign in (("2", "[Grid]"), ("3", "of 35,"), ("4", "[Orders]"), ("5", "follows")):
        terminal.press(key)
        terminal.wait_for(sign)


def _have_a_backtest(terminal: Terminal) -> None:
    """A run in the application, unless one is under way."""
    if not _under_way(terminal):
        terminal.press("6")
        terminal.wait_for("[Backtest]")
        terminal.press("C-r")
        terminal.wait(lambda _: _under_way(terminal), "a backtest")
    terminal.press("0")
    terminal.wait_for("[Bots]")


def _under_way(terminal: Terminal) -> bool:
    return bool(UNDER_WAY.search(terminal.screen.splitlines()[0]))


def _count(sent: Path) -> tuple[float, float]:
    """Seconds and events as the engine has counted them last."""
    seconds, events = sent.read_text().splitlines()[-1].split()
    return float(seconds), float(events)


def _row(name: str, milliseconds: list[float]) -> str:
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return (
        f"{name:<7} {len(milliseconds):4} keys: median {p50:4.0f} ms, p95 {p95:4.0f}, "
        f"most {max(milliseconds):4.0f}"
    )
