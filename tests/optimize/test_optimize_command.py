"""`gridtui optimize` from the outside: report, files, exit codes, lines (about 25 s)."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.events import Examining
from engine.optimize.console import SearchConsole
from engine.optimize.job import OptimizeJob
from engine.optimize.settings import SearchSettings
from engine.optimize.study import Study
from gridtui import main

QUICK = ("--source", "sim", "--start", "2022-01-01", "--end", "2022-04-01", "--windows", "2")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRIDTUI_DATA", raising=False)


def run(*words: str) -> int:
    return main(["optimize", *words])


def test_it_searches_reports_and_writes_both_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = (*QUICK, "--trials", "12", "--workers", "1", "--mc-perms", "3")
    assert run("--coins", "BTC", "SOL", *quick) == 0
    said = capsys.readouterr().out
    assert "Coins: ['BTC', 'SOL'] | Period: 2022-01-01 → 2022-04-01 | Windows: 2" in said
    assert "SIMULATED market" in said
    assert "===== ROBUST PARAMETER REPORT =====" in said
    assert "Verdict: " in said
    assert "per trial" in said
    robust = json.loads((tmp_path / "data/optimizer_results_robust.json").read_text())
    assert len(robust["robust_params"]) == 22
    assert robust["monte_carlo"]["permutations"] == 3
    assert (tmp_path / "data/best_params_v4.json").exists()
    assert (tmp_path / "grid_v4_wfo.db").exists()


def test_a_second_run_goes_on_and_skips_the_permutations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--coins", "BTC", *QUICK, "--trials", "4", "--workers", "0", "--skip-mc")
    assert run(*words, "--study-name", "mine") == 0
    assert run(*words, "--study-name", "mine") == 0
    said = capsys.readouterr().out
    known = "Study mine (sqlite:///grid_v4_wfo.db), 4 trials known; up to 8 trials"
    assert known in " ".join(said.split())
    assert "permutation p-value         not measured" in said


def test_refit_reports_windows_and_the_stitched_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--coins", "BTC", *QUICK, "--trials", "3", "--workers", "0", "--mode", "refit")
    assert run(*words, "--holdout", "0") == 0
    said = capsys.readouterr().out
    assert "window 2: 3 trials" in said
    assert "Out of sample, all windows stitched together" in said
    written = json.loads((tmp_path / "data/optimizer_results_refit.json").read_text())
    assert written["metrics"]["bars"] > 0


def test_the_config_files_strategy_is_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text('[strategy]\nleverage = 2\n[backtest]\ncoins = ["ETH"]\n')
    words = (*QUICK, "--trials", "2", "--workers", "0", "--skip-mc", "--config", "my.toml")
    assert run(*words) == 0
    said = capsys.readouterr().out
    assert "Coins: ['ETH']" in said
    assert "Leverage: 2x" in said
    robust = json.loads((tmp_path / "data/optimizer_results_robust.json").read_text())
    assert robust["params"]["leverage"] == 2


def test_without_trials_it_reports_on_the_study_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--coins", "BTC", *QUICK, "--workers", "0", "--skip-mc")
    assert run(*words, "--trials", "4") == 0
    capsys.readouterr()
    assert run(*words, "--trials", "0") == 0
    said = capsys.readouterr().out
    assert "4 trials known; up to 4 trials" in " ".join(said.split())
    assert "Verdict: " in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--trials", "-1"), "trials = -1 is out of range: it takes 0 to 1,000,000"),
        (("--trials", "0"), "there is no study grid_v4_wfo to conclude from: give --trials"),
        (("--storage", ":memory:"), "storage :memory: keeps nothing: give a file"),
        (("--windows", "60"), "windows = 60 is out of range"),
        (("--sampler", "magic"), "unknown sampler 'magic'; known: tpe, cmaes, qmc, nsga2, random"),
        (("--mode", "dream"), "unknown mode 'dream'; known: search, refit"),
        (("--holdout", "0.9"), "holdout = 0.9 is out of range: it takes 0 to 0.5"),
        (("--workers", "-1"), "workers = -1 is out of range"),
        (("--study-name", " "), "the study needs a name"),
        (("--skip-mc", "--mc-perms", "5"), "--skip-mc and --mc-perms contradict each other"),
        (("--join", "x", "--coins", "BTC"), "--join takes --coins from the study"),
        (("--join", "x"), "--join needs a database that machines can share"),
        (("--storage", "mysql://h/d"), "storage mysql://h/d is not supported"),
        (("--storage", "postgresql://me@h:x/d"), "'x' is no port"),
        (("--storage", "none/mine.db"), "there is no folder "),
        (("--coins", "BTC", "--source", "sim", "--end", "2024-01-10"), "too few"),
        (("--trails", "5"), "did you mean --trials?"),
        (("--config", "none.toml"), "cannot read config file none.toml"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_a_study_of_other_settings_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--coins", "BTC", *QUICK, "--trials", "2", "--workers", "0", "--skip-mc")
    assert run(*words) == 0
    assert run(*words, "--holdout", "0.2") == 2
    said = capsys.readouterr().err
    assert (
        "study grid_v4_wfo in grid_v4_wfo.db cannot go on: holdout was 0.15 and is now 0.2" in said
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--coins", "ETH"), "coins was BTC/USDT and is now ETH/USDT"),
        (("--windows", "3"), "windows was 2 and is now 3"),
        (("--source", "binance"), "simulated was True and is now False"),
        (("--start", "2022-01-02"), "start was 2022-01-01 00:00 UTC and is now 2022-01-02"),
        (("--end", "2022-03-31"), "end was 2022-04-01 00:00 UTC and is now 2022-03-31"),
        (("--sampler", "nsga2"), "its sampler is told score, not growth drawdown"),
    ],
)
def test_another_study_is_refused_before_a_candle_is_loaded(
    words: tuple[str, ...],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {"coins": ["BTC"], "start_date": "2022-01-01", "end_date": "2022-04-01"}
    settings = SearchSettings(trials=1, windows=2, workers=0)
    job = OptimizeJob.checked({}, told, settings, source="sim")
    candles = job.load()
    Study.opened(settings.url, "grid_v4_wfo", job.identity(candles, job.plan(candles))).close()
    monkeypatch.setattr(OptimizeJob, "load", lambda *_: pytest.fail("candles were loaded"))
    assert run("--coins", "BTC", *QUICK, "--trials", "1", *words) == 2
    said = capsys.readouterr().err
    assert f"study grid_v4_wfo in grid_v4_wfo.db cannot go on: {reason}" in said


def test_what_was_stopped_before_its_report_is_told_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: SearchConsole, event: object) -> None:
        if isinstance(event, Examining):
            os.kill(os.getpid(), signal.SIGINT)
        real(self, event)  # type: ignore[arg-type]

    real = SearchConsole.__call__
    monkeypatch.setattr(SearchConsole, "__call__", stop)
    assert run("--coins", "BTC", *QUICK, "--trials", "3", "--workers", "0") == 130
    assert "the same command with --trials 0 prints it" in capsys.readouterr().out


def test_an_interrupt_ends_with_130_and_says_how_to_go_on() -> None:
    words = [*QUICK, "--coins", "BTC", "--trials", "9000", "--workers", "1"]
    program = "import sys, threading, os, signal, gridtui\n" + (
        "from engine.events import TrialFinished\n"
        "from engine.optimize import console\n"
        "real = console.SearchConsole.__call__\n"
        "def call(self, event):\n"
        "    if isinstance(event, TrialFinished) and event.number == 5:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    real(self, event)\n"
        "console.SearchConsole.__call__ = call\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(gridtui.main(['optimize', *sys.argv[1:]]))\n"
    )
    script = Path("interrupted.py")
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 130
    told = re.search(r"stopped: (\d+) trials in the study", done.stdout)
    assert told is not None
    left = 9000 - int(told[1])
    assert f"; the same command with --trials {left} goes on" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
