"""Orders on Binance: sent once, never twice, and followed until their fate is known."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from exchange.binance import answers
from exchange.binance.answers import understood
from exchange.binance.endpoints import Endpoints
from exchange.binance.errors import (
    DUPLICATE_ID,
    NO_SUCH_ORDER,
    NOT_OPEN,
    POST_ONLY_REFUSED,
    says_no_such_order,
)
from exchange.binance.filters import refusal_of
from exchange.binance.known_market import KnownMarket
from exchange.broker import Fill, ListedMarket, NewOrder, PlacedOrder
from exchange.client_ids import ClientId
from exchange.decimals import plain
from exchange.outcomes import Action, Failure, Refused, UnknownOutcome, Unreachable
from exchange.symbol import Symbol
from exchange.timeframe import DAY_MS

SETTLE_WAITS_S = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Between the questions of `settle`; in all longer than a late request stays valid, twice over."""

_PAGE = 1000
_MARK_AGE_S = 5.0
_STOP_SHOWN_MS = 30_000
_MOST_REMEMBERED = 20_000


class OrderDesk:
    """Places, cancels and finds the orders of one symbol.

    Args:
        known: the market and its filters.
        mark_price: asks for the mark price.
        settle_waits_s: seconds before each question of `settle`.
    """

    def __init__(
        self,
        client: Endpoints,
        symbol: Symbol,
        known: KnownMarket,
        mark_price: Callable[[], Awaitable[Decimal]],
        settle_waits_s: tuple[float, ...] = SETTLE_WAITS_S,
    ) -> None:
        self._client = client
        self._symbol = symbol
        self._known = known
        self._ask_mark = mark_price
        self._settle_waits_s = settle_waits_s
        self._mark: tuple[Decimal, float] | None = None
        self._resting: dict[str, bool] | None = None
        self._stops: dict[str, ClientId] = {}
        self._client_ids: dict[str, str] = {}

    async def place(self, order: NewOrder) -> PlacedOrder:
        """See `Broker.place`."""
        await self._require_filters(order)
        method, request = _request(order, self._symbol)
        try:
            row = await self._client.write(method, request, order=True)
        except Refused as refusal:
            if refusal.code != DUPLICATE_ID:
                raise
            return await self._adopted(order)
        placed = understood(lambda: _read(row, order.client_id), write=True)
        if placed.client_id != str(order.client_id):
            raise UnknownOutcome("the answer is about another order")
        if order.post_only and placed.state in ("expired", "rejected"):
            words = "a post-only order would have taken"
            raise Refused(words, code=POST_ONLY_REFUSED, action=Action.REPRICE)
        self._remember(placed)
        return placed

    async def cancel(self, client_id: ClientId) -> PlacedOrder:
        """See `Broker.cancel`."""
        refusal: Refused | None = None
        try:
            if client_id.role == "stop":
                await self._client.write("fapiPrivateDeleteAlgoOrder", self._named(client_id))
            else:
                row = await self._client.write("fapiPrivateDeleteOrder", self._named(client_id))
                cancelled = understood(lambda: answers.order(row), write=True)
                self._remember(cancelled)
                return cancelled
        except Refused as error:
            if error.code not in (NOT_OPEN, NO_SUCH_ORDER):
                raise
            refusal = error
        try:
            found = await self.find(client_id)
        except Failure as failure:
            words = f"the cancelled order could not be read back ({failure.reason})"
            raise UnknownOutcome(words, code=failure.code) from failure
        if found is None:
            raise refusal or Refused("no such order", code=NO_SUCH_ORDER, action=Action.RECONCILE)
        return found

    async def find(self, client_id: ClientId) -> PlacedOrder | None:
        """See `Broker.find`."""
        stop = client_id.role == "stop"
        method = "fapiPrivateGetAlgoOrder" if stop else "fapiPrivateGetOrder"
        try:
            row = await self._client.read(method, self._named(client_id))
        except Refused as refusal:
            if not says_no_such_order(refusal):
                raise
            self._forget(str(client_id))
            return None
        found = understood(lambda: _read(row, client_id))
        if stop and found.order_id is not None:
            request = {"symbol": self._symbol.id, "orderId": found.order_id}
            try:
                child_row = await self._client.read("fapiPrivateGetOrder", request)
            except Refused as refusal:
                if not says_no_such_order(refusal):
                    raise
                words = f"stop {client_id} has fired, its market order cannot be read yet"
                raise Unreachable(words) from refusal
            child = understood(lambda: answers.order(child_row))
            found = replace(
                found, filled=child.filled, state=child.state, updated_ms=child.updated_ms
            )
        self._remember(found)
        return found

    async def settle(self, client_id: ClientId) -> PlacedOrder | None:
        """See `Broker.settle`."""
        trouble: Failure | None = None
        for wait_s in self._settle_waits_s:
            await asyncio.sleep(wait_s)
            trouble = None
            try:
                found = await self.find(client_id)
            except Failure as failure:
                trouble = failure
            else:
                if found is not None:
                    return found
        if trouble is not None:
            raise UnknownOutcome(f"it could not be asked for ({trouble.reason})") from trouble
        return None

    async def open_orders(self) -> list[PlacedOrder]:
        """See `Broker.open_orders`."""
        request = {"symbol": self._symbol.id}
        rows = await self._client.read("fapiPrivateGetOpenOrders", request)
        stop_rows = await self._client.read("fapiPrivateGetOpenAlgoOrders", request)
        orders = understood(lambda: [answers.order(row) for row in rows])
        stops = understood(lambda: [answers.stop(row) for row in stop_rows])
        self._resting = {}
        for order in orders + stops:
            self._remember(order)
        return orders + stops

    async def trades_since(self, trade_id: int | None) -> list[Fill]:
        """See `Broker.trades_since`."""
        request: dict[str, Any] = {"symbol": self._symbol.id, "limit": _PAGE}
        if trade_id is None:
            # Binance ends the window seven days after its start: it must not end before now
            request["startTime"] = await self._client.sync_clock() - 7 * DAY_MS + 60_000
        else:
            request["fromId"] = trade_id + 1
        fills: dict[int, Fill] = {}
        while True:
            page = await self._trades(request)
            fresh = [
                fill
                for fill in page
                if fill.trade_id not in fills and (trade_id is None or fill.trade_id > trade_id)
            ]
            fills |= {fill.trade_id: fill for fill in fresh}
            if len(page) < _PAGE or not fresh:
                break
            last = max(fill.trade_id for fill in page)
            request = {"symbol": self._symbol.id, "limit": _PAGE, "fromId": last + 1}
        return [
            replace(fills[number], client_id=await self._client_id_of(fills[number]))
            for number in sorted(fills)
        ]

    async def _trades(self, request: Mapping[str, Any]) -> list[Fill]:
        rows = await self._client.read("fapiPrivateGetUserTrades", request)
        return understood(lambda: [answers.trade(row, None) for row in rows])

    async def _client_id_of(self, fill: Fill) -> str | None:
        """Trades carry the exchange's order id only; what is not remembered is asked for."""
        known = self._client_ids.get(fill.order_id)
        if known is not None:
            return known
        try:
            row = await self._client.read(
                "fapiPrivateGetOrder", {"symbol": self._symbol.id, "orderId": fill.order_id}
            )
        except Refused as refusal:
            if not says_no_such_order(refusal):
                raise
            if self._client.now_ms() - fill.time_ms < DAY_MS:
                words = f"the order of trade {fill.trade_id} cannot be read yet"
                raise Unreachable(words) from refusal
            return None
        order = understood(lambda: answers.order(row))
        stop_id = await self._stop_behind(fill) if order.ours is None else None
        if stop_id is None:
            self._remember(order)
        return stop_id or order.client_id

    async def _stop_behind(self, fill: Fill) -> str | None:
        """Which of our stops became the order of a fill that carries a foreign client id."""
        waiting = False
        for stop in tuple(self._stops.values()):
            found = await self.find(stop)
            if fill.order_id in self._client_ids:
                return self._client_ids[fill.order_id]
            if found is not None and found.state == "open":
                waiting |= (found.side, found.order_side) == (fill.side, fill.order_side)
        # the fill is told before the stop shows which order it has become
        if waiting and self._client.now_ms() - fill.time_ms < _STOP_SHOWN_MS:
            raise Unreachable(f"whether trade {fill.trade_id} is of a stop cannot be read yet")
        return None

    async def _adopted(self, order: NewOrder) -> PlacedOrder:
        """The order that is open under this id: an earlier attempt of the same order."""
        try:
            found = await self.find(order.client_id)
        except Failure as failure:
            words = f"the id is in use, but its order could not be read ({failure.reason})"
            raise UnknownOutcome(words, code=DUPLICATE_ID) from failure
        if found is None:
            raise UnknownOutcome("the id is in use, but its order is not shown", code=DUPLICATE_ID)
        wanted = (order.side, order.order_side, order.kind, order.qty, order.price)
        if (found.side, found.order_side, found.kind, found.qty, found.price) != wanted:
            words = f"client id {order.client_id} belongs to a different order"
            raise Refused(words, code=DUPLICATE_ID, action=Action.REPORT)
        return found

    async def _require_filters(self, order: NewOrder) -> None:
        """Send nothing that a filter would refuse; refuse nothing on grounds that may be old.

        An order that closes is not held back because a question failed: then the exchange judges.
        """
        try:
            refusal = await self._refusal(order)
        except Failure:
            if order.opens:
                raise
            return
        if refusal is not None:
            raise refusal

    async def _refusal(self, order: NewOrder) -> Refused | None:
        listed = await self._known.current()
        if order.opens and not listed.trading:
            words = f"{self._symbol} is not trading (not sent)"
            return Refused(words, action=Action.STOP_OPENING)
        at_market = order.kind == "market"
        if self._resting is not None or at_market:
            mark = await self._mark_for(order, _MARK_AGE_S)
            if self._refusal_now(order, listed, mark) is None:
                return None
        if not at_market:
            await self.open_orders()
        mark = await self._mark_for(order, 0.0)
        refusal = self._refusal_now(order, listed, mark)
        if refusal is None:
            return None
        newest = await self._known.newest()
        return refusal if newest is listed else self._refusal_now(order, newest, mark)

    def _refusal_now(
        self, order: NewOrder, listed: ListedMarket, mark: Decimal | None
    ) -> Refused | None:
        resting = self._resting or {}
        stops = sum(resting.values())
        return refusal_of(order, listed, mark, len(resting) - stops, stops)

    async def _mark_for(self, order: NewOrder, oldest_s: float) -> Decimal | None:
        if order.kind != "limit":
            return None
        if self._mark is None or time.monotonic() - self._mark[1] > oldest_s:
            self._mark = (await self._ask_mark(), time.monotonic())
        return self._mark[0]

    def _named(self, client_id: ClientId) -> Mapping[str, str]:
        name = "clientAlgoId" if client_id.role == "stop" else "origClientOrderId"
        return {"symbol": self._symbol.id, name: str(client_id)}

    def _remember(self, order: PlacedOrder) -> None:
        """Which orders rest, which stops may still fire, and whose id an order has."""
        if order.order_id is not None:
            while len(self._client_ids) >= _MOST_REMEMBERED:
                del self._client_ids[next(iter(self._client_ids))]
            self._client_ids[order.order_id] = order.client_id
        if order.state != "open":
            self._forget(order.client_id)
            return
        if self._resting is not None:
            self._resting[order.client_id] = order.kind in ("stop", "other")
        if order.kind == "stop" and order.ours is not None:
            self._stops[order.client_id] = order.ours

    def _forget(self, client_id: str) -> None:
        self._stops.pop(client_id, None)
        if self._resting is not None:
            self._resting.pop(client_id, None)


def _read(row: Any, client_id: ClientId) -> PlacedOrder:
    return answers.stop(row) if client_id.role == "stop" else answers.order(row)


def _request(order: NewOrder, symbol: Symbol) -> tuple[str, dict[str, str]]:
    """The endpoint (as ccxt names it) and what it is sent."""
    request = {
        "symbol": symbol.id,
        "side": order.order_side.upper(),
        "positionSide": order.side.upper(),
        "quantity": plain(order.qty),
    }
    if order.kind == "stop" and order.price is not None:
        request |= {
            "algoType": "CONDITIONAL",
            "type": "STOP_MARKET",
            "triggerPrice": plain(order.price),
            # the backtest's stops go by traded prices, and so do these
            "workingType": "CONTRACT_PRICE",
            "clientAlgoId": str(order.client_id),
        }
        return "fapiPrivatePostAlgoOrder", request
    request |= {"newClientOrderId": str(order.client_id), "newOrderRespType": "RESULT"}
    if order.kind == "limit" and order.price is not None:
        request |= {
            "type": "LIMIT",
            "price": plain(order.price),
            "timeInForce": "GTX" if order.post_only else "GTC",
        }
    else:
        request["type"] = "MARKET"
    return "fapiPrivatePostOrder", request
