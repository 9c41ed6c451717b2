"""The command line: settings, what it prints, how it fails (about 8 s)."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gridtui
from engine.params import BACKTEST_CONFIG, STRATEGY_PARAMS, StrategyParams
from tests.processes import ROOT, gridtui_process

SHORT = ["--source", "sim", "--start", "2024-01-01", "--end", "2024-01-15"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `gridtui backtest` in this process: exit code, standard output, standard error."""

    def run_backtest(*arguments: str) -> tuple[int, str, str]:
        code = gridtui.main(["backtest", "--data-dir", str(tmp_path), *arguments])
        return code, *capsys.readouterr()

    return run_backtest


def settings_of(output: str) -> dict[str, Any]:
    return json.loads(output)["settings"]


def test_the_package_takes_its_version_from_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "engine.__version__"}
    assert gridtui.main(["--version"]) == 0
    assert re.fullmatch(r"gridtui \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_names_the_defaults_that_hold(capsys: pytest.CaptureFixture[str]) -> None:
    gridtui.main(["backtest", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    coins = " ".join(pair.partition("/")[0] for pair in BACKTEST_CONFIG["coins"])
    for default in (
        coins,
        BACKTEST_CONFIG["start_date"],
        BACKTEST_CONFIG["timeframe"],
        f"{STRATEGY_PARAMS['initial_capital']:g}",
        f"{STRATEGY_PARAMS['leverage']}",
    ):
        assert f"(default: {default})" in text


def test_a_backtest_prints_header_candles_summary_and_files(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--coins", "BTC", *SHORT)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:3] == [
        "GridStrategyV4 | Hedge Mode | KAMA Regime | 15m Candles",
        "Capital: $10,000 | Leverage: 1x | Short: ON",
        "Coins: ['BTC'] | Period: 2024-01-01 → 2024-01-15",
    ]
    assert lines[3:6] == [
        "",
        "Fetching BTC/USDT...",
        "  1344 candles loaded (1704067200000 → 1705275900000)",
    ]
    title = lines.index("  BTC/USDT — Performance Summary  SIMULATED")
    assert lines[title - 1] == lines[title + 1] == "─" * 60
    assert re.fullmatch(r"  Return  +[+-]\d+\.\d\d%", lines[title + 2])
    assert [line.split()[0] for line in lines[title + 2 : title + 6]] == [
        "Return",
        "Buy",
        "Max",
        "Sharpe",
    ]
    written = [
        tmp_path / "output" / "BTC_trades.csv",
        tmp_path / "charts" / "BTC_equity.png",
        tmp_path / "charts" / "BTC_trades.png",
    ]
    assert lines[-3:] == [f"  wrote {path}" for path in written]
    assert all(path.stat().st_size > 100 for path in written)


def test_no_plot_writes_no_charts(run: Run, tmp_path: Path) -> None:
    assert run("--coins", "BTC", "--no-plot", *SHORT)[0] == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["BTC_trades.csv"]


def test_a_made_up_market_is_called_simulated_above_and_in_every_title(run: Run) -> None:
    _, out, _ = run("--coins", "BTC", "ETH", "--no-plot", *SHORT)
    assert out.count("SIMULATED market, seed 4: made up, it says nothing about a real one") == 2
    titles = [line for line in out.splitlines() if "Performance Summary" in line]
    assert len(titles) == 3
    assert all(title.endswith("SIMULATED") for title in titles)


@pytest.mark.market_data
def test_recorded_candles_are_not_called_simulated(run: Run, market_data: Path) -> None:
    code, out, _ = run(
        "--coins", "SOL", "--source", str(market_data), "--no-plot",
        "--start", "2022-09-20", "--end", "2022-10-10",
    )  # fmt: skip
    assert code == 0
    assert "SIMULATED" not in out
    assert "real rates, SYNTHETIC where unknown" in out
    assert "note: funding is unknown at" in out


def test_several_coins_end_in_a_portfolio_and_own_their_capital(run: Run) -> None:
    _, out, _ = run("--coins", "BTC/USDT", "ethusdt", "btc", "--no-plot", *SHORT)
    assert "Coins: ['BTC', 'ETH']" in out
    assert "Capital: $10,000 per coin" in out
    assert "  Portfolio of 2 accounts — Performance Summary" in out
    assert re.search(r"Final Capital +[\d,.]+ +from 20,000\.00", out)


def test_json_is_one_document_and_nothing_else(run: Run) -> None:
    code, out, err = run("--coins", "BTC", "ETH", "--json", "--band", "--no-plot", *SHORT)
    document = json.loads(out, parse_constant=pytest.fail)
    assert (code, err) == (0, "")
    assert list(document) == ["gridtui", "settings", "simulated", "coins", "portfolio", "files"]
    assert list(document["coins"]) == ["BTC/USDT", "ETH/USDT"]
    bitcoin = document["coins"]["BTC/USDT"]
    assert document["simulated"] is bitcoin["simulated"] is True
    assert bitcoin["band"]["return_pct"]["path"] == bitcoin["metrics"]["total_return_pct"]
    assert document["portfolio"]["metrics"]["initial_capital"] == 20_000.0
    assert document["settings"]["params"] == StrategyParams().model_dump()
    assert [Path(path).name for path in document["files"]] == ["BTC_trades.csv", "ETH_trades.csv"]


def test_a_single_coin_has_no_portfolio_in_json(run: Run) -> None:
    document = json.loads(run("--coins", "BTC", "--json", "--no-plot", *SHORT)[1])
    assert document["portfolio"] is None
    assert document["coins"]["BTC/USDT"]["band"] is None


def test_the_band_shows_three_returns_side_by_side(run: Run) -> None:
    _, out, _ = run("--coins", "BTC", "--band", "--no-plot", *SHORT)
    line = next(line for line in out.splitlines() if "touch" in line)
    shown = dict(re.findall(r"(\w+) +([+-]\d+\.\d\d)%", line))
    assert list(shown) == ["touch", "path", "strict"]
    returned = re.search(r"Return +([+-]\d+\.\d\d)%", out)
    assert returned is not None
    assert shown["path"] == returned[1]
    signs = {float(value) > 0 for value in shown.values()}
    assert ("! the sign changes" in out) == (len(signs) == 2)


def test_defaults_give_way_to_the_file_the_file_to_flags_and_flags_to_set(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[strategy]\ngamma = 0.9\nleverage = 2\nkappa = 3.0\n"
        '[backtest]\ncoins = ["ETH"]\nstart_date = 2024-01-02\ntimeframe = "30m"\n'
    )
    code, out, _ = run(
        "--config", str(file), "--json", "--no-plot", *SHORT, "--timeframe", "1h",
        "--leverage", "3", "--set", "leverage=4", "--set", "gamma=0.1", "--set", "gamma=0.2",
    )  # fmt: skip
    settings = settings_of(out)
    assert code == 0
    assert settings["coins"] == ["ETH/USDT"]
    assert (settings["start"], settings["timeframe"]) == ("2024-01-01", "1h")
    changed = {
        name: value for name, value in settings["params"].items() if value != STRATEGY_PARAMS[name]
    }
    assert changed == {"gamma": 0.2, "leverage": 4, "kappa": 3.0}


def test_dates_of_the_file_are_used_and_shown(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[backtest]\nstart_date = 2024-01-02\nend_date = 2024-01-10\n")
    code, out, _ = run(
        "--config", str(file), "--coins", "BTC", "--json", "--no-plot", "--source", "sim"
    )
    assert code == 0
    assert settings_of(out)["start"] == "2024-01-02"
    assert json.loads(out)["coins"]["BTC/USDT"]["candles"] == 8 * 96


def test_flags_reach_the_strategy(run: Run) -> None:
    _, out, _ = run(
        "--coins", "BTC", "--json", "--no-plot", "--no-short", "--capital", "2500",
        "--leverage", "5", "--set", "grid_mode=arithmetic", "--set", "trailing_enabled=false",
        "--detail-timeframe", "5m", *SHORT,
    )  # fmt: skip
    params = settings_of(out)["params"]
    assert params["allow_short"] is False
    assert (params["initial_capital"], params["leverage"]) == (2500.0, 5)
    assert (params["grid_mode"], params["trailing_enabled"]) == ("arithmetic", False)
    document = json.loads(out)["coins"]["BTC/USDT"]
    assert document["metrics"]["shorts_opened"] == 0
    assert document["metrics"]["initial_capital"] == 2500.0
    assert settings_of(out)["detail_timeframe"] == "5m"


def test_fills_on_finer_candles_say_so(run: Run) -> None:
    _, out, _ = run("--coins", "BTC", "--no-plot", "--detail-timeframe", "1m", *SHORT)
    assert "Fetching BTC/USDT (1m for fills)..." in out
    assert "1,344 of 15m, fills on 20,160 of 1m" in out


ERRORS = {
    "unknown parameter 'gama'; did you mean 'gamma'?": ["--set", "gama=1"],
    "gamma = '-1' is out of range: it takes 0 to 100": ["--set", "gamma=-1"],
    "leverage = 500 is out of range: it takes a whole number, 1 to 125": ["--leverage", "500"],
    "initial_capital = -5.0 is out of range": ["--capital", "-5"],
    "initial_capital = nan is out of range": ["--capital", "nan"],
    "--set takes KEY=VALUE, not 'gamma'": ["--set", "gamma"],
    "'BTC/EUR' is not a USDT perpetual": ["--coins", "BTC/EUR"],
    "'2024-13-01' is not a time": ["--start", "2024-13-01"],
    "nothing lies between start": ["--start", "2024-02-01", "--end", "2024-01-01"],
    "timeframe '7m' is not known": ["--timeframe", "7m"],
    "detail timeframe 1h does not divide": ["--detail-timeframe", "1h"],
    "cannot read config file nowhere.toml": ["--config", "nowhere.toml"],
    "argument --leverage: invalid int value: 'x'": ["--leverage", "x"],
    "unrecognized arguments: --plot": ["--plot"],
    "source 'nowhere' is neither": ["--source", "nowhere"],
    "Insufficient data for BTC/USDT: 96 candles": ["--coins", "BTC", *SHORT, "--end", "2024-01-02"],
}


@pytest.mark.parametrize("says", ERRORS)
def test_an_error_of_the_user_is_one_line_and_exit_code_2(run: Run, says: str) -> None:
    code, _, err = run(*ERRORS[says])
    assert code == 2
    assert says in err
    assert err.startswith("gridtui: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[strategy]\ngama = 1\n", "unknown parameter 'gama'; did you mean 'gamma'?"),
        ("[strategy\n", "is not valid TOML"),
        ("[live]\nx = 1\n", "'live' is not one of the tables"),
        ("[backtest]\ncoin = 1\n", "unknown key 'coin'"),
        ('[backtest]\ncoins = "BTC"\n', "coins must be a list"),
        ("[backtest]\ncoins = [1]\n", "'1' is not a USDT perpetual"),
        ("[backtest]\nstart_date = 1.5\n", "'1.5' is not a time"),
        ("[backtest]\ntimeframe = 15\n", "timeframe 15 is not known"),
        ("[strategy]\nleverage = 'x'\n", "leverage = 'x' is out of range"),
    ],
)
def test_an_error_in_the_settings_file_is_one_line_too(
    run: Run, tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    code, out, err = run("--config", str(file))
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_named_after_the_result_was_shown(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "output").write_text("in the way")
    code, out, err = run("--coins", "BTC", *SHORT)
    assert code == 2
    assert "Performance Summary" in out
    path = tmp_path / "output" / "BTC_trades.csv"
    assert err.startswith(f"gridtui: cannot use {path}: ")
    assert err.count("\n") == 1


def test_json_prints_nothing_when_the_run_fails(run: Run) -> None:
    code, out, err = run("--json", "--coins", "BTC", "--source", "nowhere")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_the_environment_names_the_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDTUI_SOURCE", "sim")
    code, out, _ = run("--coins", "BTC", "--no-plot", "--json", *SHORT[2:])
    assert code == 0
    assert settings_of(out)["source"] == "sim"


def test_without_a_terminal_the_screens_do_not_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert gridtui.main([]) == 2
    assert capsys.readouterr().err.startswith("gridtui: the screens need a terminal")


def test_a_reader_that_goes_away_ends_the_run_without_a_word() -> None:
    process = gridtui_process("backtest", "--coins", "BTC", *SHORT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("GridStrategyV4")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == gridtui.READER_GONE


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = gridtui_process("backtest", "--coins", "BTC", *SHORT, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 2
    assert err == "gridtui: cannot write: No space left on device\n"


def test_a_process_without_standard_output_runs_all_the_same() -> None:
    command = f"{sys.executable} -m gridtui --version >&-"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_is_one_line_and_exit_code_130() -> None:
    process = gridtui_process(
        "backtest", "--coins", "BTC", "--source", "sim", "--start", "2010-01-01"
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Fetching"):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == "gridtui: stopped\n"


def on_a_terminal(arguments: list[str], **environment: str) -> str:
    """What a terminal gets to see of `gridtui backtest`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update(environment)
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", "backtest", *arguments])
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return seen.decode()


def test_a_terminal_sees_colours_and_progress_unless_it_asks_for_none(tmp_path: Path) -> None:
    arguments = ["--coins", "BTC", "--no-plot", "--data-dir", str(tmp_path), *SHORT]
    coloured = on_a_terminal(arguments, TERM="xterm-256color")
    plain = on_a_terminal(arguments, TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[1m" in coloured
    assert "loading BTC" in coloured
    assert "\x1b" not in plain
    assert "Performance Summary" in plain


def test_a_defect_of_ours_is_one_line_that_asks_for_a_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_DATA", str(tmp_path))
    monkeypatch.delenv("GRIDTUI_DEBUG", raising=False)
    assert gridtui.main(["backtest", 5]) == gridtui.UNEXPECTED  # type: ignore[list-item]
    err = capsys.readouterr().err
    assert err.startswith("gridtui: unexpected TypeError: ")
    assert err.count("\n") == 1
    (report,) = (tmp_path / "live_logs").iterdir()
    assert err.endswith(f". The full report is in {report}\n")
    assert "Traceback (most recent call last)" in report.read_text()
    monkeypatch.setenv("GRIDTUI_DEBUG", "1")
    with pytest.raises(TypeError):
        gridtui.main(["backtest", 5])  # type: ignore[list-item]
