"""What an exchange forgets: without it a run of weeks would fill the memory."""

from itertools import dropwhile, islice
from typing import TypeVar

from exchange.paper.account import Account, Income, Trade
from exchange.paper.book import Book
from exchange.timeframe import DAY_MS

UNFILLED_KEPT_MS = 3 * DAY_MS
"""So long Binance knows orders that ended without a fill, and stops that ended without firing."""

KEPT_MS = 90 * DAY_MS
"""So long it knows trades, their orders, and payments."""

MOST_TRADES = 20_000
MOST_PAYMENTS = 60_000

Entry = TypeVar("Entry", Trade, Income)


def forget(account: Account, book: Book, now_ms: int) -> None:
    """Drop what is too old to be asked for; positions, wallet and whatever is open stay."""
    account.trades = _young(account.trades, MOST_TRADES, now_ms - KEPT_MS)
    account.income = _young(account.income, MOST_PAYMENTS, now_ms - KEPT_MS)
    traded = {trade.order.id for trade in account.trades}
    oldest = now_ms - UNFILLED_KEPT_MS
    for order in list(book.orders.values()):
        if not (order.is_open or order.id in traded or order.updated_ms > oldest):
            book.drop(order)
    for stop in list(book.stops.values()):
        fired = stop.child is not None and stop.child.id in book.orders
        if not (stop.id in book.open_stops or fired or stop.updated_ms > oldest):
            book.drop_stop(stop)


def _young(entries: list[Entry], most: int, oldest_ms: int) -> list[Entry]:
    """The last `most` of entries in time's order, less those that lie at `oldest_ms` or before."""
    latest = islice(entries, max(len(entries) - most, 0), None)
    return list(dropwhile(lambda entry: entry.time_ms <= oldest_ms, latest))
