"""The screens of a bot in every mode and state, as text. Costs 25 s."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.color import Color
from textual.pilot import Pilot

from engine.wording import BADGES
from tests.bot_app import Clock, settled, shown, watched, without_names
from tests.bot_documents import QUOTE, account, alarm, starting
from tests.bot_documents import snapshot as document
from tests.busy_bot import busy, quiet
from tests.screen_text import screen_cells, screen_text, until
from tests.tui_app import NOON
from tui.activity import Activity
from tui.app import GridTui
from tui.bot.view import BotView
from tui.screens.names import SCREENS
from tui.screens.question import Question
from tui.theme import THEMES, TOKENS
from tui.widgets.bot_status import bot_line

SMALL, WIDE = (80, 24), (120, 40)
OF_A_BOT = tuple(screen.number for screen in SCREENS[:5])


def lost(view: BotView) -> None:
    view.link, view.trouble, view.attempt, view.again_at = "lost", "the line is cut", 3, 108.0
    view.fate = "lives"


def ended(view: BotView) -> None:
    view.link, view.trouble = "ended", "the bot has ended: stopped by the operator"


def in_silence(view: BotView) -> None:
    view.heard_at -= 12


def as_told(view: BotView) -> None:
    """Nothing has happened since."""


def beginning() -> BotView:
    """A bot that has not seen its exchange yet."""
    view = BotView(Clock())
    view.begin(starting())
    view.link, view.controls = "connected", True
    view.write(20, "[2025-01-10 11:59:00] INFO | compiling for the first time, about 25 s")
    return view


ALARMS = [alarm("clock", "the clock is 900 ms off"), alarm()]
PAUSED = {"quote": QUOTE | {"paused": ["operator"]}, "account": account(halted=True)}
STATES: dict[str, tuple[Callable[[], BotView | None], Callable[[BotView], None], str]] = {
    "LIVE": (lambda: quiet("live"), as_told, " LIVE "),
    "TESTNET": (lambda: quiet("demo"), as_told, " TESTNET "),
    "PAPER": (quiet, as_told, " PAPER "),
    "DRY": (lambda: quiet("dry-run"), as_told, " DRY "),
    "no bot": (lambda: None, as_told, "No bot runs"),
    "starting": (beginning, as_told, "starting"),
    "stale": (quiet, in_silence, "STALE 12s"),
    "lost": (quiet, lost, "LOST, try 3 in 8s"),
    "ended": (quiet, ended, " ENDED "),
    "alarms": (lambda: quiet("live", alarms=ALARMS), as_told, "! acknowledge"),
    "paused": (lambda: quiet(**PAUSED), as_told, " PAUSED "),
    "4,000 trades": (lambda: busy(trades=4_000), as_told, " PAPER "),
}
"""How a bot comes to a state, what happens then, and the text by which it is known."""

ELSEWHERE = ("stale", "TESTNET", "DRY", "PAPER")
"""On a wide terminal nothing but the status line tells these from one another."""


async def show(app: GridTui, pilot: Pilot[None], state: str) -> None:
    """Show a bot in this state on the screen that is there."""
    make, happens, known_by = STATES[state]
    view = make()
    app.store.fleet.watched = view
    if view is not None:
        app.screen.refresh_from_store(app._clock())
        happens(view)
    await until(pilot, lambda: known_by in screen_text(app), known_by)
    await settled(pilot)


@pytest.mark.parametrize("size", [SMALL, WIDE])
@pytest.mark.parametrize("number", OF_A_BOT)
async def test_every_mode_and_state(
    number: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with shown(number, quiet(), size) as (app, pilot):
        for state in STATES:
            if size == SMALL or state not in ELSEWHERE:
                await show(app, pilot, state)
                assert without_names(app) == snapshot(name=state)


def frames(app: GridTui) -> set[Color]:
    """The colours of all frames that are seen; a line between two parts is none."""
    return {
        edge[1]
        for panel in app.screen.query("*")
        if panel.display and panel.region
        for edge in (panel.styles.border_top, panel.styles.border_left)
        if edge[0] in ("round", "heavy")
    }


@pytest.mark.parametrize("size", [SMALL, WIDE])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_real_money_has_another_frame_and_no_other_mode_has_it(
    screen: Any, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    red = Color.parse(TOKENS["mode-live"])
    async with shown(screen.number, quiet("live"), size) as (app, pilot):
        for mode in BADGES:
            app.store.fleet.watched = quiet(mode)
            await until(pilot, lambda mode=mode: BADGES[mode] in screen_text(app), mode)
            await pilot.pause()
            seen = frames(app)
            assert seen == {red} if mode == "live" else red not in seen, mode


async def test_dialogs_over_real_money_have_its_frame_as_long_as_it_is_shown() -> None:
    red = Color.parse(TOKENS["mode-live"])
    async with shown("1", quiet("live"), SMALL) as (app, pilot):
        for key in ("question_mark", "S", "X", "colon"):
            app.simulate_key(key)
            await until(pilot, lambda: len(app.screen_stack) == 2, "the dialog")
            await until(pilot, lambda: frames(app) == {red}, f"its frame after {key}")
            app.simulate_key("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1, "no dialog")
        app.simulate_key("question_mark")
        await until(pilot, lambda: frames(app) == {red}, "the page of keys")
        app.store.fleet.watched = quiet()
        await until(pilot, lambda: len(app.screen_stack) == 2 and red not in frames(app), "paper")


@pytest.mark.parametrize("number", OF_A_BOT)
async def test_in_the_terminals_own_colours_what_is_stale_is_dimmed_too(number: str) -> None:
    view = quiet()
    async with shown(number, view, SMALL) as (app, pilot):
        app.theme = THEMES["ansi"].name
        await settled(pilot)
        assert not dimmed(app)
        view.heard_at -= 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        await until(pilot, lambda: bool(dimmed(app)), "dimmed lines")
        panels = [panel.region for panel in app.screen.query(".panel") if panel.region]
        assert any(panel.y < y < panel.bottom for panel in panels for y in dimmed(app))
        assert 0 not in dimmed(app)
        app.theme = THEMES["dark"].name
        await settled(pilot)
        assert not dimmed(app)


def dimmed(app: GridTui) -> set[int]:
    """The lines of which some text is dim."""
    return {
        y
        for y, line in enumerate(screen_cells(app))
        if any(part.style and part.style.dim and part.text.strip() for part in line)
    }


async def test_a_terminal_that_is_too_small_is_told_so_on_every_screen() -> None:
    async with shown("1", quiet(), SMALL) as (app, pilot):
        for screen in (*SCREENS[1:], SCREENS[0]):
            app.set_focus(None)
            app.simulate_key(screen.number)
            name = f"[{screen.name}]"
            await until(pilot, lambda name=name: name in screen_text(app), name)
            for size in ((59, 24), (80, 19)):
                await pilot.resize_terminal(*size)
                await until(pilot, lambda: "too small" in screen_text(app), "the word")
                said = " ".join(screen_text(app).split())
                assert said == (
                    "This terminal is too small: at least 60 x 20 is needed. "
                    "Until then q leaves, and no other key does anything."
                )
            await pilot.resize_terminal(*SMALL)


@pytest.mark.parametrize("screen", SCREENS[5:], ids=lambda screen: screen.name)
async def test_every_other_screen_says_what_real_money_does_meanwhile(
    screen: Any, snapshot: SnapshotAssertion
) -> None:
    async with shown("1", quiet("live", alarms=ALARMS), SMALL) as (app, pilot):
        app.simulate_key(screen.number)
        await until(pilot, lambda: f"[{screen.name}]" in screen_text(app), screen.name)
        await until(pilot, lambda: "! acknowledge" in screen_text(app), "the alarm")
        assert screen_text(app).split("\n")[:3] == snapshot


REGIMES = {
    "NOISE": "NOISE",
    "UPTREND": "UP",
    "DOWNTREND": "DOWN",
    "BREAKOUT_UP": "BRK UP",
    "BREAKOUT_DOWN": "BRK DN",
}
ACTIVITIES = {
    "nothing": (),
    "a search": (Activity("A search", "BTC-1  467/3 000 trials  3.4/s  12 min left", 0.16, ""),),
    "a search and a backtest": (
        Activity("A backtest", "BTC: bar 12 000 of 35 040", 0.34, ""),
        Activity("A search", "BTC-1  467/3 000 trials  3.4/s  12 min left", 0.16, ""),
    ),
}


def top_line(width: int, mode: str, regime: str, paused: str, busy: str) -> str:
    quote = QUOTE | {"paused": ["operator"] if paused else []}
    view = watched(document(mode, quote=quote, account=account(regime=regime)))
    line = bot_line(view, NOON, width, ACTIVITIES[busy])
    assert line.cell_length == width
    return line.plain


@pytest.mark.parametrize("mode", ["paper", "demo", "live", "dry-run"])
@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_top_line_keeps_money_price_trend_and_health_whatever_is_under_way(
    width: int, mode: str
) -> None:
    for regime, paused, under_way in product(REGIMES, ("", "PAUSED"), ACTIVITIES):
        line = top_line(width, mode, regime, paused, under_way)
        words = {f" {BADGES[mode]} ", "BTC", "64,812.4", "10,284", "12:00", paused}
        words |= {"SIM"} if mode == "paper" else set()
        assert all(word in line for word in words), line
        assert regime in line or f" {REGIMES[regime]} " in line, line
        assert re.search(r"ok (38ms )?0\.\ds ", line), line
        assert "…" not in line


def test_the_words_of_what_is_under_way_give_way_first_and_its_share_stays() -> None:
    assert "467/3 000 trials" in top_line(200, "paper", "NOISE", "", "a search")
    for width in (100, 120):
        line = top_line(width, "paper", "NOISE", "", "a search")
        assert "trials" not in line
        assert "search 16%" in line
        assert "uPnL +2.56" in line
    assert "16%" in top_line(80, "live", "BREAKOUT_UP", "PAUSED", "a search")


def test_a_lost_connection_takes_neither_mode_nor_the_word_simulated() -> None:
    view = watched(document(account=account(regime="BREAKOUT_DOWN")))
    lost(view)
    line = bot_line(view, NOON, 80, ACTIVITIES["a search"]).plain
    assert all(word in line for word in (" PAPER ", " SIM ", "BTC", "BRK DN", "LOST")), line


@pytest.mark.parametrize("size", [(59, 24), (80, 19)])
async def test_no_key_steers_where_nothing_can_be_seen_but_q_leaves(size: tuple[int, int]) -> None:
    async with shown("1", quiet(), SMALL) as (app, pilot):
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: "too small" in screen_text(app), "the word")
        for key in ("p", "S", "X", "n", "colon", "ctrl+p", "6", "enter"):
            app.simulate_key(key)
        await pilot.pause(0.1)
        assert len(app.screen_stack) == 1
        assert app.current_mode == "1"
        assert not app._notifications
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: "too small" not in screen_text(app), "the screen")
        app.simulate_key("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        app.simulate_key("escape")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: not isinstance(app.screen, Question), "no question")
        app.simulate_key("q")
        await until(pilot, lambda: not app.is_running or app._exit, "the end")
