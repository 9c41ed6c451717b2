"""A defect in the work of a thread ends that work, and leaves a report. Costs 1 s."""

from pathlib import Path

import pytest

from engine.events import RunFailed
from engine.job import BacktestJob
from tests.test_tui_request import GOOD
from tui.data_work import DataJob, Outcome, Tell
from tui.feed import BacktestFeed
from tui.request import RunRequest


def divide(*_: object) -> Outcome:
    return Outcome(str(1 / 0))


def assert_reported(line: str, folder: Path) -> None:
    (path,) = folder.glob("live_logs/gridtui_crash_*.txt")
    assert line.startswith("unexpected ZeroDivisionError: ")
    assert line.endswith(f"This is a defect of gridtui. The full report is in {path}")
    assert "return Outcome(str(1 / 0))" in path.read_text()


def test_of_a_backtest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BacktestJob, "run", divide)
    feed = BacktestFeed(RunRequest.checked(GOOD, tmp_path))
    feed.run()
    (failure,) = feed.drain()
    assert isinstance(failure, RunFailed)
    assert_reported(failure.message, tmp_path)


def test_of_work_on_the_data(tmp_path: Path) -> None:
    def work(_: Tell) -> Outcome:
        return divide()

    job = DataJob("An import", "reading", work)
    job.data_dir = tmp_path
    job.run()
    assert job.outcome is not None
    assert job.outcome.failed
    assert_reported(job.outcome.message, tmp_path)
