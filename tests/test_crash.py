"""What a defect leaves: one line, a restored terminal, and a report without secrets. Costs 9 s."""

import contextlib
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import work
from textual.content import Content
from textual.widgets import Static

import tui.screens.help
from tests.processes import ROOT
from tests.screen_text import until
from tests.test_paper_console import console
from tests.tui_app import opened
from tui.crash import told
from tui.folders import data_folder
from tui.guarded_app import GuardedApp
from tui.screens.help import HelpScreen

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


_STYLES = str(ROOT / "tui" / "dialogs.tcss")


class DefectError(Exception):
    """Of the screens below."""


class _Page(HelpScreen):
    CSS_PATH = _STYLES


class OnAKey(_Page):
    def key_x(self) -> None:
        raise DefectError("in a handler")


class OnATimer(_Page):
    def key_x(self) -> None:
        self.set_timer(0.01, self._fail)

    def _fail(self) -> None:
        raise DefectError("in a timer")


class InAWorker(_Page):
    def key_x(self) -> None:
        self._fail()

    @work
    async def _fail(self) -> None:
        raise DefectError("in a worker")


class InAThread(_Page):
    def key_x(self) -> None:
        self._fail()

    @work(thread=True)
    def _fail(self) -> None:
        raise DefectError("in a thread")


class _Broken(Static):
    def render(self) -> Content:
        raise DefectError("in a render")


class InARender(_Page):
    def key_x(self) -> None:
        self.mount(_Broken())


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDTUI_DEBUG", raising=False)
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)


def reports(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("live_logs/gridtui_crash_*.txt"))]


@pytest.mark.parametrize(
    ("screen", "where"),
    [
        (OnAKey, "in a handler"),
        (OnATimer, "in a timer"),
        (InAWorker, "in a worker"),
        (InAThread, "in a thread"),
        (InARender, "in a render"),
    ],
)
async def test_a_defect_ends_the_screens_with_a_line_and_a_report(
    screen: type[HelpScreen],
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tui.screens.help, "HelpScreen", screen)
    apps: list[GuardedApp] = []

    async def use() -> None:
        async with opened(data_dir=tmp_path) as (app, pilot):
            apps.append(app)
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, screen), "the page")
            await pilot.press("x")
            await until(pilot, lambda: bool(app.last_words), "the end")

    with pytest.raises(Exception, match=where):  # a pilot shows a test what has ended the screens
        await use()
    (application,) = apps
    assert application.return_code == 1
    (report,) = reports(tmp_path)
    assert f"DefectError: {where}" in report
    assert application.last_words.startswith(
        f"unexpected DefectError: {where}. This is a defect of gridtui. Bots and searches go on. "
        f"The full report is in {tmp_path}/live_logs/gridtui_crash_20"
    )
    assert "Traceback" not in capsys.readouterr().err


async def test_a_defect_ends_the_paper_console_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRIDTUI_DATA", str(tmp_path))

    def fail() -> None:
        raise DefectError("in the console")

    apps: list[GuardedApp] = []

    async def use() -> None:
        async with console() as (app, pilot, _):
            apps.append(app)
            app.set_timer(0.01, fail)
            await until(pilot, lambda: bool(app.last_words), "the end")

    with pytest.raises(DefectError):
        await use()
    (application,) = apps
    assert application.return_code == 1
    assert "The paper exchange is stopped; bots and searches go on." in application.last_words
    assert len(reports(tmp_path)) == 1


def test_a_report_says_with_what_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("BINANCE_TESTNET_API_KEY=of-the-file-1\n")
    monkeypatch.setenv("GRIDTUI_SOURCE", "sim")
    monkeypatch.setenv("GRIDTUI_PAPER_SECRET", "of-the-paper-1")
    monkeypatch.setattr(
        sys,
        "argv",
        ["gridtui", "optimize", "--storage", "postgresql://me:hunter2@host/db", "--key=abcdef"],
    )
    address = f"https://fapi.binance.com/x?timestamp=1&signature={'a1' * 32}"
    try:
        raise DefectError(f"{SECRET} of-the-file-1 of-the-paper-1 {address}")
    except DefectError as error:
        line = told(error, tmp_path)
    (report,) = reports(tmp_path)
    for secret in (SECRET, "of-the-file-1", "of-the-paper-1", "a1a1", "hunter2", "abcdef"):
        assert secret not in report + line
    assert "***" in line
    assert "Python 3." in report
    assert re.search(r"textual \d+\.\d+", report)
    assert "optimize --storage postgresql://me:***@host/db --key=***" in report
    assert "GRIDTUI_SOURCE=sim" in report
    (path,) = (tmp_path / "live_logs").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_spelling_of_a_password_or_a_key_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = ("pa/ss@word9", "hunter2%2Fsecret", "hunter2/secret", "tick@tock")
    monkeypatch.setenv("GRIDTUI_STORAGE", f"postgresql://grid:{passwords[0]}@db.host/studies")
    storage = f"postgresql://host/db?user=u&password={passwords[1]}"
    monkeypatch.setattr(sys, "argv", ["gridtui", "optimize", f"--storage={storage}"])
    told_of = (
        f"X-MBX-APIKEY: 'abcdef' {{'api_key': \"ghijkl\"}} secret=mnopqr Listen-Key = stuvwx "
        f"password = yzabcd; auth failed for {passwords[0]} and {passwords[2]}, "
        f"postgresql+psycopg://me:{passwords[3]}@host:5432/db?sslmode=require"
    )
    try:
        raise DefectError(told_of)
    except DefectError as error:
        line = told(error, tmp_path)
    (report,) = reports(tmp_path)
    for secret in (*passwords, "abcdef", "ghijkl", "mnopqr", "stuvwx", "yzabcd"):
        assert secret not in report
        assert secret not in line
    for part in ("word9", "tock@"):
        assert part not in report + line
    assert "GRIDTUI_STORAGE=postgresql://grid:***@db.host/studies" in report
    assert "--storage=postgresql://host/db?user=u&password=***" in report
    assert "psycopg://me:***@host:5432/db?sslmode=require" in line


def test_a_defect_is_told_though_the_working_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, data = tmp_path / "gone", tmp_path / "data"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert str(data) in told(DefectError("boom"), data)
    assert len(reports(data)) == 1
    lost = told(DefectError("boom"), data_folder(Path("nowhere")))
    assert "DefectError: boom" in lost
    assert lost.endswith("(No such file or directory); GRIDTUI_DEBUG=1 shows it")


def test_a_name_that_is_no_text_can_be_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gridtui", "--data-dir", os.fsdecode(b"\xff")])
    told(DefectError("boom"), tmp_path)
    assert r"--data-dir \udcff" in reports(tmp_path)[0]


def test_the_newest_twenty_reports_stay(tmp_path: Path) -> None:
    for number in range(22):
        told(DefectError(f"number {number}."), tmp_path)
    texts = reports(tmp_path)
    assert len(texts) == 20
    assert "number 2." in texts[0]
    assert "number 21." in texts[-1]


def test_where_no_report_can_be_written_the_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "live_logs").write_text("in the way")
    line = told(DefectError("boom"), tmp_path)
    assert line.endswith("(File exists); GRIDTUI_DEBUG=1 shows it")
    assert line.count("\n") == 0


_SCRIPT = """
import sys
import gridtui
import tui.screens.help

class Broken(tui.screens.help.HelpScreen):
    CSS_PATH = sys.argv[2]

    def key_x(self):
        raise ZeroDivisionError("of a test")

tui.screens.help.HelpScreen = Broken
sys.exit(gridtui.main(["--data-dir", sys.argv[1]]))
"""


def test_the_terminal_is_as_it_was_and_has_the_line(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", GRIDTUI_STATE_HOME=str(tmp_path))
        os.execv(sys.executable, [sys.executable, "-c", _SCRIPT, str(tmp_path), _STYLES])
    seen = b""

    def read_until(there: Callable[[], bool]) -> bool:
        nonlocal seen
        deadline = time.monotonic() + 30
        while not there() and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    piece = os.read(terminal, 65_536)
                except OSError:  # the other end is closed
                    break
                seen += piece
        return there()

    try:
        assert read_until(lambda: b"coins" in seen.lower())
        time.sleep(0.5)  # until the first screen has taken the focus
        os.write(terminal, b"\x1bOP")  # F1
        assert read_until(lambda: b"close" in seen.lower())
        os.write(terminal, b"x")
        assert read_until(lambda: b"The full report is in" in seen)
        read_until(lambda: False)  # to the end
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # of one that has ended nothing is left to kill
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
    assert code == 1
    restored, _, after = seen.decode().rpartition("\x1b[?1049l")
    assert restored
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", after).split("\r\n")
    (report,) = tmp_path.glob("live_logs/gridtui_crash_*.txt")
    assert [line for line in lines if line.strip()] == [
        "gridtui: unexpected ZeroDivisionError: of a test. This is a defect of gridtui. Bots and "
        f"searches go on. The full report is in {report}"
    ]
