"""Words on the screens that must not mislead: each says what holds, and by whose clock. 3 s."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.optimize.verdict import Evidence, judge
from exchange.symbol import Symbol
from tests.bot_app import Clock, shown, watched
from tests.bot_documents import NOON_MS, QUOTE, answer, request, snapshot
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.bot.audit import Audit
from tui.bot.census import Condition, KnownBot, Standing
from tui.bot.fleet import Fleet
from tui.bot.view import Link
from tui.keys import PLACES
from tui.screens.config import _signed
from tui.screens.help import _page
from tui.screens.typed_question import TypedQuestion
from tui.widgets.bot_lines import health_title, standing_lines
from tui.widgets.bot_rows import FIELDS, _without_bars, row_cells
from tui.widgets.bot_status import bot_line
from tui.widgets.order_tables import tables
from tui.widgets.runs import changes_line
from tui.widgets.study_texts import check_lines, stable_line


def about(**changes: Any) -> dict[str, Any]:
    document = snapshot(changes.pop("mode", "paper"))
    return document | {"about": document["about"] | changes}


@pytest.mark.parametrize(("typed", "done"), [("btc", True), ("BTC", True), ("bt", False)])
async def test_the_word_of_a_danger_is_taken_in_any_case_and_nothing_else_is(
    typed: str, done: bool
) -> None:
    answers: list[bool | None] = []
    async with shown("2", watched(), (80, 24)) as (app, pilot):
        app.push_screen(TypedQuestion("Close everything?", [], "BTC"), answers.append)
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the question")
        await pilot.press(*typed, "enter")
        if done:
            await until(pilot, lambda: answers == [True], "the answer")
        else:
            wrong = '"bt" is not BTC; Enter alone closes nothing'
            await until(pilot, lambda: wrong in screen_text(app), "the word")
            assert "type BTC and enter:" in screen_text(app)
            await pilot.press("enter")
            await until(pilot, lambda: answers == [False], "nothing")


async def test_a_long_wrong_word_is_shown_in_part_as_it_was_typed() -> None:
    async with shown("2", watched(), (80, 24)) as (app, pilot):
        app.push_screen(TypedQuestion("Close everything?", [], "BTC LIVE"))
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the question")
        await pilot.press(*"[b]much longer words", "enter")
        wrong = '"[b]much longer words" is not BTC LIVE; Enter alone close…'
        await until(pilot, lambda: wrong in screen_text(app), "the word")


@pytest.mark.parametrize("mode", ["live", "demo"])
def test_orders_that_do_not_go_to_binance_are_said_to_go_elsewhere(mode: str) -> None:
    said = "\n".join(
        line.plain
        for line in standing_lines(watched(about(mode=mode, source="http://127.0.0.1:8877")), 80)
    )
    assert "at 127.0.0.1:8877 in place of Binance" in said
    usual = standing_lines(watched(about(mode=mode, source="Binance")), 80)
    assert not any("in place of" in line.plain for line in usual)


def test_health_of_a_bot_that_runs_faster_than_time_says_so() -> None:
    assert health_title(watched(about(speed=900.0))).plain == "health, in the bot's time (x900)"
    assert health_title(watched()).plain == "health"


@pytest.mark.parametrize(("speed", "took"), [(1.0, "9000ms"), (900.0, "10ms")])
def test_a_request_took_as_long_as_a_person_would_have_waited(speed: float, took: str) -> None:
    view, audit = watched(about(speed=speed)), Audit()
    view.take("order sent", request("place", "x-1", 10))
    view.take("order answered", answer("x-1", "open", 1))
    audit.take(view)
    table = tables(view, audit)["audit"]
    cells = {
        field.title: cell[0]
        for field, cell in zip(table.fields, table.cells(audit.requests[0]), strict=True)
    }
    assert cells["took"] == took
    assert audit.requests[0].time_ms == NOON_MS - 10_000


def test_what_is_awaited_counts_its_seconds_and_says_what_the_bot_said_last() -> None:
    clock = Clock()
    fleet = Fleet(clock)
    with fleet.awaiting("BTC is starting") as awaited:
        assert fleet.awaited == "BTC is starting"
        clock.now += 12
        awaited.said = "compiling for the first time, about 25 s"
        assert fleet.awaited == "BTC is starting  12 s\ncompiling for the first time, about 25 s"
    assert fleet.awaited == ""


async def test_a_bot_that_runs_and_is_not_shown_is_not_said_to_be_none() -> None:
    async with shown("2", None, (80, 24)) as (app, pilot):
        app.store.fleet.running = [object(), object()]  # type: ignore[list-item]
        app.screen.refresh_from_store(app._clock())
        words = "2 bots on this machine, none is shown: 0 chooses one."
        await until(pilot, lambda: words in screen_text(app), "the words")
        assert "No bot runs" not in screen_text(app)


def test_the_log_beside_a_bot_leaves_out_the_equity_of_every_bar() -> None:
    log = [
        "[2025-01-10 12:00:00] EQUITY | $10,284.16 | Wallet: $10,281.60",
        "  UPnL_L: +$5.02 | UPnL_S: -$2.46 | Regime: NOISE",
        "[2025-01-10 12:01:00] BUY_OPEN_LONG | BTC/USDT",
        "  Price: $64,812.40 | Qty: 0.023 | Regime: NOISE",
        "[2025-01-10 12:15:00] EQUITY | $10,290.00 | Wallet: $10,281.60",
    ]
    assert _without_bars(log) == log[2:4]


def test_a_value_unlike_another_has_a_sign_and_not_a_colour_alone() -> None:
    assert (_signed(0.5, False), _signed(0.5, True)) == ("0.5", "* 0.5")


@pytest.mark.parametrize(
    ("word", "said"),
    [("OVERFIT", "0.17, "), ("ROBUST", "alike (EXCELLENT)"), (None, "(EXCELLENT)")],
)
def test_no_study_that_is_overfit_is_called_excellent(word: str | None, said: str) -> None:
    view: Any = SimpleNamespace(
        robustness=0.17,
        interpretation="EXCELLENT stability",
        report=word and SimpleNamespace(word=word),
        parameters=(),
    )
    line = stable_line(view).plain
    assert line.startswith("scatter 0.17, small is alike")
    assert said in line
    assert ("EXCELLENT" in line) == (word != "OVERFIT")


def test_of_two_conditions_of_a_report_the_one_that_failed_is_seen_to_have_failed() -> None:
    check = judge(Evidence(fall=0.0094, score=-0.1203)).checks[-1]
    first, second = check_lines(check, 24)
    assert first.plain == "BAD fall beside the point   0.0094       at most 0.50, as wanted, but"
    assert second.plain.strip() == "around a score of -0.1203; wanted around one above 0"
    first, _ = check_lines(judge(Evidence(fall=0.62, score=-0.1203)).checks[-1], 24)
    assert first.plain.endswith("0.6200       wanted at most 0.50")
    first, _ = check_lines(judge(Evidence(overfitting=0.81, losses=1.0)).checks[1], 24)
    assert first.plain.endswith("0.8100       wanted at most 0.50")


def test_a_key_with_a_long_name_stands_apart_from_its_meaning() -> None:
    lines = _page({"bots": PLACES["bots"]}).plain.split("\n")
    assert any(line.startswith("  backspace show no bot") for line in lines)
    assert any(line.startswith("  n       ") for line in lines)


@pytest.mark.parametrize(("link", "said"), [("connected", True), ("lost", True), ("ended", False)])
def test_a_bot_that_has_ended_is_not_called_paused(link: Link, said: bool) -> None:
    view = watched()
    view.take("quote", {**QUOTE, "paused": ["operator"]})
    view.link = link
    line = bot_line(view, NOON, 120).plain
    assert ("PAUSED" in line) == said
    assert ("ENDED" in line) != said


@pytest.mark.parametrize(
    ("mode", "condition", "orders"),
    [
        ("paper", "crashed", "0"),
        ("paper", "ended", "0"),
        ("paper", "running", "5"),
        ("demo", "crashed", "5"),
    ],
)
def test_of_a_paper_exchange_that_has_ended_no_order_is_counted(
    mode: str, condition: Condition, orders: str, tmp_path: Path
) -> None:
    standing = Standing(equity=10_000.0, held=(0.05, 0.0), lots=2, orders=5, entries=3)
    symbol = Symbol.parse("BTC")
    bot = KnownBot(symbol, mode, condition, NOON, tmp_path, None, standing)
    cells = row_cells(bot, watched=False)
    names = [field.title for field in FIELDS]
    assert cells[names.index("orders")][0] == orders
    assert cells[names.index("lots")][0] == "2"


def test_a_run_with_a_whole_profile_does_not_hide_the_runs_below_it() -> None:
    four = {"gamma": 0.3, "grid_levels": 5, "allow_short": False, "leverage": 2.0}
    line = "\n  gamma 0.3, grid_levels 5, allow_short false, leverage 2"
    assert changes_line(four) == line
    assert changes_line({**four, "er_period": 9, "kama_fast": 3}) == f"{line}, and 2 more"
    assert changes_line({}) == ""
