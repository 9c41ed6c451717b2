"""A bot that has told enough for every key of its screens to have something to do."""

import logging
import math
from typing import Any

from exchange.client_ids import ClientId
from tests.bot_app import watched
from tests.bot_documents import NOON_MS, alarm, answer, bar, request, snapshot, trade
from tui.bot.view import BotView

NEWEST = 411
LABELS = ("BUY_OPEN_LONG", "SELL_OPEN_SHORT", "SELL_CLOSE_LONG", "BUY_CLOSE_SHORT")


def wave(number: int) -> dict[str, Any]:
    """A bar of a market that swings, and of an equity that grows slowly."""
    angle = (number - NEWEST) / 40
    one = bar(number, 64_800 + 900 * math.sin(angle), 10_250 + 30 * math.cos(angle * 0.7))
    return one | {"regime": (0, 0, 1, 0, -1, 2, 0, -2)[number // 30 % 8]}


def rows_of_trades(number: int) -> list[dict[str, Any]]:
    """Trades of both sides, a quarter of an hour apart; every other one closes a lot."""
    rows = []
    for n in range(number):
        label = LABELS[n % 4]
        pnl = (n % 7 - 2) * 1.5 if "CLOSE" in label else None
        rows.append(
            trade(label, 64_000.0 + 7 * (n % 200), 0.010 + n % 5 / 1000, 900 * (number - n), pnl)
        )
    return rows


def busy(
    mode: str = "paper", trades: int = 120, bars: int = 3_200, lines: int = 300, **more: Any
) -> BotView:
    """A month of bars, trades, requests with their answers, and some hours of lines."""
    requests: list[dict[str, Any]] = []
    for n in range(20):
        client_id = str(ClientId("m05", NOON_MS // 900_000, "long", "entry", 1 + n % 5))
        sent = 3_000.0 - 100 * n
        requests += [
            request("place", client_id, sent, f"{64_000 + n}.3"),
            answer(client_id, "open", sent - 0.1),
        ]
    rows = [wave(n) for n in range(NEWEST + 1 - bars, NEWEST + 1)]
    view = watched(
        snapshot(mode, bars=rows, trades=rows_of_trades(trades), requests=requests, **more)
    )
    for n in range(lines):
        word = "stop" if n % 50 == 7 else "entry"
        view.write(logging.INFO, f"[2025-01-10 {7 + n // 60:02}:{n % 60:02}:00] GRID | {n} {word}")
    view.write(logging.WARNING, "[2025-01-10 11:59:58] ALARM | long differs")
    view.write(logging.ERROR, "[2025-01-10 11:59:59] HEALTH | clock bad: +900 ms (limit 500 ms)")
    return view


def raise_alarm(app: Any) -> None:
    """Tell the bot that is shown, or one of its own, of something that nobody has seen yet."""
    fleet = app.store.fleet
    if fleet.watched is None:
        fleet.watched = watched()
    fleet.watched.take("alarm", alarm())
    app.screen_stack[0].refresh_from_store(app._clock())


def quiet(mode: str = "paper", **more: Any) -> BotView:
    """Some bars, trades, requests and lines."""
    return busy(mode, trades=8, bars=200, lines=12, **more)
