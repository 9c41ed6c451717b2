"""A bot that is gone: what is said of it, and how one goes on with it. Costs 4 s."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.control_wire import socket_path
from state.lock import BotLock, running_bots
from tests.bot_app import shown, watched
from tests.bot_documents import snapshot
from tests.bot_files import hold, keep_state, side
from tests.screen_text import screen_text, until
from tests.test_bot_link import until as come
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.census import Census, Standing
from tui.bot.fate import fate_of
from tui.bot.launch import StartText
from tui.bot.link import BotLink
from tui.bot.view import BotView
from tui.bots import RunningBot, bots
from tui.first_screen import first_screen
from tui.screens.start_bot import StartDialog
from tui.widgets.row_table import RowTable

LEFT = "2 lots (long 0.05) and 5 orders"
_A_BOT = """
import asyncio, sys
from pathlib import Path
from state.control import ControlServer
from state.lock import BotLock
from tests.bot_documents import snapshot

async def serve(folder: Path, path: Path) -> None:
    BotLock("demo", "BTCUSDT").acquire(data_folder=folder, mode="demo", control=path)
    server = ControlServer(path, None)
    server.set_snapshot(lambda: snapshot(mode="demo"))
    await server.start()
    await asyncio.sleep(60)

asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as name:
        (Path(name) / "locks").mkdir()
        monkeypatch.setenv("GRIDTUI_STATE_HOME", str(Path(name) / "locks"))
        yield Path(name)


def killed(folder: Path, mode: str, symbol_id: str) -> RunningBot:
    """A bot's lock as a killed process leaves it."""
    socket = folder / "socket"
    lock = BotLock(mode, symbol_id)
    path = hold(lock, folder, mode, symbol_id, socket)
    said = path.read_text()
    lock.release()
    path.write_text(said)
    holder = next(each.holder for each in running_bots() if each.path == path)
    assert holder is not None
    return RunningBot(holder, socket)


def crashed(mode: str) -> BotView:
    view = watched(snapshot(mode=mode))
    view.link, view.trouble, view.fate = "ended", "process 4711 is gone", "crashed"
    view.left = Standing(held=(0.05, 0.0), lots=2, orders=5, entries=3)
    return view


async def test_a_process_that_was_killed_is_known_to_be_gone_at_once(folder: Path) -> None:
    path = socket_path(folder, "BTCUSDT")
    process = subprocess.Popen([sys.executable, "-c", _A_BOT, str(folder), str(path)])
    try:
        await come(lambda: bool(bots()) and path.exists())
        (bot,) = bots()
        view = BotView(time.monotonic)
        link = BotLink(path, view, time.monotonic, holder=bot.holder)
        link.start()
        await come(lambda: view.link == "connected")
        keep_state(folder, "demo", "BTCUSDT", entries=2)
        process.kill()
        process.wait()
        await come(lambda: view.link == "ended")
        assert view.left is not None
        assert (view.left.lots, view.left.entries) == (2, 2)
        assert (view.crashed, view.attempt) == (True, 0)
        assert view.trouble == f"process {process.pid} is gone"
        await link.close()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("live", f"{LEFT} stay at the exchange, entries without a stop. r goes on"),
        ("dry-run", f"{LEFT} are in its state, entries without a stop. r goes on"),
        ("paper", "a paper exchange ends with its bot: r starts one like it"),
    ],
)
async def test_a_crash_is_said_with_what_it_left(mode: str, words: str) -> None:
    async with shown("1", crashed(mode)) as (app, pilot):
        await until(pilot, lambda: "process 4711 is gone; " in screen_text(app), "the reason")
        text = screen_text(app)
        assert " CRASHED " in text.split("\n")[0]
        assert words in " ".join(text.split())
        assert "goes on by itself" not in text
        assert text.split("\n")[-1].strip().startswith("r resume  n start")
        await pilot.press("S")
        await until(pilot, lambda: "the bot has crashed" in screen_text(app), "the refusal")


async def test_a_long_reason_goes_on_in_the_next_line() -> None:
    view = watched()
    words = "entries cancelled, state saved; long 0.046 with 1 stop and 4 take-profits; no more"
    view.link, view.trouble = "ended", words
    async with shown("1", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "no more" in screen_text(app), "the end of the sentence")


def test_the_first_screen_is_that_of_what_was_left_by_a_crash(folder: Path) -> None:
    assert first_screen(folder) == "6"
    keep_state(folder, "paper", "ETHUSDT", entries=2)
    keep_state(folder, "demo", "ETHUSDT")
    assert first_screen(folder) == "6"
    keep_state(folder, "live", "BTCUSDT", entries=2)
    assert first_screen(folder) == "0"


@pytest.mark.parametrize(
    ("paused", "place", "fate"),
    [
        ([], "other", "crashed"),
        (["stopping"], "other", "unknown"),
        ([], "", "unknown"),  # the same place: another process writes the state now
    ],
)
def test_what_became_of_a_bot_is_in_its_state_once_another_one_has_its_lock(
    folder: Path, paused: list[str], place: str, fate: str
) -> None:
    keep_state(folder, "paper", "BTCUSDT", paused=paused)
    bot = killed(folder, "paper", "BTCUSDT")
    assert fate_of(bot.holder) == "crashed"
    with BotLock("paper", "BTCUSDT") as lock:
        lock.acquire(data_folder=folder / place, mode="paper")
        assert fate_of(bot.holder) == fate


def test_a_crash_of_another_folder_is_known_by_its_lock(folder: Path) -> None:
    keep_state(folder, "demo", "BTCUSDT")
    killed(folder, "demo", "BTCUSDT")
    assert first_screen(folder / "other") == "0"


async def test_where_no_bot_is_shown_those_that_could_go_on_are_named(folder: Path) -> None:
    keep_state(folder, "live", "SOLUSDT", entries=2)
    app = GridTui(folder, clock=lambda: NOON, first="1")
    async with app.run_test(size=(80, 24)) as pilot:
        words = "SOL LIVE crashed 01-10 12:00: 2 lots, 4 orders at the exchange; r goes on"
        await until(pilot, lambda: words in screen_text(app), words)


async def test_a_paper_bot_that_ended_is_begun_anew_as_it_was_begun(folder: Path) -> None:
    keep_state(folder, "paper", "BTCUSDT")
    bot = killed(folder, "paper", "BTCUSDT")
    app = GridTui(folder, clock=lambda: NOON, first="1")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        await pilot.press("r")
        await until(pilot, lambda: "none can go on" in screen_text(app), "why not")
        fleet = app.store.fleet
        await fleet.follow(bot)
        await until(pilot, lambda: fleet.watched.link == "ended", "the end")
        begun = StartText("BTC", capital="500", leverage="3", speed="60", source="sim")
        for text in (None, begun):
            if text is not None:
                fleet.starts.texts[bot.name] = text
            await pilot.press("r")
            await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
            assert isinstance(app.screen, StartDialog)
            assert app.screen._text == (text or StartText("BTC"))
            if text is None:
                said = "was not started in this session"
                await until(pilot, lambda: said in screen_text(app), said)  # noqa: B023
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1, "the Live screen")


async def test_the_list_begins_on_the_bot_that_is_watched_though_it_is_gone(folder: Path) -> None:
    keep_state(folder, "live", "ADAUSDT", entries=1)
    keep_state(folder, "demo", "SOLUSDT", entries=1)
    bot = killed(folder, "demo", "SOLUSDT")
    app = GridTui(folder, clock=lambda: NOON, first="1")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        await app.store.fleet.follow(bot)
        await pilot.press("0")
        table = app.screen.query_one
        await until(pilot, lambda: bool(app.screen.query(RowTable)), "the list")
        await until(pilot, lambda: table(RowTable).row_count == 2, "two bots")
        await until(pilot, lambda: table(RowTable).chosen.symbol.coin == "SOL", "the watched one")


def test_the_equity_of_a_bot_that_holds_nothing_is_its_wallet(folder: Path) -> None:
    path = keep_state(folder, "demo", "BTCUSDT")
    for lots, equity in ((0, 4_997.29), (1, 5_006.07)):
        account = {"equity": 5_006.07, "wallet": 4_997.29, "short": side()}
        account["long"] = side(0.02 * lots, lots)
        path.write_text(json.dumps({"document": {"account": account, "orders": []}}))
        (bot,) = Census().take([folder])
        assert bot.standing is not None
        assert bot.standing.equity == equity
