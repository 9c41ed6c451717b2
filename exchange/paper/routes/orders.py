"""Orders and stops: placed, changed, cancelled, asked about."""

import json
from typing import Any

from exchange.paper import algo, execution, orders
from exchange.paper.book import Order, Status
from exchange.paper.errors import RefusalError, refusal
from exchange.paper.memory import UNFILLED_KEPT_MS
from exchange.paper.params import Params
from exchange.paper.routes.endpoint import Endpoint, Security, page
from exchange.paper.venue import Venue
from exchange.paper.views import order_view, stop_view
from exchange.timeframe import DAY_MS

_LARGEST_BATCH = 5
_LARGEST_CANCEL = 10
_WEEK_MS = 7 * DAY_MS


def place(venue: Venue, params: Params) -> dict[str, Any]:
    """POST order; newOrderRespType ACK tells nothing of fills, RESULT does."""
    order = orders.place(venue, params)
    view = order_view(order)
    if params.text("newOrderRespType", "ACK") == "ACK" and order.filled:
        nothing = {"status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0"}
        return view | nothing | {"avgPrice": "0"}
    return view


def _test(venue: Venue, params: Params) -> dict[str, Any]:
    """POST order/test: what a new order passes, and nothing else happens."""
    return order_view(orders.checked(venue, params))


def place_batch(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """Up to five orders, answered in their order; each is accepted or refused for itself."""
    wanted = _list(params, "batchOrders", _LARGEST_BATCH)
    answers = []
    for entry in wanted:
        if not isinstance(entry, dict):
            raise refusal(-1130, "batchOrders")
        try:
            answers.append(place(venue, Params({k: _plain(v) for k, v in entry.items()})))
        except RefusalError as error:
            answers.append(error.body)
    return answers


def cancel(venue: Venue, params: Params) -> dict[str, Any]:
    order = _named(venue, params)
    if order is None or not order.is_open:
        raise refusal(-2011)
    execution.cancel(venue, order)
    return order_view(order)


def cancel_batch(venue: Venue, params: Params) -> list[dict[str, Any]]:
    """Up to ten orders by orderIdList or origClientOrderIdList (in any capitals)."""
    coin = orders.instrument(venue, params)
    lists = {name.lower(): value for name, value in params.values.items()}
    lowered = Params(lists)
    by_id = "orderidlist" in lowered
    name = "orderidlist" if by_id else "origclientorderidlist"
    answers = []
    for entry in _list(lowered, name, _LARGEST_CANCEL):
        number = Params({name: _plain(entry)}).integer(name) if by_id else None
        order = venue.book.find(coin.symbol, number, _plain(entry))
        if order is None or not order.is_open:
            answers.append(refusal(-2011).body)
        else:
            execution.cancel(venue, order)
            answers.append(order_view(order))
    return answers


def find(venue: Venue, params: Params) -> dict[str, Any]:
    """GET order; what was cancelled without a fill is forgotten after three days."""
    order = _named(venue, params)
    if order is None or _is_forgotten(order, venue.clock.market_ms):
        raise refusal(-2013)
    return order_view(order)


def _find_open(venue: Venue, params: Params) -> dict[str, Any]:
    order = _named(venue, params)
    if order is None or not order.is_open:
        raise refusal(-2013)
    return order_view(order)


def _open_orders(venue: Venue, params: Params) -> list[dict[str, Any]]:
    symbol = orders.instrument(venue, params).symbol if "symbol" in params else None
    return [order_view(order) for order in venue.book.resting(symbol)]


def _all_orders(venue: Venue, params: Params) -> list[dict[str, Any]]:
    coin = orders.instrument(venue, params)
    limit = page(params, 500, 1000)
    first = params.optional_integer("orderId")
    start, end = params.optional_integer("startTime"), params.optional_integer("endTime")
    if start is not None and end is not None and end - start > _WEEK_MS:
        raise refusal(-4165)
    now = venue.clock.market_ms
    found = [
        order
        for order in venue.book.orders.values()
        if order.symbol == coin.symbol
        and (first is None or order.id >= first)
        and (start is None or order.created_ms >= start)
        and (end is None or order.created_ms <= end)
        and not _is_forgotten(order, now)
    ]
    found = found[:limit] if first is not None or start is not None else found[-limit:]
    return [order_view(order) for order in found]


def _amend(venue: Venue, params: Params) -> dict[str, Any]:
    order = _named(venue, params)
    if order is None or not order.is_open:
        raise refusal(-2013)
    if params.text("side") != order.side:
        raise refusal(-1130, "side")
    return order_view(orders.amend(venue, order, params))


def _cancel_all(venue: Venue, params: Params) -> dict[str, Any]:
    execution.cancel_all(venue, orders.instrument(venue, params).symbol)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _countdown(venue: Venue, params: Params) -> dict[str, Any]:
    """Cancel all orders of a symbol unless called again in time; 0 calls it off."""
    coin = orders.instrument(venue, params)
    wait = params.integer("countdownTime")
    if wait < 0:
        raise refusal(-1130, "countdownTime")
    venue.cancel_all_at.pop(coin.symbol, None)
    if wait:
        venue.cancel_all_at[coin.symbol] = venue.clock.wall_ms() + wait
    return {"symbol": coin.symbol, "countdownTime": str(wait)}


def _place_stop(venue: Venue, params: Params) -> dict[str, Any]:
    return stop_view(algo.place(venue, params))


def _find_stop(venue: Venue, params: Params) -> dict[str, Any]:
    stop = algo.find(venue, params)
    if stop is None:
        raise refusal(-2013)
    return stop_view(stop)


def _cancel_stop(venue: Venue, params: Params) -> dict[str, Any]:
    stop = algo.find(venue, params)
    if stop is None or stop.id not in venue.book.open_stops:
        raise refusal(-2011)
    algo.cancel(venue, stop)
    done = {"algoId": stop.id, "clientAlgoId": stop.client_id}
    return done | {"code": "200", "msg": "success"}


def _open_stops(venue: Venue, params: Params) -> list[dict[str, Any]]:
    symbol = orders.instrument(venue, params).symbol if "symbol" in params else None
    return [stop_view(stop) for stop in venue.book.waiting(symbol)]


def _all_stops(venue: Venue, params: Params) -> list[dict[str, Any]]:
    coin = orders.instrument(venue, params)
    limit = page(params, 500, 1000)
    found = [stop for stop in venue.book.stops.values() if stop.symbol == coin.symbol]
    return [stop_view(stop) for stop in found[-limit:]]


def _cancel_stops(venue: Venue, params: Params) -> dict[str, Any]:
    for stop in venue.book.waiting(orders.instrument(venue, params).symbol):
        algo.cancel(venue, stop)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _named(venue: Venue, params: Params) -> Order | None:
    coin = orders.instrument(venue, params)
    number = params.optional_integer("orderId")
    if number is None and "origClientOrderId" not in params:
        raise refusal(-1102, "orderId")
    return venue.book.find(coin.symbol, number, params.text("origClientOrderId", ""))


def _is_forgotten(order: Order, now_ms: int) -> bool:
    ended = order.status in (Status.CANCELED, Status.EXPIRED)
    return ended and not order.filled and now_ms - order.updated_ms > UNFILLED_KEPT_MS


def _list(params: Params, name: str, most: int) -> list[Any]:
    try:
        entries = json.loads(params.text(name))
    except ValueError:
        raise refusal(-1130, name) from None
    if not isinstance(entries, list) or not 1 <= len(entries) <= most:
        raise refusal(-1130, name)
    return entries


def _plain(value: object) -> str:
    """A JSON value as it would stand in a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_SIGNED = Security.SIGNED

ORDERS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/fapi/v1/order"): Endpoint(place, _SIGNED, weight=0, orders=1),
    ("POST", "/fapi/v1/order/test"): Endpoint(_test, _SIGNED, weight=0),
    ("GET", "/fapi/v1/order"): Endpoint(find, _SIGNED),
    ("DELETE", "/fapi/v1/order"): Endpoint(cancel, _SIGNED),
    ("PUT", "/fapi/v1/order"): Endpoint(_amend, _SIGNED, orders=1),
    ("POST", "/fapi/v1/batchOrders"): Endpoint(place_batch, _SIGNED, weight=5, orders=5),
    ("DELETE", "/fapi/v1/batchOrders"): Endpoint(cancel_batch, _SIGNED),
    ("GET", "/fapi/v1/openOrder"): Endpoint(_find_open, _SIGNED),
    ("GET", "/fapi/v1/openOrders"): Endpoint(_open_orders, _SIGNED, all_weight=40),
    ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint(_cancel_all, _SIGNED),
    ("GET", "/fapi/v1/allOrders"): Endpoint(_all_orders, _SIGNED, weight=5),
    ("POST", "/fapi/v1/countdownCancelAll"): Endpoint(_countdown, _SIGNED, weight=10),
    ("POST", "/fapi/v1/algoOrder"): Endpoint(_place_stop, _SIGNED, weight=0, orders=1),
    ("GET", "/fapi/v1/algoOrder"): Endpoint(_find_stop, _SIGNED),
    ("DELETE", "/fapi/v1/algoOrder"): Endpoint(_cancel_stop, _SIGNED),
    ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(_open_stops, _SIGNED, all_weight=40),
    ("GET", "/fapi/v1/allAlgoOrders"): Endpoint(_all_stops, _SIGNED, weight=5),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Endpoint(_cancel_stops, _SIGNED),
}
