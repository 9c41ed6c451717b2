"""What an operator's fingers expect on every screen: hold, go back, copy, call. Costs 25 s."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from state.control import CommandError, ControlServer
from state.control_wire import socket_path
from state.lock import BotLock
from tests.bot_app import settled, shown, watched
from tests.bot_documents import alarm, bar, snapshot
from tests.screen_text import screen_text, until
from tests.tui_app import NOON, opened, quick_run
from tui.app import GridTui
from tui.attention import Attention
from tui.bot.view import BotView
from tui.bots import bots
from tui.keys import move_keys
from tui.pictures import save_picture
from tui.screens.help import HelpScreen
from tui.widgets.result_charts import ResultCharts

BOTH = ((80, 24), (120, 40))
MOMENT = datetime(2025, 1, 2, 12, 0, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _keys_as_they_were() -> Iterator[None]:
    yield
    move_keys({})


def moved_on(view: BotView) -> None:
    """The price is another one, and a bar has closed."""
    view.take("quote", {**view.quote, "price": 71_234.5, "unrealised": [123.45, -67.89]})
    view.take("bar", bar(500, close=71_234.5))


# Holding the display


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("number", ["1", "2"])
async def test_space_holds_the_display_and_says_what_it_leaves_out(
    number: str, size: tuple[int, int]
) -> None:
    view = watched()
    async with shown(number, view, size) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: " PAUSED VIEW +0 " in screen_text(app), "the banner")
        await settled(pilot)
        held = screen_text(app).split("\n")[3:]
        moved_on(view)
        await until(pilot, lambda: " PAUSED VIEW +2 " in screen_text(app), "what is left out")
        assert "71,234.5" in screen_text(app).split("\n")[0]
        assert screen_text(app).split("\n")[3:] == held
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED VIEW" not in screen_text(app), "no banner")
        await until(pilot, lambda: "71,234.5" in body(app) or "+123.45" in body(app), "what is now")


def body(app: GridTui) -> str:
    """The screen without the line on top."""
    return screen_text(app).partition("\n")[2]


@pytest.mark.parametrize("number", ["1", "2", "3"])
async def test_escape_lets_the_display_go_on(number: str) -> None:
    async with shown(number, watched(), (80, 24)) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the banner")
        await pilot.press("escape")
        await until(pilot, lambda: "PAUSED VIEW" not in screen_text(app), "no banner")


async def test_a_held_grid_can_be_zoomed() -> None:
    view = watched()
    async with shown("2", view) as (app, pilot):
        await pilot.press("space")
        moved_on(view)
        await pilot.press("i", "i", "i")
        await until(pilot, lambda: "one line a level" in screen_text(app), "the zoom")
        assert "64,812.4" in body(app)


async def test_another_bot_is_not_shown_as_the_held_one() -> None:
    async with shown("1", watched()) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the banner")
        app.store.fleet.watched = watched()
        await until(pilot, lambda: "PAUSED VIEW" not in screen_text(app), "no banner")


async def test_a_held_equity_chart_stays_and_the_log_holds_by_the_same_key() -> None:
    view = watched(snapshot(bars=[bar(number) for number in range(200)]))
    async with shown("3", view) as (app, pilot):
        await until(pilot, lambda: "of 200 bars" in screen_text(app), "the charts")
        await pilot.press("space")
        moved_on(view)
        await until(pilot, lambda: " PAUSED VIEW +2 " in screen_text(app), "what is left out")
        assert "of 200 bars" in screen_text(app)
        await pilot.press("5", "space")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the log is held")


# From screen to screen, and away


async def test_minus_goes_to_the_screen_before_and_back() -> None:
    async with shown("1", watched()) as (app, pilot):
        await pilot.press("minus")
        assert app.current_mode == "1"
        await pilot.press("4", "minus")
        await until(pilot, lambda: "[Live]" in screen_text(app), "the screen before")
        await pilot.press("minus")
        await until(pilot, lambda: "[Orders]" in screen_text(app), "the one before that")


async def test_ctrl_c_says_what_leaves_and_a_second_one_does() -> None:
    async with shown("1", None, (80, 24)) as (app, pilot):
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "ctrl+c again leaves" in screen_text(app), "the word")
        assert app.is_running
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running, "the end")


# Keys that are held, and what is said


async def test_a_key_that_is_held_down_steers_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.bot_screen.HELD_KEY_S", 60.0)  # a busy machine types slowly
    async with shown("1", watched()) as (app, pilot):
        await pilot.press(*"ppppp")
        await until(pilot, lambda: "pause: no bot is shown" in screen_text(app), "the answer")
        await settled(pilot)
        assert screen_text(app).count("pause: no bot is shown") == 1
        assert screen_text(app).count("p so soon after p was ignored") == 1


async def slow(name: str, _: Mapping[str, Any], __: str) -> object:
    """The exchange takes its time, and refuses to stop."""
    await asyncio.sleep(1.5)
    if name == "stop":
        raise CommandError("not confirmed by the exchange")
    return f"{name} is confirmed"


async def test_a_command_that_takes_long_says_so_and_one_that_fails_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path))
    path = socket_path(tmp_path, "BTCUSDT")
    server = ControlServer(path, slow, allow_control=True)
    server.set_snapshot(snapshot)
    await server.start()
    lock = BotLock("a", "BTCUSDT")
    lock.acquire(data_folder=tmp_path, mode="paper", control=path)
    async with shown("1", None, (80, 24)) as (app, pilot):
        await app.store.fleet.follow(bots()[0])
        await until(pilot, lambda: "64,703.1" in screen_text(app), "the bot")
        await pilot.press("p")
        await until(pilot, lambda: "pause: sent " in screen_text(app), "the word")
        await until(pilot, lambda: "pause is confirmed" in screen_text(app), "the answer")
        await pilot.press("S", "y")
        await until(pilot, lambda: "stop: not done: not conf" in screen_text(app), "the refusal")
        assert "! takes this away" in screen_text(app)
    await server.close()
    lock.release()


async def test_an_error_stays_until_it_is_acknowledged() -> None:
    async with shown("1", None, (80, 24)) as (app, pilot):
        app.notify("the disk is full", severity="error")
        await until(pilot, lambda: "! takes this away" in screen_text(app), "the hint")
        assert [each.time_left for each in app._notifications] == [math.inf]
        await pilot.press("!")
        await until(pilot, lambda: "the disk is full" not in screen_text(app), "it has gone")


# Pictures


@pytest.mark.parametrize("size", BOTH)
async def test_ctrl_s_writes_what_is_seen_as_picture_and_as_text(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = GridTui(tmp_path, clock=lambda: MOMENT, first="1")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        app.store.fleet.watched = watched()
        await until(pilot, lambda: "64,703.1" in screen_text(app), "the bot")
        await settled(pilot)
        seen = screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "and the same as .txt" in screen_text(app), "the path")
        stem = tmp_path / "screens" / "BTCUSDT_Live_2025-01-02T120007Z"
        assert stem.with_suffix(".txt").read_text("utf-8").rstrip() == seen.rstrip()
        svg = stem.with_suffix(".svg").read_text("utf-8")
        assert svg.startswith("<svg")
        assert "64,703.1" in svg
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").partition("<style>")[2]


async def test_a_picture_shows_the_dialog_over_the_screen(tmp_path: Path) -> None:
    async with opened((80, 24), tmp_path) as (app, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: (tmp_path / "screens").exists(), "the folder")
        (text,) = (tmp_path / "screens").glob("Backtest_*.txt")
        assert "Everywhere" in text.read_text("utf-8")


async def test_two_pictures_of_one_second_are_two(tmp_path: Path) -> None:
    async with opened((80, 24), tmp_path) as (app, _):
        paths = [save_picture(app, tmp_path, ["Live"], MOMENT) for _ in range(3)]
    names = ["Live_2025-01-02T120007Z", "Live_2025-01-02T120007Z-2", "Live_2025-01-02T120007Z-3"]
    assert [path.stem for path in paths] == names
    assert sorted(path.stem for path in tmp_path.glob("*.txt")) == names


async def test_a_picture_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "screens").write_text("a file")
    async with opened((80, 24), tmp_path) as (app, pilot):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "no picture: " in screen_text(app), "the reason")


# Bell and title


class Terminal:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.got: list[str] = []

    def __call__(self, text: str) -> None:
        self.got.append(text)

    @property
    def bells(self) -> int:
        return self.got.count("\a")

    @property
    def title(self) -> str:
        return next(text for text in reversed(self.got) if "]0;" in text).partition("]0;")[2][:-1]


def test_the_title_names_bot_and_mode_and_is_given_back() -> None:
    terminal, said = Terminal(), Terminal()
    attention = Attention(terminal, said)
    attention.look(None, 0.0)
    assert terminal.title == "gridtui"
    attention.look(watched(), 0.0)
    assert terminal.title == "gridtui BTC/USDT PAPER"
    attention.look(watched(snapshot("live")), 0.0)
    assert terminal.title == "gridtui BTC/USDT LIVE"
    attention.close()
    assert terminal.got[0].startswith("\x1b[22;0t")
    assert terminal.got[-1] == "\x1b[23;0t"


def test_an_alarm_rings_once_and_the_title_blinks_until_it_was_acknowledged() -> None:
    terminal = Terminal()
    attention, view = Attention(terminal, Terminal()), watched()
    attention.look(view, 0.0)
    view.take("alarm", alarm("stop", "the stop was hit"))
    titles = []
    for seconds in (0.0, 0.5, 1.0, 2.0):
        attention.look(view, seconds)
        titles.append(terminal.title)
    call, rest = "! ALARM BTC/USDT PAPER", "gridtui BTC/USDT PAPER"
    assert titles == [call, call, rest, call]
    assert terminal.bells == 1
    view.take("alarm", alarm("clock", "the clock is off"))
    attention.look(view, 2.0)
    assert terminal.bells == 2
    view.acknowledge()
    attention.look(view, 2.0)
    assert terminal.title == call
    view.acknowledge()
    attention.look(view, 2.0)
    assert terminal.title == rest
    view.take("alarm", alarm("stop", "the stop was hit"))
    attention.look(view, 2.0)
    assert terminal.bells == 3


def test_the_alarms_of_a_replay_call_nobody() -> None:
    terminal, view = Terminal(), watched(snapshot("replay"))
    view.take("alarm", alarm())
    Attention(terminal, Terminal()).look(view, 0.0)
    assert terminal.bells == 0
    assert terminal.title == "gridtui BTC/USDT REPLAY"


def test_alarms_can_be_silent_and_a_title_can_stand_still() -> None:
    terminal = Terminal()
    attention, view = Attention(terminal, Terminal(), bell=False, blinks=False), watched()
    view.take("alarm", alarm("stop", "the stop was hit"))
    attention.look(view, 0.0)
    attention.look(view, 1.0)
    assert terminal.bells == 0
    assert terminal.title == "! ALARM BTC/USDT PAPER"


def test_what_a_bot_calls_itself_cannot_steer_the_terminal() -> None:
    terminal = Terminal()
    about = {**snapshot()["about"], "symbol": "BTC\x1b]0;evil\a/USDT"}
    Attention(terminal, Terminal()).look(watched(snapshot(about=about)), 0.0)
    assert terminal.title == "gridtui BTC]0;evil/USDT PAPER"


def test_a_bot_that_is_lost_calls_once_until_it_is_back_or_that_was_acknowledged() -> None:
    terminal, view = Terminal(), watched(snapshot("live"))
    attention = Attention(terminal, Terminal())
    view.link = "lost"
    for seconds in (0.0, 2.0, 4.0):
        attention.look(view, seconds)
    assert (terminal.bells, terminal.title) == (0, "gridtui BTC/USDT LIVE")
    for seconds in range(6, 60, 2):
        attention.look(view, float(seconds))
    view.link = "ended"
    for seconds in range(60, 70, 2):
        attention.look(view, float(seconds))
    assert (terminal.bells, terminal.title) == (1, "! LOST BTC/USDT LIVE")
    view.acknowledge()
    attention.look(view, 70.0)
    assert (terminal.bells, terminal.title) == (1, "gridtui BTC/USDT LIVE")
    view.begin(snapshot("live"))
    for seconds, link in ((72.0, "connected"), (74.0, "lost"), (80.0, "lost")):
        view.link = link
        attention.look(view, seconds)
    assert terminal.bells == 2


def test_a_bot_that_said_that_it_ends_calls_nobody() -> None:
    terminal, view = Terminal(), watched()
    view.link, view.farewell = "ended", "stopped by the operator"
    attention = Attention(terminal, Terminal())
    for seconds in (0.0, 20.0):
        attention.look(view, seconds)
    assert (terminal.bells, terminal.title) == (0, "gridtui BTC/USDT PAPER")


def test_a_connection_that_comes_back_is_said_once() -> None:
    said, view = Terminal(), watched()
    attention = Attention(Terminal(), said)
    for link in ("connected", "lost", "lost", "connected", "connected"):
        view.link = link
        attention.look(view, 0.0)
    assert said.got == ["The connection to BTC/USDT is back."]


# Charts and panels


async def test_the_charts_of_a_backtest_have_the_keys_of_the_equity_screen() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        charts = app.screen.query_one(ResultCharts)
        assert charts.words == ""
        for key, words in (
            ("w", "1 day"),
            ("i", "12 h"),
            ("less_than_sign", "12 h"),
            ("L", "12 h, logarithmic"),
            ("o", "1 day, logarithmic"),
        ):
            await pilot.press(key)
            await until(pilot, lambda w=words: f" {w} ─╯" in screen_text(app), words)
        await pilot.press("t", "w")
        await until(pilot, lambda: "[trades]" in screen_text(app), "the trades")
        assert charts.words == "1 day, logarithmic"


async def test_z_shows_a_result_alone_and_form_and_result_again() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot)
        assert "╭─ run ─" in screen_text(app)
        await pilot.press("z")
        await until(pilot, lambda: "╭─ run ─" not in screen_text(app), "the result alone")
        await pilot.press("escape")
        await until(pilot, lambda: "╭─ run ─" in screen_text(app), "the form")


@pytest.mark.parametrize("size", BOTH)
async def test_z_shows_one_chart_of_the_equity_screen_after_the_other(
    size: tuple[int, int],
) -> None:
    view = watched(snapshot(bars=[bar(number) for number in range(200)]))
    async with shown("3", view, size) as (app, pilot):
        await until(pilot, lambda: "of 200 bars" in screen_text(app), "the charts")
        seen = []
        for _ in range(4):
            await pilot.press("z")
            await settled(pilot)
            text = screen_text(app)
            seen.append(
                [
                    name
                    for name in ("equity  ", "drawdown", "price  ")
                    if f"│{name}" in text.replace("│ ", "│")
                ]
            )
        assert seen == [
            ["equity  "],
            ["price  "],
            ["drawdown"],
            ["equity  ", "drawdown", "price  "],
        ]
        await pilot.press("left", "left")
        await settled(pilot)


async def test_the_lines_of_a_log_that_are_in_sight_are_copied() -> None:
    view = watched()
    async with shown("5", view) as (app, pilot):
        view.write(20, "[2025-01-02 12:00:00] BUY_OPEN_LONG")
        await until(pilot, lambda: "BUY_OPEN_LONG" in screen_text(app), "the line")
        await pilot.press("y")
        assert app.clipboard == "[2025-01-02 12:00:00] BUY_OPEN_LONG"


async def test_fewer_updates_a_second_are_drawn_where_the_user_wants_so(tmp_path: Path) -> None:
    (tmp_path / "gridtui.toml").write_text("[ui]\nupdates_a_second = 1\n")
    asked = 0

    def clock() -> datetime:
        nonlocal asked
        asked += 1
        return NOON

    app = GridTui(tmp_path, clock=clock, first="1")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No bot runs" in screen_text(app), "the screen")
        asked = 0
        for _ in range(15):
            await pilot.pause(0.1)
        assert asked <= 3
