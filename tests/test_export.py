"""Trade logs and charts of one run after another: nothing is lost, nothing is mixed. Costs 2 s."""

import csv
from pathlib import Path
from typing import Any

import pytest

from engine.job import BacktestJob

FILES = ["charts/BTC_equity.png", "charts/BTC_trades.png", "output/BTC_trades.csv"]


def job(folder: Path, **changed: Any) -> BacktestJob:
    days = {"coins": ["BTC"], "start_date": "2024-01-01", "end_date": "2024-01-15"}
    return BacktestJob.checked(changed, days, source="sim", data_dir=folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Results by leverage."""
    folder = tmp_path_factory.mktemp("runs")
    return {leverage: job(folder, leverage=leverage).run() for leverage in (1, 3)}


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_newest_run_has_the_plain_names_and_the_one_before_is_kept_with_its_time(
    runs: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    list(job(tmp_path).export(runs[1]))
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    written = [path.relative_to(tmp_path) for path in job(tmp_path).export(runs[3])]
    assert sorted(map(str, written)) == FILES
    kept = [name for name in names(tmp_path) if name not in FILES]
    assert len(kept) == 3
    assert len({name.rsplit("_", 1)[1].partition(".")[0] for name in kept}) == 1
    assert sorted((tmp_path / name).read_bytes() for name in kept) == sorted(before.values())


def test_the_same_run_exported_again_leaves_no_copies(
    runs: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    for _ in range(2):
        list(job(tmp_path).export(runs[1]))
    assert names(tmp_path) == FILES


def test_no_pictures_of_another_run_are_left_beside_a_log_without_pictures(
    runs: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    list(job(tmp_path).export(runs[1]))
    list(job(tmp_path).export(runs[3], charts=False))
    assert [name for name in names(tmp_path) if name in FILES] == ["output/BTC_trades.csv"]
    assert len(names(tmp_path)) == 4
    list(job(tmp_path).export(runs[3], charts=False))
    assert len(names(tmp_path)) == 4


def test_every_row_of_a_made_up_market_says_so(
    runs: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    def markets(result: dict[str, Any]) -> set[str]:
        list(job(tmp_path).export({"BTC/USDT": result}, charts=False))
        with (tmp_path / "output" / "BTC_trades.csv").open(newline="") as file:
            return {row["market"] for row in csv.DictReader(file)}

    made_up = runs[1]["BTC/USDT"]
    assert markets(made_up) == {"SIMULATED"}
    assert markets({**made_up, "simulated": False}) == {"recorded"}
