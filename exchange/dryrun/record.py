"""A dry run's account in a file: exact decimals, replaced as a whole or not at all."""

import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, ValidationError

from exchange.errors import DataError
from exchange.paper.account import Account, Income, Position, Trade
from exchange.paper.book import Book, Order, Status, Stop, StopStatus
from exchange.paper.tape import Ohlcv
from exchange.paper.venue import Venue
from exchange.timeframe import DAY_MS

_UNFILLED_KEPT_MS = 3 * DAY_MS
_KEPT_MS = 90 * DAY_MS
"""As long as Binance knows orders and trades."""

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


class Record(_Part):
    """An account after the candle that was walked last. `children`: the stop of each order that a
    fired stop became."""

    version: Literal[1] = 1
    symbol: str
    candle: Candle
    wallet: Decimal
    leverage: int = Field(ge=1, le=125)
    updated_ms: int
    last_id: int = Field(ge=0)
    last_trade: int = Field(ge=0)
    last_income: int = Field(ge=0)
    positions: list[KeptPosition]
    orders: list[KeptOrder]
    stops: list[KeptStop]
    children: dict[int, int]
    trades: list[KeptTrade]
    income: list[KeptIncome]
    unsettled: list[Unsettled]

    @classmethod
    def of(
        cls, venue: Venue, symbol: str, candle: Ohlcv, unsettled: Iterable[Unsettled]
    ) -> "Record":
        """What of a venue with one coin must survive."""
        account, book, now = venue.account, venue.book, venue.clock.market_ms
        trades = [trade for trade in account.trades if trade.time_ms > now - _KEPT_MS]
        needed = {trade.order.id for trade in trades}
        orders = [
            order
            for order in book.orders.values()
            if order.is_open or order.id in needed or order.updated_ms > now - _UNFILLED_KEPT_MS
        ]
        children = {order.id: order.stop.id for order in orders if order.stop}
        fired = set(children.values())
        stops = [
            stop
            for stop in book.stops.values()
            if stop.id in book.open_stops
            or stop.id in fired
            or stop.updated_ms > now - _UNFILLED_KEPT_MS
        ]
        return cls(
            symbol=symbol,
            candle=Candle.model_validate(candle),
            wallet=account.wallet,
            leverage=account.leverage_of(symbol),
            updated_ms=account.updated_ms,
            last_id=venue.last_id,
            last_trade=account.last_trade,
            last_income=account.last_income,
            positions=[KeptPosition.model_validate(each) for each in account.positions.values()],
            orders=[KeptOrder.model_validate(order) for order in orders],
            stops=[KeptStop.model_validate(stop) for stop in stops],
            children=children,
            trades=[KeptTrade.model_validate(trade) for trade in trades],
            income=[
                KeptIncome.model_validate(paid)
                for paid in account.income
                if paid.time_ms > now - _KEPT_MS
            ],
            unsettled=list(unsettled),
        )

    @property
    def last_candle(self) -> Ohlcv:
        return Ohlcv(**self.candle.model_dump())

    def book(self) -> Book:
        """Its orders and stops."""
        book = Book()
        for kept in self.stops:
            book.add_stop(Stop(symbol=self.symbol, **kept.model_dump()))
        for kept_order in self.orders:
            order = Order(symbol=self.symbol, **kept_order.model_dump())
            if order.id in self.children:
                order.stop = book.stops[self.children[order.id]]
                order.stop.child = order
            book.add(order)
        return book

    def account(self, book: Book, maker: Decimal, taker: Decimal) -> Account:
        """Its account; `book` is its own."""
        account = Account(
            self.wallet,
            maker=maker,
            taker=taker,
            leverage={self.symbol: self.leverage},
            updated_ms=self.updated_ms,
            last_trade=self.last_trade,
            last_income=self.last_income,
        )
        for kept in self.positions:
            position = Position(symbol=self.symbol, **kept.model_dump())
            account.positions[self.symbol, position.side] = position
        for trade in self.trades:
            parts = trade.model_dump(exclude={"order_id"})
            account.trades.append(Trade(order=book.orders[trade.order_id], **parts))
        account.income += [Income(symbol=self.symbol, **paid.model_dump()) for paid in self.income]
        return account


def read_record(path: Path, symbol: str) -> Record | None:
    """The record in a file; None if there is no file.

    Raises:
        DataError: it cannot be read, is damaged, or is of another symbol.
    """
    advice = "move it away to begin anew"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"{path}: the dry run's account cannot be read ({error.strerror})"
        ) from error
    try:
        record = Record.model_validate_json(text)
        record.account(record.book(), Decimal(0), Decimal(0))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(
            f"{path}: the dry run's account is damaged at {where} ({first['msg']}): {advice}"
        ) from error
    except KeyError as error:
        raise DataError(
            f"{path}: the dry run's account is damaged (order or stop {error} is missing): {advice}"
        ) from error
    if record.symbol != symbol:
        raise DataError(f"{path} is a dry run's account in {record.symbol}, not {symbol}: {advice}")
    return record


def write_record(path: Path, record: Record) -> None:
    """Replace the file; a crash at any moment leaves the old one or the new one.

    Raises:
        DataError: it cannot be written.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(record.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DataError(
            f"{path}: the dry run's account cannot be written ({error.strerror})"
        ) from error
