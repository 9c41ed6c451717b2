"""`gridtui live`, `monitor`, `stop`, `pause` as processes on paper exchanges (about 110 s)."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gridtui
from engine.live.store import EQUITY_COLUMNS
from engine.live.warm import warm_up
from exchange.paper.auth import Keys
from exchange.paper.listing import load_offer
from exchange.paper.server import PaperExchange
from exchange.paper.threaded import ThreadedExchange
from state.recording import Recording

ROOT = Path(gridtui.__file__).parent
KEY, SECRET = "only-for-this-test-key-wxyz", "only-for-this-test-secret"
HURRY = ["live", "--paper", "--speed", "900", "--headless", "--coin"]


class Process:
    """A gridtui process whose output can be waited for."""

    def __init__(self, *arguments: str, cwd: Path = ROOT, **environment: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gridtui", *arguments],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"} | environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, seconds: float = 60.0) -> str:
        """The first line with the pattern."""
        return until(lambda: next((x for x in self.lines if re.search(pattern, x)), ""), seconds)

    def end(self, number: int | None = None, seconds: float = 60.0) -> int:
        """Its exit code, after a signal if one is given."""
        if number is not None:
            self._process.send_signal(number)
        code = self._process.wait(seconds)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self.lines.append(line.rstrip("\n"))


Start = Callable[..., Process]


def until(look: Callable[[], str], seconds: float = 30.0) -> str:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Processes find the machine code on the disk: what is waited for is the bot."""
    warm_up()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start processes with a data folder and locks of their own; none outlives the test."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    monkeypatch.setenv("GRIDTUI_DATA", str(tmp_path / "data"))
    started: list[Process] = []

    def begin(*arguments: str, **options: str | Path) -> Process:
        started.append(Process(*arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for process in started:
        process.kill()


@contextmanager
def exchange() -> Iterator[ThreadedExchange]:
    """A paper exchange in real time, served by the test, that outlives bots."""
    offer = load_offer(["BTC"])

    def make() -> PaperExchange:
        return PaperExchange(
            offer.listings, offer.start_ms, speed=1.0, from_now=True, keys=Keys(KEY, SECRET)
        )

    with ThreadedExchange(make) as served:
        yield served


def run(start: Start, *arguments: str, **environment: str) -> tuple[int, str]:
    process = start(*arguments, **environment)
    return process.end(), process.text


def test_a_bot_on_paper_trades_is_watched_by_two_is_paused_and_stopped(
    start: Start, tmp_path: Path
) -> None:
    bot = start(*HURRY, "BTC")
    bot.wait_for(r"\] GRID \| .*entry")
    watchers = [start("monitor", "btc", "--json"), start("monitor")]
    watchers[1].wait_for("EQUITY")
    assert bot.wait_for(r"\] (BUY_OPEN_LONG|SELL_OPEN_SHORT) \| BTC/USDT")
    assert run(start, "resume", "BTC") == (0, "BTC/USDT was not paused")
    assert run(start, "pause", "BTC") == (0, "entries are paused; take-profits and stops stay")
    assert run(start, "resume", "BTC") == (0, "entries are laid again")
    code, said = run(start, "stop", "BTC")
    assert (code, said.startswith("entries cancelled, state saved; ")) == (0, True)
    assert bot.end() == 0
    for word in ("pause", "resume", "stop"):
        assert f"NOTE | {word} was asked for by gridtui {word}, process " in bot.text
    assert "account paper; capital 10,000.00 USDT; leverage 1x; " in bot.text
    assert [each.end() for each in watchers] == [0, 0]
    assert bot.lines[0] == "PAPER SIMULATED | BTC/USDT | 15m candles | 900 times real time"
    assert f"stopped: {said}" in bot.lines[-1]
    assert watchers[1].lines[0] == "PAPER SIMULATED | BTC/USDT | 15m candles"
    assert watchers[1].lines[-1] == said
    messages = [json.loads(line) for line in watchers[0].lines]
    assert messages[0]["type"] == "snapshot"
    assert {"bar", "quote", "health"} <= {each.get("kind") for each in messages}
    numbers = [each["n"] for each in messages]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    state = tmp_path / "data" / "live_state" / "paper"
    header = (state / "BTCUSDT_trades.csv").read_text().splitlines()[0]
    assert header.endswith("client_id,entry_price,hold_hours,r")
    assert set(bot.lines[1:]) <= set(
        (tmp_path / "data" / "live_logs" / "paper" / "BTCUSDT.log").read_text().splitlines()
    )
    code, said = run(start, "stop", "BTC")
    assert (code, "nothing to stop" in said) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_gracefully_and_a_second_one_changes_nothing(
    start: Start, number: int
) -> None:
    bot = start(*HURRY, "ETH")
    bot.wait_for(r"\] GRID")
    os.kill(bot.pid, number)
    assert bot.end(number) == 0
    assert bot.text.count("] INFO | stopping: ") == 1
    assert bot.text.count("] INFO | stopped: entries cancelled, state saved; ") == 1


def test_everything_is_closed_by_a_command_with_a_yes_and_never_without_being_asked(
    start: Start,
) -> None:
    bot = start(*HURRY, "SOL")
    bot.wait_for(r"OPEN_(LONG|SHORT) \| SOL/USDT")
    watcher = start("monitor", "--json")
    watcher.wait_for('"type":"event"')
    code, said = run(start, "stop", "SOL", "--flatten")
    assert (code, said) == (
        2,
        "gridtui: everything is closed without being asked about only with --yes",
    )
    code, said = run(start, "stop", "SOL", "--flatten", "--yes")
    assert (code, said) == (0, "flat: every order of ours is cancelled, both sides are closed")
    assert bot.end() == 0
    assert watcher.end() == 0
    told = {each["kind"]: each["payload"] for each in map(json.loads, watcher.lines[1:])}
    account, quote = told["account"], told["quote"]
    assert [account["orders"], *(side["lots"] for side in account["sides"].values())] == [
        [],
        [],
        [],
    ]
    assert (quote["orders"], quote["equity"]) == (0, quote["wallet"])
    assert account["wallet"] == quote["wallet"]


def test_after_sigkill_a_dry_run_begins_afresh_only_when_told_to_and_resumes(
    start: Start, tmp_path: Path
) -> None:
    state = tmp_path / "data" / "live_state" / "dry-run" / "BTCUSDT_state.json"
    with exchange() as served:
        dry = ["live", "--coin", "BTC", "--dry-run", "--capital", "20000"]
        bot = start(*dry, GRIDTUI_BINANCE_URL=served.url)
        bot.wait_for(r"\] GRID \| 6 entry")
        code, said = run(start, *dry, GRIDTUI_BINANCE_URL=served.url)
        assert (code, "BTCUSDT is traded with this account by process" in said) == (2, True)
        bot.end(signal.SIGKILL)
        left = json.loads(state.read_text())["document"]
        name = left["run"]
        closed_a_bar(state.parent, left["opened_ms"] - 900_000)
        code, said = run(start, *dry, GRIDTUI_BINANCE_URL=served.url)
        assert code == 2
        kept_by = "has, according to BTCUSDT_state.json, 0 lots and 6 orders at the exchange"
        assert f"{kept_by}: --resume goes on with it, --fresh" in said
        again = ["live", "--coin", "BTC", "--dry-run", "--resume"]
        code, said = run(start, *again, "--leverage", "3", GRIDTUI_BINANCE_URL=served.url)
        assert (code, "keeps its parameters" in said) == (2, True)
        bot = start(*again, GRIDTUI_BINANCE_URL=served.url)
        until(lambda: "6 orders rest" if rested(start) else "")
        shown = snapshot_of(start)["bars"][0]
        assert (shown["time_ms"], shown["equity"]) == (left["opened_ms"] - 900_000, 19_000.0)
        assert run(start, "stop", "BTC")[0] == 0
        assert bot.end() == 0
        kept = json.loads(state.read_text())["document"]
        assert (kept["run"], kept["capital"]) == (name, 20_000.0)
        bot = start(*dry, GRIDTUI_BINANCE_URL=served.url)
        bot.wait_for(r"\] GRID")
        assert bot.end(signal.SIGTERM) == 0
        (shelf,) = (state.parent / "old").iterdir()
        assert json.loads((shelf / state.name).read_text())["document"]["run"] == name
        assert json.loads(state.read_text())["document"]["run"] != name


def closed_a_bar(folder: Path, opened_ms: int) -> None:
    """Write the equity at the close of a bar, as a run does that has lost a thousand USDT."""
    equity = Recording(folder / "BTCUSDT_equity.csv", EQUITY_COLUMNS)
    equity.append([(opened_ms, 19_000.0, 19_000.0, 0, 43_000.0, 1, 0)])
    equity.close()


def snapshot_of(start: Start) -> dict[str, Any]:
    """What a watcher is shown first; nothing while the bot does not listen yet."""
    watcher = start("monitor", "BTC", "--json")
    said = watcher.wait_for("snapshot|^gridtui: ")
    watcher.kill()
    return {} if said.startswith("gridtui: ") else dict(json.loads(said)["document"])


def rested(start: Start) -> bool:
    """Whether a watcher is shown all six orders at the exchange."""
    account = snapshot_of(start).get("account") or {"orders": []}
    return len(account["orders"]) == 6


def test_real_trading_asks_warns_and_writes_no_secret_anywhere(
    start: Start, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text(f"BINANCE_API_KEY={KEY}\nBINANCE_API_SECRET={SECRET}\n")
    env.chmod(0o644)
    with exchange() as served:
        there = {"GRIDTUI_BINANCE_URL": served.url, "cwd": tmp_path}
        live = ["live", "--coin", "BTC", "--capital", "5000"]
        unasked = start(*live, **there)
        assert unasked.end() == 2
        assert unasked.lines == [
            "gridtui: real money is traded without being asked about only with --yes"
        ]
        said = typed(tmp_path, [*live], "NO\n", served.url)
        assert re.search(r"account +key \.\.\.wxyz from .*\.env", said)
        assert re.search(r"balance +10,000\.00 USDT", said)
        assert re.search(r"worst case +-[\d,.]+ USDT if this grid fills and is stopped", said)
        assert "at 25 % below its peak equity" in said
        assert said.rstrip().endswith("nothing was done")
        assert not served.call(lambda paper: len(paper.ledger.of("order")))
        doctor = start("doctor", **there)
        assert doctor.end() == 0
        bot = start(*live, "--yes", "--log-level", "DEBUG", **there)
        bot.wait_for(r"\] GRID")
        bot.wait_for(r"\] ANSWER \| .*: open")
        assert run(start, "stop", "BTC", "--flatten", "--yes")[0] == 0
        assert bot.end() == 0
        assert served.call(lambda paper: len(paper.ledger.of("order"))) >= 6
    assert bot.lines[0] == f"LIVE | BTC/USDT | 15m candles | {served.url}"
    for process in (bot, doctor):
        assert f"others on this machine can read {env}: chmod 600 {env}" in process.text
    evidence = "none: no optimizer's report is about these parameters, this coin and these candles"
    assert f"  evidence    {evidence}" in bot.lines
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert f"WARNING | evidence: {evidence}" in logs
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != env]
    written += [process.text.encode() for process in (bot, doctor)] + [said.encode()]
    assert len(written) > 10
    for secret in (KEY.encode(), SECRET.encode()):
        assert not [content for content in written if secret in content]


def typed(folder: Path, arguments: list[str], answer: str, url: str) -> str:
    """What a process says on a terminal on which something is typed once it asks."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ |= {"PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"}
        os.environ |= {"GRIDTUI_BINANCE_URL": url}
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", *arguments])
    said = ""
    try:
        while chunk := os.read(terminal, 65_536):
            said += chunk.decode()
            if "anything else to leave: " in said and answer:
                os.write(terminal, answer.encode())
                answer = ""
    except OSError:
        pass
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return said


def test_a_headless_bot_survives_its_terminal(start: Start) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", *HURRY, "ETH"])
    said = ""
    while "GRID" not in said:
        said += os.read(terminal, 65_536).decode()
    os.close(terminal)  # its whole session gets SIGHUP
    time.sleep(2.0)
    assert run(start, "stop", "ETH")[0] == 0
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_closed_terminal_ends_an_interactive_bot_as_ctrl_c_does(
    start: Start, tmp_path: Path
) -> None:
    del start
    child, terminal = pty.fork()
    if child == 0:
        arguments = [argument for argument in HURRY if argument != "--headless"]
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", *arguments, "ETH"])
    said = ""
    while "6 entry" not in said:
        said += os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    log = (tmp_path / "data" / "live_logs" / "paper" / "ETHUSDT.log").read_text()
    assert log.count("stopping: the terminal was closed") == 1
    assert "stopped: entries cancelled, state saved; " in log
    assert "defect" not in log


def test_on_a_terminal_keys_pause_and_close_everything(start: Start) -> None:
    del start
    child, terminal = pty.fork()
    if child == 0:
        arguments = [argument for argument in HURRY if argument != "--headless"]
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", *arguments, "SOL"])
    said = ""
    keys = [("6 entry", "p"), ("entries are paused", "X"), ("Esc leaves", "NO\n")]
    keys += [("SOL was not typed", "X"), ("not typed", "SOL\n")]
    try:
        while chunk := os.read(terminal, 65_536):
            said += chunk.decode()
            if keys and keys[0][0] in said:
                os.write(terminal, keys.pop(0)[1].encode())
    except OSError:
        pass
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not keys
    assert "stopped: flat: every order of ours is cancelled, both sides are closed" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--paper", "--resume"], "a paper exchange ends with its bot"),
        (["--dry-run", "--speed", "9"], "--speed belongs to --paper"),
        (["--paper", "--speed", "0"], "speed 0 is out of range"),
        (["--paper", "--capital", "-5"], "capital -5 is not an amount"),
        (["--paper", "--dry-run"], "not allowed with argument"),
        (["--paper", "--set", "gama=1"], "did you mean 'gamma'"),
        (["--paper", "--leverage", "500"], "leverage = 500 is out of range"),
        (["--dry-run", "--resume"], "there is no state of BTC/USDT to go on with"),
        (["--testnet"], "trading needs an API key (made on demo.binance.com)"),
        (["--paper", "--log-level", "loud"], "argument --log-level: invalid choice"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRIDTUI_BINANCE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    monkeypatch.chdir(tmp_path)
    extra = [] if "--testnet" not in arguments else ["--yes"]
    folder = ["--data-dir", str(tmp_path / "data")]
    code = gridtui.main(["live", "--coin", "BTC", *arguments, *extra, *folder])
    out, err = capsys.readouterr()
    assert code == 2
    assert complaint in err
    assert err.count("\n") == 1
    assert "BEGINS" not in out.upper()
