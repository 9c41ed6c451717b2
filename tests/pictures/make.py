"""Pictures of every screen, from real runs on the simulated market: the same at every call.

    python -m tests.pictures.make                                # into tests/pictures
    python -m tests.pictures.make --folder OTHER --size 80x24    # elsewhere, of another size

Bots trade in lock step, backtests and a search are run, candles are kept; the application shows
all of it under a pilot, with clocks that stand still.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from shutil import rmtree

from textual.pilot import Pilot

from tests.bot_app import Clock, settled
from tests.pictures.bots import PaperBot, bot_config, earlier_bots, running
from tests.pictures.disk import keep_candles, keep_profile, keep_study
from tests.pictures.svg import svg_of
from tests.screen_text import screen_cells, screen_text, until
from tests.tui_app import form, run
from tui.app import GridTui
from tui.bot.fleet import Fleet
from tui.request import FormText
from tui.screens.names import SCREENS
from tui.theme import DARK

HERE = Path(__file__).resolve().parent
SIZE = (120, 40)
PLACE = "/srv/gridtui"
"""What the pictures call the folder of the run, whose own name is random and as long."""

_MOST_ALARMS = 20
_BEGAN, _NOW = "2025-01-28", "2025-02-06T01:52:35"


async def make(folder: Path, size: tuple[int, int] = SIZE) -> None:
    """Write a picture of each screen into a folder."""
    with _a_place_of_its_own() as place:
        data = place / "data"
        keep_candles(data)
        keep_profile(data)
        keep_study(data)
        await earlier_bots(data)
        bot = PaperBot(bot_config("BTC", "paper", data), _BEGAN, 1100)
        async with bot.trading(_NOW), _watching(bot, size) as (app, pilot):
            for screen in SCREENS:
                await _arrange(screen.number, app, pilot)
                await settled(pilot)
                picture = picture_of(app, screen.name).replace(str(place), PLACE)
                (folder / f"{screen.name.lower()}.svg").write_text(picture)


def picture_of(app: GridTui, name: str) -> str:
    """What the application shows now; `name`: of the screen."""
    colours = (str(DARK.foreground), str(DARK.background))
    return svg_of(screen_cells(app), f"gridtui, the {name} screen", colours)


@contextmanager
def _a_place_of_its_own() -> Iterator[Path]:
    """An empty working folder; nothing of the user's is seen or written."""
    before, settings = Path.cwd(), dict(os.environ)
    place = Path(f"/tmp/g{SystemRandom().randrange(10**6):06}")
    place.mkdir(mode=0o700)
    os.environ |= {
        "GRIDTUI_DATA": str(place / "data"),
        "GRIDTUI_STATE_HOME": str(place / "locks"),
        "XDG_CONFIG_HOME": str(place / "config"),
    }
    for name in ("GRIDTUI_SOURCE", "GRIDTUI_STORAGE", "NO_COLOR"):
        os.environ.pop(name, None)
    os.chdir(place)
    try:
        yield place
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ |= settings
        rmtree(place)


@asynccontextmanager
async def _watching(
    bot: PaperBot, size: tuple[int, int]
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    """The application while it shows the bot, which tells nothing new."""
    now = datetime.fromisoformat(f"{_NOW}+00:00")
    app = GridTui(clock=lambda: now, first="1")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        assert app.store is not None
        fleet = app.store.fleet = Fleet(Clock())
        async with running(bot):
            await fleet.look()
            await until(pilot, lambda: " PAPER " in screen_text(app), "the bot")
            for _ in range(_MOST_ALARMS):  # of what is long over
                await pilot.press("!")
                await pilot.pause(0.15)
            yield app, pilot
            await fleet.close()


async def _arrange(number: str, app: GridTui, pilot: Pilot[None]) -> None:
    """Go to a screen, and let it show what there is to be seen."""
    await pilot.press("escape", "escape", number)
    await until(pilot, lambda: f"[{_name(number)}]" in screen_text(app), "the screen")
    if number == "4":
        await pilot.press("v", "v")
    if number == "5":
        await pilot.press("ampersand", *"!EQUITY", "enter")
    if number == "6":
        await _backtest(app, pilot)
    if number == "7":
        await until(pilot, lambda: "hold-out" in screen_text(app), "the study")
        await pilot.press("escape", "p")
    if number == "8":
        await until(pilot, lambda: "4 series" in screen_text(app), "the series")
        await pilot.press("end")
    if number == "9":
        await pilot.press("o", *"calm", "enter", *["down"] * 20)
    if number == "0":
        await until(pilot, lambda: "bots 4" in screen_text(app), "the bots")


async def _backtest(app: GridTui, pilot: Pilot[None]) -> None:
    """Three runs; the last one under every fill model."""
    coins = {"coins": "BTC ETH SOL", "end": "2024-07-01"}
    for changes in ({"coins": "BTC"}, {"changed": {"gamma": 0.3}}, {"band": True}):
        form(app).show(replace(FormText.defaults(), **{**coins, **changes}))
        await run(pilot)
    assert app.store is not None
    app.store.say("")  # how long it took differs from run to run


def _name(number: str) -> str:
    return next(screen.name for screen in SCREENS if screen.number == number)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the pictures of the screens.")
    parser.add_argument("--folder", type=Path, default=HERE, help="default: beside this file")
    parser.add_argument("--size", default="120x40", help="columns x lines, default: 120x40")
    args = parser.parse_args()
    columns, _, lines = args.size.partition("x")
    args.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(args.folder.absolute(), (int(columns), int(lines))))


if __name__ == "__main__":
    main()
