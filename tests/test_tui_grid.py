"""The Grid screen: what lies at which price, and why something does not. Costs 15 s."""

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.bot_app import Clock, settled, shown, watched, without_names
from tests.bot_documents import QUOTE, account, alarm, order, snapshot, starting, trade
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.screens.question import Question
from tui.screens.typed_question import TypedQuestion
from tui.widgets.ladder import BREAK, Ladder, places
from tui.widgets.rungs import MARKET, Rung
from tui.widgets.rungs import rungs as rungs_of

ABSENT = [
    {"side": "long", "level": 3, "price": 63_850.9, "why": "low volume: 70% of the side cap"},
    {"side": "short", "level": None, "price": None, "why": "no new shorts: UPTREND"},
]
TRADES = [trade("BUY_OPEN_LONG", 64_495.0, 0.023, 2_879)]
ORDINARY = {"account": account(absent=ABSENT), "trades": TRADES}


@pytest.mark.parametrize("size", SIZES)
async def test_an_ordinary_moment(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with shown("2", watched(_of(**ORDINARY)), size) as (app, _):
        assert without_names(app) == snapshot


async def test_one_line_a_level(snapshot: SnapshotAssertion) -> None:
    async with shown("2", watched(_of(**ORDINARY)), (80, 24)) as (app, pilot):
        await pilot.press("i", "i", "i")
        await until(pilot, lambda: "one line a level" in screen_text(app), "the zoom")
        await settled(pilot)
        assert without_names(app) == snapshot


async def test_no_bot(snapshot: SnapshotAssertion) -> None:
    async with shown("2", None, (80, 24)) as (app, _):
        assert without_names(app) == snapshot


async def test_a_bot_that_starts_has_no_ladder(snapshot: SnapshotAssertion) -> None:
    async with shown("2", watched(starting()), (80, 24)) as (app, _):
        assert without_names(app) == snapshot


async def test_a_stale_ladder_under_an_alarm(snapshot: SnapshotAssertion) -> None:
    clock = Clock()
    view = watched(_of(**ORDINARY, mode="live", alarms=[alarm()]), clock)
    async with shown("2", view, (80, 24)) as (app, pilot):
        clock.now += 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        await settled(pilot)
        assert app.screen.has_class("-stale")
        assert without_names(app) == snapshot


async def test_a_lost_connection(snapshot: SnapshotAssertion) -> None:
    view = watched(_of(**ORDINARY))
    async with shown("2", view, (80, 24)) as (app, pilot):
        view.link, view.trouble, view.attempt, view.again_at = "lost", "the line is cut", 3, 108.0
        view.fate = "lives"
        await until(pilot, lambda: "the line is cut" in screen_text(app), "the reason")
        await settled(pilot)
        assert without_names(app) == snapshot


async def test_bars_give_way_to_a_reason_and_a_far_liquidation_is_left_out() -> None:
    why = "filled or refused; comes back with the next grid"
    absent = [{"side": "long", "level": 3, "price": 63_850.9, "why": why}]
    document = account(absent=absent, liquidation=[None, 10.1 * QUOTE["price"]])
    async with shown("2", watched(_of(account=document))) as (app, _):
        assert f"long 3 not placed: {why}" in screen_text(app)
        assert "liquidation" not in screen_text(app)


async def test_what_a_whole_side_lacks_is_said_below_the_ladder() -> None:
    halt = [{"side": "long", "level": None, "price": None, "why": "halted"}]
    view = watched(_of(account=account(absent=halt, halted=True)))
    async with shown("2", view) as (app, _):
        assert "long: halted" in screen_text(app)
        assert "HALTED" in screen_text(app)
        assert "not placed" not in screen_text(app)


async def test_orders_that_do_not_rest_are_no_rungs_and_their_take_profits_say_so() -> None:
    document = account()
    for known in document["orders"]:
        known["status"] = "sent"
    async with shown("2", watched(_of(account=document))) as (app, _):
        text = screen_text(app)
        assert "0 entries rest" in text
        assert "entry long" not in text
        assert "TP long 1  not at the exchange" in text
        assert "stop long  NOT on exchange" in text


async def test_a_level_that_fills_flashes_for_some_seconds() -> None:
    clock = Clock()
    view = watched(_of(**ORDINARY), clock)
    async with shown("2", view) as (app, pilot):
        assert not _reversed(app)
        view.take("trade", trade("BUY_OPEN_LONG", 64_495.0, 0.023, -0.5))
        await until(pilot, lambda: bool(_reversed(app)), "the flash")
        assert any("lot 2 long" in line for line in _reversed(app))
        clock.now += 5
        view.take("quote", QUOTE | {"time_ms": QUOTE["time_ms"] + 5_000})
        await until(pilot, lambda: not _reversed(app), "its end")


def closed(label: str, price: float, ago_s: float, pnl: float, entry: float) -> dict[str, Any]:
    return trade(label, price, 0.014, ago_s, pnl) | {"entry_price": entry}


async def test_what_closes_a_lot_is_a_rung_for_some_seconds() -> None:
    clock = Clock()
    view = watched(_of(**ORDINARY), clock)
    async with shown("2", view) as (app, pilot):
        assert "filled TP" not in screen_text(app)
        view.take("trade", closed("SELL_CLOSE_LONG", 65_560.3, 0.5, 11.9, 64_911.2))
        await until(pilot, lambda: "filled TP long  +11.90" in screen_text(app), "the rung")
        line = next(line for line in screen_text(app).split("\n") if "filled TP" in line)
        assert "65,560.3" in line
        assert "of the lot at 64,911.2" in line
        assert any("filled TP long" in line for line in _reversed(app))
        clock.now += 5
        view.take("quote", QUOTE | {"time_ms": QUOTE["time_ms"] + 5_000})
        await until(pilot, lambda: "filled TP" not in screen_text(app), "its end")


async def test_a_stop_that_closes_several_lots_is_one_rung_also_without_animations() -> None:
    view = watched(_of(**ORDINARY))
    async with shown("2", view) as (app, pilot):
        app.animation_level = "none"
        for pnl, entry in ((-31.3, 64_911.2), (-21.7, 64_495.0)):
            view.take("trade", closed("STOP_LONG", 63_550.2, 0.5, pnl, entry))
        await until(pilot, lambda: "filled stop long  -53.00" in screen_text(app), "the rung")
        assert screen_text(app).count("filled stop") == 1
        assert "2 lots" in screen_text(app)
        assert not _reversed(app)


def test_what_was_closed_at_market_is_named_by_its_reason_and_openings_are_no_such_rung() -> None:
    view = watched(_of(**ORDINARY))
    trades = [closed("PRUNE_GAP", 64_000.0, 1, -3.2, 64_911.2) | {"side": "long"}]
    trades += [trade("BUY_OPEN_LONG", 64_495.0, 0.023, 1)]
    filled = [rung for rung in rungs_of(view, trades) if rung.kind == "filled"]
    assert [rung.text for rung in filled] == ["filled prune gap long  -3.20"]


def test_anchors_do_not_claim_to_be_reservation_prices() -> None:
    anchors = [rung.text for rung in rungs_of(watched()) if rung.kind == "anchor"]
    assert sorted(anchors) == ["anchor long", "anchor short"]


async def test_nothing_flashes_without_animations() -> None:
    view = watched(_of(**ORDINARY))
    async with shown("2", view) as (app, pilot):
        app.animation_level = "none"
        view.take("trade", trade("BUY_OPEN_LONG", 64_495.0, 0.023, -0.5))
        await settled(pilot)
        assert not _reversed(app)


@pytest.mark.parametrize("size", SIZES[:2])
async def test_every_key(size: tuple[int, int]) -> None:
    document = account()
    document["orders"] += [
        order("long", "entry", f"{63_000 - 100 * n}.0", "0.02", level=n) for n in range(60)
    ]
    async with shown("2", watched(_of(account=document)), size) as (app, pilot):
        ladder = app.screen.query_one(Ladder)
        middle = ladder.scroll_offset.y
        await pilot.press("down")
        assert ladder.scroll_offset.y == middle + 1
        await pilot.press("end")
        assert ladder.scroll_offset.y == ladder.max_scroll_y
        await until(pilot, lambda: "57,100.0" in screen_text(app), "the last rung")
        await pilot.press("c")
        assert ladder.scroll_offset.y == middle
        names = [ladder.zoom_name]
        for key in ("i", "i", "i", "i", "o", "o", "o", "o"):
            await pilot.press(key)
            names.append(ladder.zoom_name)
        assert names[3:5] == ["one line a level"] * 2
        assert names[0] == names[-1] == "to scale"
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("n", "X")
        await until(pilot, lambda: isinstance(app.screen, TypedQuestion), "the coin's name")
        await pilot.press("escape", "p")
        await until(pilot, lambda: "no bot is shown" in screen_text(app), "the answer")


def test_lines_between_rungs_are_in_proportion_to_their_prices() -> None:
    rungs = [_at(price) for price in (130.0, 120.0, 105.0, 100.0)]
    placed = places(rungs, 13, 0)
    lines = [number for number, rung in enumerate(placed) if rung is not None]
    assert lines == [0, 4, 10, 12]
    assert [rung for rung in placed if rung] == rungs


def test_rungs_that_are_too_many_have_a_line_each() -> None:
    rungs = [_at(100.0 - n) for n in range(30)]
    assert places(rungs, 10, 0) == rungs
    assert places(rungs, 10, 3) == rungs
    assert len(places(rungs, 20, 2)) == 80


def test_what_lies_far_beyond_all_else_does_not_press_the_rest_together() -> None:
    rungs = [_at(price) for price in (784_856.0, 130.0, 120.0, 110.0, 0.1)]
    placed = places(rungs, 12, 0)
    assert [rung.kind for rung in placed[:2] if rung] == [MARKET, BREAK]
    assert placed[2] == rungs[1]
    assert len(placed) <= 12
    assert sum(rung is None for rung in placed) >= 4


def test_rungs_at_one_price_keep_a_line_each() -> None:
    rungs = [_at(100.0)] * 4
    assert places(rungs, 20, 0) == rungs


def _at(price: float) -> Rung:
    return Rung(price, MARKET, "")


def _reversed(app: Any) -> list[str]:
    """Lines of the ladder of which a part is reversed."""
    ladder = app.screen.query_one(Ladder)
    strips = [ladder.render_line(y) for y in range(ladder.size.height)]
    return [
        strip.text
        for strip in strips
        if any(segment.style and segment.style.reverse for segment in strip)
    ]


def _of(**changes: Any) -> dict[str, Any]:
    return snapshot(**changes)
