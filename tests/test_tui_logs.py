"""The Logs screen: levels, following, searching, filtering, times, and thousands of lines a second.
Costs 20 s."""

import logging
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from state.lock import Holder
from tests.bot_app import Clock, shown, watched
from tests.bot_documents import alarm, snapshot, starting
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.bot.fate import Fate
from tui.bot.log_file import RUN_BEGINS, around, read_tail
from tui.bot.view import BotView
from tui.bots import RunningBot
from tui.screens.help import HelpScreen
from tui.widgets.log_lines import MOST_ROWS, LogLines

SAID = (
    (logging.INFO, "[2025-01-10 11:30:00] EQUITY | $10,270.10 | Wallet: $10,281.60"),
    (
        logging.INFO,
        "[2025-01-10 11:31:00] SELL_CLOSE_LONG | BTC/USDT\n"
        "  Price: $65,140.00 | Qty: 0.028 | PnL: +$11.90 (+0.65%)\n"
        "  Hold: 2.5h | R: +1.23 | Regime: NOISE",
    ),
    (logging.DEBUG, "[2025-01-10 11:45:01] SENT | place long entry 2 0.023 at 64170.3"),
    (logging.DEBUG, "[2025-01-10 11:45:02] ANSWER | long entry 2: open"),
    (logging.INFO, "[2025-01-10 11:45:03] GRID | 2 stop, 4 take-profit, 6 entry"),
    (
        logging.WARNING,
        "[2025-01-10 11:52:00] ALARM | the exchange's positions differ from ours: long 0.046 of "
        "ours, 0.020 at the exchange; entries wait until they are equal or gridtui control adopts "
        "or disowns what is there",
    ),
    (logging.ERROR, "[2025-01-10 11:58:00] HEALTH | clock bad: +900 ms (limit 500 ms)"),
)


def talking(**changes: Any) -> BotView:
    view = watched(snapshot(**changes))
    for level, text in SAID:
        view.write(level, text)
    return view


def chatty(number: int = 300) -> BotView:
    view = watched()
    for n in range(number):
        word = "stop" if n % 50 == 7 else "entry"
        view.write(logging.INFO, f"[2025-01-10 {10 + n // 60:02}:{n % 60:02}:00] GRID | {n} {word}")
    return view


def lines(app: Any) -> LogLines:
    return app.screen_stack[0].query_one(LogLines)


@pytest.mark.parametrize("size", SIZES)
async def test_an_ordinary_moment(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with shown("5", talking(), size) as (app, pilot):
        await until(pilot, lambda: "HEALTH" in screen_text(app), "the lines")
        assert screen_text(app) == snapshot


async def test_no_bot(snapshot: SnapshotAssertion) -> None:
    async with shown("5", None, (80, 24)) as (app, pilot):
        await pilot.press("f", "n", "d", "W", "escape")
        assert screen_text(app) == snapshot


async def test_a_bot_that_starts(snapshot: SnapshotAssertion) -> None:
    view = watched(starting())
    view.write(logging.INFO, "compiling for the first time on this machine, about 25 s")
    async with shown("5", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "compiling" in screen_text(app), "its words")
        assert screen_text(app) == snapshot


async def test_silence_a_lost_line_and_an_alarm(snapshot: SnapshotAssertion) -> None:
    clock = Clock()
    view = talking(mode="live", alarms=[alarm()])
    view._clock = clock
    async with shown("5", view, (80, 24)) as (app, pilot):
        clock.now += 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        view.link, view.trouble, view.attempt, view.again_at = "lost", "cut", 3, clock.now + 8
        await until(pilot, lambda: "LOST, try 3/10" in screen_text(app), "the attempt")
        assert screen_text(app) == snapshot


async def test_twenty_thousand_lines(snapshot: SnapshotAssertion) -> None:
    async with shown("5", chatty(20_000)) as (app, pilot):
        await until(pilot, lambda: "| 19999 entry" in screen_text(app), "the newest")
        assert lines(app).row_count == 20_000
        assert screen_text(app) == snapshot


async def test_what_was_said_before_is_read_from_the_bots_log(tmp_path: Path) -> None:
    folder = tmp_path / "live_logs" / "paper"
    folder.mkdir(parents=True)
    earlier = [
        "[2025-01-10 09:00:00] INFO | PAPER SIMULATED BTC/USDT begins",
        "[2025-01-10 09:15:00] ALARM | long differs",
        "[2025-01-10 09:30:00] HEALTH | clock bad: +900 ms (limit 500 ms)",
        *(text for level, text in SAID if level >= logging.INFO),
    ]
    (folder / "BTCUSDT.log").write_text("\n".join(earlier) + "\n")
    holder = Holder("paper", "BTCUSDT", 1, "2025-01-01T00:00:00", str(tmp_path), "paper", "x.sock")
    async with shown("5", None) as (app, pilot):
        fleet = app.store.fleet
        fleet.subject = RunningBot(holder, tmp_path / "x.sock")
        fleet.watched = talking()
        await until(pilot, lambda: "09:00:00" in screen_text(app), "the beginning")
        for word in ("long differs", "HEALTH | clock bad", "SELL_CLOSE_LONG"):
            assert screen_text(app).count(word) == (2 if word.startswith("HEALTH") else 1)
        assert "W [2025-01-10 09:15:00]" in screen_text(app)
        assert "E [2025-01-10 09:30:00]" in screen_text(app)


@pytest.mark.parametrize("fate", ["crashed", "unknown"])
async def test_of_a_bot_that_is_gone_the_log_is_read_with_its_last_words(
    tmp_path: Path, fate: Fate
) -> None:
    folder = tmp_path / "live_logs" / "paper"
    folder.mkdir(parents=True)
    before = "[2025-01-10 09:00:00] INFO | PAPER SIMULATED BTC/USDT begins"
    after = "[2025-01-10 12:00:01] INFO | the state is saved"
    told = [text for level, text in SAID if level >= logging.INFO]
    (folder / "BTCUSDT.log").write_text("\n".join([before, *told, after]) + "\n")
    holder = Holder("paper", "BTCUSDT", 1, "2025-01-01T00:00:00", str(tmp_path), "paper", "x.sock")
    async with shown("5", None) as (app, pilot):
        view = talking()
        view.link, view.fate = "ended", fate
        app.store.fleet.subject = RunningBot(holder, tmp_path / "x.sock")
        app.store.fleet.watched = view
        await until(pilot, lambda: "09:00:00" in screen_text(app), "the beginning")
        shown_lines = screen_text(app)
        assert [shown_lines.count(text.split("\n")[0][:60]) for text in told] == [1] * len(told)
        assert shown_lines.index("clock bad") < shown_lines.index("the state is saved")


def test_the_run_before_is_not_taken_for_what_was_heard_of_this_one() -> None:
    begins, same = (RUN_BEGINS, "a run begins"), (logging.INFO, "the same")
    other = (logging.INFO, "another")
    assert around([begins, same, begins, other], [same]) == ([begins, same, begins, other], [])
    assert around([begins, same, other], [same]) == ([begins], [other])
    assert around([begins, other], []) == ([begins, other], [])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"  a line that goes on\n" * 3])
def test_a_log_file_that_makes_no_sense_does_no_harm(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "BTCUSDT.log"
    assert read_tail(path) == []
    path.write_bytes(content)
    assert len(read_tail(path)) <= 1


async def test_another_bot_has_other_lines() -> None:
    async with shown("5", talking(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "HEALTH" in screen_text(app), "the lines")
        app.store.fleet.watched = chatty(3)
        await until(pilot, lambda: lines(app).row_count == 3, "three other lines")


@pytest.mark.parametrize(
    ("key", "words", "rows"), [("d", "everything", 9), ("i", "info", 7), ("e", "errors", 1)]
)
async def test_levels(key: str, words: str, rows: int) -> None:
    async with shown("5", talking(), (200, 60)) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: "log: warnings and errors" in screen_text(app), "the title")
        assert lines(app).row_count == 2 + 1  # the alarm takes two lines
        await pilot.press(key)
        await until(pilot, lambda: f"log: {words}" in screen_text(app), "the title")
        assert lines(app).row_count == rows + (0 if key == "e" else 1)


@pytest.mark.parametrize("size", SIZES[:2])
async def test_scrolling_up_holds_still_and_f_follows(size: tuple[int, int]) -> None:
    view = chatty()
    async with shown("5", view, size) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        await pilot.press("up")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the word")
        top = screen_text(app).split("\n")[3]
        for n in range(1_000):
            view.write(logging.INFO, f"more {n}")
        await until(pilot, lambda: "+1,000 new" in screen_text(app), "how many are new")
        assert screen_text(app).split("\n")[3] == top
        await pilot.press("f")
        await until(pilot, lambda: "more 999" in screen_text(app), "the newest")
        assert "PAUSED" not in screen_text(app)
        await pilot.press("space")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "held still")


async def test_what_is_read_stays_in_sight_while_old_lines_are_let_go() -> None:
    view = chatty(20_000)
    async with shown("5", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: lines(app).row_count == 20_000, "all lines")
        await pilot.press("pageup")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "the word")
        top = screen_text(app).split("\n")[3]
        for _ in range(2):
            for n in range(8_000):
                view.write(logging.INFO, f"more {n}")
            await until(pilot, lambda: not lines(app).unseen % 8_000, "eight thousand more")
        await until(pilot, lambda: lines(app).unseen == 16_000, "all of them")
        assert lines(app).row_count == MOST_ROWS
        assert screen_text(app).split("\n")[3] == top


@pytest.mark.parametrize("size", SIZES[:2])
async def test_a_search_goes_up_from_the_newest_match(size: tuple[int, int]) -> None:
    async with shown("5", chatty(), size) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        await pilot.press("n")
        await until(pilot, lambda: "asks for a word first" in screen_text(app), "a hint")
        await pilot.press("slash", *"STOP", "enter")
        for keys, number in (((), 257), (("n",), 207), (("n", "n"), 107), (("N",), 157)):
            await pilot.press(*keys)
            await until(pilot, lambda n=number: f"| {n} stop" in screen_text(app), str(number))
            assert lines(app)._rows[lines(app)._at].text.endswith(f"{number} stop")
        assert "/STOP 6 lines" in screen_text(app)
        await pilot.press("n", "n", "n", "n")
        assert lines(app)._rows[lines(app)._at].text.endswith("257 stop")
        await pilot.press("escape")
        await until(pilot, lambda: "/STOP" not in screen_text(app), "no search")


async def test_a_search_without_a_match_says_so() -> None:
    async with shown("5", chatty(), (80, 24)) as (app, pilot):
        await pilot.press("slash", *"flood", "enter")
        await until(pilot, lambda: "/flood 0 lines" in screen_text(app), "none")


@pytest.mark.parametrize(("word", "rows"), [("stop", 6), ("!stop", 294), ("STOP", 6)])
async def test_a_filter_leaves_only_some_lines(word: str, rows: int) -> None:
    view = chatty()
    async with shown("5", view, (80, 24)) as (app, pilot):
        await pilot.press("ampersand", *word)
        await until(pilot, lambda: lines(app).row_count == rows, "its lines")
        assert f"&{word}" in screen_text(app)
        await pilot.press("enter")
        view.write(logging.INFO, "a stop more")
        view.write(logging.INFO, "an entry more")
        await until(pilot, lambda: lines(app).row_count == rows + 1, "one of two more")
        await pilot.press("escape")
        await until(pilot, lambda: lines(app).row_count == 302, "all lines")


@pytest.mark.parametrize(
    ("typed", "first"),
    [("11:30", "11:30:00"), ("9:05", "10:00:00"), ("2025-01-10 12:15:30", "12:16:00")],
)
async def test_a_time_is_gone_to(typed: str, first: str) -> None:
    async with shown("5", chatty(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        await pilot.press("ctrl+g", *typed, "enter")
        await until(pilot, lambda: "PAUSED VIEW" in screen_text(app), "held still")
        assert f"I [2025-01-10 {first}]" in screen_text(app).split("\n")[3]


@pytest.mark.parametrize(("typed", "words"), [("soon", "is no time"), ("23:59", "no line is")])
async def test_a_time_that_cannot_be_gone_to_is_said(typed: str, words: str) -> None:
    async with shown("5", chatty(), (80, 24)) as (app, pilot):
        await pilot.press("ctrl+g", *typed, "enter")
        await until(pilot, lambda: words in screen_text(app), words)


async def test_long_lines_go_on_in_the_next_or_end_in_an_ellipsis() -> None:
    async with shown("5", talking(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "or disowns what is there" in screen_text(app), "its end")
        await pilot.press("W")
        await until(pilot, lambda: "not wrapped" in screen_text(app), "the title")
        assert "disowns" not in screen_text(app)
        assert "…" in screen_text(app)


async def test_another_width_lays_the_lines_anew() -> None:
    async with shown("5", talking(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "HEALTH" in screen_text(app), "the lines")
        rows = lines(app).row_count
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: lines(app).row_count < rows, "fewer lines")
        assert "0.020 at the exchange; entries wait until they are equal" in screen_text(app)


@pytest.mark.parametrize("size", SIZES[:2])
async def test_keys_that_move(size: tuple[int, int]) -> None:
    async with shown("5", chatty(), size) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        log = lines(app)
        end, page = log.max_scroll_y, log.size.height - 1
        for keys, top in (
            (("home",), 0),
            (("down", "j"), 2),
            (("up", "k"), 0),
            (("pagedown",), page),
            (("pageup",), 0),
            (("ctrl+d", "ctrl+u"), 0),
            (("end",), end),
            (("g",), 0),
            (("G",), end),
        ):
            await pilot.press(*keys)
            assert log.scroll_offset.y == top, keys
        assert log.follow
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")


async def test_however_many_lines_come_those_that_are_kept_are_bounded() -> None:
    view = chatty(20_000)
    async with shown("5", view) as (app, pilot):
        await until(pilot, lambda: lines(app).row_count == 20_000, "all lines")
        for n in range(20):
            for m in range(1_000):
                view.write(logging.INFO, f"[2025-01-10 12:00:00] GRID | {n} {m}")
            lines(app).screen.refresh_from_store(app._clock())
            assert lines(app).row_count <= MOST_ROWS + 2_000
        await until(pilot, lambda: "GRID | 19 999" in screen_text(app), "the newest line")


async def test_a_time_before_the_log_that_is_loaded_is_said() -> None:
    async with shown("5", chatty(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        await pilot.press("ctrl+g", *"2025-01-09 23:00", "enter")
        words = "the log that is loaded begins at 2025-01-10 10:00"
        said = app._notifications  # on the screen it is wrapped
        await until(pilot, lambda: any(words in one.message for one in said), words)
        await until(pilot, lambda: "log that is loaded" in screen_text(app), "the notice")
        app.clear_notifications()
        await pilot.press("ctrl+g", *"2025-01-10 10:00", "enter")
        await until(
            pilot, lambda: "follow" in screen_text(app).split("\n")[-1], "the keys of the log"
        )
        assert not list(app._notifications)


async def test_the_number_of_matches_follows_filter_level_and_new_lines() -> None:
    view = chatty()
    async with shown("5", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "| 299 entry" in screen_text(app), "the newest")
        await pilot.press("slash", *"stop", "enter")
        await until(pilot, lambda: "/stop 6 lines" in screen_text(app), "all of them")
        await pilot.press("ampersand", *"57", "enter")
        await until(pilot, lambda: "/stop 3 lines" in screen_text(app), "those of 57, 157 and 257")
        view.write(logging.INFO, "[2025-01-10 16:00:00] GRID | 57 stop")
        await until(pilot, lambda: "/stop 4 lines" in screen_text(app), "one more")
        await pilot.press("e")
        await until(pilot, lambda: "/stop 0 lines" in screen_text(app), "no error has it")
        await pilot.press("i", "escape")
        await until(pilot, lambda: "/stop 7 lines" in screen_text(app), "all of them again")


async def test_the_number_of_matches_forgets_lines_that_are_let_go() -> None:
    view = chatty(20_000)
    async with shown("5", view) as (app, pilot):
        await pilot.press("slash", *"stop", "enter")
        for _ in range(4):
            for n in range(5_000):
                view.write(logging.INFO, f"more {n} {'stop' if n % 100 == 0 else ''}")
            lines(app).screen.refresh_from_store(app._clock())
        counted = sum("stop" in row.text for row in lines(app)._rows)
        assert lines(app).hits == counted
        assert len(lines(app)._rows) <= MOST_ROWS + 2_000
