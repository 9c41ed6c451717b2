"""The Optimizer screen in every state, as text. Costs 25 s."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.screen_text import screen_text, until
from tests.studies import at_work, keep_notice, keep_report, keep_trials
from tests.tui_app import lines, opened
from tui.app import GridTui
from tui.screens.apply import ApplyDialog
from tui.screens.optimizer import OptimizerScreen
from tui.screens.trial import TrialScreen
from tui.widgets.study_pane import StudyPane

SMALL, WIDE, HUGE = (80, 24), (120, 40), (200, 60)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "bots"))


async def to_optimizer(pilot: Pilot[None], shown: str) -> OptimizerScreen:
    """Go to the screen and wait until it says `shown`."""
    app = pilot.app
    assert isinstance(app, GridTui)
    await pilot.press("escape", "7")
    await until(pilot, lambda: isinstance(app.screen, OptimizerScreen), "the screen")
    await until(pilot, lambda: app.store.optimizer.rows is not None, "the studies")
    pane = app.screen.query_one(StudyPane)
    await until(pilot, lambda: pane.view is not None or not app.store.optimizer.rows, "the study")
    await pilot.press("escape")
    await until(pilot, lambda: shown in screen_text(app), shown)
    assert isinstance(app.screen, OptimizerScreen)
    return app.screen


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_without_a_study_a_newcomer_is_told_what_to_press(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with opened(size, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "No study yet")
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_running_search_looks_as_it_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    keep_trials(trials=40)
    told = {"done": 40, "wanted": 200, "rate": 3.4, "left_s": 47.0, "share": 0.2}
    with at_work(keep_notice("searching", "searching", **told)):
        async with opened(size, Path("data")) as (app, pilot):
            await to_optimizer(pilot, "40/200 trials  3.4/s  47 s left")
            assert screen_text(app) == snapshot


@pytest.mark.parametrize(
    ("stage", "words", "shown"),
    [
        ("paused", "paused", "paused at 40/200 trials: space resumes"),
        ("examining", "questioning the result: permutations", "permutations  20%"),
        ("failed", "the candles differ", "failed: the candles differ"),
        ("stopped", "stopped", "stopped, 40 of 200 trials: space goes on"),
        ("killed", "searching", "killed, 40 of 200 trials: space goes on"),
    ],
)
async def test_each_state_of_a_search_looks_as_it_did(
    stage: str, words: str, shown: str, snapshot: SnapshotAssertion
) -> None:
    keep_trials(trials=40)
    told = {"done": 40, "wanted": 200, "share": 0.2}
    folder = keep_notice("searching" if stage == "killed" else stage, words, **told)
    with ExitStack() as held:
        if stage in ("paused", "examining"):
            held.enter_context(at_work(folder))
        async with opened(WIDE, Path("data")) as (app, pilot):
            await to_optimizer(pilot, shown)
            assert screen_text(app) == snapshot


@pytest.mark.parametrize(
    ("size", "word"), [(SMALL, "ROBUST"), (WIDE, "ROBUST"), (WIDE, "OVERFIT"), (HUGE, "OVERFIT")]
)
async def test_a_verdict_and_what_is_behind_it_look_as_they_did(
    size: tuple[int, int], word: str, snapshot: SnapshotAssertion
) -> None:
    keep_trials(trials=40)
    keep_report(word)
    keep_notice("finished", f"{word}: 4 questions were asked", done=40, wanted=40)
    async with opened(size, Path("data")) as (app, pilot):
        await to_optimizer(pilot, f"{word}  p ")
        for view in "prw":
            await pilot.press(view)
            await pilot.pause(0.1)
            assert screen_text(app) == snapshot(name=view)


async def test_report_and_windows_stand_beside_a_view_once_each() -> None:
    keep_trials(trials=40)
    keep_report("OVERFIT")
    async with opened(HUGE, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "OVERFIT  p ")
        for view in "prwt":
            await pilot.press(view)
            await pilot.pause(0.1)
            text = screen_text(app)
            assert text.count("BAD permutation p-value") == 1
            assert text.count("window, tested on") == 1


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_the_details_of_a_trial_and_the_difference_look_as_they_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    keep_trials(trials=40)
    keep_report("OVERFIT")
    keep_notice("finished", "OVERFIT", done=40, wanted=40)
    async with opened(size, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "OVERFIT  p ")
        await pilot.press("t", "o", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrialScreen), "the trial")
        assert screen_text(app) == snapshot(name="trial")
        await pilot.press("escape", "a")
        await until(pilot, lambda: isinstance(app.screen, ApplyDialog), "the dialog")
        await until(pilot, lambda: "a new file" in screen_text(app), "the difference")
        assert screen_text(app) == snapshot(name="difference")


async def test_rows_that_are_cut_say_so_and_can_be_read_to_their_end() -> None:
    keep_trials(trials=5)
    async with opened(SMALL, Path("data")) as (app, pilot):
        await to_optimizer(pilot, "5 trials")
        await pilot.press("t")
        await pilot.pause(0.1)
        heading = next(line for line in lines(app) if "trial" in line and "score" in line)
        assert "▸" in heading
        await pilot.press(*["right"] * 25)
        await pilot.pause(0.1)
        heading = next(line for line in lines(app) if "◂" in line)
        assert "▸" not in heading
