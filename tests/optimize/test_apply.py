"""Optimized parameters into a TOML file, and `gridtui apply` (3 s)."""

import json
import os
import pty
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridtui
from engine.errors import ParameterError
from engine.optimize.apply import apply_changes, plan_changes, read_parameters
from engine.params import OPTIMIZER_SPACE, STRATEGY_PARAMS, load_config_file

ROOT = Path(gridtui.__file__).parent
CONFIG = """\
# my settings
[strategy]
# how much inventory hurts
gamma   = 0.5      # was 0.7 in May
grid_levels = 3
kappa=1.5

# what is tested
[backtest]
coins = ["BTC", "SOL"]  # not ETH
"""
NEW = {"gamma": 0.98, "grid_levels": 3, "kappa": 1.1, "tp_concentration": 0.75}
EXPECTED = """\
# my settings
[strategy]
# how much inventory hurts
gamma   = 0.98      # was 0.7 in May
grid_levels = 3
kappa=1.1
tp_concentration = 0.75

# what is tested
[backtest]
coins = ["BTC", "SOL"]  # not ETH
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "found.json"
    path.write_text(
        json.dumps(
            {
                "robust_params": NEW,
                "verdict": {"word": "OVERFIT", "sentence": "OVERFIT: hold-out return -1.00%"},
            }
        )
    )
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `gridtui apply` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run_apply(*arguments: object) -> tuple[int, str, str]:
        code = gridtui.main(["apply", "--data-dir", "data", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run_apply


def test_only_the_values_change(params: Path, config: Path) -> None:
    planned = plan_changes(read_parameters(params, "robust_params"), config)
    assert config.read_text() == CONFIG
    assert [(c.name, c.old, c.new, c.in_file) for c in planned.changes] == [
        ("gamma", 0.5, 0.98, True),
        ("kappa", 1.5, 1.1, True),
        ("tp_concentration", 0.6, 0.75, False),
    ]
    assert planned.unchanged == 1
    backup = apply_changes(planned)
    assert config.read_text() == EXPECTED
    assert backup == config.with_name("mine.toml.bak")
    assert backup.read_text() == CONFIG


def test_every_previous_file_is_kept(params: Path, config: Path) -> None:
    for number in range(3):
        config.write_text(f"[strategy]\ngamma = 0.{number + 1}\n")
        apply_changes(plan_changes(read_parameters(params, "robust_params"), config))
    kept = [config.with_name(f"mine.toml.bak{end}") for end in ("", "-2", "-3")]
    assert [path.read_text()[11:] for path in kept] == [f"gamma = 0.{n}\n" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[strategy]",
        "[strategy] # all of it\n[backtest]\nstart = 2024-01-01\n",
        '[backtest]\nstart = "2024-01-01"',
        "strategy.gamma = 0.5 # dotted\n",
        "strategy = { gamma = 0.5, kappa = 1 } # in one line\n",
        "[strategy]\r\ngamma = 1.0 # windows\r\n\r\n[backtest]\r\ncoins = ['BTC']\r\n",
        "[strategy]\ngamma = 5e-1\n# the end\n",
        "# only words\n",
    ],
)
def test_any_toml_keeps_what_it_says_beside_the_parameters(
    tmp_path: Path, params: Path, text: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode())
    apply_changes(plan_changes(read_parameters(params, "robust_params"), path))
    written = path.read_bytes().decode()
    before, after = tomllib.loads(text), tomllib.loads(written)
    assert after.get("backtest") == before.get("backtest")
    assert {**STRATEGY_PARAMS, **after["strategy"]} == {
        **STRATEGY_PARAMS, **before.get("strategy", {}), **NEW,
    }  # fmt: skip
    for comment in [line[line.index("#") :].strip() for line in text.splitlines() if "#" in line]:
        assert comment in written
    assert ("\r\n" in text) == ("\r\n" in written)
    assert written.count("\n") == written.count("\r\n") or "\r\n" not in text


values = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(row["low"], row["high"])
        if row["type"] == "int"
        else st.floats(row["low"], row["high"])
        for name, row in OPTIMIZER_SPACE.items()
    },
).filter(bool)


@given(old=values, new=values)
def test_what_is_read_back_is_what_was_found(
    tmp_path_factory: pytest.TempPathFactory, old: dict[str, Any], new: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("apply")
    config, params = folder / "mine.toml", folder / "found.json"
    config.write_text("[strategy]\n" + "".join(f"{name} = {v!r}\n" for name, v in old.items()))
    params.write_text(json.dumps({"best_params": new}))
    planned = plan_changes(read_parameters(params), config)
    apply_changes(planned)
    assert STRATEGY_PARAMS | load_config_file(config)[0] == STRATEGY_PARAMS | old | new
    again = plan_changes(read_parameters(params), config)
    assert (again.changes, again.unchanged) == ((), len(new))
    assert again.after == again.before


def test_a_parameter_without_a_value_is_taken_out(tmp_path: Path) -> None:
    config, params = tmp_path / "mine.toml", tmp_path / "found.json"
    config.write_text("[strategy]\ntrailing_cap_price = 50000.0\ngamma = 1.0\n")
    params.write_text('{"best_params": {"trailing_cap_price": null, "allow_short": false}}')
    apply_changes(plan_changes(read_parameters(params), config))
    assert config.read_text() == "[strategy]\ngamma = 1.0\nallow_short = false\n"


def test_a_file_that_another_changes_meanwhile_is_left_alone(params: Path, config: Path) -> None:
    planned = plan_changes(read_parameters(params, "robust_params"), config)
    config.write_text("[strategy]\nkappa = 2.0\n")
    with pytest.raises(ParameterError, match="changed by another"):
        apply_changes(planned)
    assert config.read_text() == "[strategy]\nkappa = 2.0\n"


def test_a_link_stays_a_link_and_permissions_stay(
    tmp_path: Path, params: Path, config: Path
) -> None:
    config.chmod(0o600)
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    apply_changes(plan_changes(read_parameters(params, "robust_params"), link))
    assert link.is_symlink()
    assert config.read_text() == EXPECTED
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (config, tmp_path / "mine.toml.bak")}
    assert modes == {0o600}


def test_preview_shows_the_difference_and_writes_nothing(
    run: Run, params: Path, config: Path
) -> None:
    code, out, err = run(
        "--params", params, "--key", "robust_params", "--config", config, "--preview"
    )
    assert (code, err) == (0, "")
    wanted = [
        f"{params} (robust_params) -> {config}",
        "OVERFIT: hold-out return -1.00%",
        "  + gamma             0.5 -> 0.98  (+96.0%)",
        "  - kappa             1.5 -> 1.1  (-26.7%)",
        "  + tp_concentration  0.6 (default) -> 0.75  (+25.0%)",
        "    1 parameter unchanged",
        "preview: nothing was written",
    ]
    # how the first line, which has the names of files, is broken depends on their length
    assert out.split() == " ".join(wanted).split()
    assert config.read_text() == CONFIG
    assert not config.with_name("mine.toml.bak").exists()


@pytest.mark.parametrize("yes", ["--yes", "-y"])
def test_yes_writes_without_a_question(run: Run, params: Path, config: Path, yes: str) -> None:
    arguments = ["--params", params, "--key", "robust_params", "--config", config, yes]
    code, out, _ = run(*arguments)
    assert code == 0
    assert out.splitlines()[-2:] == [
        f"wrote {config}; the previous file is {config}.bak",
        f"next: gridtui backtest --config {config}",
    ]
    assert config.read_text() == EXPECTED
    code, out, _ = run(*arguments)
    assert (code, out.splitlines()[-1]) == (
        0, f"nothing to change: {config} has these parameters already",
    )  # fmt: skip


def test_defaults_are_the_best_trial_and_a_file_that_is_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "best_params_v4.json").write_text('{"best_params": {"gamma": 0.7}}')
    code, out, err = run("--yes")
    assert (code, err) == (0, "")
    assert (tmp_path / "gridtui.toml").read_text() == "[strategy]\ngamma = 0.7\n"
    assert "wrote gridtui.toml\n" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "missing.toml"], "cannot read config file missing.toml: No such file"),
        (["--params", "no.json"], "cannot read parameters from no.json: No such file"),
        (["--key", "best_params"], "no parameters under 'best_params'; it has 'robust_params'"),
        (["--config", "bad.toml"], "bad.toml: unknown parameter 'gama'; did you mean 'gamma'?"),
        (["--config", "table.toml"], "table.toml: 'live' is not one of the tables"),
        (["--config", "range.toml"], "range.toml: gamma = -1 is out of range: it takes 0 to 100"),
        (["--params", "foreign.json"], "foreign.json, robust_params: unknown parameter 'gama'"),
        (["--params", "range.json"], "robust_params: gamma = 1000 is out of range"),
        (["--params", "nan.json"], "robust_params: gamma = nan is out of range"),
        (["--params", "list.json"], "list.json must hold a JSON object"),
        (["--params", "torn.json"], "torn.json is not valid JSON"),
        ([], "without a terminal nobody can be asked: add --yes to write, or --preview"),
    ],
)
def test_what_a_user_can_get_wrong_is_one_line_and_exit_code_2(
    run: Run, params: Path, config: Path, arguments: list[str], says: str
) -> None:
    for name, text in {
        "bad.toml": "[strategy]\ngama = 1\n",
        "table.toml": "[live]\ngamma = 1\n",
        "range.toml": "[strategy]\ngamma = -1\n",
        "foreign.json": '{"robust_params": {"gama": 1}}',
        "range.json": '{"robust_params": {"gamma": 1000}}',
        "nan.json": '{"robust_params": {"gamma": NaN}}',
        "list.json": "[1]",
        "torn.json": '{"robust_params": {"gam',
    }.items():
        (config.parent / name).write_text(text)
    before = sorted(path.name for path in config.parent.iterdir())
    code, _, err = run("--params", params, "--key", "robust_params", "--config", config, *arguments)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
    assert config.read_text() == CONFIG
    assert sorted(path.name for path in config.parent.iterdir()) == before


@pytest.mark.parametrize(("answer", "written"), [("Yes", True), ("", False)])
def test_the_terminal_is_asked_before_anything_is_written(
    params: Path, config: Path, answer: str, written: bool
) -> None:
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gridtui", "apply", "--params", params, "--key", "robust_params",
         "--config", config],
        cwd=ROOT, stdin=there, stdout=there, stderr=there, close_fds=True,
    )  # fmt: skip
    os.close(there)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(here, 4096)
    os.write(here, answer.encode() + b"\n")
    assert process.wait(timeout=20) == 0
    os.close(here)
    assert b"\x1b[" in shown  # coloured
    assert b"Write 3 changes to" in shown
    assert config.read_text() == (EXPECTED if written else CONFIG)
