"""A defect in work aside ends that work, is said, and leaves a report. Costs 12 s."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

import exchange.holdings
import tui.screens.data
from engine.events import RunFailed
from engine.job import BacktestJob
from tests.screen_text import screen_text, until
from tests.test_tui_request import GOOD
from tests.tui_app import NOON, opened
from tui.app import GridTui
from tui.bot.census import Census
from tui.bot.demo import Demo
from tui.data_work import DataJob, Outcome, Tell
from tui.feed import BacktestFeed
from tui.request import RunRequest
from tui.screens.names import SCREENS


def divide(*_: object) -> Outcome:
    return Outcome(str(1 / 0))


def assert_reported(line: str, folder: Path) -> None:
    (path,) = folder.glob("live_logs/gridtui_crash_*.txt")
    assert line.startswith("unexpected ZeroDivisionError: ")
    assert line.endswith(f"This is a defect of gridtui. The full report is in {path}")
    assert "return Outcome(str(1 / 0))" in path.read_text()


def test_of_a_backtest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BacktestJob, "run", divide)
    feed = BacktestFeed(RunRequest.checked(GOOD, tmp_path))
    feed.run()
    (failure,) = feed.drain()
    assert isinstance(failure, RunFailed)
    assert_reported(failure.message, tmp_path)


def test_of_work_on_the_data(tmp_path: Path) -> None:
    def work(_: Tell) -> Outcome:
        return divide()

    job = DataJob("An import", "reading", work)
    job.data_dir = tmp_path
    job.run()
    assert job.outcome is not None
    assert job.outcome.failed
    assert_reported(job.outcome.message, tmp_path)


@pytest.fixture
def own_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))


def said(app: GridTui) -> list[str]:
    """Of the errors that stand on the screen, the first lines."""
    notices = [each for each in app._notifications if each.severity == "error"]
    return [each.message.partition("\n")[0] for each in notices]


async def assert_said(pilot: Pilot[None], folder: Path) -> None:
    app = pilot.app
    assert isinstance(app, GridTui)
    await until(pilot, lambda: bool(said(app)), "the line")
    (line,) = said(app)
    assert_reported(line, folder)
    assert app.is_running


@pytest.mark.usefixtures("own_bots")
@pytest.mark.parametrize("thread", [True, False], ids=["thread", "task"])
async def test_of_any_screen_or_of_the_application_itself(tmp_path: Path, thread: bool) -> None:
    async def of_a_task() -> None:
        divide()

    work: Callable[[], Any] = divide if thread else of_a_task
    async with opened((80, 24), tmp_path) as (app, pilot):
        for number in (*(one.number for one in SCREENS), ""):
            if number:
                await app.action_screen(number)
            owner = app.screen if number else app
            owner.run_worker(partial(work), thread=thread, exit_on_error=False)
            await assert_said(pilot, tmp_path)
            await until(pilot, lambda: "ZeroDivisionError:" in screen_text(app), "the notice")
            app.clear_notifications()
            app._said.clear()
            next(tmp_path.glob("live_logs/gridtui_crash_*.txt")).unlink()


@pytest.mark.usefixtures("own_bots")
async def test_the_same_defect_again_and_again_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def take(*_: object) -> None:
        nonlocal asked
        asked += 1
        divide()

    monkeypatch.setattr(Census, "take", take)
    monkeypatch.setattr("tui.screens.bots._LOOKING_S", 0.05)
    async with opened((80, 24), tmp_path) as (app, pilot):
        await app.action_screen("0")
        await until(pilot, lambda: asked > 3, "some looks")
        await assert_said(pilot, tmp_path)


@pytest.mark.usefixtures("own_bots")
async def test_after_a_defect_the_data_are_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tui.screens.data, "_READ_AGAIN_S", 0.05)
    with monkeypatch.context() as broken:
        broken.setattr(exchange.holdings, "holdings", divide)
        app = GridTui(tmp_path, clock=lambda: NOON, first="8")
        run = app.run_test(size=(80, 24), notifications=True)
        pilot = await run.__aenter__()
        await assert_said(pilot, tmp_path)
    try:
        await until(pilot, lambda: "There are no data on this disk yet" in screen_text(app), "it")
    finally:
        await run.__aexit__(None, None, None)


@pytest.mark.usefixtures("own_bots")
async def test_after_a_defect_while_the_demo_is_awaited_bots_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app._LOOKING_S", 0.05)
    demo = Demo(tmp_path)
    looked = 0
    try:
        with monkeypatch.context() as broken:
            broken.setattr(Demo, "found", divide)
            app = GridTui(tmp_path, clock=lambda: NOON, first="1", demo=demo)
            async with app.run_test(size=(80, 24), notifications=True) as pilot:
                await assert_said(pilot, tmp_path)
                assert app.store is not None
                look = app.store.fleet.look

                async def noted(*, attach: bool) -> None:
                    nonlocal looked
                    looked += 1
                    await look(attach=attach)

                broken.setattr(app.store.fleet, "look", noted)
                await until(pilot, lambda: looked > 0, "a look for bots")
    finally:
        await asyncio.to_thread(demo.stop)
