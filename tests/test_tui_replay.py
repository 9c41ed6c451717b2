"""A record on the screens of a bot: keys, looks, the command. Costs 12 s."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Input

import gridtui
from engine.events import HealthRead, LiveEvent, Quoted
from engine.live.health import Reading
from tests.bot_app import Clock, settled, without_names
from tests.bot_files import keep_state
from tests.processes import ROOT
from tests.records import a_run, began, jumping, keep_record, open_ms, told
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.record import Record
from tui.bot.replay import Replay
from tui.screens.live import LiveScreen
from tui.screens.names import SCREENS
from tui.screens.seek import SeekDialog

SMALL, MIDDLE = (80, 24), (120, 40)
HELD = {SMALL: " REPLAY PAPER paused ", MIDDLE: " REPLAY PAPER x60 paused "}
PLAY, NEXT, BEFORE, FASTER, SLOWER, GO_TO, END = "P.,][TE"


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))


@asynccontextmanager
async def replayed(
    path: Path, size: tuple[int, int] = MIDDLE, first: str = "1"
) -> AsyncIterator[tuple[GridTui, Pilot[None], Replay]]:
    """A screen on which a record is held, at the end of its first bar."""
    app = GridTui(path.parent, clock=lambda: NOON, first=first)
    replay = Replay(Record(path, "paper"), clock=Clock())
    replay.paused = True
    app.opens_with = replay
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: " REPLAY PAPER " in screen_text(app), "the record")
        await settled(pilot)
        yield app, pilot, replay


async def tap(pilot: Pilot[None], replay: Replay, *keys: str) -> None:
    """Press keys and wait until the replay is where they send it."""
    await pilot.press(*keys)
    await until(pilot, lambda: not jumping(replay), "the moment")


async def reads(pilot: Pilot[None], *texts: str) -> None:
    """Wait until all of this stands on the screen."""
    for text in texts:
        await until(pilot, lambda text=text: text in screen_text(pilot.app), text)


def standing(replay: Replay) -> object:
    """The number of the bar whose end is shown."""
    assert replay.view is not None
    return replay.view.account.get("bar")


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_live_in_a_replay(
    tmp_path: Path, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with replayed(keep_record(tmp_path, a_run(4, 9)), size) as (app, pilot, replay):
        await tap(pilot, replay, NEXT, NEXT)
        await settled(pilot)
        assert without_names(app) == snapshot


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_the_keys_of_a_replay_work_on_every_screen_of_a_bot(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with replayed(keep_record(tmp_path, a_run(4, 9)), size) as (app, pilot, replay):
        for screen in SCREENS[:5]:
            await tap(pilot, replay, screen.number, NEXT, NEXT, BEFORE)
            await reads(pilot, f"[{screen.name}]", "P play, hold", HELD[size])
            assert standing(replay) == 5
            await tap(pilot, replay, FASTER, FASTER, SLOWER, PLAY)
            assert (replay.speed, replay.paused) == (120.0, False)
            await tap(pilot, replay, "space", SLOWER)
            assert (replay.speed, replay.paused) == (60.0, True)
            await pilot.press(GO_TO)
            await until(pilot, lambda: isinstance(app.screen, SeekDialog), "the question")
            await tap(pilot, replay, *"0%", "enter")
            assert standing(replay) is None
            replay.step(1)
        replay.seek("end")
        await reads(pilot, HELD[size].replace("paused", "end"), "01-10 02:29")
        await pilot.press(END)
        await reads(pilot, "No bot runs")
        await until(pilot, lambda: "P play, hold" not in screen_text(app), "the screen's own keys")
        await pilot.press(NEXT, PLAY, GO_TO, END)
        await pilot.pause()
        assert not isinstance(app.screen, SeekDialog)


async def test_a_replay_cannot_be_steered(tmp_path: Path) -> None:
    async with replayed(keep_record(tmp_path, a_run(4, 9))) as (app, pilot, _):
        for key in "pSX":
            app.clear_notifications()
            await until(pilot, lambda: "steered" not in screen_text(app), "the word to go")
            await pilot.press(key)
            await reads(pilot, "a replay cannot be steered")
            assert isinstance(app.screen, LiveScreen)
        assert await app.store.fleet.command("stop", None) == (
            False,
            "stop: no bot is shown",
            False,
        )


async def test_every_screen_shows_the_moment_and_forgets_what_comes_after_it(
    tmp_path: Path,
) -> None:
    async with replayed(keep_record(tmp_path, a_run(4, 30))) as (app, pilot, replay):
        replay.seek("end")
        await tap(pilot, replay, "4", "v")
        await reads(pilot, "trades 9", "BUY_OPEN_LONG")
        await tap(pilot, replay, "5")
        await reads(pilot, "07:45:00] EQUITY")
        await tap(pilot, replay, "3", "w")
        await reads(pilot, "27 of 27 bars", "of 30 days")
        replay.seek("03:16")
        await reads(pilot, "9 of 9 bars", "of 30 days")
        await tap(pilot, replay, "4")
        await reads(pilot, "trades 3")
        await tap(pilot, replay, "5")
        await reads(pilot, "03:15:00] EQUITY")
        assert "03:30:00] EQUITY" not in screen_text(app)
        await tap(pilot, replay, "2", NEXT)
        await reads(pilot, "64,130.0", "01-10 03:29:59Z")


async def test_alarms_appear_at_their_time_and_are_acknowledged_as_ever(tmp_path: Path) -> None:
    async with replayed(keep_record(tmp_path, a_run(4, 9))) as (app, pilot, replay):
        assert "900 ms off" not in screen_text(app)
        await tap(pilot, replay, NEXT, NEXT)
        await reads(pilot, "the clock is 900 ms off", " WARN ")
        await tap(pilot, replay, NEXT)
        await reads(pilot, "the clock is 900 ms off 01:30Z (over)")
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "900 ms off" not in screen_text(app), "no alarm")


async def test_a_reading_says_how_old_it_is_and_the_drawdown_is_that_of_the_last_bar(
    tmp_path: Path,
) -> None:
    read = Reading("drawdown", "1.0%", "10% / 25%", "ok")
    path = keep_record(tmp_path, [began(open_ms(4) + 5_000), *falling(4, 9, read)])
    async with replayed(path) as (_, pilot, replay):
        await reads(pilot, "drawdown    ok      4.8%", "heartbeat   ok      4 s", " ok 17%")
        await tap(pilot, replay, NEXT, NEXT)
        await reads(pilot, "drawdown    warning      24.1%", "heartbeat   ok 30m ago   4 s", "WARN")
        await tap(pilot, replay, NEXT)
        await reads(pilot, "drawdown    bad          33.7%", "heartbeat   ok 45m ago", "BAD")


def falling(first: int, last: int, drawdown: Reading) -> Iterator[LiveEvent]:
    """Bars in which the equity falls by a tenth of its peak each, and nothing else is read."""
    for bar in range(first, last + 1):
        for event in told(bar):
            if isinstance(event, Quoted):
                event = replace(event, equity=9_900.0 - 1_000.0 * (bar - first))
            if isinstance(event, HealthRead):
                event = replace(event, readings=(*event.readings, drawdown))
            yield event


async def test_where_no_bot_ran_nothing_of_its_health_holds(tmp_path: Path) -> None:
    path = keep_record(tmp_path, [*a_run(4, 6), *a_run(300, 302)])
    async with replayed(path) as (app, pilot, replay):
        replay.seek("2025-01-11 12:00")
        await tap(pilot, replay)
        await reads(pilot, "health, stale 1d10", "stale 1d10", "was warning", "silent 47%")
        replay.seek("run 2")
        await tap(pilot, replay)
        await reads(pilot, "none of it was recorded up to here")
        assert not any(word in screen_text(app) for word in (" ok ", "WARN", "silent"))


async def test_before_the_first_candle_has_closed_every_screen_says_what_it_waits_for(
    tmp_path: Path,
) -> None:
    waits = "it waits for the first candle's end, 01-10 01:14:59Z"
    async with replayed(keep_record(tmp_path, a_run(4, 9)), SMALL) as (app, pilot, replay):
        replay.seek("start")
        await tap(pilot, replay)
        for number in "12":
            await pilot.press(number)
            await reads(pilot, f" WAITS  {waits}; the replay is at", "01-10 01:00:05Z", " 0% ")
        await pilot.press("3")
        await reads(pilot, f"I{waits[1:]}: there is nothing to")
        await pilot.press("4")
        await reads(pilot, f"nothing is known yet: {waits}")
        assert "starting" not in screen_text(app)
        await tap(pilot, replay, "1", NEXT)
        await reads(pilot, "next candle")
        assert "WAITS" not in screen_text(app)


async def test_the_question_where_to_says_what_there_is_and_what_is_wrong(tmp_path: Path) -> None:
    path = keep_record(tmp_path, [*a_run(4, 6), *a_run(12, 14)])
    async with replayed(path, SMALL) as (app, pilot, replay):
        await pilot.press(GO_TO)
        await reads(pilot, "BTC/USDT, 6 bars, 2025-01-10 01:00 to 2025-01-10 03:44 UTC")
        await reads(pilot, "run 2 of 2025-01-10 03:00")
        await pilot.press(*"noon", "enter")
        await reads(pilot, "'noon' is no moment")
        app.screen.query_one(Input).value = "run 2"
        await tap(pilot, replay, "enter")
        await reads(pilot, "01-10 03:00")
        await pilot.press(GO_TO, "escape")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen), "the screen")
        assert replay.now_ms == replay.record.times[replay.record.runs[1]]


async def test_lines_that_are_damaged_are_said_once(tmp_path: Path) -> None:
    path = keep_record(tmp_path, a_run(4, 9))
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    async with replayed(path) as (app, _, _):
        assert "1 line damaged and left out" in screen_text(app)


async def test_the_record_of_a_bot_that_has_ended_is_played_from_the_list_of_bots(
    tmp_path: Path,
) -> None:
    keep_state(tmp_path, "demo", "BTCUSDT")
    keep_record(tmp_path, a_run(4, 9), "demo")
    keep_state(tmp_path, "live", "ETHUSDT")
    app = GridTui(tmp_path, clock=lambda: NOON, first="0")
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await until(pilot, lambda: "bots 2" in screen_text(app), "the list")
        await pilot.press("v")
        await until(pilot, lambda: "not replayed: cannot read" in screen_text(app), "no record")
        await pilot.press("exclamation_mark", "down", "v")
        await until(pilot, lambda: " REPLAY TESTNET x60 " in screen_text(app), "the record")
        assert isinstance(app.screen, LiveScreen)
        await pilot.press("0", "backspace")
        await until(pilot, lambda: app.store.fleet.watched is None, "the end")
        assert app.store.fleet.replay is None


async def test_a_record_that_is_asked_for_again_while_it_is_read_is_opened_once(
    tmp_path: Path,
) -> None:
    keep_state(tmp_path, "paper", "BTCUSDT")
    path = keep_record(tmp_path, a_run(4, 400))
    app = GridTui(tmp_path, clock=lambda: NOON, first="0")
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await until(pilot, lambda: "bots 1" in screen_text(app), "the list")
        for _ in range(6):
            app.simulate_key("v")
            await pilot.pause(0.02)
        await until(pilot, lambda: " REPLAY PAPER x60 " in screen_text(app), "the record")
        await until(pilot, lambda: times_open(path) == 1, "one file")
        await app.store.fleet.end_replay()
        assert times_open(path) == 0


def times_open(path: Path) -> int:
    files = (Path("/dev/fd") / name for name in os.listdir("/dev/fd"))
    return sum(file.exists() and file.samefile(path) for file in files)


async def test_a_record_whose_first_moment_cannot_be_read_ends_with_the_reason(
    tmp_path: Path,
) -> None:
    path = keep_record(tmp_path, a_run(4, 9))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["kind"] == "grid":
            line["payload"]["orders"] = [7]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    app = GridTui(tmp_path, clock=lambda: NOON, first="1")
    app.opens_with = Replay(Record(path, "paper"), clock=Clock())
    async with app.run_test(size=MIDDLE, notifications=True) as pilot:
        await reads(pilot, "the replay has ended", "BTCUSDT_events.jsonl: the record")
        await reads(pilot, "No bot runs")
        assert app.store.fleet.replay is None


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = gridtui.main(["replay", *arguments])
    return code, *capsys.readouterr()


def test_several_records_are_listed_and_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data-dir", str(tmp_path))
    assert "no bot has recorded a run in" in listed(capsys, *where)[2]
    keep_record(tmp_path, a_run(4, 9))
    old = keep_record(tmp_path / "x", a_run(4, 9))
    aside = tmp_path / "live_state" / "paper" / "old" / "2025-01-09"
    aside.mkdir(parents=True)
    old.rename(aside / old.name)
    keep_record(tmp_path / "demo", a_run(4, 9))
    code, out, _ = listed(capsys, *where)
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[:-1]] == [["BTCUSDT", "paper"]] * 3
    assert out.splitlines()[-1].startswith("choose one: gridtui replay SYMBOL")
    keep_record(tmp_path, a_run(4, 9), "live")
    for arguments, said in (
        (("BTC",), "there are several records of BTCUSDT (live, paper): choose one with --mode"),
        (("ETH",), "no bot has recorded a run of ETHUSDT"),
        (("BTC", "--speed", "0"), "--speed 0 is out of range: 1 to 10000"),
        (("BTC", "--mode", "paper"), "the screens need a terminal"),
        ((str(aside / old.name),), "the screens need a terminal"),
        ((str(tmp_path / "BTCUSDT_events.jsonl"),), "cannot read"),
        ((str(tmp_path / "BTCUSDT.csv"),), "the name of a record ends with _events.jsonl"),
    ):
        code, out, err = listed(capsys, *arguments, *where)
        assert (code, out) == (2, "")
        assert said in err
        assert len(err.splitlines()) == 1


def test_on_a_terminal_the_command_opens_the_screens(tmp_path: Path) -> None:
    keep_record(tmp_path, a_run(4, 9))
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "gridtui", "replay", "--data-dir", str(tmp_path)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=its, stdout=its, stderr=its, env=environment, close_fds=True
    )
    os.close(its)
    seen = b""
    while b"REPLAY PAPER x60" not in seen:
        seen += os.read(ours, 65_536)
    os.write(ours, b"q")
    while process.poll() is None:
        try:
            os.read(ours, 65_536)
        except OSError:
            break
    assert process.wait(60) == 0
    os.close(ours)
