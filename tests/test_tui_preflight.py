"""Real money from the screens: looked at, shown, typed, started, resumed. Costs 65 s."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color
from textual.pilot import Pilot

from engine.live.warm import warm_up
from exchange.paper.threaded import ThreadedExchange
from state.control_client import ask
from tests.bot_files import keep_state
from tests.screen_text import screen_text, until
from tests.test_live_command import KEY, SECRET, exchange
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.launch import StartOrder, StartText
from tui.bot.preflight import Looked, LookFailedError, look
from tui.bots import bots
from tui.screens.preflight import PreflightDialog
from tui.screens.start_bot import StartDialog
from tui.theme import TOKENS

RED = Color.parse(TOKENS["mode-live"])
SMALL, LARGE = (80, 24), (120, 40)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Processes find the machine code on the disk: what is waited for is the bot."""
    warm_up()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder; no keys."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    for name in ("KEY", "SECRET"):
        monkeypatch.delenv(f"BINANCE_API_{name}", raising=False)
        monkeypatch.delenv(f"BINANCE_TESTNET_API_{name}", raising=False)
    return tmp_path / "data"


@pytest.fixture
def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedExchange]:
    """An exchange in Binance's place, and keys that it takes."""
    assert not folder.exists()
    with exchange() as served:
        monkeypatch.setenv("GRIDTUI_BINANCE_URL", served.url)
        monkeypatch.setenv("BINANCE_API_KEY", KEY)
        monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
        yield served


@asynccontextmanager
async def screen(
    folder: Path, size: tuple[int, int], first: str = "0"
) -> AsyncIterator[tuple[GridTui, Pilot[None]]]:
    app = GridTui(folder, clock=lambda: NOON, first=first)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "n " in screen_text(app).split("\n")[-1], "the keys")
        yield app, pilot


async def order(app: GridTui, pilot: Pilot[None], mode: str) -> None:
    """Fill the form, and wait until what it leads to is there."""
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
    steps = {"demo": ["space"] * 2, "live": ["left"]}[mode]
    await pilot.press(*"btc", "down", *steps, "down", *"5000", "enter")
    await until(pilot, lambda: isinstance(app.screen, PreflightDialog), "the look")


def frame(app: GridTui) -> Color:
    """Of the dialog."""
    return app.screen.query_one("#preflight").styles.border_top[1]


async def said(app: GridTui, pilot: Pilot[None], words: str) -> str:
    await until(pilot, lambda: words in screen_text(app), words)
    return screen_text(app)


def unwrapped(text: str) -> str:
    """A screen's words without frames and ends of lines."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.usefixtures("served")
async def test_real_money_is_begun_stopped_and_gone_on_with_from_the_screens(folder: Path) -> None:
    async with screen(folder, SMALL) as (app, pilot):
        await order(app, pilot, "live")
        text = await said(app, pilot, "type BTC and enter:")
        assert frame(app) == RED
        assert text.startswith(" NONE "), "the line on top is to be seen"
        assert "Start BTC/USDT (LIVE)" in text
        for words in ("key ...wxyz from the environment", "10,000.00 USDT", "5,000.00 USDT"):
            assert words in text
        assert "in place of Binance" in text
        assert "no optimizer's report" in text
        assert KEY not in text
        assert SECRET not in text
        assert "if this grid fills" in text
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.screen_stack[0], "the list")
        assert not bots()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form as it was")
        await pilot.press("enter")
        await said(app, pilot, "type BTC and enter:")
        await pilot.press("down", *"ETH", "enter")
        await said(app, pilot, '"ETH" is not BTC; Enter alone starts nothing')
        await pilot.press("left_square_bracket", "slash", "right_square_bracket", "enter")
        await said(app, pilot, '"[/]" is not BTC; Enter alone')
        await pilot.press(*"btc", "enter")
        await said(app, pilot, '"btc" is not BTC, in capitals; Enter alone')
        await pilot.press(*"BTC", "enter")
        await said(app, pilot, "nothing speaks for these parameters: type UNPROVEN")
        await pilot.press(*"UNPROVEN", "enter")
        await said(app, pilot, "[Live]")
        await until(pilot, lambda: bool(app.store.fleet.watched.account), "the bot's account")
        assert app.store.fleet.watched.mode == "live"
        await pilot.press("S")
        await pilot.press("y")
        await until(pilot, lambda: app.store.fleet.watched.link == "ended", "the end")
        await pilot.press("0")
        await said(app, pilot, "r looks at the account")
        await pilot.press("r")
        text = await said(app, pilot, "type BTC and enter:")
        assert "Go on with BTC/USDT (LIVE)" in text
        assert "of the run that goes on" in text
        await pilot.press(*"BTC", "enter", *"UNPROVEN", "enter")
        await until(pilot, lambda: app.store.fleet.watched.link == "connected", "the bot")
        (bot,) = bots()
        assert "flat" in await asyncio.to_thread(ask, bot.socket, "flatten")
    log = (folder / "live_logs" / "BTCUSDT.log").read_text()
    assert "stop was asked for by the screens, process" in log
    assert SECRET not in log


@pytest.mark.usefixtures("served")
async def test_demo_trading_needs_a_button_and_no_word(folder: Path) -> None:
    async with screen(folder, LARGE) as (app, pilot):
        await order(app, pilot, "demo")
        text = await said(app, pilot, "if this grid fills")
        assert frame(app) != RED
        assert "BINANCE_TESTNET_API_KEY is not set, so" in text
        assert "UNPROVEN" not in text
        await pilot.press("tab", "enter")
        await said(app, pilot, "[Live]")
        await until(pilot, lambda: bool(app.store.fleet.watched.account), "the bot's account")
        assert app.store.fleet.watched.mode == "demo"
        (bot,) = bots()
        assert "flat" in await asyncio.to_thread(ask, bot.socket, "flatten")


@pytest.mark.usefixtures("served")
async def test_what_has_changed_since_it_was_shown_is_shown_anew_and_not_begun(
    folder: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text("[strategy]\ngamma = 0.2\n")
    text = StartText("BTC", "demo", capital="5000", config=str(profile))
    answers: list[bool | None] = []
    async with screen(folder, SMALL) as (app, pilot):
        app.push_screen(PreflightDialog(StartOrder.checked(text, folder)), answers.append)
        await said(app, pilot, "Start")
        await until(pilot, lambda: app.screen.has_class("-button"), "the button")
        profile.write_text("[strategy]\ngamma = 0.3\nleverage = 3\n")
        await pilot.press("tab", "enter")
        shown = unwrapped(await said(app, pilot, "! changed since it was shown:"))
        assert "shown: gamma 0.3 (was 0.2), leverage 3 (was 1)" in shown
        assert "3x (the exchange is set to 9x)" in shown
        assert shown.count("Start") == 2
        assert not answers


def test_the_terms_are_what_is_agreed_to_and_not_what_a_market_moves() -> None:
    def looked(**changes: Any) -> Looked:
        document: dict[str, Any] = {
            "symbol": "BTC/USDT",
            "mode": "live",
            "timeframe": "15m",
            "server": None,
            "parameters": {"gamma": 0.1, "kappa": 1.5},
            "briefing": [("account", "key ...wxyz"), ("balance", "10,000.00 USDT")],
            "evidence": "passing",
            "checks": [],
        }
        return Looked.of(document | changes)

    balance = [("account", "key ...wxyz"), ("balance", "9,999.99 USDT")]
    assert looked(briefing=balance).changed_since(looked()) == ""
    account = [("account", "key ...abcd"), ("balance", "10,000.00 USDT")]
    changed = looked(briefing=account, parameters={"gamma": 0.2}, timeframe="1h", mode="demo")
    assert changed.changed_since(looked()) == (
        "mode demo (was live), timeframe 1h (was 15m), gamma 0.2 (was 0.1), and 2 more"
    )
    check = {"name": "clock", "value": "+812 ms", "wanted": "0", "state": "warning", "advice": ""}
    late = looked(checks=[check])
    assert late.changed_since(looked()) == "warnings clock (was none)"
    assert looked(checks=[check | {"value": "+815 ms"}]).changed_since(late) == ""


async def test_nothing_starts_where_something_forbids_it(
    folder: Path, served: ThreadedExchange
) -> None:
    served.call(
        lambda paper: paper.misbehave(what="code", code=-2015, endpoint="/fapi/v1/accountConfig")
    )
    async with screen(folder, SMALL) as (app, pilot):
        await order(app, pilot, "live")
        text = await said(app, pilot, "nothing was started:")
        assert "! keys: " in text
        assert "does not accept these keys" in unwrapped(text)
        await pilot.press(*"BTC", "enter")
        await until(pilot, lambda: app.screen is app.screen_stack[0], "the list")
        assert not bots()
        assert not app.store.fleet.starts.launches


async def test_missing_keys_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("GRIDTUI_BINANCE_URL", "http://127.0.0.1:1")
    async with screen(folder, LARGE) as (app, pilot):
        await order(app, pilot, "live")
        text = unwrapped(await said(app, pilot, "nothing was started:"))
        assert "set BINANCE_API_KEY and BINANCE_API_SECRET" in text
        await pilot.press("escape")


@pytest.mark.usefixtures("served")
async def test_looking_can_be_given_up(folder: Path) -> None:
    async with screen(folder, LARGE) as (app, pilot):
        await order(app, pilot, "live")
        assert "looking at keys, account" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0], "the list")
        assert not bots()


async def test_what_cannot_be_looked_at_has_a_reason(folder: Path) -> None:
    lost = StartOrder.resumed(
        StartOrder.checked(StartText("BTC"), folder).symbol, "dry-run", folder
    )
    with pytest.raises(LookFailedError, match="there is no state of BTC/USDT to go on with"):
        await look(lost)
    with pytest.raises(LookupError):
        Looked.of({"checks": []})


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_live_starts_and_resumes_where_no_bot_is_shown(
    folder: Path, size: tuple[int, int]
) -> None:
    async with screen(folder, size, "1") as (app, pilot):
        assert "n starts one, r goes on with one that has stopped" in screen_text(app)
        assert screen_text(app).split("\n")[-1].strip().startswith("n start  r resume")
        await pilot.press("r")
        await said(app, pilot, "no bot has stopped with")
        app.clear_notifications()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
        await pilot.press("escape")
        keep_state(folder, "dry-run", "ETHUSDT")
        await pilot.press("r")
        await said(app, pilot, "Go on with ETH/USDT (DRY)")
        await pilot.press("n")
        keep_state(folder, "live", "BTCUSDT")
        await pilot.press("r")
        await said(app, pilot, "2 bots could go on")
