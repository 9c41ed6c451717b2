"""The application under a pilot: opened at a size, with a clock that stands still."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from tests.screen_text import screen_text, until
from tui.app import GridTui
from tui.widgets.result import ResultPane
from tui.widgets.run_form import RunForm

SIZES = ((80, 24), (120, 40), (200, 60))
NOON = datetime(2025, 1, 2, 12, 0, 0, tzinfo=UTC)


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (120, 40), data_dir: Path | None = None
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    """The application once its first screen is complete."""
    app = GridTui(data_dir, clock=lambda: NOON)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.screen.query(ResultPane)), "the first screen")
        yield app, pilot


async def fill(pilot: Pilot[None], coins: str = "BTC", end: str = "2024-01-15") -> None:
    """Type coins and end into the form."""
    await pilot.press("f", "ctrl+u", *coins)
    await pilot.press("down", "down", "down")
    await pilot.press(*end)


async def fill_long(pilot: Pilot[None], coins: str, start: str = "2018-01-01") -> None:
    """Fill the form with a span that takes its time."""
    app = pilot.app
    assert isinstance(app, GridTui)
    form(app).show(replace(form(app).text, coins=coins, start=start, end="2026-01-01"))
    await pilot.pause()


async def fill_endless(pilot: Pilot[None]) -> None:
    """Fill the form with more than any machine does before the next keys are pressed."""
    coins = "BTC ETH SOL BNB XRP DOGE ADA LTC LINK AVAX DOT TRX UNI ATOM NEAR FIL"
    await fill_long(pilot, coins, "2014-01-01")


async def run(pilot: Pilot[None]) -> None:
    """Press enter and wait for a result."""
    app = pilot.app
    assert isinstance(app, GridTui)
    before = len(app.store.runs)
    await pilot.press("enter")
    await until(pilot, lambda: len(app.store.runs) > before, "the run's result")


async def quick_run(pilot: Pilot[None], coins: str = "BTC", end: str = "2024-01-15") -> None:
    """Fill the form without typing and run it."""
    app = pilot.app
    assert isinstance(app, GridTui)
    form(app).show(replace(form(app).text, coins=coins, end=end))
    await run(pilot)


async def tap(pilot: Pilot[None], *keys: str) -> None:
    """Press keys while a run is under way: the pilot's own `press` waits for an idle processor."""
    for key in keys:
        pilot.app.simulate_key(key)
        await pilot.pause(0.05)


def form(app: GridTui) -> RunForm:
    """The run form."""
    return app.screen_stack[0].query_one(RunForm)


def lines(app: GridTui) -> list[str]:
    """The screen, line by line."""
    return screen_text(app).split("\n")
