"""Every key of the five screens of a bot, at two sizes, by the table of keys. Costs 25 s."""

import pytest

from tests.bot_app import shown
from tests.busy_bot import busy
from tests.key_effects import EFFECTS
from tests.key_walk import SMALL_AND_WIDE, Walk
from tests.screen_text import screen_text, until
from tui.screens.names import SCREENS

PLACES = {
    "1": (
        "Live",
        "[Live]",
        {"app": "", "bot": "", "panels": "", "live": "", "lines": "#last-trades"},
    ),
    "2": ("Grid", "[Grid]", {"app": "", "bot": "", "grid": "", "lines": "Ladder"}),
    "3": (
        "Equity",
        "equity, 7 days",
        {"app": "", "bot": "", "charts": "", "cursor": "", "panels": "", "equity": ""},
    ),
    "4": ("Orders", "[resting", {"app": "", "bot": "", "orders": "", "list": "#rows"}),
    "5": ("Logs", "HEALTH", {"app": "", "bot": "", "logs": "", "lines": "LogLines"}),
}


NUMBERS = tuple(f"screen_{one.number}" for one in SCREENS)


@pytest.mark.parametrize("size", SMALL_AND_WIDE)
@pytest.mark.parametrize("number", PLACES)
async def test_every_key(number: str, size: tuple[int, int]) -> None:
    where, text, places = PLACES[number]
    async with shown(number, busy(), size) as (app, pilot):
        await until(pilot, lambda: text in screen_text(app), text)
        walk = Walk(pilot, where, EFFECTS)
        for place, focus in places.items():
            all_in_sight = focus == "Ladder" and size != SMALL_AND_WIDE[0]
            await walk.press_all(place, focus, without=NUMBERS, unseen=all_in_sight)
        walk.check()
