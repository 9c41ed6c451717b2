"""No test and no default reaches beyond this machine, and the guard that says so bites. 12 s."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import ccxt
import ccxt.async_support
import ccxt.pro
import pytest
import requests

import gridtui
from exchange.binance import BinanceBroker
from exchange.dryrun import DryRunBroker
from exchange.outcomes import Unreachable
from tests.network import network_guard

ROOT = Path(gridtui.__file__).parent
FAR = "203.0.113.7"  # reserved for documentation: nobody has it
ROOMS = ("engine", "exchange", "indicators", "state", "tui")


@pytest.fixture
def caught() -> Iterator[list[str]]:
    """What was reached for in a test that means to; forgotten afterwards."""
    log = Path(os.environ[network_guard.LOG])
    before = len(network_guard.reached), log.stat().st_size if log.exists() else 0
    assert before == (0, 0)
    yield network_guard.reached
    network_guard.reached.clear()
    log.unlink(missing_ok=True)


def connect() -> None:
    with socket.socket() as raw:
        raw.settimeout(2)
        raw.connect((FAR, 443))


def connect_quietly() -> None:
    with socket.socket(socket.AF_INET6) as raw:
        raw.setblocking(False)
        raw.connect_ex(("2001:db8::7", 443))


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.sendto(b"hello", (FAR, 53))


def look_up() -> None:
    socket.gethostbyname("fapi.binance.com")


def ask_by_urllib() -> None:
    urllib.request.urlopen("http://fapi.binance.com/", timeout=2)


def ask_by_requests() -> None:
    requests.get(f"http://{FAR}/", timeout=2)


def ask_by_aiohttp() -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://{FAR}/")

    asyncio.run(ask())


def ask_by_asyncio() -> None:
    asyncio.run(asyncio.open_connection(FAR, 443))


def ask_by_ccxt() -> None:
    client = ccxt.binanceusdm({"timeout": 2000})
    try:
        client.fetch_time()
    finally:
        client.session.close()


def ask_by_async_ccxt() -> None:
    async def ask() -> None:
        async with ccxt.async_support.binanceusdm({"timeout": 2000}) as client:
            await client.fetch_time()

    asyncio.run(ask())


def watch_by_ccxt_pro() -> None:
    async def ask() -> None:
        async with ccxt.pro.binanceusdm({"timeout": 2000}) as client:
            await client.watch_ticker("BTC/USDT:USDT")

    asyncio.run(ask())


def ask_by_our_broker() -> None:
    async def ask() -> None:
        async with BinanceBroker("BTC", timeout_s=2.0):
            pass

    asyncio.run(ask())


def ask_by_dry_run() -> None:
    async def ask() -> None:
        async with DryRunBroker(BinanceBroker("BTC", timeout_s=2.0)):
            pass

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("reach", "host"),
    [
        (connect, FAR),
        (connect_quietly, "2001:db8::7"),
        (send, FAR),
        (look_up, "fapi.binance.com"),
        (ask_by_urllib, "fapi.binance.com"),
        (ask_by_requests, FAR),
        (ask_by_aiohttp, FAR),
        (ask_by_asyncio, FAR),
        (ask_by_ccxt, "fapi.binance.com"),
        (ask_by_async_ccxt, "fapi.binance.com"),
        (watch_by_ccxt_pro, "fapi.binance.com"),
        (ask_by_our_broker, "fapi.binance.com"),
        (ask_by_dry_run, "fapi.binance.com"),
    ],
)
def test_whatever_reaches_beyond_this_machine_is_stopped_and_noted(
    reach: Callable[[], None], host: str, caught: list[str]
) -> None:
    with pytest.raises((OSError, ccxt.NetworkError, Unreachable, aiohttp.ClientError)):
        reach()
    assert set(caught) == {host} == set(network_guard.in_log())


def test_this_machine_may_be_reached_by_any_of_its_names() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, port), timeout=2):
                pass
    here, there = socket.socketpair()
    here.close()
    there.close()
    assert network_guard.reached == []


def child(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_child_process_is_guarded_too(caught: list[str]) -> None:
    done = child("-c", f"import socket; socket.socket().connect(('{FAR}', 80))")
    assert f"a test reached for {FAR}" in done.stderr
    assert network_guard.in_log() == [FAR]
    assert caught == []


def test_no_module_reaches_out_when_it_is_imported() -> None:
    code = (
        "import importlib, pkgutil\n"
        f"for room in {ROOMS!r}:\n"
        "    package = importlib.import_module(room)\n"
        "    for module in pkgutil.walk_packages(package.__path__, f'{room}.'):\n"
        "        importlib.import_module(module.name)\n"
        "import gridtui; print('all')"
    )
    done = child("-c", code)
    assert (done.stdout, done.returncode) == ("all\n", 0), done.stderr
    assert network_guard.in_log() == []


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "backtest --help",
        "backtest --coins BTC --source sim --start 2024-01-01 --end 2024-01-10",
        "data list",
        "paper --help",
    ],
)
def test_a_command_that_needs_no_real_market_asks_for_none(command: str, tmp_path: Path) -> None:
    done = child("-m", "gridtui", *command.split(), env={"GRIDTUI_DATA": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert network_guard.in_log() == []


def test_the_paper_exchange_by_itself_asks_nobody() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gridtui", "paper", "--port", "0", "--plain"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert b"127.0.0.1" in process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert network_guard.in_log() == []


def test_a_backtest_of_real_candles_asks_binance_alone_and_says_that_it_cannot(
    tmp_path: Path, caught: list[str]
) -> None:
    """The one default that does connect: the user asks for the real market by its name."""
    dates = ["--start", "2024-01-01", "--end", "2024-01-03"]
    done = child(
        *["-m", "gridtui", "backtest", "--coins", "BTC", *dates],
        env={"GRIDTUI_DATA": str(tmp_path), "GRIDTUI_SOURCE": ""},
    )
    assert done.returncode == 2
    hosts = set(network_guard.in_log())
    assert hosts
    assert all(host.endswith((".binance.com", ".binance.vision")) for host in hosts)
    assert caught == []
