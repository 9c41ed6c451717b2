"""Every key of Backtest, Optimizer, Data, Config and Bots, by the table of keys. Costs 45 s."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.key_effects import EFFECTS, result
from tests.key_walk import SMALL_AND_WIDE, Walk
from tests.screen_text import screen_text, until
from tests.studies import keep_notice, keep_report, keep_trials
from tests.test_tui_bots import bots_screen, leave_some, running
from tests.test_tui_bots import folder as folder  # a fixture
from tests.test_tui_data import keep_some, to_data
from tests.test_tui_every_key_of_a_bot import NUMBERS, PLACES
from tests.test_tui_optimizer_looks import to_optimizer
from tests.tui_app import opened, quick_run

WALKED: dict[str, tuple[str, ...]] = {
    **{name: tuple(places) for name, _, places in PLACES.values()},
    "Backtest": (
        "app",
        "backtest",
        "form",
        "choice",
        "link",
        "runs",
        "trades",
        "list",
        "charts",
        "cursor",
        "panels",
    ),
    "Optimizer": ("app", "optimizer", "form", "choice", "list", "panels"),
    "Data": ("app", "data", "list", "form", "choice"),
    "Config": ("app", "config", "list"),
    "Bots": ("app", "bots", "list", "lines"),
}
"""Places whose keys are pressed on each screen."""

SIDEWAYS = ("left", "right")
"""Lists of options have none of these."""

SIZES = pytest.mark.parametrize("size", SMALL_AND_WIDE)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))
    return


def walk(pilot: Pilot[Any], where: str) -> Walk:
    return Walk(pilot, where, EFFECTS)


@SIZES
async def test_every_key_of_backtest(size: tuple[int, int]) -> None:
    async with opened(size, Path("data")) as (_, pilot):
        for _ in range(2):
            await quick_run(pilot, coins="BTC SOL", end="2024-02-15")
        keys = walk(pilot, "Backtest")
        await keys.press_all("app", begin=result("equity"), without=NUMBERS)
        await keys.press_all("backtest")
        await keys.press_all("form")
        await keys.press_all("choice")
        await keys.press_all("link")
        await keys.press_all("runs", "#runs", lambda app: app.screen.action_runs())
        await keys.press_all("trades")
        await keys.press_all("list", "#trades", result("trades"))
        await keys.press_all("charts", begin=result("equity"))
        await keys.press_all("cursor", begin=result("equity"))
        await keys.press_all("panels", begin=result("equity"))
        keys.check()


@SIZES
async def test_every_key_of_optimizer(size: tuple[int, int]) -> None:
    keep_trials(trials=40)
    keep_report("ROBUST")
    keep_notice("finished", "ROBUST: 4 questions were asked", done=40, wanted=40)
    async with opened(size, Path("data")) as (_, pilot):
        await to_optimizer(pilot, "ROBUST  p ")
        keys = walk(pilot, "Optimizer")
        await keys.press_all("app", begin=result("report"), without=NUMBERS)
        await keys.press_all("optimizer", begin=result("report"))
        await keys.press_all("form")
        await keys.press_all("choice")
        await keys.press_all("list", "#trial-list", result("trials"))
        await keys.press_all("panels", begin=result("report"))
        keys.check()


@SIZES
async def test_every_key_of_data(size: tuple[int, int]) -> None:
    keep_some()
    async with opened(size, Path("data")) as (app, pilot):
        await to_data(app, pilot)
        keys = walk(pilot, "Data")
        await keys.press_all("app", "#series", without=NUMBERS)
        await keys.press_all("data", "#series")
        await keys.press_all("list", "#series", without=SIDEWAYS)
        await pilot.press("f")
        await keys.press_all("form")
        await keys.press_all("choice")
        keys.check()


@SIZES
async def test_every_key_of_config(size: tuple[int, int]) -> None:
    async with opened(size, Path("data")) as (app, pilot):
        await pilot.press("escape", "9")
        await until(pilot, lambda: "kama_period:" in screen_text(app), "the parameters")
        keys = walk(pilot, "Config")
        await keys.press_all("app", "#parameters", without=NUMBERS)
        await keys.press_all("config", "#parameters")
        await keys.press_all("list", "#parameters")
        keys.check()


@SIZES
async def test_every_key_of_bots(size: tuple[int, int], folder: Path) -> None:
    leave_some(folder)
    log = folder / "live_logs" / "paper" / "BTCUSDT.log"
    log.parent.mkdir()
    log.write_text("".join(f"[2025-01-10 11:{n:02}:00] GRID | {n} entry\n" for n in range(60)))
    async with running(folder), bots_screen(folder, size) as (app, pilot):
        await until(pilot, lambda: "▶" in screen_text(app), "the bot that is shown")
        keys = walk(pilot, "Bots")
        await keys.press_all("app", "#bots", without=NUMBERS)
        await keys.press_all("bots", "#bots")
        await keys.press_all("list", "#bots")
        await keys.press_all("lines", "#about", unseen=True)
        keys.check()
