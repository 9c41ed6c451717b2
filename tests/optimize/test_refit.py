"""Walk-forward with a search in every window: no parameter sees what it trades (about 5 s)."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.events import TrialFinished
from engine.metrics import performance
from engine.optimize.control import SearchControl
from engine.optimize.evaluate import Evaluator
from engine.optimize.job import OptimizeJob
from engine.optimize.refit import refit, refit_document, refit_lines
from tests.optimize.solo_search import COINS, job


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def test_each_window_has_a_study_of_its_own_and_trades_behind_it(database: str) -> None:
    mine = job(database, 6, mode="refit", windows=3, holdout=0.0)
    result = refit(mine)
    candles = mine.load()
    assert [window.search.study for window in result.windows] == [
        "grid_v4_wfo.window1",
        "grid_v4_wfo.window2",
        "grid_v4_wfo.window3",
    ]
    spans = [window.span for window in result.windows]
    assert [span.test_end for span in spans[:-1]] == [span.test_start for span in spans[1:]]
    assert spans[-1].test_end == candles.bars

    capital = 10_000.0
    curve = []
    for window in result.windows:
        evaluator = Evaluator(candles, window.search.plan, mine.backtest.params)
        [run] = evaluator.span(window.params, window.span.test_start, window.span.test_end)
        curve.append(run.equity / 10_000.0 * capital)
        capital = float(curve[-1][-1])
        assert window.returns_pct == (pytest.approx(100.0 * (run.equity[-1] / 10_000.0 - 1.0)),)
    assert result.equity == pytest.approx(np.concatenate(curve))
    assert len(result.times) == len(result.equity)
    assert result.times[0] == candles.first_ms + spans[0].test_start * candles.timeframe_ms
    assert result.metrics == performance(result.equity, 10_000.0, candles.timeframe_ms)


def test_candles_behind_a_window_do_not_change_what_it_chooses(
    database: str, tmp_path: Path
) -> None:
    mine = job(database, 6, mode="refit", windows=2, holdout=0.0)
    candles = mine.load()
    honest = refit(mine, candles=candles)
    first = honest.windows[0].span
    for column in candles.coins[0].bars[1:5]:
        column[first.test_start :] *= np.linspace(1.0, 1.5, candles.bars - first.test_start)
    other = refit(
        job(str(tmp_path / "other.db"), 6, mode="refit", windows=2, holdout=0.0), candles=candles
    )
    assert other.windows[0].params == honest.windows[0].params
    assert other.windows[0].returns_pct != honest.windows[0].returns_pct


def test_it_goes_on_where_it_was_stopped(database: str) -> None:
    control = SearchControl()
    seen: list[int] = []

    def stop(event: object) -> None:
        if isinstance(event, TrialFinished):
            seen.append(event.number)
            if len(seen) == 8:
                control.stop()

    mine = job(database, 6, mode="refit", windows=2, holdout=0.0)
    result = refit(mine, stop, control)
    assert result.stopped
    assert len(result.windows) == 1
    assert any("windows are missing" in str(line) for line in refit_lines(result))
    again = refit(mine)
    assert not again.stopped
    assert [len(window.search.trials) for window in again.windows] == [6, 6]
    assert again.windows[0].params == result.windows[0].params
    more = refit(job(database, 8, mode="refit", windows=2, holdout=0.0))
    assert [window.search.added for window in more.windows] == [2, 2]


def test_without_an_end_it_goes_on_with_that_of_its_first_window(database: str) -> None:
    mine = job(database, 3, mode="refit", windows=2, holdout=0.0)
    first = refit(mine)
    without_end = {name: value for name, value in COINS.items() if name != "end_date"}
    again = OptimizeJob.checked({}, without_end, mine.settings, source="sim")
    assert again.backtest.end == first.first_ms + first.windows[-1].search.plan.bars * 900_000


def test_windows_that_are_searched_are_shown_again_without_a_trial_more(database: str) -> None:
    refit(job(database, 3, mode="refit", windows=2, holdout=0.0))
    shown = refit(job(database, 0, mode="refit", windows=2, holdout=0.0))
    assert [len(window.search.trials) for window in shown.windows] == [3, 3]
    assert not shown.stopped


def test_its_purge_is_as_long_as_the_slowest_trial_needs(database: str) -> None:
    settings = job(database, 2, mode="refit", windows=2, holdout=0.0).settings
    rows = {"regime_timeframe_mult": {"type": "int", "low": 2, "high": 96}}
    mine = OptimizeJob.checked({}, COINS, settings, space=rows, source="sim")
    for window in refit(mine).windows:
        assert window.span.test_start - window.span.train_end >= 1 + 96 * 15
    candles = mine.load()
    plan = mine.plan(candles)
    for bars in (2, 48, 96):
        Evaluator(candles, plan, mine.backtest.params).trial({"regime_timeframe_mult": bars})


def test_the_document_is_plain_and_its_curve_ends_where_the_account_does(database: str) -> None:
    result = refit(job(database, 4, mode="refit", windows=2, holdout=0.0))
    document = json.loads(json.dumps(refit_document(result)))
    assert document["equity"][-1] == [int(result.times[-1]), float(result.equity[-1])]
    assert len(document["windows"]) == 2
    assert document["coins"] == ["BTC/USDT"]
