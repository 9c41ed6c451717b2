"""The TOML file of `--config`: names of the [backtest] table, its source. Costs 1 s."""

from pathlib import Path

import pytest

from engine.errors import ParameterError
from engine.job import BacktestJob
from engine.params import load_config_file


def backtest(tmp_path: Path, lines: str) -> dict[str, object]:
    file = tmp_path / "mine.toml"
    file.write_text(f"[backtest]\n{lines}\n")
    return load_config_file(file)[1]


def test_start_and_end_are_short_for_start_date_and_end_date(tmp_path: Path) -> None:
    short = backtest(tmp_path, 'start = "2024-01-01"\nend = 2024-02-01')
    full = backtest(tmp_path, 'start_date = "2024-01-01"\nend_date = 2024-02-01')
    assert short == full
    job = BacktestJob.checked({}, short)
    assert (job.start, str(job.end)) == ("2024-01-01", "2024-02-01")


def test_a_name_and_its_short_form_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"mine\.toml: .*keep one start_date"):
        backtest(tmp_path, 'start = "2024-01-01"\nstart_date = "2024-01-02"')


def test_the_file_names_a_source_that_the_flag_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_SOURCE", "binance")
    settings = backtest(tmp_path, 'source = "sim"')
    assert BacktestJob.checked({}, settings).source == "sim"
    assert BacktestJob.checked({}, settings, source="elsewhere").source == "elsewhere"
    assert BacktestJob.checked({}, {}).source == "binance"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("source = 5", "source must be binance, sim or a folder, not 5"),
        ('coin = "BTC"', "unknown key 'coin' in [backtest]; known: coins, start_date"),
    ],
)
def test_what_the_table_cannot_hold_is_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(ParameterError) as error:
        backtest(tmp_path, line)
    assert says in str(error.value)
