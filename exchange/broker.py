"""What the engine asks of an exchange, and the records that go to and fro.

A broker is one account in one symbol, in hedge mode. Prices and quantities are Decimals on the
market's grid. Whatever fails raises one of the failures of `exchange.outcomes`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from exchange.client_ids import ClientId, Side
from exchange.decimals import plain as plain
from exchange.errors import DataError
from exchange.market import Market
from exchange.symbol import Symbol

if TYPE_CHECKING:
    import pandas as pd

OrderSide = Literal["buy", "sell"]
Kind = Literal["limit", "market", "stop", "other"]
State = Literal["open", "filled", "cancelled", "expired", "rejected"]
PositionMode = Literal["hedge", "one-way"]
MarginMode = Literal["cross", "isolated"]
News = Literal["fill", "order", "account", "candle", "reconcile"]


@runtime_checkable
class MarketData(Protocol):
    """One symbol's market, for which nobody needs keys.

    Every method that reads raises `Throttled`, `ClockSkew` or `Unreachable` rather than return
    something neutral. Prices are exact; times are ms UTC.
    """

    @property
    def symbol(self) -> Symbol:
        """Whose market it is."""

    async def market(self) -> "ListedMarket":
        """Tick, step, minimum notional, tiers and filters, as the exchange lists them now."""

    async def server_time(self) -> int:
        """The exchange's clock, ms UTC."""

    async def closed_candles(self, timeframe: str, since_ms: int) -> "pd.DataFrame":
        """Candles that open at or after `since_ms` and are closed; see `CANDLE_COLUMNS`.

        May have no row (none has closed yet). The open candle is never among them; missing ones
        stay missing.
        """

    async def mark_price(self) -> Decimal:
        """The price by which margin and liquidation go."""

    async def funding_rates(self, since_ms: int) -> "list[FundingRate]":
        """What was settled from `since_ms` on, oldest first."""

    def hints(self, timeframe: str) -> "AsyncIterator[Hint]":
        """News as it happens, until the iterator is closed. It can be late, repeated or missing:
        what it says is asked for by the other methods.

        Read it in a task of its own: a wait for the next hint that is cancelled ends the streams.
        """

    def stream_ages(self) -> Mapping[str, float | None]:
        """Seconds since each stream of `hints` last said anything; None: not yet."""

    async def close(self) -> None:
        """Give the connections back."""


@runtime_checkable
class Broker(MarketData, Protocol):
    """One account in one symbol, and its market.

    Every method that reads raises `Throttled`, `NotAuthorised`, `ClockSkew` or `Unreachable`
    rather than return something neutral; those that change something raise `Refused` and
    `UnknownOutcome` as well. Quantities and prices are exact; times are ms UTC.
    """

    async def position_mode(self) -> PositionMode:
        """How the account holds positions."""

    async def ensure_hedge_mode(self) -> None:
        """Have the account in hedge mode; no error if it is already.

        Raises:
            Refused: open orders or positions are in the way; says what to do.
        """

    async def margin_mode(self) -> MarginMode:
        """How the symbol's positions share the wallet."""

    async def ensure_cross_margin(self) -> None:
        """Have the symbol in cross margin; no error if it is already.

        Raises:
            Refused: open orders or positions are in the way; says what to do.
        """

    async def leverage(self) -> int:
        """The symbol's leverage."""

    async def set_leverage(self, leverage: int) -> None:
        """Set the symbol's leverage, 1 to 125."""

    async def balance(self) -> "Balance":
        """USDT in the futures wallet."""

    async def positions(self) -> "Positions":
        """Both sides; a side that the exchange does not list is flat."""

    async def open_orders(self) -> "list[PlacedOrder]":
        """Everything that rests in the symbol: limit orders and stops, ours and foreign."""

    async def trades_since(self, trade_id: int | None) -> "list[Fill]":
        """Fills after `trade_id`, oldest first; with None those of the last seven days."""

    async def funding_paid(self, since_ms: int) -> "list[FundingPayment]":
        """Funding payments from `since_ms` on, oldest first."""

    async def place(self, order: "NewOrder") -> "PlacedOrder":
        """Send an order. What it filled is learned from `trades_since`, not from this answer.

        Raises:
            Refused: also by the check before sending; nothing of it exists then.
            UnknownOutcome: `settle` finds out.
        """

    async def cancel(self, client_id: ClientId) -> "PlacedOrder":
        """Cancel an order; returns it as it is afterwards: cancelled, or filled if that was faster.

        Raises:
            Refused: the exchange knows no such order.
            UnknownOutcome: `find` tells.
        """

    async def find(self, client_id: ClientId) -> "PlacedOrder | None":
        """The order of that id, open or not; None if the exchange says that there is none.

        A stop that has fired carries the id and the fills of the market order that it became.
        """

    async def settle(self, client_id: ClientId) -> "PlacedOrder | None":
        """Find out what became of an order whose outcome is unknown; takes about ten seconds.

        Returns:
            The order; None: it does not exist and cannot come into being any more, so the same
            order may be sent again under the same id.

        Raises:
            UnknownOutcome: the exchange could not be asked; call it again.
        """


@dataclass(frozen=True, slots=True)
class ListedMarket:
    """A symbol as the exchange lists it: its market, and the filters that orders must pass.

    Quantities in coins, prices in USDT. `percent_up` and `percent_down`: a buy may cost at most
    `mark * percent_up`, a sell must bring at least `mark * percent_down`.

    Raises:
        DataError: bounds that exclude every order.
    """

    market: Market
    trading: bool
    min_price: Decimal
    max_price: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_step: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    percent_up: Decimal
    percent_down: Decimal
    max_orders: int
    max_stops: int

    def __post_init__(self) -> None:
        bounds = (
            (self.min_price, self.max_price),
            (self.min_qty, self.max_qty),
            (self.market_min_qty, self.market_max_qty),
            (self.percent_down, self.percent_up),
            (0, self.max_orders),
            (0, self.max_stops),
        )
        if self.market_step <= 0 or not all(0 <= low < high for low, high in bounds):
            raise DataError(f"{self.market.symbol}: the exchange lists filters that cannot be met")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be sent. Its id says what it is for, and so side and kind: they cannot disagree.

    Args:
        market: whose grid it lies on.
        client_id: an entry is a limit order that opens; a take-profit a limit order that closes; a
            stop closes at market when the price reaches `price`; an exit closes at market now.
        qty: coins.
        price: of a limit order; the trigger of a stop; None of an exit.
        post_only: refuse it rather than take; entries always do.

    Raises:
        DataError: not on the grid, not positive, or parts that do not belong together.
    """

    market: Market = field(repr=False)
    client_id: ClientId
    qty: Decimal
    price: Decimal | None = None
    post_only: bool = False

    def __post_init__(self) -> None:
        _require_grid(self.qty, self.market.step, f"order {self.client_id}: quantity")
        if (self.price is None) != (self.kind == "market"):
            raise DataError(f"order {self.client_id}: {self.client_id.role} and price disagree")
        if self.price is not None:
            _require_grid(self.price, self.market.tick, f"order {self.client_id}: price")
        if (self.opens and not self.post_only) or (self.post_only and self.kind != "limit"):
            raise DataError(
                f"order {self.client_id}: entries are post-only, stops and exits cannot be"
            )

    @property
    def side(self) -> Side:
        """Of the position that it opens or closes."""
        return self.client_id.side

    @property
    def opens(self) -> bool:
        return self.client_id.role == "entry"

    @property
    def order_side(self) -> OrderSide:
        return "buy" if self.opens == (self.side == "long") else "sell"

    @property
    def kind(self) -> Literal["limit", "market", "stop"]:
        if self.client_id.role == "stop":
            return "stop"
        return "market" if self.client_id.role == "exit" else "limit"


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as the exchange tells it.

    `client_id` is text because foreign orders have any; `ours` is None for those. `order_id` is
    what its fills carry: of a stop that has not fired there is none. `price` is the trigger of a
    stop, None of a market order.

    Raises:
        DataError: quantities that no order can have.
    """

    client_id: str
    order_id: str | None
    side: Side
    order_side: OrderSide
    kind: Kind
    qty: Decimal
    filled: Decimal
    price: Decimal | None
    post_only: bool
    state: State
    updated_ms: int

    def __post_init__(self) -> None:
        if not (self.qty.is_finite() and 0 <= self.filled <= self.qty):
            raise DataError(f"order {self.client_id}: {self.filled} of {self.qty} is not possible")

    @property
    def ours(self) -> ClientId | None:
        return ClientId.parse(self.client_id)


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of ours; `trade_id` rises with time and is never given twice in a symbol.

    `client_id` is None where the order is not known any more. `fee` is positive when paid.

    Raises:
        DataError: price or quantity not positive.
    """

    trade_id: int
    order_id: str
    client_id: str | None
    side: Side
    order_side: OrderSide
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    time_ms: int

    def __post_init__(self) -> None:
        if not (self.price > 0 and self.qty > 0 and self.fee.is_finite()):
            raise DataError(f"trade {self.trade_id}: {self.qty} at {self.price} is not a trade")

    @property
    def ours(self) -> ClientId | None:
        return None if self.client_id is None else ClientId.parse(self.client_id)


@dataclass(frozen=True, slots=True)
class Position:
    """One side of the hedge; `qty` is never negative. Prices are 0 where it is flat.

    `liquidation_price` is the exchange's estimate for the account, None where there is none.

    Raises:
        DataError: a negative quantity, or a position without an entry price.
    """

    side: Side
    qty: Decimal = Decimal(0)
    entry_price: Decimal = Decimal(0)
    mark_price: Decimal = Decimal(0)
    unrealised: Decimal = Decimal(0)
    liquidation_price: Decimal | None = None
    updated_ms: int = 0

    def __post_init__(self) -> None:
        if not self.qty >= 0 or (self.qty > 0 and not self.entry_price > 0):
            raise DataError(f"{self.side} position of {self.qty} at {self.entry_price}")


@dataclass(frozen=True, slots=True)
class Positions:
    """Both sides of the hedge."""

    long: Position
    short: Position


@dataclass(frozen=True, slots=True)
class Balance:
    """USDT: `wallet` without open profit, `equity` with it, `available` for new orders."""

    wallet: Decimal
    equity: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the exchange says that an account, or a key, may do; None: it does not say."""

    trade: bool | None
    move_out: bool | None


@dataclass(frozen=True, slots=True)
class FundingPayment:
    """USDT booked at a settlement: + received, - paid. `id` is unique."""

    id: str
    time_ms: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class FundingRate:
    """What longs paid shorts at a settlement (negative: the other way), share of the notional."""

    time_ms: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Hint:
    """Something has, or may have, happened. `reconcile`: news may have been missed, ask for all."""

    news: News
    text: str


def _require_grid(number: Decimal, grid: Decimal, what: str) -> None:
    good = isinstance(number, Decimal) and number.is_finite() and number > 0
    if not good or number % grid != 0:
        raise DataError(f"{what} {number!r} is not a positive Decimal that is a multiple of {grid}")
