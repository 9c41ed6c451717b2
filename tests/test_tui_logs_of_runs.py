"""The Logs screen over a file that has several runs. Costs 8 s."""

from pathlib import Path

import pytest

from tests.bot_app import shown, watched
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.app import GridTui
from tui.bot.log_file import RUN_BEGINS, read_tail
from tui.widgets.log_lines import LogLines

DAYS = ("2025-03-01", "2025-03-02", "2025-03-03")


def lines(app: GridTui) -> LogLines:
    return app.screen_stack[0].query_one(LogLines)


def run_of(day: str, badge: str, market_day: str = "", number: int = 60) -> list[str]:
    """The lines of a run in a log's file; `market_day`: of the time that its market has."""
    bars = [
        f"[{market_day or day} 12:{n % 60:02}:00] GRID | {n} {'stop' if n % 20 == 7 else 'entry'}"
        for n in range(number)
    ]
    return [f"[{day} 08:00:00] INFO | {badge} BTC/USDT begins", *bars]


def loaded(app: GridTui, *runs: list[str], folder: Path) -> None:
    """The log's file as these runs have left it."""
    path = folder / "BTCUSDT.log"
    path.write_text("\n".join(line for run in runs for line in run) + "\n")
    lines(app).put_before(read_tail(path))


@pytest.mark.parametrize("size", SIZES)
async def test_a_line_across_tells_each_run_from_the_one_before(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with shown("5", watched(), size) as (app, pilot):
        first, second = (run_of(day, "PAPER SIMULATED", number=3) for day in DAYS[:2])
        third = run_of(DAYS[2], "LIVE", number=3)
        loaded(app, first, second, third, folder=tmp_path)
        for day, badge in zip(DAYS, ("PAPER SIMULATED", "PAPER SIMULATED", "LIVE"), strict=True):
            words = f"── {day} 08:00:00 UTC  {badge} BTC/USDT begins ──"
            await until(pilot, lambda words=words: words in screen_text(app), words)
        assert lines(app).row_count == 12
        await pilot.press("e")  # no line of any run is left, so that only the last one has a line
        await until(pilot, lambda: lines(app).row_count == 1, "the newest run")
        assert f"{DAYS[2]} 08:00:00 UTC  LIVE" in screen_text(app)
        await pilot.press("i", "ampersand", *"stop", "enter")
        await until(pilot, lambda: lines(app).row_count == 1, "no stop in any of them")


async def test_a_search_finds_the_beginnings_of_runs(tmp_path: Path) -> None:
    async with shown("5", watched(), (80, 24)) as (app, pilot):
        loaded(app, *(run_of(day, "LIVE") for day in DAYS), folder=tmp_path)
        await pilot.press("slash", *"begins", "enter")
        for day in DAYS[::-1]:
            await until(pilot, lambda day=day: f"── {day} 08:00" in screen_text(app), day)
            await pilot.press("n")
        assert "/begins 3 lines" in screen_text(app)


@pytest.mark.parametrize(
    ("typed", "run", "first"),
    [
        ("2025-01-06 12:30", 2, "2025-01-06 12:30:00"),  # the time of three runs' market
        ("2025-03-02 09:00", None, ""),  # the clock's time, which no line of a market is as late as
    ],
)
async def test_a_time_that_several_simulated_runs_have_is_gone_to_in_the_newest(
    typed: str, run: int | None, first: str, tmp_path: Path
) -> None:
    async with shown("5", watched(), (80, 24)) as (app, pilot):
        runs = [run_of(day, "PAPER SIMULATED", "2025-01-06") for day in DAYS]
        loaded(app, *runs, folder=tmp_path)
        await pilot.press("ctrl+g", *typed, "enter")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "held still")
        top = lines(app).scroll_offset.y
        if run is None:
            assert lines(app)._rows[top].level == RUN_BEGINS
        else:
            assert top == run * 61 + 1 + 30
            assert first in screen_text(app).split("\n")[3]


async def test_a_time_between_two_runs_leads_to_the_later_one(tmp_path: Path) -> None:
    async with shown("5", watched(), (80, 24)) as (app, pilot):
        loaded(app, *(run_of(day, "LIVE") for day in DAYS), folder=tmp_path)
        for typed, row in (("2025-03-01 20:00", 61), ("2025-03-02 12:10", 61 + 1 + 10)):
            await pilot.press("ctrl+g", *typed, "enter")
            await until(pilot, lambda row=row: lines(app).scroll_offset.y == row, typed)
