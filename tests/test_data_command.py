"""`gridtui data`: list, fetch, import, check, clear (about 12 s)."""

import json
import os
import pty
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gridtui
from exchange.holdings import holdings
from exchange.paper.listing import load_listing
from exchange.paper.server import PaperExchange
from exchange.paper.threaded import ThreadedExchange
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS
from tests.archive_server import ArchiveServer, serving_archives
from tests.history_server import HistoryServer, serving
from tests.processes import ROOT, gridtui_process

BTC = Symbol("BTC")
JANUARY = Span(moment_ms("2024-01-01"), moment_ms("2024-02-01"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `gridtui data` in this process: exit code, standard output, standard error."""

    def run_data(action: str, *arguments: str) -> tuple[int, str, str]:
        code = gridtui.main(["data", action, "--data-dir", str(tmp_path), *arguments])
        return code, *capsys.readouterr()

    return run_data


@pytest.fixture
def binance(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[HistoryServer, ArchiveServer]]:
    """A market on this machine, listed in December 2023, with its archives."""
    listed, now = moment_ms("2023-12-15"), moment_ms("2024-03-01T10:07:30")
    with serving(listed, now) as pages, serving_archives(pages.truth) as archives:
        monkeypatch.setenv("GRIDTUI_BINANCE_URL", pages.url)
        monkeypatch.setenv("GRIDTUI_ARCHIVES_URL", archives.url)
        yield pages, archives


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a month of BTC in 1h with a hole of three hours, and its funding."""
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = simulate(BTC, HOUR_MS, JANUARY, 5).drop(index=[100, 101, 102])
    rows.to_csv(folder / "BTCUSDT_1h.csv", index=False)
    simulate_funding(BTC, JANUARY, 5).to_csv(folder / "BTCUSDT_funding.csv", index=False)
    return folder


def at(server: HistoryServer) -> str:
    """How a series of that server is named."""
    return f" at {server.url.removeprefix('http://').replace(':', '-')}"


def on_a_terminal(*arguments: str, answer: bytes = b"") -> bytes:
    """All that `gridtui data` shows on a terminal; `answer` is typed when it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", "data", *arguments])
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            break  # the other end is closed
        seen += piece
        if b"[y/N]" in piece:
            os.write(terminal, answer)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return seen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--coin", "BTC/EUR"], "is not a USDT perpetual"),
        (["list", "--timeframe", "7h"], "timeframe '7h' is not known"),
        (["list", "--market", "margin"], "invalid choice: 'margin'"),
        (["fetch", "--coin", "BTC"], "the following arguments are required: --start"),
        (["fetch", "--coin", "BTC", "--start", "1.1.24"], "is not a time"),
        (["fetch", "--coin", "BTC", "--start", "1900-01-01"], "take one from 1973-03-04 to 2999"),
        (["fetch", "--coin", "BTC", "--start", "2024-01-01", "--timeframe", "7h"], "'7h' is not"),
        (["fetch", "--coin", "BTC", "--start", "2024-02-01", "--end", "2024-01-01"], "later than"),
        (["import", "nowhere/BTCUSDT_1h.csv"], "nowhere/BTCUSDT_1h.csv: is not there"),
        (["import", "README.md"], "is none of .parquet, .csv, .zip"),
        (["clear"], "say what to remove"),
        (["clear", "--all", "--coin", "BTC"], "--all is everything"),
        (["erase"], "invalid choice: 'erase'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_data_alone_says_what_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert gridtui.main(["data"]) == 2
    assert "list, fetch, import, check or clear" in capsys.readouterr().err


def test_an_empty_cache_says_so(run: Run) -> None:
    for arguments, said in (
        (["list"], "is empty; gridtui data fetch and import fill it"),
        (["list", "--coin", "BTC"], "has nothing of that; gridtui data fetch and import fill it"),
        (["check"], "nothing of that is in the cache"),
    ):
        code, out, _ = run(*arguments)
        assert code == 0
        assert said in " ".join(out.split())
    assert run("clear", "--all")[:2] == (0, "nothing of that is in the cache\n")


def test_import_says_what_came_what_is_missing_and_how_to_use_it(run: Run, files: Path) -> None:
    code, out, _ = run("import", str(files / "BTCUSDT_1h.csv"))
    assert code == 0
    assert out.splitlines() == [
        "BTC/USDT 1h perpetual: 741 candles from BTCUSDT_1h.csv, "
        "2024-01-01 00:00 UTC to 2024-02-01 00:00 UTC: 741 new",
        "  1 gap, 180 missing minutes",
        "    2024-01-05 04:00 UTC to 2024-01-05 07:00 UTC: 3 candles",
        "  use it: gridtui backtest --coins BTC --timeframe 1h --start 2024-01-01 "
        "--end 2024-02-01 --source cache",
    ]


def test_the_recorded_crash_is_reported_with_2_gaps_and_434_missing_minutes(
    run: Run, market_data: Path
) -> None:
    path = market_data / "SOLUSDT-spot_1m_2021-04_crash_with_gaps.parquet"
    code, out, _ = run("import", str(path))
    assert code == 0
    assert "  2 gaps, 434 missing minutes\n" in out
    code, out, _ = run("check")
    assert code == 0
    assert "2 gaps, 434 missing minutes" in out
    assert out.count("gap: ") == 2
    code, out, _ = run("list")
    assert out.startswith("SOL 1m       spot 2021-04-02 2021-05-14  99.2%   2 gaps █")
    assert "▒" in out.splitlines()[0]


def test_a_backtest_uses_what_was_imported_as_the_import_said(
    run: Run, files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, out, _ = run("import", str(files))
    (line,) = [line for line in out.splitlines() if "use it: " in line]
    command = line.split("gridtui ")[1].split()
    assert gridtui.main([*command, "--no-plot", "--json", "--data-dir", str(tmp_path)]) == 0
    coin = json.loads(capsys.readouterr().out)["coins"]["BTC/USDT"]
    assert (coin["candles"], coin["funding"], coin["simulated"]) == (741, "real", False)
    assert coin["source"] == "cache: imported from BTCUSDT_1h.csv"


def test_what_a_folder_has_that_cannot_be_imported_is_named_and_is_an_error(
    run: Run, files: Path
) -> None:
    (files / "ETHUSDT_1h.csv").write_text("bread,milk\n1,2\n")
    for name in ("a.csv", "b.xlsx", "c.txt", "d.txt", ".hidden", "BTCUSDT_1h.zip.CHECKSUM"):
        (files / name).write_text("")
    code, out, err = run("import", str(files))
    assert code == 2
    assert "BTC/USDT funding perpetual: 93 settlements" in out
    assert "ETHUSDT_1h.csv: no column 'timestamp'" in out
    assert "The file must have columns timestamp, open" in out
    assert out.splitlines()[0] == (
        "passed over 4 files, whose names do not say what they hold: a.csv, b.xlsx, c.txt, ..."
    )
    assert err == f"gridtui: not imported: 1 file, first {files / 'ETHUSDT_1h.csv'}\n"


def test_the_list_fits_eighty_columns_and_tells_market_gaps_size_and_origin(
    run: Run, files: Path
) -> None:
    run("import", str(files))
    code, out, _ = run("list")
    assert code == 0
    first, details, _, origin, total = out.splitlines()
    assert first.startswith("BTC 1h       perp 2024-01-01 2024-01-31  99.5%    1 gap █")
    assert len(first) == 80
    assert first.count("▒") == 1
    assert details.startswith("    741 candles, 3 missing, ")
    assert origin.endswith("imported from BTCUSDT_funding.csv")
    assert total.startswith("2 series, ")
    assert "\x1b" not in out


def test_the_list_as_json_has_the_gaps(run: Run, files: Path) -> None:
    run("import", str(files))
    code, out, _ = run("list", "--json", "--timeframe", "1h")
    (series,) = json.loads(out)["series"]
    assert code == 0
    assert series["gaps"] == [
        {"start_ms": moment_ms("2024-01-05T04:00"), "bars": 3, "outage": False}
    ]
    assert (series["market"], series["simulated"]) == ("perpetual", False)
    assert series["origins"] == ["imported from BTCUSDT_1h.csv"]
    assert len(series["gap_map"]) == 40


def test_a_check_that_finds_wrong_rows_exits_with_1(run: Run, files: Path, tmp_path: Path) -> None:
    run("import", str(files))
    assert run("check")[0] == 0
    (holding, _) = holdings(tmp_path)
    holding.paths[0].write_bytes(b"damaged")
    code, out, _ = run("check", "--coin", "BTC", "--timeframe", "1h")
    assert code == 1
    assert "BTC/USDT 1h: WRONG" in out
    code, out, _ = run("check", "--json")
    document = json.loads(out)
    assert code == 1
    assert [one["sound"] for one in document["series"]] == [False, True]
    assert document["series"][0]["findings"][0]["kind"] == "damaged"


def test_fetch_gets_what_is_missing_and_says_from_where(
    run: Run, binance: tuple[HistoryServer, ArchiveServer]
) -> None:
    pages, archives = binance
    archives.put("2024-01", "2024-02", "15m")
    fetch = ["fetch", "--coin", "BTC", "--timeframe", "15m", "1h", "--end", "2024-02-03"]
    code, out, err = run(*fetch, "--start", "2024-01-01")
    assert (code, err) == (0, "fetching BTC/USDT 15m...\nfetching BTC/USDT 1h...\n")
    whole = "2024-01-01 00:00 UTC to 2024-02-03 00:00 UTC"
    assert out.splitlines() == [
        f"BTC/USDT 15m{at(pages)}: 3,168 candles, {whole}; 2,976 from 1 monthly archive, "
        "192 page by page",
        "  99 settlements of funding",
        f"BTC/USDT 1h{at(pages)}: 792 candles, {whole}; 792 page by page",
        "  99 settlements of funding",
    ]
    asked = len(pages.asked("klines"))
    code, out, _ = run(*fetch, "--start", "2024-01-10")
    assert code == 0
    assert "2,304 from the cache" in out
    assert len(pages.asked("klines")) == asked


def test_fetch_without_funding_gets_none_and_says_where_history_begins(
    run: Run, binance: tuple[HistoryServer, ArchiveServer], tmp_path: Path
) -> None:
    pages, _ = binance
    span = ["--start", "2023-11-01", "--end", "2024-01-03"]
    code, out, _ = run("fetch", "--coins", "BTC", "--timeframe", "1h", *span, "--no-funding")
    assert code == 0
    assert out.splitlines()[1] == "  nothing from 2023-11-01 00:00 UTC on: not traded then"
    assert pages.asked("fundingRate") == []
    assert [str(holding.series) for holding in holdings(tmp_path)] == [f"BTC/USDT 1h{at(pages)}"]


def test_what_another_server_has_never_joins_binances_series(
    run: Run, binance: tuple[HistoryServer, ArchiveServer], files: Path, tmp_path: Path
) -> None:
    pages, _ = binance
    run("import", str(files / "BTCUSDT_1h.csv"))
    span = ["--start", "2024-01-01", "--end", "2024-02-01", "--timeframe", "1h", "--no-funding"]
    code, out, _ = run("fetch", "--coin", "BTC", *span)
    assert code == 0
    assert "744 page by page" in out
    ours, theirs = holdings(tmp_path)
    assert (str(ours.series), ours.rows) == ("BTC/USDT 1h", 741)
    assert (str(theirs.series), theirs.rows) == (f"BTC/USDT 1h{at(pages)}", 744)
    assert theirs.origin == pages.url.removeprefix("http://")
    assert f"{theirs.origin}, not Binance" in run("list")[1]


@pytest.mark.usefixtures("binance")
def test_another_server_gets_no_months_of_binances_archives(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRIDTUI_ARCHIVES_URL")
    span = ["--start", "2024-01-01", "--end", "2024-02-01", "--no-funding"]
    code, out, _ = run("fetch", "--coin", "BTC", *span)
    assert code == 0
    assert out.endswith("; 2,976 page by page\n")


def test_what_the_simulated_paper_exchange_serves_is_kept_as_simulated(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = load_listing("BTC", "15m", "2024-01-01", "2024-01-04")
    fetch = ["fetch", "--coin", "BTC", "--start", "2024-01-01", "--end", "2024-01-02"]
    for _ in range(2):  # the same market at another port is the same series
        with ThreadedExchange(lambda: PaperExchange([listing], "2024-01-03")) as paper:
            monkeypatch.setenv("GRIDTUI_BINANCE_URL", paper.url)
            assert run(*fetch)[0] == 0
            line = ["backtest", "--coins", "BTC", "--source", "binance", "--no-plot", "--json"]
            period = ["--start", "2024-01-01", "--end", "2024-01-03", "--data-dir", str(tmp_path)]
            assert gridtui.main([*line, *period]) == 0
            coin = json.loads(capsys.readouterr().out)["coins"]["BTC/USDT"]
            assert (coin["simulated"], coin["candles"]) == (True, 192)
    candles, funding = holdings(tmp_path)
    assert re.fullmatch(r"BTCUSDT-sim-at-paper-[0-9a-f]{8}_15m", candles.series.stem)
    assert candles.series.simulated
    assert funding.series.simulated
    assert candles.origin.startswith("SIMULATED, paper exchange at 127.0.0.1:")
    assert run("list")[1].startswith("BTC 15m      SIM ")
    with ThreadedExchange(lambda: PaperExchange([replace(listing, source="x")], "2024-01-03")) as p:
        monkeypatch.setenv("GRIDTUI_BINANCE_URL", p.url)
        run(*fetch, "--no-funding")
    assert len(holdings(tmp_path)) == 3


@pytest.mark.parametrize(
    "address", ["localhost:8942", "http://", "http://h:port", "ftp://h", "http://127.0.0.1/fapi"]
)
@pytest.mark.parametrize("variable", ["GRIDTUI_BINANCE_URL", "GRIDTUI_ARCHIVES_URL"])
def test_an_address_that_is_none_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    code, out, err = run("fetch", "--coin", "BTC", "--start", "2024-01-01")
    assert (code, out) == (2, "")
    assert f"{variable} '{address}' is not a server's address: write scheme, host" in err


def test_without_a_way_to_binance_fetch_says_so_in_one_line(
    run: Run, binance: tuple[HistoryServer, ArchiveServer]
) -> None:
    pages, _ = binance
    pages.troubles = [418] * 9
    code, out, err = run("fetch", "--coin", "BTC", "--timeframe", "1h", "--start", "2024-02-20")
    assert (code, out) == (2, "")
    assert "cannot reach Binance" in err.splitlines()[-1]
    assert "--source" not in err
    assert "gridtui data import FILE" in err


def test_a_fetch_shows_its_progress_on_a_terminal(
    binance: tuple[HistoryServer, ArchiveServer], tmp_path: Path
) -> None:
    span = ["--start", "2024-01-01", "--end", "2024-02-01", "--timeframe", "15m", "--no-funding"]
    seen = on_a_terminal("fetch", "--coin", "BTC", *span, "--data-dir", str(tmp_path)).decode()
    assert "downloading BTC/USDT 15m candles: " in seen
    assert f"BTC/USDT 15m{at(binance[0])}: 2,976 candles" in seen
    assert binance[0].asked("klines")


def test_an_interrupted_fetch_keeps_what_has_come(
    binance: tuple[HistoryServer, ArchiveServer], tmp_path: Path
) -> None:
    pages, _ = binance
    quiet: list[Any] = [None] * 3
    pages.troubles = [*quiet, *["hang"] * 9]
    span = ["--start", "2023-12-15", "--end", "2024-01-30", "--timeframe", "5m"]
    process = gridtui_process("data", "fetch", "--coin", "BTC", *span, "--data-dir", str(tmp_path))
    until = time.monotonic() + 20
    while len(pages.requests) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "what has come is kept" in err
    (holding,) = holdings(tmp_path)
    assert holding.rows == 2000


def test_clear_needs_a_yes_where_nobody_can_be_asked(run: Run, files: Path, tmp_path: Path) -> None:
    run("import", str(files))
    code, out, err = run("clear", "--timeframe", "1h")
    assert code == 2
    assert "BTC/USDT 1h                2 files" in out
    assert "nothing was removed: without a terminal to ask on, give --yes" in err
    assert len(holdings(tmp_path)) == 2
    code, out, _ = run("clear", "--timeframe", "1h", "--yes")
    assert code == 0
    assert "removed 2 files" in out
    assert [str(holding.series) for holding in holdings(tmp_path)] == ["BTC/USDT funding"]


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 2), (b"\n", 2), (b"y\n", 0)])
def test_clear_asks_on_a_terminal(
    run: Run, files: Path, tmp_path: Path, answer: bytes, left: int
) -> None:
    run("import", str(files))
    seen = on_a_terminal("clear", "--all", "--data-dir", str(tmp_path), answer=answer)
    assert (b"removed 3 files" if answer == b"y\n" else b"nothing was removed") in seen
    assert len(holdings(tmp_path)) == left
