"""Trades and requests that a bot's files have from before anybody listened to it. Costs 4 s."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.events import OrderAnswered, OrderSent
from exchange.client_ids import ClientId
from state.lock import Holder
from tests.bot_app import shown, watched
from tests.bot_documents import NOON_MS, answer, request, snapshot, trade
from tests.records import keep_record
from tests.screen_text import screen_text, until
from tui.bot.audit import Audit
from tui.bot.recalled import read_recalled
from tui.bot.view import BotView
from tui.bots import RunningBot

ENTRY = str(ClientId("m05", NOON_MS // 900_000, "long", "entry", 2))
TRADES = [trade("BUY_OPEN_LONG", 60_000.0 + n, 0.01, 900 - n) | {"trade_id": n} for n in range(30)]


def asked(number: int, code: int | None = None) -> tuple[OrderSent, OrderAnswered]:
    """A request, each a second later, and its answer."""
    at_ms = NOON_MS - 900_000 + 1_000 * number
    sent = OrderSent(at_ms, "place", ENTRY, "0.023", "64170.3", "strategy")
    return sent, OrderAnswered(at_ms + 200, ENTRY, "open", code)


def in_files(folder: Path, number: int) -> Path:
    """So many requests in a bot's record, and its trades; returns the folder that they are in."""
    events = [event for n in range(number) for event in asked(n)]
    path = keep_record(folder, events)
    rows = [json.dumps({"n": n, **row}) for n, row in enumerate(TRADES)]
    (path.parent / "BTCUSDT_trades.jsonl").write_text("\n".join([*rows, '{"n": 30, "ti']))
    return path.parent


def young(number: int, known: int) -> BotView:
    """A bot that has told the last of its requests and trades."""
    view = watched(snapshot(trades=TRADES[-known:], requests=[]))
    for n in range(number - known, number):
        sent, answered = asked(n)
        view.requests.append(request("place", ENTRY, 0) | told_as(sent))
        view.requests.append(answer(ENTRY, "open", 0) | told_as(answered))
    return view


def told_as(event: OrderSent | OrderAnswered) -> dict[str, Any]:
    return {"time_ms": event.time_ms}


@pytest.mark.parametrize("gone", [False, True])
async def test_requests_and_trades_from_before_are_in_the_tables(
    tmp_path: Path, gone: bool
) -> None:
    in_files(tmp_path, 40)
    holder = Holder("paper", "BTCUSDT", 1, "2025-01-01T00:00:00", str(tmp_path), "paper", "x.sock")
    async with shown("4", None) as (app, pilot):
        view = young(40, known=3)
        if gone:
            view.link, view.fate = "ended", "crashed"
        app.store.fleet.subject = RunningBot(holder, tmp_path / "x.sock")
        app.store.fleet.watched = view
        await until(pilot, lambda: "audit 40 " in screen_text(app), "every request")
        assert "trades 30 " in screen_text(app)
        await pilot.press("v", "v", "end")
        await until(pilot, lambda: "[audit 40]" in screen_text(app), "the audit")
        assert "the newest" not in screen_text(app)


async def test_an_audit_that_is_full_says_that_there_is_more() -> None:
    view = watched(snapshot(requests=[request("place", ENTRY, 6_000 - n) for n in range(6_000)]))
    async with shown("4", view) as (app, pilot):
        await pilot.press("v", "v")
        await until(pilot, lambda: "the newest; a replay has more" in screen_text(app), "the title")


def test_of_many_requests_the_newest_are_recalled_as_far_as_there_is_room(tmp_path: Path) -> None:
    folder = in_files(tmp_path, 3_000)
    view = young(3_000, known=3)
    earlier = read_recalled(folder, "BTCUSDT", view.trades.maxlen, view.requests.maxlen)
    view.recall(*earlier)
    audit = Audit()
    audit.take(view)
    times = [request.time_ms for request in audit.requests]
    assert len(view.requests) == view.requests.maxlen
    assert times == [asked(n)[0].time_ms for n in range(500, 3_000)]
    view.recall(*earlier)
    assert [row["trade_id"] for row in view.trades] == list(range(30))
    assert len(view.requests) == view.requests.maxlen


def test_what_a_bot_tells_while_its_files_are_read_is_there_once(tmp_path: Path) -> None:
    folder = in_files(tmp_path, 10)
    view = young(10, known=2)
    earlier = read_recalled(folder, "BTCUSDT", None, None)
    sent, _ = asked(10)
    view.take("order sent", {**request("place", ENTRY, 0), **told_as(sent)})
    view.recall(*earlier)
    audit = Audit()
    audit.take(view)
    assert [request.time_ms for request in audit.requests] == [
        asked(n)[0].time_ms for n in range(11)
    ]


def test_files_that_are_not_there_or_make_no_sense_have_nothing_to_recall(tmp_path: Path) -> None:
    assert read_recalled(tmp_path, "BTCUSDT", None, None) == ([], [])
    (tmp_path / "BTCUSDT_events.jsonl").write_bytes(b'\xff\n"order sent"\n{"kind": "order sent"}\n')
    (tmp_path / "BTCUSDT_trades.jsonl").write_bytes(b"\xff\n3\n{}\n")
    assert read_recalled(tmp_path, "BTCUSDT", None, None) == ([], [])
