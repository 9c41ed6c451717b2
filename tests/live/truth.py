"""What must hold between a run and the exchange's own record, whatever happened on the way."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest

from engine.account import SIDE_NAMES
from engine.live.orders import Purpose
from engine.live.runner import LiveRunner
from exchange.client_ids import ClientId
from exchange.paper.server import PaperExchange

_CENT = 0.005


def check_whole(runner: LiveRunner, paper: PaperExchange) -> None:
    """Positions, equity and trades of the run are the exchange's: nothing lost, nothing twice."""
    account, symbol = paper.venue.account, runner.run.listed.market.symbol.id
    price = paper.venue.instruments[symbol].price
    record = runner.run.kernel.state[0]
    for name, side in zip(SIDE_NAMES, record["sides"], strict=True):
        held = abs(account.position(symbol, name.upper()).amount)
        assert float(side["qty"]) == pytest.approx(float(held), abs=1e-9), name
    # closing a lot by its name and closing at the mean entry differ in what is realised when
    there = float(account.wallet + account.profit(paper.venue.instruments))
    assert runner.run.kernel.equity_at(float(price)) == pytest.approx(there, abs=_CENT)
    check_trades(runner, paper)
    check_ids(paper)


def check_trades(runner: LiveRunner, paper: PaperExchange) -> None:
    """Every trade of the exchange is in exactly one row of the trade log, in order."""
    booked: dict[int, list[float]] = {}
    for row in runner.run.store.trades.rows():
        if row["trade_id"] is not None:
            total = booked.setdefault(row["trade_id"], [0.0, 0.0])
            total[0] += row["qty"]
            total[1] += row["fee"]
    ids = list(booked)
    assert ids == sorted(ids)
    trades = {trade.id: trade for trade in paper.venue.account.trades}
    assert max(trades, default=0) == max(ids, default=0)
    for before, last in pairwise([0, *ids]):
        together = [trades[number] for number in range(before + 1, last + 1)]
        assert len({trade.order.id for trade in together}) == 1
        qty = sum((trade.quantity for trade in together), Decimal(0))
        fee = sum((trade.fee for trade in together), Decimal(0))
        assert booked[last] == pytest.approx([float(qty), float(fee)], abs=1e-7)


def check_ids(paper: PaperExchange) -> None:
    """No id was given to two orders."""
    book = paper.venue.book
    used = Counter(thing.client_id for thing in (*book.orders.values(), *book.stops.values()))
    assert max(used.values(), default=1) == 1, used.most_common(3)


def check_resting(paper: PaperExchange) -> None:
    """A stop for all of each position, and one order for each purpose."""
    book, account = paper.venue.book, paper.venue.account
    for position in account.open_positions():
        stops = [
            stop.quantity
            for stop in book.waiting()
            if stop.position_side == position.side and stop.closes
        ]
        assert max(stops, default=Decimal(0)) >= abs(position.amount), position.side
    resting = [order.client_id for order in book.resting()]
    resting += [stop.client_id for stop in book.waiting()]
    places = Counter(
        Purpose.of(name).place for text in resting if (name := ClientId.parse(text)) is not None
    )
    assert max(places.values(), default=1) == 1, places.most_common(3)
    assert sum(places.values()) == len(resting)
