"""The demonstration: a bot on paper, shown by itself, stopped or left at the end. Costs 8 s."""

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from state.errors import StateError
from state.lock import BotLock
from tests.bots_app import running, short_folder
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.demo import Demo
from tui.bots import bots
from tui.folders import demo_folder
from tui.screens.live import LiveScreen
from tui.screens.parting import Parting


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))


async def part(app: GridTui, pilot: Pilot[None], key: str) -> None:
    """Ask to leave and answer."""
    await pilot.press("q")
    await until(pilot, lambda: isinstance(app.screen, Parting), "the question")
    await pilot.press(key)


async def test_the_demo_is_shown_by_itself_and_goes_on_only_if_that_is_wanted(
    tmp_path: Path,
) -> None:
    demo = Demo(tmp_path)
    try:
        app = GridTui(tmp_path, clock=lambda: NOON, first="1", demo=demo)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.store is not None, "the screen")
            fleet = app.store.fleet
            await until(pilot, lambda: fleet.watched is not None, "the bot")
            await until(pilot, lambda: bool(fleet.watched.quote), "a price")
            await until(pilot, lambda: " PAPER " in screen_text(app), "its mode")
            await part(app, pilot, "escape")
            await until(pilot, lambda: isinstance(app.screen, LiveScreen), "the screen")
            assert app.is_running
            await part(app, pilot, "l")
            await until(pilot, lambda: not app.is_running, "the end")
        assert app.demo_goes_on
        assert demo.runs
        again = Demo(tmp_path)
        assert again.launch is None
        assert again.found() is not None
        assert "gridtui stop BTC --mode paper" in again.goes_on
    finally:
        assert await asyncio.to_thread(demo.stop) == "The demo bot has ended."
    assert not bots(mode="paper")


async def test_neither_a_bot_in_the_place_of_the_demo_nor_one_begun_before_is_stopped_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with short_folder(monkeypatch) as folder:
        async with running(demo_folder(folder), origin="gridtui demo") as asked:
            demo = Demo(folder)
            assert demo.launch is None
            assert demo.runs
            app = GridTui(folder, clock=lambda: NOON, first="1", demo=demo)
            async with app.run_test(size=(80, 24)) as pilot:
                await until(pilot, lambda: app.store is not None, "the screen")
                app.end()
                await until(pilot, lambda: not app.is_running, "the end")
            assert app.demo_goes_on
            (lock,) = (folder / "locks").glob("*.lock")
            lock.write_text(lock.read_text().replace("4711", "4712"))
            assert not demo.runs
            assert await asyncio.to_thread(demo.stop) == "The demo bot has ended."
            assert asked == []


def test_coins_that_bots_on_paper_trade_already_are_left_to_them(tmp_path: Path) -> None:
    locks = [BotLock("paper", f"{coin}USDT") for coin in ("BTC", "ETH", "SOL", "BNB", "XRP")]
    try:
        for lock in locks:
            lock.acquire(data_folder=tmp_path / "other", mode="paper", control=tmp_path / "socket")
        with pytest.raises(StateError, match="trade BTC, ETH, SOL, BNB, XRP already"):
            Demo(tmp_path)
    finally:
        for lock in locks:
            lock.release()
