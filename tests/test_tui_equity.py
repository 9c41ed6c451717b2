"""The Equity screen: windows, zoom, cursor, scales, trades, comparison. Costs 25 s."""

import math
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from exchange.timeframe import DAY_MS
from state.lock import Holder
from tests.bot_app import Clock, shown, watched
from tests.bot_documents import NOON_MS, QUARTER_MS, alarm, bar, snapshot, starting, trade
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES, quick_run
from tui.bot.view import BotView
from tui.bots import RunningBot
from tui.screens.equity import EquityScreen
from tui.screens.help import HelpScreen
from tui.widgets.equity_charts import EquityCharts

NEWEST = 411


def wave(number: int) -> dict[str, Any]:
    """A bar of a market that swings, and of an equity that grows slowly."""
    angle = (number - NEWEST) / 40
    one = bar(number, 64_800 + 900 * math.sin(angle), 10_250 + 30 * math.cos(angle * 0.7))
    return one | {"regime": (0, 0, 1, 0, -1, 2, 0, -2)[number // 30 % 8]}


TRADES = [
    trade("BUY_OPEN_LONG", 64_300.0, 0.023, 80_000),
    trade("SELL_CLOSE_LONG", 65_400.0, 0.023, 60_000, 25.0),
    trade("SELL_OPEN_SHORT", 65_500.0, 0.020, 40_000),
    trade("STOP_SHORT", 65_700.0, 0.020, 30_000, -4.0),
    trade("PRUNE_OLDEST", 64_500.0, 0.010, 20_000, -1.0),
    trade("CIRCUIT_BREAKER_HALT", 64_400.0, 0.0, 10_000),
]


def swinging(bars: int = 1_000, **changes: Any) -> BotView:
    rows = [wave(n) for n in range(NEWEST + 1 - bars, NEWEST + 1)]
    return watched(snapshot(bars=rows, trades=TRADES, **changes))


def charts(app: Any) -> EquityCharts:
    return app.screen_stack[0].query_one(EquityCharts)


@pytest.mark.parametrize("size", SIZES)
async def test_an_ordinary_moment(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with shown("3", swinging(), size) as (app, pilot):
        await until(pilot, lambda: "equity, 7 days" in screen_text(app), "the charts")
        await pilot.pause()
        assert screen_text(app) == snapshot


async def test_no_bot(snapshot: SnapshotAssertion) -> None:
    async with shown("3", None, (80, 24)) as (app, pilot):
        await pilot.press("w", "i", "o", "less_than_sign", "right", "L", "escape")
        assert screen_text(app) == snapshot


async def test_a_bot_that_starts(snapshot: SnapshotAssertion) -> None:
    async with shown("3", watched(starting()), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "nothing to draw" in screen_text(app), "the words")
        await pilot.press("w", "i", "right", "L")
        assert screen_text(app) == snapshot


async def test_the_first_two_bars_are_drawn_as_soon_as_they_are_there() -> None:
    view = watched(snapshot(bars=[wave(NEWEST)]))
    async with shown("3", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "No two candles" in screen_text(app), "the words")
        view.take("bar", wave(NEWEST + 1))
        await until(pilot, lambda: "2 of 2 bars" in screen_text(app), "the charts")


async def test_silence_a_lost_line_and_an_alarm(snapshot: SnapshotAssertion) -> None:
    clock = Clock()
    view = swinging(mode="live", alarms=[alarm()])
    view._clock = clock
    async with shown("3", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "equity, 7 days" in screen_text(app), "the charts")
        clock.now += 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        assert charts(app).styles.opacity < 1
        view.link, view.trouble, view.attempt, view.again_at = "lost", "cut", 3, clock.now + 8
        await until(pilot, lambda: "LOST, try 3/10" in screen_text(app), "the attempt")
        assert screen_text(app) == snapshot


async def test_four_thousand_trades_on_twenty_thousand_bars(snapshot: SnapshotAssertion) -> None:
    view = swinging(20_000)
    for n in range(4_000):
        at_s = (4_000 - n) * 4_000
        price = 64_800 + 900 * math.sin(-at_s / 900 / 40)
        view.take("trade", trade("BUY_OPEN_LONG" if n % 2 else "SELL_CLOSE_LONG", price, 1, at_s))
    async with shown("3", view) as (app, pilot):
        await pilot.press("w", "w")
        await until(pilot, lambda: "20,000 of 20,000 bars" in screen_text(app), "everything")
        await until(pilot, lambda: "open long 2,00" in screen_text(app), "its trades")
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", SIZES[:2])
async def test_windows_zoom_and_pan(size: tuple[int, int]) -> None:
    async with shown("3", swinging(4_000), size) as (app, pilot):
        for key, words in (
            ("w", "equity, 30 days"),
            ("w", "equity, everything, 41.7 days"),
            ("w", "equity, 1 day"),
            ("w", "equity, 7 days"),
            ("i", "equity, 3.5 days"),
            ("less_than_sign", "not up to now, esc"),
            ("greater_than_sign", "equity, 3.5 days"),
            ("o", "equity, 7 days"),
            ("o", "equity, 14 days"),
        ):
            await pilot.press(key)
            await until(pilot, lambda w=words: w in screen_text(app), words)
        assert "not up to now" not in screen_text(app)
        await pilot.press("less_than_sign", "escape")
        await until(pilot, lambda: "not up to now" not in screen_text(app), "up to now")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_the_cursor_says_what_was_there(size: tuple[int, int]) -> None:
    async with shown("3", swinging(), size) as (app, pilot):
        await until(pilot, lambda: "equity, 7 days" in screen_text(app), "the charts")
        newest = wave(NEWEST)
        assert f"equity {newest['equity']:,.2f}" in screen_text(app)
        assert f"price {newest['close']:,.1f}" in screen_text(app)
        await pilot.press("left")
        assert charts(app).cursor == charts(app).columns - 1
        await pilot.press("h", "shift+left", "l", "right")
        assert charts(app).cursor == charts(app).columns - 1 - 1 - 10 + 1 + 1
        await pilot.press("shift+right", "right")
        assert charts(app).cursor == charts(app).columns - 1
        at = (TRADES[1]["timestamp"] - (NOON_MS - 667_000 - QUARTER_MS - 7 * DAY_MS)) / (7 * DAY_MS)
        charts(app).point(int(at * charts(app).columns))
        await until(pilot, lambda: "SELL_CLOSE_LONG at 65,400.0" in screen_text(app), "its trade")
        await pilot.press("escape")
        assert charts(app).cursor is None


async def test_zooming_in_keeps_what_is_under_the_cursor_in_sight() -> None:
    async with shown("3", swinging()) as (app, pilot):
        await until(pilot, lambda: "equity, 7 days" in screen_text(app), "the charts")
        charts(app).point(20)
        moment = charts(app).cursor_ms
        for _ in range(3):
            await pilot.press("i")
        start, end = charts(app)._span
        assert end - start < DAY_MS
        assert start < moment < end


async def test_scales_are_linear_or_logarithmic(snapshot: SnapshotAssertion) -> None:
    async with shown("3", swinging(), (80, 24)) as (app, pilot):
        await until(pilot, lambda: "equity, 7 days" in screen_text(app), "the charts")
        ends = [line[-12:] for line in screen_text(app).split("\n") if "65,700" in line]
        await pilot.press("L")
        await until(pilot, lambda: "logarithmic" in screen_text(app), "the word")
        assert [line[-12:] for line in screen_text(app).split("\n") if "65,700" in line] == ends
        assert screen_text(app) == snapshot
        await pilot.press("L")
        await until(pilot, lambda: "logarithmic" not in screen_text(app), "linear again")


async def test_a_new_bar_moves_the_window_on_and_a_quote_draws_nothing() -> None:
    view = swinging()
    async with shown("3", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "1,000 bars" in screen_text(app), "the charts")
        drawn = app.screen._drawn_at
        view.take("quote", view.quote)
        await pilot.pause(0.7)
        assert app.screen._drawn_at == drawn
        view.take("bar", wave(NEWEST + 1))
        await until(pilot, lambda: "1,001 bars" in screen_text(app), "one more")
        assert charts(app)._span[1] == wave(NEWEST + 1)["time_ms"]


async def test_a_backtest_is_drawn_beside_the_bot() -> None:
    async with shown("6", swinging()) as (app, pilot):
        await pilot.press("escape", "3")
        await until(pilot, lambda: isinstance(app.screen, EquityScreen), "the screen")
        await pilot.press("c")
        await until(pilot, lambda: "no backtest was run" in screen_text(app), "a hint")
        await pilot.press("6")
        await quick_run(pilot)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, EquityScreen), "the screen")
        await pilot.press("c")
        await until(
            pilot, lambda: "with run 1, BTC/USDT, of another time" in screen_text(app), "it"
        )
        await until(pilot, lambda: "run +" in screen_text(app) or "run -" in screen_text(app), "%")
        assert "bot +" in screen_text(app) or "bot -" in screen_text(app)
        await pilot.press("c")
        await until(pilot, lambda: "with run" not in screen_text(app), "the bot alone")


@pytest.mark.parametrize("gone", [False, True])
async def test_bars_from_before_are_read_from_the_disk(tmp_path: Path, gone: bool) -> None:
    folder = tmp_path / "live_state" / "paper"
    folder.mkdir(parents=True)
    rows = [wave(n) for n in range(NEWEST - 3_000, NEWEST + 1)]
    text = "time,equity,wallet,regime,close,decided,paused\n" + "".join(
        f"{b['time_ms']},{b['equity']},1.0,{b['regime']}.0,{b['close']},1.0,0.0\n" for b in rows
    )
    (folder / "BTCUSDT_equity.csv").write_text(text)
    holder = Holder("paper", "BTCUSDT", 1, "2025-01-01T00:00:00", str(tmp_path), "paper", "x.sock")
    async with shown("3", None, (80, 24)) as (app, pilot):
        fleet = app.store.fleet
        fleet.subject = RunningBot(holder, tmp_path / "x.sock")
        view = swinging(200)
        if gone:
            view.link, view.fate = "ended", "crashed"
        fleet.watched = view
        await until(pilot, lambda: "of 3,001 bars" in screen_text(app), "what lies on the disk")
        await pilot.press("w", "w")
        await until(pilot, lambda: "3,001 of 3,001 bars" in screen_text(app), "all bars")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_keys_are_explained(size: tuple[int, int]) -> None:
    async with shown("3", swinging(), size) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")
        await pilot.press("end")
        await until(pilot, lambda: "half as much time" in screen_text(app), "its keys")
