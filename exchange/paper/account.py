"""The account: wallet, positions, settings, and the payments that changed the wallet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from exchange.paper.book import BOTH, BUY, LONG, SHORT, Order
from exchange.paper.instrument import Instrument
from exchange.paper.margin import Held
from exchange.paper.numbers import ZERO

DEFAULT_LEVERAGE = 20
"""What Binance gives a symbol that nobody has set."""


@dataclass(slots=True)
class Position:
    """One leg of a coin: `amount` in coins, negative if short, and its average entry in USDT."""

    symbol: str
    side: str
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    realised: Decimal = ZERO
    updated_ms: int = 0

    def apply(self, amount: Decimal, price: Decimal) -> Decimal:
        """Trade `amount` (negative sells) at `price`; returns the profit that became real."""
        adds = self.amount == 0 or (self.amount > 0) == (amount > 0)
        if adds:
            total = self.amount + amount
            self.entry = (self.amount * self.entry + amount * price) / total
            self.amount = total
            return ZERO
        closed = min(abs(amount), abs(self.amount)) * (1 if self.amount > 0 else -1)
        profit = closed * (price - self.entry)
        turned = self.amount > 0 > self.amount + amount or self.amount < 0 < self.amount + amount
        self.amount += amount
        if turned:
            self.entry = price
        elif self.amount == 0:
            self.entry = ZERO
        self.realised += profit
        return profit


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill: price in USDT, quantity in coins, fee and realised profit in USDT."""

    id: int
    order: Order
    price: Decimal
    quantity: Decimal
    fee: Decimal
    realised: Decimal
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Income:
    """A payment into (or, negative, out of) the wallet, USDT."""

    id: int
    kind: str
    symbol: str
    amount: Decimal
    time_ms: int
    note: str = ""
    trade_id: str = ""


@dataclass(slots=True)
class Account:
    """A cross-margin account in USDT; in hedge mode long and short stand side by side."""

    wallet: Decimal
    hedge: bool = True
    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
    leverage: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    income: list[Income] = field(default_factory=list)
    updated_ms: int = 1
    last_trade: int = 0
    last_income: int = 0

    def position(self, symbol: str, side: str) -> Position:
        """A position, flat if there is none yet."""
        return self.positions.setdefault((symbol, side), Position(symbol, side))

    def leverage_of(self, symbol: str) -> int:
        return self.leverage.get(symbol, DEFAULT_LEVERAGE)

    def sides(self) -> tuple[str, ...]:
        return (LONG, SHORT) if self.hedge else (BOTH,)

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if position.amount]

    def fill(
        self, order: Order, quantity: Decimal, price: Decimal, fee: Decimal, maker: bool, ms: int
    ) -> Trade:
        """Book a fill: position, wallet, trade, and both payments."""
        position = self.position(order.symbol, order.position_side)
        profit = position.apply(quantity if order.side == BUY else -quantity, price)
        position.updated_ms = self.updated_ms = ms
        self.last_trade = number = self.last_trade + 1
        trade = Trade(number, order, price, quantity, fee, profit, maker, ms)
        self.trades.append(trade)
        if profit:
            self.pay("REALIZED_PNL", order.symbol, profit, ms, trade_id=str(number))
        self.pay("COMMISSION", order.symbol, -fee, ms, trade_id=str(number))
        return trade

    def pay(
        self, kind: str, symbol: str, amount: Decimal, ms: int, note: str = "", trade_id: str = ""
    ) -> Income:
        """A payment of a kind that the income history knows."""
        self.wallet += amount
        self.updated_ms = ms
        self.last_income += 1
        paid = Income(self.last_income, kind, symbol, amount, ms, note, trade_id)
        self.income.append(paid)
        return paid

    def held(
        self,
        instruments: dict[str, Instrument],
        slope: Callable[[Instrument], Decimal] | None = None,
    ) -> list[Held]:
        """Open positions as margin sees them, in the order of `open_positions`."""
        found = []
        for position in self.open_positions():
            coin = instruments[position.symbol]
            change = slope(coin) if slope else ZERO
            tiers = coin.market.tiers
            found.append(Held(position.amount, position.entry, coin.price, tiers, change))
        return found

    def profit(self, instruments: dict[str, Instrument]) -> Decimal:
        """Unrealised profit of all positions at the present prices."""
        return sum((held.profit for held in self.held(instruments)), ZERO)

    def position_margin(self, instruments: dict[str, Instrument]) -> Decimal:
        """Initial margin of all positions at the present prices."""
        total = ZERO
        for position in self.open_positions():
            notional = abs(position.amount) * instruments[position.symbol].price
            total += notional / self.leverage_of(position.symbol)
        return total

    def order_margin(self, orders: list[Order]) -> Decimal:
        """Initial margin of open orders that would add to positions."""
        total = ZERO
        for order in orders:
            if order.opens:
                total += order.left * order.price / self.leverage_of(order.symbol)
        return total
