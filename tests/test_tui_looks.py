"""Backtests with a result, dangerous questions, crashed bots and replays, as text. Costs 20 s."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.app import App

from tests.bot_app import settled, shown
from tests.busy_bot import busy, quiet
from tests.records import a_run, keep_record
from tests.screen_text import screen_text, until
from tests.test_tui_replay import replayed, tap
from tests.tui_app import opened, quick_run
from tui.screens.compare import CompareScreen
from tui.screens.names import SCREENS
from tui.screens.parting import Parting

SMALL = (80, 24)
BOTH = pytest.mark.parametrize("size", [SMALL, (120, 40)])


@pytest.fixture(autouse=True)
def _own_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))
    return


def below_the_top(app: App[None]) -> str:
    """The screen without the line on top, which has tests of its own, and times."""
    lines = screen_text(app).split("\n")[1:]
    return "\n".join(line for line in lines if " bars in " not in line)


@BOTH
@pytest.mark.parametrize("view", ["e", "t", "s"])
async def test_a_result_in_each_view(
    view: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with opened(size) as (_, pilot):
        await quick_run(pilot)
        await pilot.press(view)
        await settled(pilot)
        assert below_the_top(pilot.app) == snapshot


@BOTH
async def test_a_result_with_a_cursor_in_its_charts(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with opened(size) as (_, pilot):
        await quick_run(pilot)
        await pilot.press("left", "shift+left", "i")
        await settled(pilot)
        assert below_the_top(pilot.app) == snapshot


@BOTH
async def test_two_runs_compared(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with opened(size) as (app, pilot):
        await quick_run(pilot)
        await quick_run(pilot, coins="SOL")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the comparison")
        await settled(pilot)
        assert below_the_top(app) == snapshot


@pytest.mark.parametrize(("key", "words"), [("S", "Stop BTC/USDT"), ("X", "Close everything")])
async def test_questions_before_a_bot_ends(
    key: str, words: str, snapshot: SnapshotAssertion
) -> None:
    async with shown("1", quiet("live"), SMALL) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: words in screen_text(app), words)
        assert below_the_top(app) == snapshot


async def test_the_question_of_a_demo_at_the_end(snapshot: SnapshotAssertion) -> None:
    async with shown("1", quiet(), SMALL) as (app, pilot):
        app.push_screen(Parting("A backtest is under way. Leaving now drops it."))
        await until(pilot, lambda: "Leave it running" in screen_text(app), "the question")
        assert below_the_top(app) == snapshot


@pytest.mark.parametrize("number", [one.number for one in SCREENS[:5]])
async def test_a_bot_that_has_crashed(number: str, snapshot: SnapshotAssertion) -> None:
    view = busy(trades=8, bars=200, lines=20)
    async with shown(number, view, SMALL) as (app, pilot):
        view.link, view.fate, view.trouble = "ended", "crashed", "its process is gone"
        assert view.crashed
        await until(pilot, lambda: "CRASHED" in screen_text(app), "the word")
        await settled(pilot)
        assert below_the_top(app) == snapshot


@pytest.mark.parametrize("number", ["2", "3", "4", "5"])
async def test_a_record_that_is_replayed(
    number: str, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    path = keep_record(tmp_path, a_run(0, 20))
    async with replayed(path, SMALL) as (app, pilot, replay):
        await tap(pilot, replay, *["full_stop"] * 4)
        await pilot.press(number)
        await until(pilot, lambda: app.current_mode == number, "the screen")
        await settled(pilot)
        assert below_the_top(app) == snapshot
