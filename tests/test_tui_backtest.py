"""The Backtest screen under a pilot: form, run, result. Costs 30 s, a first compile aside."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.screen_text import screen_text, until
from tests.tui_app import (
    SIZES,
    fill,
    fill_endless,
    fill_long,
    form,
    lines,
    opened,
    quick_run,
    run,
    tap,
)
from tui.figures import minute
from tui.widgets.message_line import MessageLine
from tui.widgets.result import ResultPane
from tui.widgets.trades import TradesTable


@pytest.mark.parametrize("size", SIZES)
async def test_a_form_filled_by_keyboard_alone_runs_on_the_simulated_market(
    size: tuple[int, int],
) -> None:
    async with opened(size) as (app, pilot):
        await fill(pilot, coins="SOL")
        await pilot.press("down", *"5000", "down", "3", "down", "space", "down", "space")
        text = form(app).text
        assert (text.coins, text.source, text.end) == ("SOL", "sim", "2024-01-15")
        assert (text.capital, text.leverage, text.short, text.band) == ("5000", "3", False, True)
        await run(pilot)
        assert app.store.runs[0].request.changed == {
            "initial_capital": 5000.0,
            "leverage": 3,
            "allow_short": False,
        }
        shown = screen_text(app)
        assert "SOL/USDT 2024-01-01 .. 2024-01-14  run 1 of 1" in shown
        for word in ("return", "max dd", "sharpe", "calmar", "pf", "fills"):
            assert word in shown
        assert "touch" in shown
        assert "strict" in shown


@pytest.mark.parametrize("size", SIZES)
async def test_a_simulated_result_says_so_wherever_it_shows(size: tuple[int, int]) -> None:
    async with opened(size) as (app, pilot):
        await quick_run(pilot)
        assert "SIMULATED market" in lines(app)[0]
        assert " SIMULATED  BTC/USDT" in screen_text(app)
        await pilot.press("r")
        await pilot.pause()
        assert "1 SIM BTC" in screen_text(app)
        await pilot.press("s")
        await pilot.pause()
        assert "SIMULATED market, seed 4: made up," in screen_text(app)


async def test_progress_is_shown_while_a_run_is_under_way_and_the_keys_change() -> None:
    async with opened() as (app, pilot):
        await fill_endless(pilot)
        await tap(pilot, "enter")
        await until(
            pilot,
            lambda: "running" in lines(app)[0] and "esc cancel" in lines(app)[-1],
            "status line and keys of a run under way",
        )
        await until(pilot, lambda: "━" in screen_text(app), "some progress")
        assert "bar " in lines(app)[0] or "loading" in lines(app)[0]
        await tap(pilot, "escape")
        await until(pilot, lambda: "idle" in lines(app)[0], "the end")
        assert "esc cancel" not in lines(app)[-1]


async def test_cancelling_works_at_once_and_another_run_can_follow() -> None:
    async with opened() as (app, pilot):
        await fill_endless(pilot)
        await tap(pilot, "enter", "escape")
        assert app.store.runs == []
        assert app.store.progress is None
        await until(pilot, lambda: "cancelled" in screen_text(app), "the word about it")
        assert "idle" in lines(app)[0]
        await until(pilot, lambda: not app.store.busy, "the thread to end")
        assert app.store.runs == []
        form(app).show(replace(form(app).text, coins="BTC", start="2025-12-01"))
        await run(pilot)
        assert [run.number for run in app.store.runs] == [1]


@pytest.mark.parametrize(
    ("keys", "field", "words"),
    [
        (["ctrl+u", *"EUR/USD"], "coins", "'EUR/USD' is not a USDT perpetual"),
        (["down", "down", *"2024"], "start", "'2024' is not a time"),
        (["down", "down", "down", *"2023-01-01"], "end", "give an end that is later"),
        ([*["down"] * 4, "0"], "capital", "capital takes above 0"),
        ([*["down"] * 5, *"200"], "leverage", "1 to 125, not '200'"),
    ],
)
async def test_a_wrong_field_is_named_in_one_line_and_gets_the_focus(
    keys: list[str], field: str, words: str
) -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", *keys, "enter")
        await until(pilot, lambda: "!" in screen_text(app), "the message")
        said = " ".join(line[2:30].strip() for line in lines(app)[3:25])
        assert words in said
        assert app.focused is not None
        assert app.focused.id == field
        assert app.store.progress is None


async def test_data_that_are_not_there_are_a_plain_line_beside_the_form(tmp_path: Path) -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", "down", "left", "down")
        form(app).query_one("#folder", Input).value = str(tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: app.store.message_is_error, "the error")
        assert "BTC" in app.store.message
        assert app.focused is not None
        assert app.focused.id == "source"
        assert "Traceback" not in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_message_is_read_to_its_end_beside_the_form_or_in_a_notice(
    size: tuple[int, int],
) -> None:
    kept = "from 2024-01-01 to 2024-06-30 00:00"
    words = f"the cache {'/home/operator' * 4} has no candles of BTC/USDT 15m {kept}, but "
    words += "BTC/USDT 15m from 2025-01-01 to 2025-02-01: choose another time or THE END"
    async with opened(size) as (app, pilot):
        app.store.say(words, error=True)
        await until(pilot, lambda: "THE END" in screen_text(app), "the end of the message")
        line = app.screen.query_one(MessageLine)
        assert line.is_cut == (size == (80, 24))
        assert len(app._notifications) == line.is_cut
        app.store.say("short", error=True)
        await until(pilot, lambda: "! short" in screen_text(app), "another message")
        assert not line.is_cut


async def test_several_coins_are_switched_between_and_the_portfolio_comes_first() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot, coins="BTC SOL")
        shown = app.screen.query_one(ResultPane)
        assert shown.key == "_portfolio"
        assert "BTC   SOL  [portfolio]" in screen_text(app)
        assert "uptrend" not in screen_text(app)
        assert "esc runs" in lines(app)[-1]
        await pilot.press("]")
        assert shown.key == "BTC/USDT"
        assert "← → values" in lines(app)[-1]
        await pilot.press("]")
        assert shown.key == "SOL/USDT"
        assert "uptrend" in screen_text(app)
        await pilot.press("[", "[")
        assert shown.key == "_portfolio"
        metrics = app.store.runs[0].metrics
        final = [metrics(key)["final_capital"] for key in app.store.runs[0].keys]
        assert final[2] == pytest.approx(final[0] + final[1])


async def test_a_portfolios_trades_are_those_of_all_coins_in_the_order_of_time() -> None:
    async with opened((120, 40)) as (app, pilot):
        await quick_run(pilot, coins="BTC SOL", end="2024-02-01")
        await pilot.press("t")
        await pilot.pause()
        log = app.screen.query_one(TradesTable)
        first, second = (app.store.runs[0].fills(key)[0] for key in app.store.runs[0].keys[:2])
        assert log.row_count == len(first.rows) + len(second.rows) > 50
        shown = [log.render_line(y).text.split() for y in range(1, 25)]
        coins, times = [row[2] for row in shown], [row[0] + row[1] for row in shown]
        assert set(coins) == {"BTC", "SOL"}
        assert times == sorted(times)
        await pilot.press("/", *"sol", "enter")
        await pilot.pause()
        assert log.row_count == len(second.rows)
        await pilot.press("escape", "]")
        await until(pilot, lambda: "coin" not in log.render_line(0).text, "the log of one coin")
        assert log.row_count == len(first.rows)


async def test_a_capital_too_small_for_any_order_is_said_beside_the_result() -> None:
    async with opened((120, 40)) as (app, pilot):
        form(app).show(replace(form(app).text, coins="BTC", end="2024-01-15", capital="50"))
        await run(pilot)
        assert app.store.runs[0].metrics("BTC/USDT")["total_trades"] == 0
        assert "! capital too small for any order" in screen_text(app)
        await pilot.press("s")
        await until(pilot, lambda: "raise capital" in screen_text(app), "the way out")


async def test_the_views_are_reached_by_their_letters_and_in_turn() -> None:
    async with opened((80, 24)) as (app, pilot):
        await quick_run(pilot)
        assert "drawdown" in screen_text(app)
        assert "trade log" not in screen_text(app)
        await pilot.press("t")
        await pilot.pause()
        assert "trade log" in screen_text(app)
        await pilot.press("s")
        await pilot.pause()
        assert "Profit Factor" in screen_text(app)
        await pilot.press("v")
        await pilot.pause()
        assert "drawdown" in screen_text(app)


async def test_the_trade_log_is_drawn_for_the_visible_lines_and_can_be_filtered() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot, end="2024-06-01")
        log = app.screen.query_one(TradesTable)
        fills = app.store.runs[0].view("BTC/USDT").fills
        assert fills is not None
        assert log.row_count == len(fills) > 100
        assert log.virtual_size.height == len(fills) + 1
        await pilot.press("t", "end")
        await pilot.pause()
        assert minute(fills["time"][-1])[3:] in screen_text(app)
        await pilot.press("/", *"open_short", "enter")
        await pilot.pause()
        assert 0 < log.row_count < len(fills)
        assert "BUY_OPEN_LONG" not in screen_text(app)
        await pilot.press("/", "!", "enter")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert log.row_count == len(fills)


async def test_letters_are_typed_into_text_fields_and_are_keys_elsewhere() -> None:
    async with opened() as (app, pilot):
        await pilot.press("f", "ctrl+u", *"xcq")
        assert form(app).text.coins == "xcq"
        await pilot.press(*"  BTC")
        await pilot.press("down", "down", "x")
        assert form(app).text.start == "x"
        assert app.screen.query_one("#start").has_class("-wrong")
        assert app.is_running


async def test_past_runs_can_be_shown_again_and_their_settings_reused() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot)
        await pilot.press("f", "down", "down", "down", "down", "down", "5")
        await run(pilot)
        await pilot.press("r", "down")
        await until(pilot, lambda: "run 1 of 2" in screen_text(app), "the older run")
        assert form(app).text.leverage == "5"
        await pilot.press("u")
        await pilot.pause()
        assert form(app).text.leverage == "1"
        assert app.focused is not None
        assert app.focused.id == "coins"
        assert "leverage 5" in screen_text(app)


async def test_two_runs_of_the_same_candles_keep_them_once() -> None:
    async with opened() as (app, pilot):
        await quick_run(pilot)
        await pilot.press("f")
        await run(pilot)
        first, second = app.store.runs
        assert first.results["BTC/USDT"]["candles"] is second.results["BTC/USDT"]["candles"]


async def test_exporting_writes_trades_and_charts_of_the_shown_run(tmp_path: Path) -> None:
    async with opened(data_dir=tmp_path) as (app, pilot):
        await quick_run(pilot)
        await pilot.press("x")
        await until(pilot, lambda: "wrote 3 files" in screen_text(app), "the files")
        assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
            "BTC_equity.png",
            "BTC_trades.csv",
            "BTC_trades.png",
        ]
        rows = (tmp_path / "output" / "BTC_trades.csv").read_text().splitlines()
        fills = app.store.runs[0].view("BTC/USDT").fills
        assert fills is not None
        assert len(rows) == len(fills) + 1


async def test_a_folder_that_cannot_be_written_is_said_and_the_screen_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "output").write_text("a file in the way")
    async with opened(data_dir=tmp_path) as (app, pilot):
        await quick_run(pilot)
        await pilot.press("x")
        await until(pilot, lambda: "cannot write" in screen_text(app), "the message")
        assert app.is_running


async def test_the_screens_heart_beats_on_while_a_run_is_under_way() -> None:
    beats = 0

    async def heartbeat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async with opened() as (app, pilot):
        await fill_long(pilot, "BTC ETH SOL")
        await tap(pilot, "enter")
        heart = asyncio.create_task(heartbeat())
        start = asyncio.get_running_loop().time()
        await until(pilot, lambda: bool(app.store.runs), "the result of eight years")
        passed = asyncio.get_running_loop().time() - start
        heart.cancel()
    assert beats > 0.1 * passed / 0.01


async def test_all_compiled_code_of_a_run_lets_other_threads_work() -> None:
    async with opened() as (_, pilot):
        await quick_run(pilot)
    compiled = [
        function
        for name, module in list(sys.modules.items())
        if name.startswith(("engine.", "indicators."))
        for function in vars(module).values()
        if hasattr(function, "targetoptions")
    ]
    assert len(compiled) > 20
    assert all(function.targetoptions.get("nogil") for function in compiled)
