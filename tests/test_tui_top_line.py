"""The line on top below dialogs: it stays to be seen, in every theme. Costs 9 s."""

import re
from html import unescape

import pytest

from tests.bot_app import shown, watched
from tests.screen_text import until
from tui.app import GridTui
from tui.theme import THEMES

SMALL = (80, 24)


def top_line(app: GridTui) -> str:
    """What the terminal shows there, of all screens that lie over each other."""
    picture = unescape(app.export_screenshot())
    return "".join(re.findall(r'line-0\)">([^<]*)<', picture)).replace("\xa0", " ")


@pytest.mark.parametrize("theme", THEMES)
async def test_a_dialog_leaves_the_line_on_top_to_be_seen(theme: str) -> None:
    async with shown("1", watched(), SMALL) as (app, pilot):
        app.theme = THEMES[theme].name
        await until(pilot, lambda: " PAPER " in top_line(app), "the line")
        for key in ("colon", "question_mark", "S", "X", "n"):
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen_stack) == 2, "the dialog")
            await until(pilot, lambda: "64,812.4" in top_line(app), f"the price above {key}")
            assert " PAPER " in top_line(app)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1, "the screen")
