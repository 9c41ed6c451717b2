"""The Bots screen: what runs, stopped, crashed; showing, starting, resuming, ending. Costs 20 s."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Static

from state.lock import BotLock
from tests.bot_documents import snapshot as told
from tests.bot_files import WROTE_S, hold, keep_state
from tests.bots_app import (
    below_the_status,
    bots_screen,
    chosen,
    counted,
    running,
    settled_below_the_status,
    short_folder,
)
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.bot.launch import StartOrder, StartText
from tui.request import FieldError
from tui.screens.bots import BotsScreen
from tui.screens.question import Question
from tui.screens.start_bot import StartDialog
from tui.screens.typed_question import TypedQuestion
from tui.widgets.row_table import RowTable


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose name is short and always as long."""
    with short_folder(monkeypatch) as path:
        yield path


def leave_some(folder: Path) -> None:
    """A stopped and a crashed bot, and one that was on paper, with the last words of its log."""
    keep_state(folder, "demo", "ETHUSDT")
    keep_state(folder, "live", "BTCUSDT", entries=3)
    keep_state(folder, "paper", "SOLUSDT", held=0.0)
    log = folder / "live_logs" / "BTCUSDT.log"
    log.parent.mkdir()
    log.write_text("".join(f"[2025-01-10 11:{n:02}:00] GRID | {n} entry\n" for n in range(60)))
    os.utime(log, (WROTE_S + 90, WROTE_S + 90))


async def test_no_bot_says_how_to_have_one(folder: Path, snapshot: SnapshotAssertion) -> None:
    async with bots_screen(folder, (80, 24)) as (app, pilot):
        assert below_the_status(app) == snapshot
        for key in ("enter", "S", "X", "r", "escape"):
            await pilot.press(key)
        await until(pilot, lambda: "n starts one" in screen_text(app), "the advice")
        assert isinstance(app.screen, BotsScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_what_runs_stopped_crashed_and_ended(
    folder: Path, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    leave_some(folder)
    async with running(folder), bots_screen(folder, size) as (app, pilot):
        await until(pilot, lambda: "▶" in screen_text(app), "the bot that is shown")
        await until(pilot, lambda: "with 3 lots" in screen_text(app), "what it has")
        await settled_below_the_status(pilot)
        assert below_the_status(app) == snapshot
        await pilot.press("down")
        await until(pilot, lambda: "59 entry" in screen_text(app), "the log of the next one")
        assert below_the_status(app) == snapshot


async def test_enter_shows_a_bot_and_backspace_alone_leaves_it_running(
    folder: Path,
) -> None:
    async with running(folder) as asked, bots_screen(folder) as (app, pilot):
        fleet = app.store.fleet
        await until(pilot, lambda: fleet.watched is not None, "the bot that runs alone")
        await pilot.press("escape")
        assert app.store.fleet.watched is not None
        await pilot.press("backspace")
        await until(pilot, lambda: fleet.watched is None, "no bot")
        await until(pilot, lambda: "goes on, unwatched" in screen_text(app), "the word")
        await fleet.look()
        assert fleet.watched is None
        await pilot.press("enter")
        await until(pilot, lambda: "[Live]" in screen_text(app), "the Live screen")
        await until(pilot, lambda: fleet.watched.link == "connected", "the connection")
        assert asked == []


async def test_stop_is_asked_for_once_it_was_confirmed(folder: Path) -> None:
    async with running(folder) as asked, bots_screen(folder) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        asked_for = app.screen.query_one(Static).content
        assert "Stop BTC/USDT (PAPER)?" in str(asked_for)
        assert "long 0.046 and short 0.02 stay with take-profits and stops" in str(asked_for)
        await pilot.press("n")
        assert asked == []
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "entries are cancelled" in screen_text(app), "the answer")
        assert asked == ["stop"]


async def test_everything_is_closed_only_after_the_coin_was_typed(folder: Path) -> None:
    async with running(folder) as asked, bots_screen(folder, (80, 24)) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the question")
        await pilot.press("y", "enter")
        assert asked == []
        await pilot.press(*"BTC", "enter")
        await until(pilot, lambda: "(PAPER): flatten: not done" in screen_text(app), "the answer")
        assert asked == ["flatten"]


async def test_the_question_before_closing_says_what_is_closed_at_what_result(
    folder: Path,
) -> None:
    async with running(folder), bots_screen(folder) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the question")
        effects = "long 0.046 (2,981.37 USDT) sold at market: +5.02 USDT"
        await until(pilot, lambda: effects in screen_text(app), "what is closed")
        assert "type BTC and enter:" in screen_text(app)


async def test_of_a_bot_that_does_not_answer_the_question_says_what_it_has_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.bots._SHOWING_S", 0.1)
    keep_state(folder, "paper", "BTCUSDT", entries=2)
    path = folder / "live_state" / "paper" / "BTCUSDT.sock"
    with socket.socket(socket.AF_UNIX) as deaf, BotLock("paper", "BTCUSDT") as lock:
        deaf.bind(str(path))
        path.chmod(0o600)
        deaf.listen()
        hold(lock, folder, "paper", "BTCUSDT", path)
        async with bots_screen(folder) as (app, pilot):
            for key, kind in (("S", Question), ("X", TypedQuestion)):
                await pilot.press(key)
                await until(pilot, lambda kind=kind: isinstance(app.screen, kind), "the question")
                asked = " ".join(str(each.content) for each in app.screen.query(Static))
                assert "2 lots (long 0.046) and 4 orders" in asked
                await pilot.press("escape")
                await until(pilot, lambda: isinstance(app.screen, BotsScreen), "the list")


async def test_with_real_money_another_word_is_typed_than_without(folder: Path) -> None:
    live, wrong = told("live"), "is not BTC LIVE; Enter alone closes nothing"
    async with running(folder, live, mode="live") as asked, bots_screen(folder) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: "type BTC LIVE and enter:" in screen_text(app), "the word")
        await pilot.press(*"btc", "enter")
        await until(pilot, lambda: f'"btc" {wrong}' in screen_text(app), "the refusal")
        assert asked == []
        await pilot.press(*"btc", "space", *"live", "enter")
        await until(pilot, lambda: "(LIVE): flatten: not done" in screen_text(app), "the answer")
        assert asked == ["flatten"]


async def test_a_bot_that_took_the_place_of_the_one_asked_about_is_told_nothing(
    folder: Path,
) -> None:
    async with running(folder) as asked, bots_screen(folder) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        (path,) = (folder / "locks").glob("*.lock")
        path.write_text(path.read_text().replace("4711", "4712"))
        await pilot.press("y")
        await until(
            pilot, lambda: "stop: not sent, the bot that" in screen_text(app), "the refusal"
        )
        assert asked == []


async def test_who_leaves_does_not_wait_for_the_answer_of_a_bot(folder: Path) -> None:
    async with running(folder, answers_after_s=120.0) as asked, bots_screen(folder) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("y")
        await until(pilot, lambda: asked == ["stop"], "the command")
        began = monotonic()
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running, "the end")
    assert monotonic() - began < 60


async def test_another_bot_does_not_slide_under_the_cursor_on_the_first_row(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.bots._LOOKING_S", 1e9)
    keep_state(folder, "demo", "ETHUSDT")
    async with bots_screen(folder) as (app, pilot):
        await chosen(pilot, "ETH demo")
        keep_state(folder, "live", "BTCUSDT", entries=3)
        await counted(app.screen)
        table = app.screen.query_one(RowTable)
        assert table.row_count == 2
        assert table.chosen.symbol.coin == "ETH"


async def test_a_bot_that_one_census_misses_stays_chosen_until_a_second_one_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.bots._LOOKING_S", 1e9)
    keep_state(folder, "demo", "ETHUSDT")
    state = keep_state(folder, "live", "BTCUSDT")
    async with bots_screen(folder) as (app, pilot):
        await chosen(pilot, "BTC live")
        away = state.rename(folder / "away")
        await counted(app.screen)
        await chosen(pilot, "BTC live")
        away.rename(state)
        await counted(app.screen)
        await chosen(pilot, "BTC live")
        state.unlink()
        await counted(app.screen)
        await chosen(pilot, "BTC live")
        await counted(app.screen)
        await chosen(pilot, "ETH demo")


async def test_the_cursor_is_not_led_away_from_where_the_user_has_put_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.bots._LOOKING_S", 1e9)
    leave_some(folder)
    async with running(folder), bots_screen(folder) as (app, pilot):
        await until(pilot, lambda: "▶" in screen_text(app), "the bot that is shown")
        screen = app.screen
        await chosen(pilot, "BTC paper")
        await pilot.press("down")
        await counted(screen)
        await chosen(pilot, "BTC live")
        screen._led_to = None  # as before the first census has found who is shown
        screen._table.action_cursor(1)
        await counted(screen)
        assert screen._table.chosen.symbol.coin != "BTC"


async def test_what_has_ended_can_neither_be_shown_nor_stopped(folder: Path) -> None:
    keep_state(folder, "paper", "ETHUSDT")
    async with bots_screen(folder) as (app, pilot):
        for key in ("enter", "S", "X"):
            await pilot.press(key)
            await until(pilot, lambda: "does not run" in screen_text(app), "the reason")
            assert isinstance(app.screen, BotsScreen)
            app.clear_notifications()
            await until(pilot, lambda: "does not run" not in screen_text(app), "no reason")


async def test_the_form_refuses_what_cannot_be(folder: Path, snapshot: SnapshotAssertion) -> None:
    async with bots_screen(folder, (80, 24)) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
        await pilot.press("enter")
        await until(pilot, lambda: "! name a coin, such as BTC" in screen_text(app), "no coin")
        assert below_the_status(app) == snapshot
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, BotsScreen), "the list")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("coin", StartText("USDT")),
        ("coin", StartText(" ")),
        ("capital", StartText("BTC", capital="0")),
        ("capital", StartText("BTC", capital="1.2.3")),
        ("capital", StartText("BTC", capital="1000,50")),
        ("speed", StartText("BTC", speed="1,5")),
        ("leverage", StartText("BTC", leverage="1000")),
        ("leverage", StartText("BTC", leverage="x")),
        ("speed", StartText("BTC", speed="0")),
        ("source", StartText("BTC", source="/nowhere")),
        ("config", StartText("BTC", config="/nowhere.toml")),
    ],
)
def test_a_field_that_cannot_be_used_is_named(field: str, text: StartText, tmp_path: Path) -> None:
    with pytest.raises(FieldError) as refusal:
        StartOrder.checked(text, tmp_path)
    assert refusal.value.field == field


def test_a_filled_form_is_a_command_line(tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text("[strategy]\ngamma = 0.3\n")
    text = StartText(
        "eth", "paper", "5 000", "3", "900", str(tmp_path), str(config), short=False, fresh=True
    )
    flags = ["--coin", "ETH", "--paper", "--capital", "5000", "--leverage", "3", "--speed", "900"]
    flags += ["--source", str(tmp_path), "--config", str(config), "--no-short", "--fresh"]
    assert StartOrder.checked(text, tmp_path).flags == tuple(flags)
    dry = StartOrder.checked(StartText("eth", "dry-run", speed="900", source="sim"), tmp_path)
    assert dry.flags == ("--coin", "ETH", "--dry-run")


def test_a_file_with_a_parameter_out_of_range_is_refused_in_the_form(tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text("[strategy]\ngrid_levels = 1000\n")
    with pytest.raises(FieldError, match="grid_levels"):
        StartOrder.checked(StartText("BTC", config=str(config)), tmp_path)


async def test_why_a_bot_was_not_started_is_said(folder: Path) -> None:
    with BotLock("paper", "BTCUSDT") as lock:
        lock.acquire(data_folder=folder, mode="paper")
        async with bots_screen(folder) as (app, pilot):
            await pilot.press("n")
            await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
            await pilot.press(*"btc", "enter")
            await until(pilot, lambda: "was not started" in screen_text(app), "the end")
            await until(pilot, lambda: "traded with this account" in screen_text(app), "the reason")
            await pilot.press("backspace")
            await settled_below_the_status(pilot)
            about = app.screen.query_one("#about")
            assert "was not started" not in "\n".join(
                "".join(segment.text for segment in about.render_line(y)) for y in range(5)
            )
