"""Orders, stops, trades and positions in the words of Binance's REST answers."""

from typing import Any

from exchange.decimals import plain
from exchange.paper.account import Income, Position, Trade
from exchange.paper.book import BUY, Order, Stop
from exchange.paper.instrument import Instrument
from exchange.paper.margin import Held, liquidation_price
from exchange.paper.numbers import ZERO
from exchange.paper.venue import Venue


def order_view(order: Order) -> dict[str, Any]:
    """An order as POST, GET and DELETE /fapi/v1/order answer it."""
    stop = order.stop
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": str(order.status),
        "clientOrderId": order.client_id,
        "price": plain(order.price),
        "avgPrice": plain(order.average),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQty": plain(order.filled),
        "cumQuote": plain(order.cost),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": stop.kind if stop else order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def stop_view(stop: Stop) -> dict[str, Any]:
    """A stop as the algo endpoints answer it."""
    child = stop.child
    return {
        "algoId": stop.id,
        "clientAlgoId": stop.client_id,
        "algoType": "CONDITIONAL",
        "orderType": stop.kind,
        "symbol": stop.symbol,
        "side": stop.side,
        "positionSide": stop.position_side,
        "timeInForce": "GTC",
        "quantity": plain(stop.quantity),
        "algoStatus": str(stop.status),
        "actualOrderId": str(child.id) if child else "",
        "actualPrice": plain(child.average) if child else "0",
        "triggerPrice": plain(stop.trigger),
        "price": "0",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": stop.working_type,
        "priceMatch": "NONE",
        "closePosition": stop.close_position,
        "priceProtect": False,
        "reduceOnly": stop.reduce_only,
        "createTime": stop.created_ms,
        "updateTime": stop.updated_ms,
        "triggerTime": stop.triggered_ms,
        "goodTillDate": 0,
    }


def trade_view(trade: Trade) -> dict[str, Any]:
    """A trade as userTrades answers it: without client order id."""
    order = trade.order
    return {
        "id": trade.id,
        "orderId": order.id,
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": order.position_side,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(trade.price * trade.quantity),
        "realizedPnl": plain(trade.realised),
        "commission": plain(trade.fee),
        "commissionAsset": "USDT",
        "marginAsset": "USDT",
        "time": trade.time_ms,
        "buyer": order.side == BUY,
        "maker": trade.maker,
    }


def income_view(income: Income) -> dict[str, Any]:
    """A payment as income answers it."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": plain(income.amount),
        "asset": "USDT",
        "info": income.note,
        "time": income.time_ms,
        "tranId": income.id,
        "tradeId": income.trade_id,
    }


def position_views(venue: Venue, symbol: str | None = None) -> list[dict[str, Any]]:
    """Open positions as v3/positionRisk answers them."""
    held = venue.account.held(venue.instruments)
    positions = venue.account.open_positions()
    views = []
    for index, position in enumerate(positions):
        if symbol in (None, position.symbol):
            same = [i for i, other in enumerate(positions) if other.symbol == position.symbol]
            price = liquidation_price(venue.account.wallet, held, same) or ZERO
            views.append(_position_view(venue, position, held[index], plain(price)))
    return views


def flat_view(coin: Instrument, side: str) -> dict[str, Any]:
    """A side of a coin without position."""
    names = ("positionAmt", "entryPrice", "breakEvenPrice", "unRealizedProfit", "liquidationPrice")
    more = ("isolatedMargin", "notional", "isolatedWallet")
    zeros = dict.fromkeys((*names, *more), "0")
    price = plain(coin.price)
    return {
        "symbol": coin.symbol,
        "positionSide": side,
        "markPrice": price,
        "updateTime": 0,
    } | zeros


def _position_view(
    venue: Venue, position: Position, held: Held, liquidation: str
) -> dict[str, Any]:
    notional = held.amount * held.price
    initial = abs(notional) / venue.account.leverage_of(position.symbol)
    orders = [
        order
        for order in venue.book.resting(position.symbol)
        if order.position_side == position.side
    ]
    waiting = venue.account.order_margin(orders)
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": plain(held.amount),
        "entryPrice": plain(position.entry),
        "breakEvenPrice": plain(position.entry),
        "markPrice": plain(held.price),
        "unRealizedProfit": plain(held.profit),
        "liquidationPrice": liquidation,
        "isolatedMargin": "0",
        "notional": plain(notional),
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": plain(initial + waiting),
        "maintMargin": plain(held.maintenance),
        "positionInitialMargin": plain(initial),
        "openOrderInitialMargin": plain(waiting),
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated_ms,
    }
