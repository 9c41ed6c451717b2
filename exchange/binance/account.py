"""The account's half of a broker: settings, balance, positions, orders and payments.

Requests carry exact decimal text. Hedge mode throughout: `positionSide` is always sent,
`reduceOnly` never (Binance refuses it there). Stops rest on the algo endpoint.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from exchange.binance import answers
from exchange.binance.answers import understood
from exchange.binance.endpoints import Endpoints
from exchange.binance.errors import ALREADY_CROSS, ALREADY_HEDGED, ONE_WAY_MODE
from exchange.binance.known_market import KnownMarket
from exchange.binance.orders import SETTLE_WAITS_S, OrderDesk
from exchange.broker import (
    Balance,
    Fill,
    FundingPayment,
    MarginMode,
    NewOrder,
    Permissions,
    PlacedOrder,
    PositionMode,
    Positions,
)
from exchange.client_ids import ClientId
from exchange.outcomes import Action, Refused, UnknownOutcome
from exchange.symbol import Symbol

_PAGE = 1000
_HIGHEST_LEVERAGE = 125


class AccountHalf:
    """What `Broker` says of the account, in one symbol.

    Args:
        endpoints: answers for the exchange.
        known: the market and its filters.
        mark_price: asks for the mark price.
        settle_waits_s: seconds before each question of `settle`.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        symbol: Symbol,
        known: KnownMarket,
        mark_price: Callable[[], Awaitable[Decimal]],
        settle_waits_s: tuple[float, ...] = SETTLE_WAITS_S,
    ) -> None:
        self._endpoints = endpoints
        self._symbol = symbol
        self._known = known
        self._desk = OrderDesk(endpoints, symbol, known, mark_price, settle_waits_s)

    @property
    def symbol(self) -> Symbol:
        """See `Broker.symbol`."""
        return self._symbol

    async def position_mode(self) -> PositionMode:
        """See `Broker.position_mode`."""
        answer = await self._endpoints.read("fapiPrivateGetAccountConfig")
        hedged = understood(lambda: answers.truth(answer["dualSidePosition"]))
        return "hedge" if hedged else "one-way"

    async def permissions(self) -> Permissions:
        """What Binance says that the account may do."""
        answer = await self._endpoints.read("fapiPrivateGetAccountConfig")
        return understood(lambda: answers.permissions(answer))

    async def key_permissions(self) -> Permissions:
        """What Binance says that the key itself may do; demo trading and other servers may not
        say it, which fails."""
        answer = await self._endpoints.read("sapiGetAccountApiRestrictions")
        return understood(lambda: answers.key_permissions(answer))

    async def ensure_hedge_mode(self) -> None:
        """See `Broker.ensure_hedge_mode`."""
        if await self.position_mode() == "hedge":
            return
        request = {"dualSidePosition": "true"}
        await self._set("fapiPrivatePostPositionSideDual", request, ALREADY_HEDGED)
        if await self.position_mode() != "hedge":
            raise UnknownOutcome("Binance took the change to hedge mode, but does not show it")

    async def margin_mode(self) -> MarginMode:
        """See `Broker.margin_mode`."""
        row = await self._symbol_config()
        modes: Mapping[str, MarginMode] = {"CROSSED": "cross", "ISOLATED": "isolated"}
        return understood(lambda: modes[row["marginType"]])

    async def ensure_cross_margin(self) -> None:
        """See `Broker.ensure_cross_margin`."""
        if await self.margin_mode() == "cross":
            return
        request = {"symbol": self._symbol.id, "marginType": "CROSSED"}
        await self._set("fapiPrivatePostMarginType", request, ALREADY_CROSS)
        if await self.margin_mode() != "cross":
            raise UnknownOutcome("Binance took the change to cross margin, but does not show it")

    async def leverage(self) -> int:
        """See `Broker.leverage`."""
        row = await self._symbol_config()
        return understood(lambda: int(row["leverage"]))

    async def set_leverage(self, leverage: int) -> None:
        """See `Broker.set_leverage`."""
        if type(leverage) is not int or not 1 <= leverage <= _HIGHEST_LEVERAGE:
            raise Refused(f"leverage {leverage!r} is not an integer from 1 to {_HIGHEST_LEVERAGE}")
        request = {"symbol": self._symbol.id, "leverage": str(leverage)}
        answer = await self._endpoints.write("fapiPrivatePostLeverage", request)
        if understood(lambda: int(answer["leverage"]), write=True) != leverage:
            raise UnknownOutcome(f"Binance answered with another leverage than {leverage}")

    async def balance(self) -> Balance:
        """See `Broker.balance`."""
        answer = await self._endpoints.read("fapiPrivateV3GetAccount")
        return understood(lambda: answers.balance(answer))

    async def positions(self) -> Positions:
        """See `Broker.positions`.

        Raises:
            Refused: a position is held in one-way mode.
        """
        request = {"symbol": self._symbol.id}
        rows = await self._endpoints.read("fapiPrivateV3GetPositionRisk", request)
        try:
            return understood(lambda: answers.positions(rows, self._symbol.id))
        except answers.OneWay:
            words = "a position is held in one-way mode; close it and switch to hedge mode"
            raise Refused(words, code=ONE_WAY_MODE, action=Action.HALT) from None

    async def open_orders(self) -> list[PlacedOrder]:
        """See `Broker.open_orders`."""
        return await self._desk.open_orders()

    async def trades_since(self, trade_id: int | None) -> list[Fill]:
        """See `Broker.trades_since`. After a restart ask `find` for the stops that rested before:
        only so is it known whose market order a fired one became."""
        return await self._desk.trades_since(trade_id)

    async def funding_paid(self, since_ms: int) -> list[FundingPayment]:
        """See `Broker.funding_paid`; Binance keeps three months."""
        payments: dict[str, FundingPayment] = {}
        since = since_ms
        while True:
            page = await self._payments(since)
            fresh = [payment for payment in page if payment.id not in payments]
            payments |= {payment.id: payment for payment in fresh}
            if len(page) < _PAGE or not fresh:
                break
            since = max(payment.time_ms for payment in page)
        inside = [payment for payment in payments.values() if payment.time_ms >= since_ms]
        return sorted(inside, key=lambda payment: payment.time_ms)

    async def place(self, order: NewOrder) -> PlacedOrder:
        """See `Broker.place`.

        Raises:
            Refused: with the filter's name if the check before sending says no.
        """
        if order.market.symbol != self._symbol:
            raise Refused(f"order {order.client_id} is for {order.market.symbol}")
        return await self._desk.place(order)

    async def cancel(self, client_id: ClientId) -> PlacedOrder:
        """See `Broker.cancel`."""
        return await self._desk.cancel(client_id)

    async def find(self, client_id: ClientId) -> PlacedOrder | None:
        """See `Broker.find`."""
        return await self._desk.find(client_id)

    async def settle(self, client_id: ClientId) -> PlacedOrder | None:
        """See `Broker.settle`."""
        return await self._desk.settle(client_id)

    async def _payments(self, since_ms: int) -> list[FundingPayment]:
        request = {"symbol": self._symbol.id, "incomeType": "FUNDING_FEE"}
        request |= {"startTime": str(since_ms), "limit": str(_PAGE)}
        rows = await self._endpoints.read("fapiPrivateGetIncome", request)
        return understood(lambda: [answers.funding_payment(row) for row in rows])

    async def _symbol_config(self) -> Mapping[str, Any]:
        request = {"symbol": self._symbol.id}
        rows = await self._endpoints.read("fapiPrivateGetSymbolConfig", request)
        return understood(lambda: row_of(self._symbol, rows))

    async def _set(self, method: str, request: Mapping[str, str], already: int) -> None:
        """Change a setting; "it is so already" is success, and so is an unknown outcome here:
        the caller reads it back."""
        try:
            await self._endpoints.write(method, request)
        except UnknownOutcome:
            return
        except Refused as refusal:
            if refusal.code != already:
                raise


def row_of(symbol: Symbol, rows: Any) -> Mapping[str, Any]:
    """The row of a table that is the symbol's.

    Raises:
        KeyError: it has none.
    """
    for row in rows:
        if row["symbol"] == symbol.id:
            found: Mapping[str, Any] = row
            return found
    raise KeyError(symbol.id)
