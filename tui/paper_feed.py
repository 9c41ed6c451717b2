"""What happens on a paper exchange, as lines, and how it stands, for whoever shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.wording import amount
from exchange.paper.execution import LIQUIDATION_ID
from exchange.paper.notices import Notice, OrderChanged

if TYPE_CHECKING:
    from decimal import Decimal

    from exchange.paper.account import Trade
    from exchange.paper.faults import Fault
    from exchange.paper.server import PaperExchange, Served

_MOST_WAITING = 2_000
_ORDERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; market time, ms UTC.

    Kind is request, refused, trade, fault, ledger (its file cannot be written) or end.
    """

    time_ms: int
    kind: str
    text: str

    def written(self, *, with_date: bool) -> str:
        """`21:03:11.120  trade    BUY LONG 0.002 BTCUSDT at 64,100.0`."""
        moment = datetime.fromtimestamp(self.time_ms / 1000, UTC)
        clock = f"{moment:%H:%M:%S}.{self.time_ms % 1000:03}"
        day = f"{moment:%Y-%m-%d} " if with_date else ""
        return f"{day}{clock}  {self.kind:<8} {self.text}"


class PaperFeed:
    """Listens in the exchange's thread, is drained from another; `on_line` is called in the first.

    `served` counts requests, `trades` fills. The newest lines are kept.
    """

    def __init__(self, on_line: Callable[[], object] = lambda: None) -> None:
        self.served = 0
        self.trades = 0
        self._on_line = on_line
        self._lines: deque[Line] = deque(maxlen=_MOST_WAITING)
        self._exchange: PaperExchange | None = None

    def listen_to(self, exchange: PaperExchange) -> None:
        """Hear everything from now on."""
        self._exchange = exchange
        exchange.on_served.append(self._hear_request)
        exchange.venue.listeners.append(self._hear)
        exchange.faults.listeners.append(self._hear_fault)
        exchange.ledger.listeners.append(self._hear_ledger)

    def tell_of_the_end(self) -> None:
        """A line that no bar is left."""
        now = self._exchange.clock.market_ms if self._exchange else 0
        self._add(now, "end", "the tape has ended: the price stands still from here on")

    def drain(self) -> list[Line]:
        """Everything since the last call, oldest first; never blocks."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def _hear_request(self, served: Served) -> None:
        self.served += 1
        refused = not 0 < served.status < 400
        code = f" {served.code}" if served.code else ""
        status = f"{served.status}{code}" if served.status else "no answer"
        text = f"{served.method} {served.path}  {status}  {served.took_ms:.0f} ms"
        self._add(served.time_ms, "refused" if refused else "request", text)

    def _hear(self, notice: Notice) -> None:
        if isinstance(notice, OrderChanged) and notice.trade:
            self.trades += 1
            self._add(notice.trade.time_ms, "trade", _trade(notice.trade))

    def _hear_fault(self, fault: Fault, target: str) -> None:
        now = self._exchange.clock.market_ms if self._exchange else 0
        self._add(now, "fault", f"{fault_name(fault)} struck {target}")

    def _hear_ledger(self, text: str) -> None:
        now = self._exchange.clock.market_ms if self._exchange else 0
        self._add(now, "ledger", text)

    def _add(self, time_ms: int, kind: str, text: str) -> None:
        self._lines.append(Line(time_ms, kind, text))
        self._on_line()


@dataclass(frozen=True, slots=True)
class PositionState:
    """A position: coins (negative if short), USDT."""

    symbol: str
    side: str
    amount: Decimal
    entry: Decimal
    profit: Decimal


@dataclass(frozen=True, slots=True)
class PaperState:
    """How an exchange stands; prices and money in USDT, times ms UTC.

    `orders`: the oldest open ones and stops, as symbol and text; `ended`: no bar is left.
    """

    time_ms: int
    prices: tuple[tuple[str, Decimal], ...]
    wallet: Decimal
    profit: Decimal
    positions: tuple[PositionState, ...]
    orders: tuple[tuple[str, str], ...]
    order_count: int
    stop_count: int
    clients: int
    armed: tuple[Fault, ...]
    ended: bool


def state_of(exchange: PaperExchange) -> PaperState:
    """How it stands now; to be called in its own thread."""
    exchange.catch_up()
    venue = exchange.venue
    coins, account = venue.instruments, venue.account
    resting, waiting = venue.book.resting(), venue.book.waiting()
    orders = [
        (o.symbol, f"{o.side} {o.position_side} {o.left} at {o.price:,} {o.time_in_force}")
        for o in resting[:_ORDERS_SHOWN]
    ]
    stops = [
        (s.symbol, f"{s.side} {s.position_side} {s.quantity or 'all'} {s.kind} at {s.trigger:,}")
        for s in waiting[:_ORDERS_SHOWN]
    ]
    return PaperState(
        time_ms=exchange.clock.wall_ms(),
        prices=tuple((symbol, coin.price) for symbol, coin in coins.items()),
        wallet=account.wallet,
        profit=account.profit(coins),
        positions=tuple(
            PositionState(p.symbol, p.side, p.amount, p.entry, p.amount * (price - p.entry))
            for p in account.open_positions()
            for price in (coins[p.symbol].price,)
        ),
        orders=(*orders, *stops),
        order_count=len(resting),
        stop_count=len(waiting),
        clients=exchange.clients,
        armed=tuple(exchange.faults.armed()),
        ended=has_ended(exchange),
    )


def has_ended(exchange: PaperExchange) -> bool:
    """Whether no bar is left; to be called in its own thread."""
    venue = exchange.venue
    return venue.next_open_ms is None and not any(c.legs for c in venue.instruments.values())


def fault_name(fault: Fault) -> str:
    """`code -1008`, `http 503`, `timeout executed`."""
    number = fault.code or fault.status
    return f"{fault.what}{f' {number}' if number else ''}{' executed' if fault.executed else ''}"


def _trade(trade: Trade) -> str:
    order = trade.order
    made = f", realised {amount(float(trade.realised), signed=True)}" if trade.realised else ""
    how = "maker" if trade.maker else "taker"
    if order.client_id.startswith(LIQUIDATION_ID):
        how = "LIQUIDATION"
    return (
        f"{order.side} {order.position_side} {trade.quantity} {order.symbol} at "
        f"{trade.price.normalize():,f}, {how}, fee {float(trade.fee):.4f}{made}"
    )
