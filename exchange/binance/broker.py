"""The broker on Binance's USDT futures: the real one, demo trading, or a paper exchange.

Requests go through ccxt's own endpoints with exact decimal text; its unified methods would turn
prices into floats and drop rows. Hedge mode throughout: `positionSide` is always sent,
`reduceOnly` never (Binance refuses it there). Stops rest on the algo endpoint.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from exchange.binance import answers
from exchange.binance.answers import understood
from exchange.binance.client import BinanceClient, Keys, Venue
from exchange.binance.errors import ALREADY_CROSS, ALREADY_HEDGED, ONE_WAY_MODE
from exchange.binance.filters import read_listed, read_tiers
from exchange.binance.orders import SETTLE_WAITS_S, OrderDesk
from exchange.binance.pace import Pace
from exchange.binance.streams import SILENCE_S, BinanceStreams
from exchange.broker import (
    Balance,
    Fill,
    FundingPayment,
    Hint,
    ListedMarket,
    MarginMode,
    NewOrder,
    PlacedOrder,
    PositionMode,
    Positions,
)
from exchange.client_ids import ClientId
from exchange.market import market_for
from exchange.outcomes import Action, Refused, UnknownOutcome
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms

if TYPE_CHECKING:
    import pandas as pd

_PAGE = 1000
_HIGHEST_LEVERAGE = 125


class BinanceBroker:
    """One account in one symbol; an `exchange.broker.Broker`.

        async with BinanceBroker("BTC", Keys(key, secret), Venue(testnet=True)) as broker:
            await broker.ensure_hedge_mode()

    Entering sets the clock by Binance's; leaving closes the connections.

    Args:
        symbol: any spelling that `Symbol.parse` takes.
        keys: None for market data only; whatever needs them raises `NotAuthorised` then. For demo
            trading they are made on demo.binance.com.
        venue: which Binance.
        timeout_s: how long one request may stay without an answer.
        settle_waits_s: seconds before each question of `settle`.
        pace: give the same to all brokers of one account: its limits are shared, and when Binance
            asks one of them for silence all must be silent.

    Raises:
        DataError: the symbol is bad.
    """

    def __init__(
        self,
        symbol: str | Symbol,
        keys: Keys | None = None,
        venue: Venue | None = None,
        *,
        timeout_s: float = 10.0,
        settle_waits_s: tuple[float, ...] = SETTLE_WAITS_S,
        pace: Pace | None = None,
    ) -> None:
        self._symbol = Symbol.parse(symbol)
        self._client = BinanceClient(keys, venue or Venue(), timeout_s, pace)
        self._listed: ListedMarket | None = None
        self._streams: BinanceStreams | None = None
        self._desk = OrderDesk(
            self._client, self._symbol, self._known_market, self.mark_price, settle_waits_s
        )

    async def __aenter__(self) -> Self:
        try:
            await self._client.sync_clock()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def market(self) -> ListedMarket:
        """See `Broker.market`. Margin tiers are read with keys only, else they are the shipped."""
        answer = await self._client.read("fapiPublicGetExchangeInfo")
        row = understood(lambda: self._own_row(answer["symbols"]))
        if row is None:
            raise Refused(
                f"Binance has no perpetual {self._symbol}: check the symbol's spelling",
                action=Action.HALT,
            )
        if self._client.has_keys:
            request = {"symbol": self._symbol.id}
            table = await self._client.read("fapiPrivateGetLeverageBracket", request)
            tiers = understood(lambda: read_tiers(self._required_row(table)["brackets"]))
            source = "margin tiers: read from Binance"
        else:
            offline = market_for(self._symbol, price=1.0)
            tiers, source = offline.tiers, offline.source.partition("; ")[2]
        listed = understood(lambda: read_listed(self._symbol, row, tiers, source))
        understood(lambda: self._client.pace.set_limits(answer["rateLimits"]))
        self._listed = listed
        return listed

    async def server_time(self) -> int:
        """See `Broker.server_time`; sets the client's clock by it."""
        return await self._client.sync_clock()

    async def closed_candles(self, timeframe: str, since_ms: int) -> "pd.DataFrame":
        """See `Broker.closed_candles`."""
        length = timeframe_ms(timeframe)
        # asked first: what had closed by then cannot change any more
        server_ms = await self.server_time()
        rows: dict[int, list[Any]] = {}
        since = since_ms
        while since < server_ms:
            count = min(_PAGE, (server_ms - since) // length + 1)
            page = await self._candles(timeframe, since, max(2, count))
            rows |= {at: row for at, row in page.items() if at not in rows}
            last = max(page, default=0)
            if last < since:
                break
            since = last + length
        found = list(rows.values())
        return understood(lambda: answers.candles(found, timeframe, since_ms, server_ms))

    async def mark_price(self) -> Decimal:
        """See `Broker.mark_price`."""
        answer = await self._client.read("fapiPublicGetPremiumIndex", {"symbol": self._symbol.id})
        return understood(lambda: answers.price(answer["markPrice"]))

    async def position_mode(self) -> PositionMode:
        """See `Broker.position_mode`."""
        answer = await self._client.read("fapiPrivateGetAccountConfig")
        hedged = understood(lambda: answers.truth(answer["dualSidePosition"]))
        return "hedge" if hedged else "one-way"

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
        answer = await self._client.write("fapiPrivatePostLeverage", request)
        if understood(lambda: int(answer["leverage"]), write=True) != leverage:
            raise UnknownOutcome(f"Binance answered with another leverage than {leverage}")

    async def balance(self) -> Balance:
        """See `Broker.balance`."""
        answer = await self._client.read("fapiPrivateV3GetAccount")
        return understood(lambda: answers.balance(answer))

    async def positions(self) -> Positions:
        """See `Broker.positions`.

        Raises:
            Refused: a position is held in one-way mode.
        """
        request = {"symbol": self._symbol.id}
        rows = await self._client.read("fapiPrivateV3GetPositionRisk", request)
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

    async def hints(self, timeframe: str) -> AsyncIterator[Hint]:
        """See `Broker.hints`; close the iterator (`contextlib.aclosing`) to end the streams."""
        timeframe_ms(timeframe)
        streams = BinanceStreams(self._client, self._symbol, timeframe, SILENCE_S)
        self._streams = streams
        hints = streams.hints()
        try:
            async for hint in hints:
                yield hint
        finally:
            await hints.aclose()

    def stream_ages(self) -> Mapping[str, float | None]:
        """See `Broker.stream_ages`; empty before `hints` was begun."""
        return {} if self._streams is None else self._streams.ages()

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._client.close()

    async def _candles(self, timeframe: str, since_ms: int, limit: int) -> dict[int, list[Any]]:
        """A page of klines by their open, ms; the open one among them."""
        request = {"symbol": self._symbol.id, "interval": timeframe}
        request |= {"startTime": str(since_ms), "limit": str(limit)}
        rows = await self._client.read("fapiPublicGetKlines", request)
        return understood(lambda: {int(row[0]): row for row in rows})

    async def _payments(self, since_ms: int) -> list[FundingPayment]:
        request = {"symbol": self._symbol.id, "incomeType": "FUNDING_FEE"}
        request |= {"startTime": str(since_ms), "limit": str(_PAGE)}
        rows = await self._client.read("fapiPrivateGetIncome", request)
        return understood(lambda: [answers.funding_payment(row) for row in rows])

    async def _known_market(self) -> ListedMarket:
        return self._listed or await self.market()

    async def _symbol_config(self) -> Mapping[str, Any]:
        request = {"symbol": self._symbol.id}
        rows = await self._client.read("fapiPrivateGetSymbolConfig", request)
        return understood(lambda: self._required_row(rows))

    async def _set(self, method: str, request: Mapping[str, str], already: int) -> None:
        """Change a setting; "it is so already" is success, and so is an unknown outcome here:
        the caller reads it back."""
        try:
            await self._client.write(method, request)
        except UnknownOutcome:
            return
        except Refused as refusal:
            if refusal.code != already:
                raise

    def _own_row(self, rows: Any) -> Mapping[str, Any] | None:
        return next((row for row in rows if row["symbol"] == self._symbol.id), None)

    def _required_row(self, rows: Any) -> Mapping[str, Any]:
        row = self._own_row(rows)
        if row is None:
            raise KeyError(self._symbol.id)
        return row
