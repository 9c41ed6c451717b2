"""`gridtui paper`: the command, its console, and the README's client against it (about 16 s)."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest

import gridtui
from exchange.errors import DataError
from exchange.importing import import_file
from exchange.paper.listing import Offer, load_offer
from exchange.paper.server import PaperExchange
from exchange.paper.threaded import ThreadedExchange
from exchange.timeframe import TIMEFRAMES
from tests.processes import ROOT, gridtui_process, unmodified
from tui.commands.paper import _serving
from tui.paper_serving import ccxt_lines

README = (ROOT / "README.md").read_text()
DAY = 86_400_000
SYMBOL = "BTC/USDT:USDT"


@contextmanager
def served(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str, list[str]]]:
    """The command as a process: it, its address, and what it has printed until it served."""
    process = gridtui_process("paper", "--port", "0", *arguments, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        head = []
        for line in process.stdout:
            head.append(line.rstrip())
            if line.startswith("ccxt "):
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", head[0])
        assert found is not None
        yield process, found[0], head
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_readme_s_client_trades_on_it_and_a_signal_stops_it_cleanly(
    number: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = (
        each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if ":8899" in each
    )
    ledger, faults = tmp_path / "ledger.jsonl", tmp_path / "faults.toml"
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    faults.write_text(re.sub(r"rate = .*", "rate = 1e-9", example))
    with served("--ledger", str(ledger), "--faults", str(faults)) as (process, url, head):
        exec(compile(script.replace("http://127.0.0.1:8899", url), "README", "exec"), {})
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("long 0.01 at ")
    assert printed[1].startswith("sell 0.01 at ")
    assert "trade    BUY LONG 0.01 BTCUSDT at " in out
    assert re.search(r"stopped after \d+ requests and 1 trade\n$", out)
    said = dict(line.split(maxsplit=1) for line in head[1:])
    assert (said["key"], said["secret"], said["coins"]) == ("paper", "paper", "BTCUSDT")
    assert said["market"].startswith("SIMULATED")
    assert said["clock"] == "from now, real time"
    assert said["faults"].endswith("6 faults")
    kinds = {line.split('"kind": "')[1].split('"')[0] for line in ledger.read_text().splitlines()}
    assert kinds == {"request", "order", "trade", "wallet"}


@pytest.mark.parametrize("kind", [ccxt, ccxt.async_support, ccxt.pro], ids=lambda k: k.__name__)
def test_the_line_it_prints_leaves_a_client_no_address_but_its_own(kind: Any) -> None:
    def addresses(tree: Any) -> list[str]:
        return [tree] if isinstance(tree, str) else [x for t in tree.values() for x in addresses(t)]

    client = kind.binanceusdm()
    exec(" ".join(map(str.strip, ccxt_lines("http://127.0.0.1:8899"))), {"client": client})
    found = addresses(client.urls["api"])
    assert "http://127.0.0.1:8899/fapi/v1" in found
    assert "ws://127.0.0.1:8899/ws" in found
    assert [each for each in found if "//127.0.0.1:8899/" not in each] == []


def test_refusals_and_faults_are_lines_and_a_secret_of_ones_own_is_not_shown(
    tmp_path: Path,
) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text("[[fault]]\nwhat = 'code'\ncode = -1008\nendpoint = '/fapi/v1/order'\n")
    arguments = ["--faults", str(faults), "--secret", "hidden-one", "--key", "mine", "--one-way"]
    with served(*arguments) as (process, url, head):
        client = unmodified(url, apiKey="mine", secret="hidden-one")
        with pytest.raises(ccxt.BaseError, match="-1008"):
            client.create_order(SYMBOL, "market", "buy", 0.01)
        with pytest.raises(ccxt.ExchangeError, match="-4061"):
            client.create_order(SYMBOL, "market", "buy", 0.01, None, {"positionSide": "LONG"})
        assert client.create_order(SYMBOL, "market", "buy", 0.01)["status"] == "closed"
        process.terminate()
        out, _ = process.communicate(timeout=20)
    lines = [re.sub(r"^\S+ \S+ +|  \d+ ms$", "", line) for line in out.splitlines()]
    assert lines[:3] == [
        "fault    code -1008 struck POST /fapi/v1/order",
        "refused  POST /fapi/v1/order  503 -1008",
        "refused  POST /fapi/v1/order  400 -4061",
    ]
    assert lines[3].startswith("trade    BUY BOTH 0.01 BTCUSDT at ")
    assert "hidden-one" not in "\n".join(head) + out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_ends_the_ledger_with_one_line_and_not_the_exchange() -> None:
    with served("--ledger", "/dev/full") as (process, url, _):
        client = unmodified(url)
        for _ in range(2):
            order = client.create_order(
                SYMBOL, "market", "buy", 0.01, None, {"positionSide": "LONG"}
            )
            assert order["status"] == "closed"
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    (line,) = [line for line in out.splitlines() if "ledger " in line]
    assert line.endswith("/dev/full cannot be written (No space left on device): it ends here")
    assert out.endswith("and 2 trades\n")


def test_the_end_of_the_tape_is_a_line(tmp_path: Path) -> None:
    candles(tmp_path, "BTCUSDT_15m", 96, 900_000)
    arguments = ["--source", str(tmp_path), "--start", "2024-01-01T23:45", "--speed", "5000"]
    with served(*arguments) as (process, _, _):
        assert process.stdout is not None
        line = process.stdout.readline()
    assert line.startswith("2024-01-02 00:")
    assert "end      the tape has ended: the price stands still from here on" in line


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = gridtui.main(["paper", "--plain", "--port", str(taken.getsockname()[1])])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert re.fullmatch(r"gridtui: .* cannot listen on port \d+ \(.*\): choose another\n", err)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "99999"], "argument --port: '99999' is not a port: use 0 to 65535"),
        (["--speed", "0"], "argument --speed: '0' is not a speed"),
        (["--speed", "nan"], "argument --speed: 'nan' is not a speed"),
        (["--wallet", "-5"], "argument --wallet: '-5' is not an amount"),
        (["--coin", "B TC"], "'B TC' is not a USDT perpetual"),
        (["--coin", "BTC", "BTCUSDT"], "at least one coin, and each only once"),
        (["--coin", "BTC", "--source", "."], "nor is any other timeframe of BTC/USDT"),
        (
            ["--source", "binance"],
            "source 'binance' is not known: the paper exchange downloads nothing",
        ),
        (["--source", "nowhere"], "use sim, cache, cache-spot, cache-sim or a folder with candles"),
        (["--start", "soon"], "'soon' is not a time"),
        (["--timeframe", "7m"], "timeframe '7m' is not known"),
        (["--seed", "-1"], "seed -1 is out of range"),
        (["--key", "with blank"], "the API key travels in an HTTP header"),
        (["--faults", "none.toml"], "none.toml: cannot be read"),
        (["--ledger", "/nowhere/ledger.jsonl"], "cannot use /nowhere/ledger.jsonl"),
        (["--ports", "3"], "unrecognized arguments: --ports 3: did you mean --port?"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gridtui.main(["paper", "--plain", "--port", "0", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gridtui: ")
    assert err.count("\n") == 1
    assert complaint in err


def test_the_environment_names_a_source_and_the_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def serving(*arguments: str) -> dict[str, str]:
        args = gridtui._parser().parse_args(["paper", *arguments])
        return dict(_serving(args).about)

    candles(tmp_path, "BTCUSDT_15m", 3 * 96, 900_000)
    monkeypatch.setenv("GRIDTUI_PAPER_KEY", "my-key")
    monkeypatch.setenv("GRIDTUI_PAPER_SECRET", "my-secret")
    monkeypatch.setenv("GRIDTUI_SOURCE", str(tmp_path))
    said = serving()
    assert (said["key"], said["secret"]) == ("my-key", "as you gave it")
    assert "BTCUSDT_15m.csv" in said["market"]
    assert serving("--key", "other")["key"] == "other"
    monkeypatch.setenv("GRIDTUI_SOURCE", "binance")
    assert "SIMULATED" in serving()["market"]


def candles(
    folder: Path, name: str, count: int, length: int, first: int = 1_704_067_200_000
) -> None:
    """A CSV of candles that rise by 1 each."""
    rows = [f"{first + i * length},{i + 100},{i + 101},{i + 99},{i + 101},5" for i in range(count)]
    head = "timestamp,open,high,low,close,volume"
    (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")


def test_recorded_candles_open_after_a_month_or_half_of_what_there_is(tmp_path: Path) -> None:
    first = 1_704_067_200_000
    candles(tmp_path, "BTCUSDT_15m", 100 * 96, 900_000)
    candles(tmp_path, "ETHUSDT_15m", 10 * 96, 900_000, first + DAY)
    assert load_offer(["BTC"], tmp_path).start_ms == first + 30 * DAY
    both = load_offer(["BTC", "ETH"], tmp_path)
    assert (both.start_ms, both.end_ms) == (first + 6 * DAY, first + 11 * DAY)
    assert both.timeframe == "15m"
    chosen = load_offer(["BTC"], tmp_path, start="2024-03-01")
    bars = chosen.listings[0].tape.bars
    assert int(bars.time[0]) == chosen.start_ms - 30 * DAY
    with pytest.raises(DataError, match="end together at 2024-01-12 00:00 UTC"):
        load_offer(["BTC", "ETH"], tmp_path, start="2024-01-12")
    with pytest.raises(DataError, match="begin together at 2024-01-02 00:00 UTC"):
        load_offer(["BTC", "ETH"], tmp_path, start="2024-01-01T12:00")
    candles(tmp_path, "BTCUSDT_1m", 3 * 1440, 60_000)
    assert load_offer(["BTC"], tmp_path).timeframe == "1m"
    assert load_offer(["BTC", "ETH"], tmp_path).timeframe == "15m"
    assert load_offer(["BTC"], tmp_path, timeframe="15m").timeframe == "15m"


@pytest.mark.parametrize(
    ("name", "source", "simulated"),
    [
        ("BTCUSDT_1m", "cache", False),
        ("BTCUSDT-spot_15m", "cache-spot", False),
        ("BTCUSDT-sim_15m", "cache-sim", True),
    ],
)
def test_what_was_imported_is_served_as_what_it_is(
    name: str, source: str, simulated: bool, tmp_path: Path
) -> None:
    timeframe = name.split("_")[1]
    candles(tmp_path, name, 200, TIMEFRAMES[timeframe])
    import_file(tmp_path / f"{name}.csv", tmp_path)
    line = ["paper", "--source", source, "--data-dir", str(tmp_path)]
    serving = _serving(gridtui._parser().parse_args(line))
    assert (serving.offer.timeframe, serving.offer.simulated) == (timeframe, simulated)
    assert f"cache: imported from {name}.csv" in dict(serving.about)["market"]
    assert len(serving.make().venue.instruments["BTCUSDT"].tape.bars) == 200
    with pytest.raises(DataError, match=r"the cache .* has no candles of ETH/USDT 15m"):
        load_offer(["ETH"], source, data_dir=tmp_path)


def test_a_simulated_market_lasts_half_a_year_and_never_more_than_a_million_bars() -> None:
    def days(offer: Offer) -> float:
        return (offer.end_ms - offer.start_ms) / DAY

    assert days(load_offer(["BTC"])) == 180
    assert days(load_offer(["BTC"], speed=3)) == 540
    assert days(load_offer(["BTC"], speed=1000)) == 1_000_000 / 1440
    placed = load_offer(["BTC"], start="2024-01-10")
    assert (placed.from_now, placed.start_ms) == (False, 1_704_844_800_000)


def test_on_the_simulated_market_the_clock_is_the_real_one() -> None:
    offer = load_offer(["BTC"])

    def make() -> PaperExchange:
        return PaperExchange(offer.listings, offer.start_ms, speed=1.0, from_now=offer.from_now)

    with ThreadedExchange(make) as paper:
        client = unmodified(paper.url, apiKey="paper-key", secret="paper-secret")
        assert abs(client.fetch_time() - time.time() * 1000) < 500
        assert client.fetch_balance()["USDT"]["total"] == 10_000  # signed by this machine's clock
        (last,) = client.fetch_ohlcv(SYMBOL, "1m", limit=1)
        assert 0 <= time.time() * 1000 - last[0] < 62_000
        assert len(client.fetch_ohlcv(SYMBOL, "15m", limit=1000)) == 1000
        assert paper.exchange.clients == 1
        client.session.close()


def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    with served() as (process, url, _):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        with pytest.raises(ccxt.BaseError):
            unmodified(url).create_order(SYMBOL, "market", "buy", 0.01)  # hedge mode: refused
        assert process.stderr.read() == ""
        assert process.wait() == gridtui.READER_GONE
        process.stdout = None
