"""What a clearing takes, and what it leaves. Costs 1 s."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.clearing import Choice, removable, remove
from exchange.symbol import Symbol

BTC_15M = "BTCUSDT_15m_1704067200000_1704153600000.parquet"
BTC_1H = "BTCUSDT_1h_1704067200000_1704153600000.parquet"
BTC_SPOT = "BTCUSDT-spot_1h_1704067200000_1704153600000.parquet"
BTC_FUNDING = "BTCUSDT_funding_1704067200000_1704153600000.parquet"
ETH_15M = "ETHUSDT_15m_1704067200000_1704153600000.parquet"
ASIDE = f"{ETH_15M}.damaged"
STRANGERS = ("notes.txt", "BTCUSDT_15m.parquet", ".hidden")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    scrap = f".{BTC_15M}.{gone.pid}.1.partial"
    alive = f".{ETH_15M}.{os.getpid()}.1.partial"
    (tmp_path / "cache").mkdir()
    files = (BTC_15M, BTC_1H, BTC_SPOT, BTC_FUNDING, ETH_15M, ASIDE, scrap, alive, *STRANGERS)
    for name in files:
        (tmp_path / "cache" / name).write_bytes(b"x" * 10)
    return tmp_path


def taken(data_dir: Path, choice: Choice) -> set[str]:
    files = removable(data_dir, choice)
    assert sum(each.size_bytes for each in files) == 10 * sum(len(each.paths) for each in files)
    return {path.name for each in files for path in each.paths if path.suffix != ".partial"}


def scraps(data_dir: Path, choice: Choice) -> int:
    found = removable(data_dir, choice)
    return sum(path.suffix == ".partial" for each in found for path in each.paths)


def test_a_choice_takes_the_files_of_its_series_and_no_other(data_dir: Path) -> None:
    btc = Symbol("BTC")
    assert taken(data_dir, Choice(btc)) == {BTC_15M, BTC_1H, BTC_SPOT, BTC_FUNDING}
    assert taken(data_dir, Choice(btc, "1h")) == {BTC_1H, BTC_SPOT}
    assert taken(data_dir, Choice(btc, "1h", "perpetual")) == {BTC_1H}
    assert taken(data_dir, Choice(timeframe="15m")) == {BTC_15M, ETH_15M, ASIDE}
    assert taken(data_dir, Choice(timeframe="funding")) == {BTC_FUNDING}
    assert taken(data_dir, Choice(market="spot")) == {BTC_SPOT}
    assert taken(data_dir, Choice(damaged=True)) == {ASIDE}
    assert taken(data_dir, Choice(Symbol("SOL"))) == set()


def test_half_written_files_go_once_their_process_is_gone(data_dir: Path) -> None:
    assert scraps(data_dir, Choice()) == 1
    assert scraps(data_dir, Choice(damaged=True)) == 1
    assert scraps(data_dir, Choice(Symbol("ETH"))) == 0


def test_everything_goes_but_strangers_and_what_is_being_written(data_dir: Path) -> None:
    assert remove(removable(data_dir, Choice())) == 7
    left = {path.name for path in (data_dir / "cache").iterdir()}
    assert left == {*STRANGERS, f".{ETH_15M}.{os.getpid()}.1.partial"}
    assert removable(data_dir, Choice()) == ()


def test_a_file_that_is_gone_already_does_not_matter(data_dir: Path) -> None:
    files = removable(data_dir, Choice(Symbol("ETH")))
    (data_dir / "cache" / ETH_15M).unlink()
    assert remove(files) == 1


def test_where_there_is_no_cache_there_is_nothing_to_remove(tmp_path: Path) -> None:
    assert removable(tmp_path, Choice()) == ()
