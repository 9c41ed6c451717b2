"""Where API keys are found, and that nothing shows them (under 1 s)."""

import logging
import os
from pathlib import Path

import pytest

from exchange.binance.client import Keys
from exchange.binance.keys import find_keys
from exchange.errors import DataError

REAL = {"BINANCE_API_KEY": "real-key-0123456789wxyz", "BINANCE_API_SECRET": "real-secret"}
DEMO = {"BINANCE_TESTNET_API_KEY": "demo-key", "BINANCE_TESTNET_API_SECRET": "demo-secret"}


def env_file(folder: Path, mode: int = 0o600, **values: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    path.chmod(mode)
    return path


def test_the_environment_goes_before_a_file_and_one_file_before_the_next(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    env_file(there, BINANCE_API_KEY="there", BINANCE_API_SECRET="s")
    assert find_keys(False, [here, there], {}).keys == Keys("there", "s")
    env_file(here, BINANCE_API_KEY="here", BINANCE_API_SECRET="s")
    assert find_keys(False, [here, there], {}).keys == Keys("here", "s")
    found = find_keys(False, [here, there], REAL)
    assert found.keys == Keys(REAL["BINANCE_API_KEY"], "real-secret")
    assert found.source == "the environment"


def test_a_file_is_read_and_not_loaded_into_the_environment(tmp_path: Path) -> None:
    env_file(tmp_path, BINANCE_API_KEY="k${HOME}", BINANCE_API_SECRET="s")
    assert find_keys(False, [tmp_path], {}).keys == Keys("k${HOME}", "s")
    assert "BINANCE_API_KEY" not in os.environ


@pytest.mark.parametrize(("mode", "notes"), [(0o600, 0), (0o640, 1), (0o604, 1)])
def test_a_file_that_others_can_read_is_said_with_the_remedy(
    tmp_path: Path, mode: int, notes: int
) -> None:
    path = env_file(tmp_path, mode, **REAL)
    said = find_keys(False, [tmp_path], {}).notes
    assert said == (f"others on this machine can read {path}: chmod 600 {path}",) * notes


def test_demo_trading_takes_its_own_keys_and_else_the_real_names_and_says_so() -> None:
    assert find_keys(True, [], REAL | DEMO).keys == Keys("demo-key", "demo-secret")
    assert find_keys(False, [], REAL | DEMO).keys.secret == "real-secret"
    fallen_back = find_keys(True, [], REAL)
    assert fallen_back.keys.secret == "real-secret"
    assert "BINANCE_TESTNET_API_KEY is not set" in fallen_back.notes[0]


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({}, "needs an API key: set BINANCE_API_KEY and BINANCE_API_SECRET"),
        ({"BINANCE_API_KEY": "k"}, "BINANCE_API_SECRET is missing"),
        ({"BINANCE_API_SECRET": "s"}, "BINANCE_API_KEY is missing"),
        ({"BINANCE_API_KEY": "k k", "BINANCE_API_SECRET": "s"}, "holds a blank"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    environment: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        find_keys(False, [tmp_path], environment)
    assert "\n" not in str(caught.value)
    assert "k k" not in str(caught.value)


def test_of_a_key_four_characters_may_be_shown_and_of_a_short_one_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = find_keys(False, [], REAL)
    logging.getLogger("gridtui").warning("%r %s", found, found)
    shown = f"{found!r} {found} {found.ending} {caplog.text}"
    assert found.ending == "...wxyz"
    assert REAL["BINANCE_API_KEY"] not in shown
    assert "real-secret" not in shown
    assert find_keys(True, [], DEMO).ending == "..."
