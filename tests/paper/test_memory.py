"""An exchange that runs for weeks forgets what Binance would not show any more. Under 1 s."""

from decimal import Decimal

import pytest

from exchange.market import market_for
from exchange.paper import execution
from exchange.paper.listing import Listing
from exchange.paper.memory import forget
from exchange.paper.server import PaperExchange
from exchange.paper.tape import Tape
from exchange.timeframe import DAY_MS
from tests.paper.support import FLAT, START, frame, place
from tests.paper.support import stop as place_stop


def days(count: int) -> PaperExchange:
    """An exchange of daily candles; the second is open."""
    tape = Tape(frame(*[FLAT] * count, length=DAY_MS), DAY_MS)
    paper = PaperExchange([Listing(market_for("BTC", 100.0), tape)], START + DAY_MS)
    paper.open_bar()
    return paper


def later(paper: PaperExchange, count: int) -> None:
    for _ in range(count):
        paper.walk_bar()
        paper.open_bar()


def test_an_order_without_a_fill_is_forgotten_after_three_days_and_one_that_rests_is_not() -> None:
    paper = days(10)
    book = paper.venue.book
    ended, resting = (place(paper, "BUY", "LONG", 1, price) for price in (96, 97))
    stopped, waiting = (place_stop(paper, "SELL", "LONG", 1, price) for price in (90, 91))
    execution.cancel(paper.venue, ended)
    book.end_stop(stopped, "CANCELED", paper.venue.clock.market_ms)
    later(paper, 2)
    assert set(book.orders) == {ended.id, resting.id}
    assert set(book.stops) == {stopped.id, waiting.id}
    later(paper, 2)
    assert set(book.orders) == {resting.id}
    assert set(book.stops) == {waiting.id}
    assert book.find("BTCUSDT", None, ended.client_id) is None
    assert book.find_stop(None, stopped.client_id) is None
    assert book.find("BTCUSDT", None, resting.client_id) is resting
    assert book.find_stop(None, waiting.client_id) is waiting


def test_a_later_order_of_the_same_client_id_is_still_found() -> None:
    paper = days(10)
    book = paper.venue.book
    first = place(paper, "BUY", "LONG", 1, 96, newClientOrderId="again")
    execution.cancel(paper.venue, first)
    second = place(paper, "BUY", "LONG", 1, 97, newClientOrderId="again")
    later(paper, 5)
    assert set(book.orders) == {second.id}
    assert book.find("BTCUSDT", None, "again") is second


def test_trades_their_orders_and_payments_are_forgotten_after_ninety_days() -> None:
    paper = days(100)
    venue = paper.venue
    bought = place(paper, "BUY", "LONG", 1)
    stop = place_stop(paper, "SELL", "LONG", 1, 90)
    execution.fire(venue, stop, Decimal(90))
    wallet = venue.account.wallet
    later(paper, 89)
    assert [trade.order.id for trade in venue.account.trades] == [bought.id, stop.child.id]
    assert set(venue.book.orders) == {bought.id, stop.child.id}
    assert set(venue.book.stops) == {stop.id}
    assert len(venue.account.income) == 3
    later(paper, 2)
    assert venue.account.trades == venue.account.income == []
    assert venue.book.orders == venue.book.stops == {}
    assert venue.account.wallet == wallet


def test_however_many_trades_there_are_their_number_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.paper.memory.MOST_TRADES", 10)
    monkeypatch.setattr("exchange.paper.memory.MOST_PAYMENTS", 15)
    paper = days(10)
    venue = paper.venue
    placed = [place(paper, "BUY", "LONG", 1) for _ in range(20)]
    forget(venue.account, venue.book, venue.clock.market_ms)
    assert [trade.order for trade in venue.account.trades] == placed[10:]
    assert len(venue.account.income) == 15
    assert len(venue.book.orders) == 20
    later(paper, 4)
    assert list(venue.book.orders.values()) == placed[10:]
