"""What of a dry run's account must survive: exact decimals, checked when they come back."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from exchange.paper.account import Account, Income, Position, Trade
from exchange.paper.book import Book, Order, Status, Stop, StopStatus
from exchange.paper.tape import Ohlcv

Side = Literal["BUY", "SELL"]
PositionSide = Literal["LONG", "SHORT"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Candle(_Part):
    time: int = Field(ge=0)
    open: Decimal = Field(gt=0)
    high: Decimal = Field(gt=0)
    low: Decimal = Field(gt=0)
    close: Decimal = Field(gt=0)
    volume: Decimal = Field(ge=0)


class KeptOrder(_Part):
    id: int
    client_id: str
    side: Side
    position_side: PositionSide
    kind: Literal["LIMIT", "MARKET"]
    time_in_force: str
    price: Decimal = Field(ge=0)
    quantity: Decimal = Field(gt=0)
    created_ms: int
    reduce_only: bool
    status: Status
    filled: Decimal = Field(ge=0)
    cost: Decimal = Field(ge=0)
    updated_ms: int
    stop_id: int | None = Field(
        None, validation_alias=AliasChoices("stop_id", AliasPath("stop", "id"))
    )


class KeptStop(_Part):
    id: int
    client_id: str
    side: Side
    position_side: PositionSide
    kind: str
    trigger: Decimal = Field(gt=0)
    quantity: Decimal = Field(ge=0)
    close_position: bool
    working_type: str
    created_ms: int
    reduce_only: bool
    status: StopStatus
    updated_ms: int
    triggered_ms: int


class KeptTrade(_Part):
    id: int
    order_id: int = Field(validation_alias=AliasChoices("order_id", AliasPath("order", "id")))
    price: Decimal = Field(gt=0)
    quantity: Decimal = Field(gt=0)
    fee: Decimal
    realised: Decimal
    maker: bool
    time_ms: int


class KeptIncome(_Part):
    id: int
    kind: str
    amount: Decimal
    time_ms: int
    note: str
    trade_id: str


class KeptPosition(_Part):
    side: PositionSide
    amount: Decimal
    entry: Decimal = Field(ge=0)
    realised: Decimal
    updated_ms: int


class Unsettled(_Part):
    """What was held at a full hour whose funding rate, if it has one, is not known yet."""

    time_ms: int
    price: Decimal = Field(gt=0)
    held: dict[PositionSide, Decimal]


class Now(_Part):
    """Where an account stands after the candle that was walked last."""

    version: Literal[2] = 2
    symbol: str
    candle: Candle
    wallet: Decimal
    leverage: int = Field(ge=1, le=125)
    updated_ms: int
    last_id: int = Field(ge=0)
    last_trade: int = Field(ge=0)
    last_income: int = Field(ge=0)
    positions: list[KeptPosition]
    unsettled: list[Unsettled]


@dataclass(frozen=True, slots=True)
class Record:
    """An account as it was kept; orders and stops in the order of their ids."""

    now: Now
    orders: tuple[KeptOrder, ...]
    stops: tuple[KeptStop, ...]
    trades: tuple[KeptTrade, ...]
    income: tuple[KeptIncome, ...]

    @property
    def last_candle(self) -> Ohlcv:
        return Ohlcv(**self.now.candle.model_dump())

    def book(self) -> Book:
        """Its orders and stops.

        Raises:
            KeyError: the stop of an order is missing.
        """
        book, symbol = Book(), self.now.symbol
        for kept in self.stops:
            book.add_stop(Stop(symbol=symbol, **kept.model_dump()))
        for kept_order in self.orders:
            order = Order(symbol=symbol, **kept_order.model_dump(exclude={"stop_id"}))
            if kept_order.stop_id is not None:
                order.stop = book.stops[kept_order.stop_id]
                order.stop.child = order
            book.add(order)
        return book

    def account(self, book: Book, maker: Decimal, taker: Decimal) -> Account:
        """Its account; `book` is its own.

        Raises:
            KeyError: the order of a trade is missing.
        """
        now = self.now
        account = Account(
            now.wallet,
            maker=maker,
            taker=taker,
            leverage={now.symbol: now.leverage},
            updated_ms=now.updated_ms,
            last_trade=now.last_trade,
            last_income=now.last_income,
        )
        for kept in now.positions:
            position = Position(symbol=now.symbol, **kept.model_dump())
            account.positions[now.symbol, position.side] = position
        for trade in self.trades:
            parts = trade.model_dump(exclude={"order_id"})
            account.trades.append(Trade(order=book.orders[trade.order_id], **parts))
        account.income += [Income(symbol=now.symbol, **paid.model_dump()) for paid in self.income]
        return account
