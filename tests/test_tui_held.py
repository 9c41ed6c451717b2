"""A display that is held: until when, and of which moment it is. Costs 7 s."""

import pytest

from tests.bot_app import settled, shown, watched
from tests.bot_documents import snapshot
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES


@pytest.mark.parametrize("number", ["1", "3", "4"])
async def test_a_screen_that_is_left_is_held_no_longer(number: str) -> None:
    async with shown(number, watched(), (80, 24)) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the banner")
        await pilot.press("8")
        await until(pilot, lambda: "[Data]" in screen_text(app), "another screen")
        await pilot.press("minus")
        await until(pilot, lambda: "[Data]" not in screen_text(app), "the screen before")
        await settled(pilot)
        assert "PAUSED VIEW" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES[:2])
@pytest.mark.parametrize(
    ("mode", "at"), [("paper", "of market 01-10 12:00:00Z"), ("live", "of 12:00:00Z")]
)
async def test_a_held_display_says_by_whose_clock_it_is_old(
    mode: str, at: str, size: tuple[int, int]
) -> None:
    async with shown("1", watched(snapshot(mode=mode)), size) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: f" {at}" in screen_text(app), "the moment")
        line = next(line for line in screen_text(app).split("\n") if "PAUSED VIEW" in line)
        assert f"{at}; the bot goes on   space " in line
        assert line.rstrip().endswith(("shows what is now", "goes on"))
