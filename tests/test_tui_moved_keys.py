"""A user who has moved every key reads of the new ones alone, on every screen. Costs 20 s."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from exchange.importing import import_file
from tests.bot_documents import QUOTE, account
from tests.busy_bot import busy
from tests.screen_text import screen_text, until
from tests.studies import keep_trials
from tests.test_tui_bots import folder as folder  # a fixture
from tests.test_tui_bots import leave_some, running
from tests.test_tui_data import MINUTE, candles
from tests.tui_app import NOON
from tui.app import GridTui
from tui.keys import KEYS, footer, key_of, move_keys
from tui.screens.frame import FramedScreen
from tui.screens.names import SCREENS
from tui.screens.optimizer import OptimizerScreen
from tui.user_config import user_config
from tui.widgets.fields import Choice

NEW = {key.id: chr(0x100 + n) for n, key in enumerate(KEYS)}
"""Letters that no key of the table is, another one for every row."""

_VERBS = (
    "adds asks cancels changes chooses closes ends enlarges fetches goes holds imports is leaves "
    "lists loads looks resumes runs shows starts stops takes turns writes"
)
OLD_ONE = re.compile(
    r"(?<![\w+.:'-])([A-Za-z0-9]|esc|enter|space|tab|backspace|up|down|ctrl\+\w) "
    rf"(there |in \d )?({'|'.join(_VERBS.split())})\b|\((esc|[a-z])\)"
)
_BEGIN_SOMETHING = {"run", "search", "attach", "picture", "quit", "leave", "play"}


@pytest.fixture
def moved(folder: Path) -> Iterator[Path]:
    lines = "".join(f'{name} = "{new}"\n' for name, new in NEW.items())
    (folder / "gridtui.toml").write_text(f"[keys]\n{lines}")
    yield folder
    move_keys({})


def read(app: GridTui) -> str:
    """What stands on the screen, notices as they are before they are wrapped."""
    notices = " ".join(f"| {each.message}" for each in app._notifications)
    text = re.sub(r"[│╭╮╰╯─\n]+", " | ", screen_text(app))
    return re.sub(r"\s+", " ", f"{text} {notices}")


def assert_of_new_keys(app: GridTui, where: str) -> None:
    text = read(app).replace("enter goes to the newest line", "")  # of a text field, not a key
    found = [text[max(0, m.start() - 30) : m.end() + 30] for m in OLD_ONE.finditer(text)]
    assert not found, (where, found)


async def press_all(app: GridTui, pilot: Pilot[None], number: str) -> None:
    """Press the new keys of a screen, and read what that says."""
    await app.action_screen(number)
    screen = app.screen
    assert isinstance(screen, FramedScreen)
    if isinstance(screen, OptimizerScreen):
        await until(pilot, lambda: screen._furnished, "the form")
    await pilot.pause(0.1)
    assert_of_new_keys(app, number)
    for key in KEYS:
        if key.place not in screen.KEY_PLACES[1:] or key.id in _BEGIN_SOMETHING:
            continue
        if isinstance(app.focused, Input):
            app.set_focus(None)
        app.simulate_key(NEW[key.id])
        await pilot.pause(0.02)
        assert_of_new_keys(app, f"{number} {key.id}")
        while len(app.screen_stack) > 1:
            # what mounts a dialog looks for its parts; a key waits for that, this does not
            await until(pilot, lambda: app.screen.is_mounted, "the dialog")
            app.pop_screen()
        app.clear_notifications()


def test_every_key_can_be_moved_and_the_words_that_are_looked_for_are_found(moved: Path) -> None:
    config = user_config(moved)
    assert config.troubles == ()
    assert config.keys == NEW
    for words in (
        "r goes on with it later",
        "No bot: n starts one",
        "3 bots could go on: 0 lists them, r there resumes one",
        "with 2 lots. enter shows it, S stops it",
        "Cancel (esc)",
        "by the operator; p goes on",
    ):
        assert OLD_ONE.search(words), words
    assert not OLD_ONE.search("it has 3 lots, a bot runs, 0 orders are there")


async def test_with_nothing_there(moved: Path) -> None:
    app = GridTui(moved, clock=lambda: NOON, first="1")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "No bot runs" in screen_text(app), "the screen")
        assert f"{NEW['start_bot']} starts one" in screen_text(app)
        assert footer("live none")[0] == (NEW["start_bot"], "start")
        for screen in SCREENS:
            await press_all(app, pilot, screen.number)


async def test_with_bots_that_run_stopped_and_crashed(moved: Path) -> None:
    leave_some(moved)
    async with running(moved):
        app = GridTui(moved, clock=lambda: NOON, first="0")
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: "▶" in screen_text(app), "the bot that is shown")
            for words in (
                "shows it",
                "looks at the account",
                "goes on with it",
                "starts a new one",
            ):
                await until(pilot, lambda w=words: w in read(app), words)
                assert_of_new_keys(app, words)
                app.simulate_key(NEW["down"])
            paused = {"quote": QUOTE | {"paused": ["operator"]}, "account": account()}
            for screen in SCREENS:
                app.store.fleet.watched = busy(trades=8, bars=200, lines=20, **paused)
                await press_all(app, pilot, screen.number)
            app.store.fleet.watched = busy(trades=8, bars=200, lines=20, **paused)
            await app.action_screen("1")
            await until(pilot, lambda: f"{key_of('pause')} goes on" in read(app), "why it pauses")


async def test_with_data_on_the_disk(moved: Path) -> None:
    path = moved / "ETHUSDT_1m.parquet"
    candles("ETH", MINUTE, 2).drop(index=range(100, 250)).to_parquet(path)
    import_file(path, moved)
    app = GridTui(moved, clock=lambda: NOON, first="8")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "1 gap" in screen_text(app), "the gap")
        assert f"not checked: {NEW['check']} reads every row" in read(app)
        assert f"{NEW['fetch']} may fill it" in read(app)


async def test_with_a_study(moved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(moved)
    keep_trials(trials=40)
    app = GridTui(moved, clock=lambda: NOON, first="7")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        tabs = f" log {NEW['next_view']} view"
        await until(pilot, lambda: tabs in read(app), "the views")


@pytest.mark.parametrize(
    ("number", "field", "leave"), [("6", "#source", "back"), ("7", "", "aside")]
)
async def test_a_row_that_takes_no_typing_names_the_keys_of_its_screen(
    moved: Path, number: str, field: str, leave: str
) -> None:
    app = GridTui(moved, clock=lambda: NOON, first=number)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: bool(app.screen.query(Choice)), "the form")
        choice = app.screen.query_one(field or "Choice", Choice)
        choice.focus()
        await until(pilot, lambda: app.focused is choice, "the row")
        await pilot.press("2")
        said = f"takes no typing: {NEW['change']} changes it, {NEW[leave]} leaves the form"
        await until(pilot, lambda: said in read(app), said)
