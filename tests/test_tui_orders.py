"""The Orders screen: what rests, what was traded, what was asked for. Costs 25 s."""

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from exchange.client_ids import ClientId
from exchange.outcomes import Action, Refused
from tests.bot_app import Clock, shown, watched
from tests.bot_documents import (
    NOON_MS,
    account,
    alarm,
    answer,
    order,
    request,
    snapshot,
    starting,
    trade,
)
from tests.screen_text import screen_text, until
from tests.tui_app import SIZES
from tui.bot.view import BotView
from tui.screens.details import DetailsScreen
from tui.screens.help import HelpScreen
from tui.widgets.row_table import RowTable

BAR = NOON_MS // 900_000
ENTRY, STOP = (
    str(ClientId("m05", BAR, side, role, level))  # type: ignore[arg-type]
    for side, role, level in (("long", "entry", 2), ("short", "stop", 5))
)
REFUSED = str(
    Refused("Due to the order could not be executed as maker", code=-5022, action=Action.REPRICE)
)
REQUESTS = [
    request("place", ENTRY, 300),
    answer(ENTRY, REFUSED, 299.9, -5022),
    request("place", STOP, 200, "65840.0", "0.020"),
    answer(STOP, "open", 199.8),
    request("cancel", STOP, 1, by="operator: flatten, by the screens, process 4242"),
]
ORDERS = [
    order("long", "entry", "64170.3", "0.023") | {"id": ENTRY, "level": 2},
    order("short", "stop", "65840.0", "0.020") | {"id": STOP},
    order("long", "stop", "63550.2", "0.046"),
    order("short", "entry", "65410.0", "0.022") | {"status": "sent"},
    order("short", "near take-profit", "64043.1", "0.010"),
]
TRADES = [
    trade("BUY_OPEN_LONG", 64_911.2, 0.023, 11_520) | {"client_id": ENTRY},
    trade("CIRCUIT_BREAKER_HALT", 64_300.0, 0.0, 9_000),
    trade("SELL_OPEN_SHORT", 64_690.0, 0.020, 2_880) | {"regime": "UPTREND"},
    trade("SELL_CLOSE_LONG", 65_140.0, 0.028, 1_740, 11.9),
    trade("STOP_SHORT", 65_840.0, 0.020, 60, -25.3),
]


def ordinary(**changes: Any) -> BotView:
    resting = account(orders=[dict(one) for one in ORDERS])
    return watched(snapshot(account=resting, trades=TRADES, requests=REQUESTS, **changes))


def table(app: Any) -> RowTable:
    return app.screen_stack[0].query_one(RowTable)


def first_cells(app: Any, column: int) -> list[str]:
    """A column's words, as the rows on the screen have them."""
    rows = table(app)
    return [rows._cells(row)[column][0] for row in rows._rows]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", [0, 1, 2])
async def test_each_table(size: tuple[int, int], view: int, snapshot: SnapshotAssertion) -> None:
    async with shown("4", ordinary(), size) as (app, pilot):
        await pilot.press(*["v"] * view)
        name = ("[resting 5]", "[trades 5]", "[audit 3]")[view]
        await until(pilot, lambda: name in screen_text(app), name)
        assert screen_text(app) == snapshot


async def test_on_a_narrow_terminal_orders_have_their_whole_ids_and_status() -> None:
    ids = [str(ClientId("k3x9q2", 1729 + n, "short", "entry", n, 35 + n)) for n in range(9)]
    entry = order("short", "entry", "65410.0", "0.022")
    resting = account(orders=[entry | {"id": each} for each in ids])
    async with shown("4", watched(snapshot(account=resting)), (80, 24)) as (app, _):
        for each in ids:
            assert f" resting {each} " in screen_text(app)


async def test_no_bot(snapshot: SnapshotAssertion) -> None:
    async with shown("4", None, (80, 24)) as (app, pilot):
        await pilot.press("v", "o", "r", "enter", "space", "escape")
        assert screen_text(app) == snapshot


async def test_a_bot_that_starts(snapshot: SnapshotAssertion) -> None:
    async with shown("4", watched(starting()), (80, 24)) as (app, _):
        assert screen_text(app) == snapshot


async def test_silence_a_lost_line_and_an_alarm(snapshot: SnapshotAssertion) -> None:
    clock = Clock()
    view = ordinary(mode="live", alarms=[alarm()])
    view._clock = clock
    async with shown("4", view, (80, 24)) as (app, pilot):
        clock.now += 12
        await until(pilot, lambda: "STALE 12s" in screen_text(app), "the word")
        assert table(app).styles.opacity < 1
        view.link, view.trouble, view.attempt, view.again_at = "lost", "cut", 3, clock.now + 8
        await until(pilot, lambda: "LOST, try 3/10" in screen_text(app), "the attempt")
        assert screen_text(app) == snapshot


async def test_four_thousand_trades_are_all_reached(snapshot: SnapshotAssertion) -> None:
    view = watched()
    for n in range(4_000):
        view.take("trade", trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 40_000 - 10 * n))
    async with shown("4", view) as (app, pilot):
        await pilot.press("v", "G")
        await until(pilot, lambda: "60,000.0" in screen_text(app), "the oldest")
        assert screen_text(app) == snapshot
        assert table(app).row_count == 4_000


async def test_what_is_new_comes_on_top_and_what_is_chosen_stays_where_it_is() -> None:
    view = watched()
    for n in range(100):
        view.take("trade", trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 4_000 - 10 * n))
    async with shown("4", view, (80, 24)) as (app, pilot):
        await pilot.press("v")
        view.take("trade", trade("STOP_LONG", 61_000.0, 0.01, 3, -1.0))
        await until(pilot, lambda: "STOP_LONG" in screen_text(app), "the new one")
        await pilot.press(*["down"] * 30)
        line = next(n for n, text in enumerate(screen_text(app).split("\n")) if "60,070.0" in text)
        for n in range(5):
            view.take("trade", trade("STOP_SHORT", 62_000.0, 0.01, 2 - n / 10, -2.0))
        await until(pilot, lambda: table(app).row_count == 106, "five more")
        assert "60,070.0" in screen_text(app).split("\n")[line]
        assert table(app).chosen["price"] == 60_070.0
        await pilot.press("home")
        await until(pilot, lambda: "STOP_SHORT" in screen_text(app), "the newest")


@pytest.mark.parametrize("size", SIZES[:2])
async def test_a_word_narrows_each_table_and_is_in_the_title(size: tuple[int, int]) -> None:
    async with shown("4", ordinary(), size) as (app, pilot):
        await pilot.press("v", "slash", *"sell")
        await until(pilot, lambda: table(app).row_count == 2, "two rows")
        assert "trades  2 with /sell" in screen_text(app)
        assert "enter keep" in screen_text(app)
        await pilot.press("enter", "v", "slash", *"!cancel", "enter")
        await until(pilot, lambda: "2 with /!cancel" in screen_text(app), "what was not cancelled")
        await pilot.press("v", "v")
        await until(pilot, lambda: "2 with /sell" in screen_text(app), "the word of the trades")
        await pilot.press("escape")
        await until(pilot, lambda: table(app).row_count == 5, "all rows")


async def test_the_audit_is_narrowed_to_who_asked() -> None:
    async with shown("4", ordinary(), (80, 24)) as (app, pilot):
        await pilot.press("v", "v", "slash", *"operator", "enter")
        await until(pilot, lambda: table(app).row_count == 1, "the operator's")
        assert first_cells(app, 3) == ["operator"]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the page")
        assert "operator: flatten, by the screens, process 4242" in screen_text(app)


async def test_rows_are_sorted_by_any_column_and_the_other_way_round() -> None:
    async with shown("4", ordinary()) as (app, pilot):
        await pilot.press("v")
        assert "time▼" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: "time▲" in screen_text(app), "the oldest first")
        assert first_cells(app, 1)[0] == "BUY_OPEN_LONG"
        await pilot.press("o", "o")
        await until(pilot, lambda: "price▼" in screen_text(app), "the dearest first")
        assert first_cells(app, 2) == sorted(first_cells(app, 2), reverse=True)
        await pilot.press("o", "o")
        await until(pilot, lambda: "pnl▼" in screen_text(app), "by result")
        assert first_cells(app, 4) == ["+11.90", "-25.30", "", "", ""]


async def test_a_frozen_display_counts_what_it_does_not_show() -> None:
    view = ordinary()
    async with shown("4", view, (80, 24)) as (app, pilot):
        await pilot.press("v", "space")
        await until(pilot, lambda: "PAUSED VIEW +0" in screen_text(app), "the banner")
        for n in range(3):
            view.take("trade", trade("STOP_LONG", 60_000.0 + n, 0.01, 1, -1.0))
        await until(pilot, lambda: "PAUSED VIEW +3" in screen_text(app), "three events")
        await pilot.press("o")
        assert table(app).row_count == 5
        await pilot.press("space")
        await until(pilot, lambda: table(app).row_count == 8, "all of them")
        assert "PAUSED" not in screen_text(app)


async def test_the_details_of_a_refusal_say_what_it_means_and_what_was_done(
    snapshot: SnapshotAssertion,
) -> None:
    async with shown("4", ordinary(), (80, 24)) as (app, pilot):
        await pilot.press("v", "v", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the page")
        text = screen_text(app)
        assert "a post-only order would have traded at once" in text
        assert "This level is left out" in text
        assert text == snapshot
        await pilot.press("c")
        await until(pilot, lambda: "copied" in screen_text(app), "the word")
        assert '"verb": "place"' in app.clipboard
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, DetailsScreen), "the table")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("down", "down", "enter"), ("long entry 2", "1,475.92 USDT", "requests about this order")),
        (("v", "down", "enter"), ("entered at", "+11.90 USDT", "+1.23")),
        (("v", "G", "enter"), ("BUY_OPEN_LONG", ENTRY, "place 0.023 at 64,170.3")),
        (("v", "v", "enter"), ("cancel short stop", "none yet", "place 0.020 at 65,840.0: open")),
    ],
)
async def test_details(keys: tuple[str, ...], words: tuple[str, ...]) -> None:
    async with shown("4", ordinary()) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, DetailsScreen), "the page")
        text = screen_text(app)
        for word in words:
            assert word in text


async def test_on_a_narrow_terminal_the_audit_shows_what_became_of_each_request() -> None:
    async with shown("4", ordinary(), (80, 24)) as (app, pilot):
        await pilot.press("v", "v")
        await until(pilot, lambda: "[audit 3]" in screen_text(app), "the audit")
        assert table(app).scroll_offset.x == 0
        (line,) = (line for line in screen_text(app).split("\n") if "long entry 2" in line)
        assert "Due to the order could not" in line
        (heading,) = (line for line in screen_text(app).split("\n") if "time▼" in line)
        assert heading.split().index("answer") == heading.split().index("by") + 1


@pytest.mark.parametrize("size", SIZES[:2])
async def test_columns_that_do_not_fit_are_named_and_reached(size: tuple[int, int]) -> None:
    async with shown("4", ordinary(), size) as (app, pilot):
        await pilot.press("v", "v")
        await until(pilot, lambda: "[audit 3]" in screen_text(app), "the audit")
        rows = table(app)
        hidden = rows.max_scroll_x > 0
        assert ("→" in str(rows.border_subtitle)) == hidden
        await pilot.press(*["right"] * 9)
        assert rows.scroll_offset.x == rows.max_scroll_x
        assert "→" not in str(rows.border_subtitle)
        await pilot.press(*["h"] * 9)
        assert rows.scroll_offset.x == 0


@pytest.mark.parametrize("size", SIZES[:2])
async def test_keys_that_move(size: tuple[int, int]) -> None:
    view = watched()
    for n in range(100):
        view.take("trade", trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 4_000 - 10 * n))
    async with shown("4", view, size) as (app, pilot):
        await pilot.press("v")
        rows = table(app)
        page = rows.size.height - 2
        for keys, row in (
            (("down", "j"), 2),
            (("up", "k"), 0),
            (("pagedown",), page),
            (("pageup",), 0),
            (("ctrl+d", "ctrl+u"), 0),
            (("end",), 99),
            (("home",), 0),
            (("G",), 99),
            (("g",), 0),
        ):
            await pilot.press(*keys)
            assert rows._cursor == row, keys
        await pilot.click(RowTable, offset=(5, 4))
        assert rows._cursor == 2
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page of keys")


async def test_rows_are_painted_only_where_one_in_sight_has_changed() -> None:
    orders = [
        order("long", "entry", f"{60_000 + n}.0", "0.01") | {"id": f"o{n}"} for n in range(99)
    ]
    view = watched(snapshot(account=account(orders=orders)))
    async with shown("4", view) as (app, pilot):
        rows = app.screen.query_one(RowTable)
        await pilot.press("o", "o")
        asked: list[int] = []
        paint = rows.refresh
        rows.refresh = lambda *a, **k: asked.append(1) or paint(*a, **k)  # type: ignore

        shown_rows = rows._rows
        rows.show([dict(row) for row in shown_rows], rows._sorted, rows._empty)
        hidden = [*shown_rows[:-1], shown_rows[-1] | {"status": "sent"}]
        rows.show(hidden, rows._sorted, rows._empty)
        assert not asked
        rows.show([shown_rows[0] | {"status": "sent"}, *hidden[1:]], rows._sorted, rows._empty)
        assert asked
