"""The console of `gridtui paper`: what it shows, its keys, and how it ends on a terminal."""

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ccxt.pro
import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

import gridtui
from exchange.paper.fault_menu import MEANINGS, MENU
from exchange.paper.threaded import ThreadedExchange
from tests.processes import ROOT, unmodified
from tests.screen_text import screen_text, until
from tui.commands.paper import _how_long, _serving
from tui.keys import KEYS
from tui.paper_app import PaperApp
from tui.screens.help import HelpScreen
from tui.screens.question import Question
from tui.theme import LIGHT
from tui.widgets.wrapped_log import WrappedLog

SYMBOL = "BTC/USDT:USDT"


@asynccontextmanager
async def console(
    size: tuple[int, int] = (80, 24), *arguments: str, data_dir: Path | None = None
) -> AsyncIterator[tuple[PaperApp, Pilot[None], ThreadedExchange]]:
    args = gridtui._parser().parse_args(["paper", "--start", "2024-01-10", *arguments])
    serving = _serving(args)
    with ThreadedExchange(serving.make) as exchange:
        app = PaperApp(exchange, serving, data_dir)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: "wallet 10,000.00" in screen_text(app), "the account")
            yield app, pilot, exchange


def armed(exchange: ThreadedExchange) -> list[str]:
    return exchange.call(lambda paper: [fault.what for fault in paper.faults.armed()])


async def test_the_console_wears_the_users_theme_and_keys(tmp_path: Path) -> None:
    (tmp_path / "gridtui.toml").write_text('[ui]\ntheme = "light"\n[keys]\ndisarm = "n"\n')
    async with console(data_dir=tmp_path) as (app, pilot, exchange):
        assert app.theme == LIGHT.name
        assert "n no faults" in screen_text(app).splitlines()[-1]
        await pilot.press("enter")
        await until(pilot, lambda: bool(armed(exchange)), "a fault")
        await pilot.press("n")
        await until(pilot, lambda: not armed(exchange), "no fault")


async def test_a_bad_file_of_the_user_is_said_on_the_console(tmp_path: Path) -> None:
    (tmp_path / "gridtui.toml").write_text("[ui")
    async with console(data_dir=tmp_path) as (app, pilot, _):
        await until(pilot, lambda: "is not valid TOML" in screen_text(app), "the word")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_console_shows_account_requests_and_trades(size: tuple[int, int]) -> None:
    async with console(size) as (app, pilot, exchange):
        top = screen_text(app).splitlines()
        assert top[0].startswith(" PAPER   SIMULATED  BTCUSDT ")
        assert top[0].endswith("Z x1")
        assert exchange.url in top[1]
        assert top[-1].startswith(" enter arm  w when")
        keys = {"apiKey": "paper", "secret": "paper", "options": {"adjustForTimeDifference": True}}
        client = unmodified(exchange.url, **keys)

        def trade() -> None:
            long = {"positionSide": "LONG"}
            client.create_order(SYMBOL, "market", "buy", 0.01, None, long)
            client.create_order(SYMBOL, "limit", "buy", 0.01, 41_000, long)
            with pytest.raises(ccxt.OrderNotFound):
                client.cancel_order("5", SYMBOL)

        await asyncio.to_thread(trade)
        await until(pilot, lambda: "-2011" in screen_text(app), "the refusal")
        await until(pilot, lambda: "1 open order" in screen_text(app), "the order")
        text = screen_text(app)
        assert "LONG 0.01 at " in text
        assert "BUY LONG 0.01 at 41,000 GTC" in text
        assert re.search(r"trade    BUY LONG 0\.01 BTCUSDT at ", text)
        assert re.search(r"refused  DELETE /fapi/v1/order  400 -2011  \d+ ms", text)
        assert re.search(r"1 order  1 trade  1 connection", text)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("n")
        client.session.close()
        await until(pilot, lambda: "0 connections" in screen_text(app), "the client's leaving")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running, "the end")


async def test_the_console_arms_a_fault_for_as_long_as_is_chosen() -> None:
    async with console() as (app, pilot, exchange):

        def ask() -> None:
            with pytest.raises(ccxt.ExchangeNotAvailable):
                unmodified(exchange.url).fetch_time()

        menu = app.screen.query_one(OptionList)
        menu.highlighted = list(MENU).index("http 503")
        await pilot.press("enter")
        await until(pilot, lambda: "1 armed" in screen_text(app), "the armed fault")
        assert "* http 503" in screen_text(app)
        await asyncio.to_thread(ask)
        await until(pilot, lambda: "* http 503" not in screen_text(app), "its end")
        assert "fault    http 503 struck GET /fapi/v1/time" in screen_text(app)
        assert armed(exchange) == []

        await pilot.press("w", "space")
        assert "faults for: next order" in screen_text(app)
        await until(pilot, lambda: armed(exchange) == ["http"], "the armed fault")
        (fault,) = exchange.call(lambda paper: paper.faults.armed())
        assert fault.endpoint == "POST /fapi/v1/order"
        await pilot.press("space")
        await until(pilot, lambda: armed(exchange) == [], "its being taken back")

        await pilot.press("right", "right", "enter")
        assert "faults for: until taken back" in screen_text(app)
        for _ in range(3):
            await asyncio.to_thread(ask)
        assert armed(exchange) == ["http"]
        await pilot.press("d")
        await until(pilot, lambda: armed(exchange) == [], "good behaviour")
        assert "* http 503" not in screen_text(app)


async def test_the_console_reaches_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text("[[fault]]\nwhat = 'drop'\nnumber = 1000\n")
    async with console((80, 24), "--faults", str(file)) as (app, pilot, exchange):
        for index in range(len(MENU)):
            app.screen.query_one(OptionList).highlighted = index
            app.screen.action_arm()
        armed_text = f"{len(MENU) + 1} armed, 1 of the file"
        await until(pilot, lambda: armed_text in screen_text(app), "all faults")
        wanted = ["drop", *(fault.what for fault in MENU.values())]
        assert armed(exchange) == wanted


async def test_no_line_of_the_console_loses_its_end() -> None:
    line = "begins " + " ".join(f"word{number}" for number in range(30)) + " ends"
    async with console((80, 24)) as (app, pilot, _):
        log = app.screen.query_one(WrappedLog)

        def whole() -> bool:
            shown = " ".join(" ".join(log.lines).split())
            fits = max(map(len, log.lines), default=0) <= log.scrollable_content_region.width
            return fits and line in shown and "from 2024-01-10 00:00 UTC, real time" in shown

        for width in (80, 60, 130):
            await pilot.resize_terminal(width, 24)
            log.add([line])
            await until(pilot, whole, f"whole lines at {width}")
        await pilot.resize_terminal(80, 24)
        menu = app.screen.query_one(OptionList)
        menu.focus()

        def meant(name: str) -> bool:
            text = " ".join(screen_text(app).replace("│", " ").split())
            return MEANINGS[name].split()[-1] in text and f"{name} " in text

        for name in ("code -5022", "code -1008", "drift"):
            menu.highlighted = list(MENU).index(name)
            await until(pilot, lambda name=name: meant(name), name)


async def test_the_log_comes_to_rest_at_every_height() -> None:
    """A scrollbar that comes and goes with the lines would lay them for ever."""
    async with console((80, 24)) as (app, pilot, _):
        log = app.screen.query_one(WrappedLog)
        log.add(["word " * 15] * 4)
        for height in range(20, 34):
            await pilot.resize_terminal(80, height)
            await until(pilot, lambda: len(log.lines) > 4, f"a height of {height}")
            assert log.show_vertical_scrollbar


@pytest.mark.parametrize(
    ("days", "said"),
    [(180, "180.0 days"), (0.5, "12.0 hours"), (0.01, "14 minutes"), (0.0005, "43 s")],
)
def test_how_long_a_tape_lasts_is_said_in_fitting_units(days: float, said: str) -> None:
    assert _how_long(days) == said


async def test_the_console_s_page_of_keys_has_them_all() -> None:
    async with console((80, 24)) as (app, pilot, _):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        text = screen_text(app)
        assert all(key.meaning in text for key in KEYS if key.place == "paper")
        await pilot.press("escape")


async def test_a_terminal_that_is_too_small_is_told_so() -> None:
    serving = _serving(gridtui._parser().parse_args(["paper"]))
    with ThreadedExchange(serving.make) as exchange:
        app = PaperApp(exchange, serving)
        async with app.run_test(size=(59, 24)) as pilot:
            await until(pilot, lambda: "too small" in screen_text(app), "the notice")


@pytest.mark.parametrize("stop", [b"q", b"\x03", signal.SIGTERM])
def test_on_a_terminal_the_console_opens_and_stops_with_exit_code_0(
    stop: bytes | signal.Signals,
) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "gridtui", "paper", "--port", "0"])
    seen, stopped = b"", False
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            break
        seen += piece
        if b"wallet" in seen and not stopped:
            stopped = True
            if isinstance(stop, bytes):
                os.write(terminal, stop)
            else:
                os.kill(process, stop)
        if not piece:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert b"SIMULATED" in seen
    left = b"\x1b[?1049l"  # the terminal is as it was
    assert left in seen
    assert b"stopped after 0 requests and 0 trades" in seen.split(left)[1]
