"""With NO_COLOR nothing is lost: signs, words, frames and reversed lines say it. Costs 9 s."""

from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from textual.pilot import Pilot

from tests.bot_app import settled, shown, watched
from tests.bot_documents import QUOTE, snapshot
from tests.busy_bot import busy
from tests.key_effects import result
from tests.screen_text import screen_cells, screen_text, until
from tests.studies import keep_notice, keep_report, keep_trials
from tests.test_tui_data import keep_some, to_data
from tests.test_tui_optimizer_looks import to_optimizer
from tests.tui_app import opened, quick_run
from tui.screens.parameters import ParametersScreen


@pytest.fixture(autouse=True)
def _no_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))


def looks(app: Any) -> list[list[tuple[str, tuple[bool | None, ...]]]]:
    """What is on the screen, cell by cell, all colours taken away."""
    return [
        [(cell, _attributes(segment.style)) for segment in line for cell in segment.text]
        for line in screen_cells(app)
    ]


def _attributes(style: Style | None) -> tuple[bool | None, ...]:
    if style is None:
        return ()
    return (style.bold, style.reverse, style.underline, style.italic)


async def differs(pilot: Pilot[Any], key: str) -> None:
    """Press a key, and wait until it is seen without colours."""
    app = pilot.app
    await settled(pilot)
    before = looks(app)
    await pilot.press(key)
    await settled(pilot)
    assert looks(app) != before, f"nothing is seen of {key}\n{screen_text(app)}"


@pytest.mark.parametrize("number", ["1", "4", "9", "0"])
async def test_the_panel_with_the_focus_and_the_chosen_row_are_told(number: str) -> None:
    async with shown("1", busy(), (80, 24)) as (app, pilot):
        assert app.no_color
        if number != "1":
            app.simulate_key(number)
            await until(pilot, lambda: app.current_mode == number, "the screen")
            await until(pilot, lambda: app.focused is not None, "the focus")
        if number in "10":
            await differs(pilot, "tab")
        if number in "49":
            await differs(pilot, "down")


async def test_rows_fields_and_panes_of_backtest_are_told() -> None:
    async with opened((120, 40), Path("data")) as (app, pilot):
        for _ in range(2):
            await quick_run(pilot)
        await pilot.press("t")
        for key in ("down", "r", "down", "escape", "f", "down", "down"):
            await differs(pilot, key)
        app.push_screen(ParametersScreen({}))
        await until(pilot, lambda: "kama_period" in screen_text(app), "the parameters")
        await differs(pilot, "down")


async def test_rows_and_panes_of_optimizer_are_told() -> None:
    keep_trials(trials=12)
    keep_trials("other", trials=3)
    keep_report("ROBUST")
    keep_notice("finished", "ROBUST: 4 questions were asked", done=12, wanted=12)
    async with opened((120, 40), Path("data")) as (app, pilot):
        await to_optimizer(pilot, "trials")
        result("trials")(app)
        for key in ("down", "s", "down", "f"):
            await differs(pilot, key)


async def test_series_and_panes_of_data_are_told() -> None:
    keep_some()
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        for key in ("down", "tab"):
            await differs(pilot, key)


async def test_gains_and_losses_are_told_by_their_signs() -> None:
    async with shown("1", watched(), (80, 24)) as (app, pilot):
        before = screen_text(app)
        quote = QUOTE | {"unrealised": [-5.02, 2.46]}
        app.store.fleet.watched = watched(snapshot(quote=quote))
        await until(pilot, lambda: "-5.02" in screen_text(app), "the loss")
        assert "+5.02" in before
        assert "-2.46" in before
        assert "+2.46" in screen_text(app)
