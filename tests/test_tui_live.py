"""The Live screen: both sides, equity, trades, health, whatever state the bot is in. Costs 20 s."""

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.bot_app import Clock, settled, shown, watched, without_names
from tests.bot_documents import (
    NOON_MS,
    QUOTE,
    account,
    alarm,
    bar,
    reading,
    snapshot,
    starting,
    trade,
)
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.screens.help import HelpScreen
from tui.screens.live import LiveScreen
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion
from tui.widgets.line_list import LineList

TRADES = [
    trade("BUY_OPEN_LONG", 64_911.2, 0.023, 11_520),
    trade("CIRCUIT_BREAKER_HALT", 64_300.0, 0.0, 9_000),
    trade("SELL_OPEN_SHORT", 64_690.0, 0.020, 2_880),
    trade("BUY_OPEN_LONG", 64_495.0, 0.023, 2_879),
    trade("SELL_CLOSE_LONG", 65_140.0, 0.028, 1_740, 11.9),
]
BARS = [bar(n, equity=10_200.0 + 40 * ((n * 7) % 11) + (n - 300) / 3) for n in range(300, 412)]
ORDINARY = {"trades": TRADES, "bars": BARS}


@pytest.mark.parametrize("size", SIZES)
async def test_an_ordinary_moment(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with shown("1", watched(_of(**ORDINARY)), size) as (app, _):
        assert without_names(app) == snapshot


async def test_no_bot(snapshot: SnapshotAssertion) -> None:
    async with shown("1", None) as (app, _):
        assert without_names(app) == snapshot


async def test_a_bot_that_starts_says_what_it_does(snapshot: SnapshotAssertion) -> None:
    view = watched(starting())
    view.write(20, "compiling for the first time on this machine, about 25 s")
    async with shown("1", view, (80, 24)) as (app, _):
        assert without_names(app) == snapshot


async def test_silence_dims_the_panels_and_is_said(snapshot: SnapshotAssertion) -> None:
    clock = Clock()
    async with shown("1", watched(_of(**ORDINARY), clock), (80, 24)) as (app, pilot):
        clock.now += 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        await settled(pilot)
        assert app.screen.has_class("-stale")
        assert app.screen.query_one("#long").styles.opacity < 1
        assert without_names(app) == snapshot


async def test_a_lost_connection_says_why_and_when_it_is_tried_again(
    snapshot: SnapshotAssertion,
) -> None:
    view = watched(_of(**ORDINARY))
    async with shown("1", view, (80, 24)) as (app, pilot):
        view.link, view.trouble, view.attempt, view.again_at = "lost", "the line is cut", 3, 108.0
        view.fate = "lives"
        await until(pilot, lambda: "the line is cut" in screen_text(app), "the reason")
        await settled(pilot)
        assert without_names(app) == snapshot


async def test_an_alarm_takes_a_line_until_it_is_acknowledged(snapshot: SnapshotAssertion) -> None:
    view = watched(_of(**ORDINARY, mode="live", alarms=[alarm()]))
    async with shown("1", view, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "acknowledge" in screen_text(app), "the alarm")
        await settled(pilot)
        assert without_names(app) == snapshot
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "acknowledge" not in screen_text(app), "no alarm")


async def test_each_alarm_is_acknowledged_by_itself_and_says_when_it_was() -> None:
    stop = alarm("stop long, bar 7", "stop long: 0.046 closed at 43,012.0, -53.03 USDT", over=True)
    at_night = stop | {"time_ms": NOON_MS - 528 * 60_000}
    day_before = at_night | {"key": "price", "text": "no price", "time_ms": NOON_MS - 86_400_000}
    view = watched(_of(mode="live", alarms=[day_before, at_night, alarm()]))
    async with shown("1", view, (120, 40)) as (app, pilot):
        for words in (
            "! 3 alarms, the newest: long differs  ",
            "the newest: stop long: 0.046 closed at 43,012.0, -53.03 USDT 03:12Z (over)",
            "! no price 01-09 12:00Z (over)",
        ):
            await until(pilot, lambda words=words: words in screen_text(app), words)
            await pilot.press("exclamation_mark")
        await until(pilot, lambda: "acknowledge" not in screen_text(app), "no alarm")
        assert [each["key"] for each in view.alarms.values()] == ["positions"]


async def test_a_long_alarm_that_is_over_keeps_its_time_on_a_small_terminal() -> None:
    stop = alarm("stop", "stop long: 0.046 closed at 43,012.0, " + 19 * "-53.03 USDT", over=True)
    async with shown("1", watched(_of(alarms=[stop])), (80, 24)) as (app, pilot):
        words = "… market 01-10 12:00Z (over)"
        await until(pilot, lambda: words in screen_text(app), "its time")
        assert "! acknowledge" in screen_text(app)


async def test_where_health_has_too_little_room_what_is_not_well_comes_first() -> None:
    names = ("heartbeat", "wallet", "drawdown", "price", "errors", "clock", "unprotected")
    states = dict.fromkeys((*names, "rate budget"), "ok") | {"errors": "warning", "market": "bad"}
    rows = [reading(name, "4 s", "20 s", state) for name, state in states.items()]
    view = watched(_of(health={"time_ms": NOON_MS, "readings": rows}))
    async with shown("1", view, (80, 24)) as (app, pilot):
        text = screen_text(app)
        assert text.index("market ") < text.index("errors ") < text.index("heartbeat ")
        assert "↓ 1 more, z there shows all" in text
        app.screen.query_one("#health").focus()
        await pilot.press("z")

        def as_they_come() -> bool:
            text = screen_text(app)
            return text.index("heartbeat ") < text.index("errors ") < text.index("market ")

        await until(pilot, as_they_come, "all of them")
        assert "more, z" not in screen_text(app)


async def test_four_thousand_trades(snapshot: SnapshotAssertion) -> None:
    trades = [trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 40_000 - 10 * n) for n in range(4_000)]
    view = watched()
    for row in trades:
        view.take("trade", row)
    async with shown("1", view) as (app, _):
        text = screen_text(app)
        assert "63,999.0" in text
        assert "↓" in text
        assert without_names(app) == snapshot


async def test_a_stop_that_does_not_rest_and_take_profits_that_do_not_are_said() -> None:
    document = account()
    document["orders"] = [order for order in document["orders"] if order["side"] == "short"]
    async with shown("1", watched(_of(account=document))) as (app, _):
        text = screen_text(app)
        assert "NOT on exchange" in text
        assert "x0.014 not there" in text
        assert "no entry rests" in text
        assert text.count("on exchange") == 2


async def test_a_stop_for_a_part_of_the_position_says_for_how_much() -> None:
    document = account()
    stop = next(order for order in document["orders"] if order["role"] == "stop")
    stop["qty"] = "0.023"
    async with shown("1", watched(_of(account=document))) as (app, _):
        assert "only 0.023 on exchange" in screen_text(app)


async def test_a_flat_side_and_what_is_not_ours() -> None:
    document = account()
    short = document["sides"]["short"]
    short.update(qty=0.0, lots=[], entry=0.0, stop=None, not_ours="0.5")
    async with shown("1", watched(_of(account=document))) as (app, _):
        text = screen_text(app)
        assert "SHORT flat" in text
        assert "0.5 more at the exchange is not ours and is left alone" in text


async def test_a_lot_without_take_profits_says_when_they_come() -> None:
    document = account()
    for lot in document["sides"]["short"]["lots"]:
        lot.update(near_qty=0.0, far_qty=0.0)
    async with shown("1", watched(_of(account=document))) as (app, _):
        assert "take-profits are laid at the next candle" in screen_text(app)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("operator", "by the operator; p goes on"), ("positions", "positions differ from")],
)
async def test_a_pause_is_shown_with_its_reason(reason: str, words: str) -> None:
    quote = QUOTE | {"paused": [reason]}
    document = account(halted=True)
    async with shown("1", watched(_of(quote=quote, account=document)), (80, 24)) as (app, _):
        text = screen_text(app)
        assert f"PAUSED  no new entries: {words}" in text
        assert "HALTED  circuit breaker" in text


async def test_times_pass_though_nothing_is_told() -> None:
    clock = Clock()
    async with shown("1", watched(clock=clock)) as (app, pilot):
        assert "next candle 03:53" in screen_text(app)
        clock.now += 3
        await until(pilot, lambda: "next candle 03:50" in screen_text(app), "three seconds")


@pytest.mark.parametrize("number", ["1", "2"])
async def test_of_a_bot_that_is_out_of_reach_no_next_candle_is_known(number: str) -> None:
    view = watched()
    async with shown(number, view) as (app, pilot):
        assert "next candle 03:53" in screen_text(app)
        view.link = "lost"
        await until(pilot, lambda: "next candle -" in screen_text(app), "nothing is known")
        assert "next candle 03:53" not in screen_text(app)


@pytest.mark.parametrize("number", ["1", "2"])
async def test_of_a_bot_that_is_silent_no_next_candle_is_known(number: str) -> None:
    clock = Clock()
    view = watched(clock=clock)
    async with shown(number, view) as (app, pilot):
        clock.now += 12
        await until(pilot, lambda: "next candle -" in screen_text(app), "nothing is known")
        assert "next candle 0" not in screen_text(app)
        view.take("quote", QUOTE)
        await until(pilot, lambda: "next candle 03:53" in screen_text(app), "it is known again")


async def test_nothing_is_drawn_while_nothing_has_changed() -> None:
    async with shown("1", watched()) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        before = screen._shown
        await settled(pilot)
        assert screen._shown is before


@pytest.mark.parametrize("size", SIZES[:2])
async def test_every_key(size: tuple[int, int]) -> None:
    async with shown("1", watched(_of(**ORDINARY)), size) as (app, pilot):
        await pilot.press("z")
        await until(pilot, lambda: "SHORT" not in screen_text(app), "one panel alone")
        assert "stop 63,550.2 -1.95% on exchange" in screen_text(app)
        assert "next candle" in screen_text(app)
        await pilot.press("z")
        await until(pilot, lambda: "SHORT" in screen_text(app), "all panels")
        await pilot.press("tab", "shift+tab")
        assert app.focused is not None
        assert app.focused.id == "long"
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("n", "X")
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the coin's name")
        await pilot.press("escape", "p")
        await until(pilot, lambda: "no bot is shown" in screen_text(app), "the answer")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_panels_scroll_and_say_what_is_out_of_sight(size: tuple[int, int]) -> None:
    view = watched()
    for n in range(100):
        view.take("trade", trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 5_000 - n))
    async with shown("1", view, size) as (app, pilot):
        panel = app.screen.query_one("#last-trades", LineList)
        panel.focus()
        await pilot.pause()
        for keys, first in (
            (("down", "j"), 2),
            (("up", "k"), 0),
            (("pagedown",), panel.size.height - 1),
            (("pageup",), 0),
            (("ctrl+d", "ctrl+u"), 0),
            (("end",), 101 - panel.size.height),
            (("home",), 0),
            (("G",), 101 - panel.size.height),
        ):
            await pilot.press(*keys)
            assert panel.scroll_offset.y == first, keys
        assert f"↑ {101 - panel.size.height}" in screen_text(app)
        assert "more" not in screen_text(app).split("last trades")[1]


async def test_a_terminal_that_changes_keeps_everything_in_sight() -> None:
    async with shown("1", watched(_of(**ORDINARY)), (80, 24)) as (app, pilot):
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: "since the start" in screen_text(app), "the wide line")
        assert "+2.84%" in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "since the start" not in screen_text(app), "the narrow line")


def test_the_day_begins_at_midnight_or_with_the_run() -> None:
    from tui.widgets.bot_lines import result_of_day

    view = watched(_of(bars=[bar(n, equity=10_000.0 + n) for n in range(300, 412)]))
    midnight = NOON_MS // 86_400_000 * 86_400_000
    last = max(b["equity"] for b in view.bars if b["time_ms"] + 900_000 <= midnight)
    assert result_of_day(view) == pytest.approx(10_284.16 / last - 1)
    view.bars.clear()
    assert result_of_day(view) == pytest.approx(0.028416)


def test_the_day_of_a_run_that_goes_on_begins_at_midnight_as_of_one_that_never_stopped() -> None:
    from engine.live.view import View
    from tui.widgets.bot_lines import result_of_day

    told = [bar(n, equity=10_000.0 + n) for n in range(300, 412)]
    resumed = View({})
    rows = [(b["time_ms"], b["equity"], b["wallet"], 0.0, b["close"], 1.0, 0.0) for b in told]
    resumed.recall([], rows)
    shown = resumed.snapshot(None)["bars"]
    assert result_of_day(watched(_of(bars=shown))) == result_of_day(watched(_of(bars=told)))


def _of(**changes: object) -> dict[str, object]:
    return snapshot(**changes)  # type: ignore[arg-type]
