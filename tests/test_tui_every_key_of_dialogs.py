"""Every key of the dialogs, of a replay, of the paper exchange's console; screens by number.

Costs 15 s.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.screen import Screen

from tests.bot_app import shown
from tests.busy_bot import busy
from tests.key_effects import EFFECTS
from tests.key_walk import SMALL_AND_WIDE, Walk
from tests.processes import unmodified
from tests.records import a_run, keep_record
from tests.screen_text import screen_text, until
from tests.test_paper_console import console
from tests.test_tui_every_key import WALKED
from tests.test_tui_replay import replayed
from tests.tui_app import opened, quick_run
from tui.footers import PAPER_PLACES
from tui.keys import KEYS
from tui.screens.compare import CompareScreen
from tui.screens.details import DetailsScreen
from tui.screens.fetch import FetchDialog
from tui.screens.help import HelpScreen
from tui.screens.names import SCREENS
from tui.screens.palette import PaletteScreen, entries
from tui.screens.parameters import ParametersScreen
from tui.screens.parting import Parting
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion

SIZES = pytest.mark.parametrize("size", SMALL_AND_WIDE)
DIALOGS: tuple[tuple[Callable[[Any], Screen[Any]], tuple[str, ...]], ...] = (
    (lambda _: HelpScreen(), ("dialog",)),
    (lambda _: DetailsScreen("a row", Content("words"), "{}"), ("dialog", "details page")),
    (lambda _: Question("Stop?", yes="Stop"), ("question",)),
    (lambda _: TypedQuestion("Close everything?", ["one lot"], "BTC"), ("typed",)),
    (lambda _: Parting(""), ("parting",)),
    (lambda _: FetchDialog("", "15m", "2024-01-01", ""), ("fields",)),
    (lambda _: ParametersScreen({}), ("parameters",)),
    (lambda app: PaletteScreen(entries(app.screen)), ("palette",)),
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))
    return


@SIZES
async def test_every_key_of_dialogs(size: tuple[int, int]) -> None:
    async with shown("1", busy(), size) as (_, pilot):
        for make, places in DIALOGS:
            keys = Walk(pilot, make(pilot.app).__class__.__name__, EFFECTS)
            for place in places:
                await keys.press_all(place, begin=lambda app, make=make: app.push_screen(make(app)))
            keys.check()


@SIZES
async def test_every_key_of_a_comparison(size: tuple[int, int]) -> None:
    async with opened(size, Path("data")) as (_, pilot):
        for _ in range(2):
            await quick_run(pilot, coins="BTC SOL")
        keys = Walk(pilot, "Compare", EFFECTS)
        for place in ("dialog", "compare"):
            await keys.press_all(
                place, begin=lambda app: app.push_screen(CompareScreen(*app.store.runs))
            )
        keys.check()


@SIZES
async def test_every_key_of_a_replay(size: tuple[int, int], tmp_path: Path) -> None:
    path = keep_record(tmp_path, a_run(0, 20))
    async with replayed(path, size) as (_, pilot, _):
        keys = Walk(pilot, "Replay", EFFECTS)
        await keys.press_all("replay")
        keys.check()


@SIZES
async def test_every_key_of_the_paper_exchange(size: tuple[int, int]) -> None:
    async with console(size) as (app, pilot, exchange):
        client = unmodified(exchange.url)
        await asyncio.to_thread(client.fetch_time)
        await until(pilot, lambda: "1 connection" in screen_text(app), "the client")
        keys = Walk(pilot, "Paper", EFFECTS)
        await keys.press_all("paper", "#menu")
        client.session.close()
        keys.check()


async def test_every_screen_is_reached_from_every_other_by_its_number() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await pilot.press("escape")
        for start in SCREENS:
            for end in SCREENS:
                for one in (start, end):
                    app.set_focus(None)
                    app.simulate_key(one.number)
                    await until(
                        pilot, lambda one=one: app.current_mode == one.number, f"{one.name}"
                    )
        assert "[Bots]" in screen_text(app)


def test_every_key_has_an_effect_that_is_looked_for_and_every_place_is_gone_to() -> None:
    assert {key.id for key in KEYS if key.id not in EFFECTS} == set()
    dialogs = {place for _, places in DIALOGS for place in places} | {"compare", "link", "replay"}
    everywhere = {place for places in WALKED.values() for place in places}
    assert {key.place for key in KEYS} - everywhere - dialogs - set(PAPER_PLACES) == set()
    for screen in SCREENS:
        missing = {*screen.make(None).KEY_PLACES} - {*WALKED[screen.name]} - {"replay"}
        assert missing <= dialogs, screen.name
