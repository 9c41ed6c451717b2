"""Stream events, as Binance words them."""

from dataclasses import dataclass
from typing import Any

from exchange.decimals import plain
from exchange.paper.account import Position, Trade
from exchange.paper.book import Order, Stop
from exchange.paper.instrument import Instrument
from exchange.paper.notices import OrderChanged, WalletChanged
from exchange.paper.numbers import ZERO
from exchange.paper.routes.public import (
    LEVELS,
    best,
    levels,
    next_funding_ms,
    ticker_24hr,
    traded_text,
    worth_text,
)
from exchange.paper.tape import Ohlcv
from exchange.paper.venue import Venue

NAMES = (
    "ORDER_TRADE_UPDATE",
    "ALGO_UPDATE",
    "ACCOUNT_UPDATE",
    "kline",
    "markPriceUpdate",
    "bookTicker",
    "aggTrade",
    "trade",
    "24hrTicker",
    "24hrMiniTicker",
    "depthUpdate",
)
"""Every event that a stream may carry and a fault may strike, as its field `e` says."""

Event = dict[str, Any]


def order_event(changed: OrderChanged, now_ms: int) -> Event:
    """ORDER_TRADE_UPDATE."""
    order, trade = changed.order, changed.trade
    fields = _order_fields(order) | {"x": changed.change, "T": order.updated_ms or now_ms}
    if trade:
        fields |= _trade_fields(trade)
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": fields}


def stop_event(stop: Stop, now_ms: int) -> Event:
    """ALGO_UPDATE."""
    child = stop.child
    return {
        "e": "ALGO_UPDATE",
        "E": now_ms,
        "T": now_ms,
        "o": {
            "caid": stop.client_id,
            "aid": stop.id,
            "at": "CONDITIONAL",
            "o": stop.kind,
            "s": stop.symbol,
            "S": stop.side,
            "ps": stop.position_side,
            "f": "GTC",
            "q": plain(stop.quantity),
            "X": str(stop.status),
            "ai": str(child.id) if child else "",
            "ap": plain(child.average) if child else "0",
            "aq": plain(child.filled) if child else "0",
            "act": "MARKET" if child else "0",
            "tp": plain(stop.trigger),
            "p": "0",
            "V": "EXPIRE_MAKER",
            "wt": stop.working_type,
            "pm": "NONE",
            "cp": stop.close_position,
            "pP": False,
            "R": stop.reduce_only,
            "tt": stop.triggered_ms,
            "gtd": 0,
            "rm": "",
        },
    }


def account_event(venue: Venue, changed: WalletChanged, now_ms: int) -> Event:
    """ACCOUNT_UPDATE: the wallet, and the positions that the change touched."""
    wallet = plain(venue.account.wallet)
    touched = [venue.account.position(*key) for key in changed.positions]
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ms,
        "T": now_ms,
        "a": {
            "m": changed.reason,
            "B": [{"a": "USDT", "wb": wallet, "cw": wallet, "bc": "0"}],
            "P": [_position_fields(position, venue) for position in touched],
        },
    }


def kline_event(
    coin: Instrument, candle: Ohlcv, interval: str, length_ms: int, closed: bool, now_ms: int
) -> Event:
    return {
        "e": "kline",
        "E": now_ms,
        "s": coin.symbol,
        "k": {
            "t": candle.time,
            "T": candle.time + length_ms - 1,
            "s": coin.symbol,
            "i": interval,
            "f": 0,
            "L": 0,
            "o": plain(candle.open),
            "c": plain(candle.close),
            "h": plain(candle.high),
            "l": plain(candle.low),
            "v": traded_text(candle.volume, coin.market.step),
            "n": 0,
            "x": closed,
            "q": worth_text(candle.volume * candle.close),
            "V": "0",
            "Q": "0",
            "B": "0",
        },
    }


def mark_price_event(venue: Venue, coin: Instrument, now_ms: int) -> Event:
    price = plain(coin.price)
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": coin.symbol,
        "p": price,
        "i": price,
        "P": price,
        "r": plain(coin.last_rate),
        "T": next_funding_ms(venue, coin),
    }


def book_ticker_event(coin: Instrument, now_ms: int, number: int) -> Event:
    bid, ask = best(coin)
    return {
        "e": "bookTicker",
        "u": number,
        "s": coin.symbol,
        "b": plain(bid),
        "B": "1",
        "a": plain(ask),
        "A": "1",
        "T": now_ms,
        "E": now_ms,
    }


def trade_event(coin: Instrument, now_ms: int, number: int) -> Event:
    """aggTrade: a step at the price to which the path has come."""
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": coin.symbol,
        "a": number,
        "p": plain(coin.price),
        "q": plain(coin.market.step),
        "f": number,
        "l": number,
        "T": now_ms,
        "m": False,
    }


def public_trade_event(coin: Instrument, now_ms: int, number: int) -> Event:
    """trade: the same steps of the path, one by one."""
    return {
        "e": "trade",
        "E": now_ms,
        "T": now_ms,
        "s": coin.symbol,
        "t": number,
        "p": plain(coin.price),
        "q": plain(coin.market.step),
        "X": "MARKET",
        "m": False,
    }


def ticker_event(venue: Venue, coin: Instrument, now_ms: int, *, short: bool) -> Event:
    """24hrTicker, or 24hrMiniTicker if `short`."""
    day = ticker_24hr(venue, coin)
    event = {
        "e": "24hrMiniTicker" if short else "24hrTicker",
        "E": now_ms,
        "s": coin.symbol,
        "c": day["lastPrice"],
        "o": day["openPrice"],
        "h": day["highPrice"],
        "l": day["lowPrice"],
        "v": day["volume"],
        "q": day["quoteVolume"],
    }
    if short:
        return event
    return event | {
        "p": day["priceChange"],
        "P": day["priceChangePercent"],
        "w": day["weightedAvgPrice"],
        "Q": day["lastQty"],
        "O": day["openTime"],
        "C": day["closeTime"],
        "F": day["firstId"],
        "L": day["lastId"],
        "n": day["count"],
    }


@dataclass(frozen=True, slots=True)
class Book:
    """A book as a stream has told it: its number, and the size at each price of either side."""

    number: int
    bids: dict[str, str]
    asks: dict[str, str]

    @classmethod
    def of(cls, coin: Instrument, count: int = LEVELS) -> "Book":
        bids, asks = levels(coin, count)
        return cls(coin.moves, dict(bids), dict(asks))


def depth_event(coin: Instrument, before: Book, now: Book, now_ms: int) -> Event | None:
    """depthUpdate: what has changed since `before`; None if nothing has.

    Each event continues the one before (`pu` is its number), and a level of size 0 is gone.
    """
    bids, asks = _changed(before.bids, now.bids), _changed(before.asks, now.asks)
    if not bids and not asks:
        return None
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": now_ms,
        "s": coin.symbol,
        "U": before.number + 1,
        "u": now.number,
        "pu": before.number,
        "b": bids,
        "a": asks,
    }


def _changed(before: dict[str, str], now: dict[str, str]) -> list[list[str]]:
    gone = [[price, "0"] for price in before if price not in now]
    return gone + [[price, size] for price, size in now.items() if before.get(price) != size]


def _order_fields(order: Order) -> Event:
    stop = order.stop
    return {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.kind,
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "p": plain(order.price),
        "ap": plain(order.average),
        "sp": "0",
        "X": str(order.status),
        "i": order.id,
        "l": "0",
        "z": plain(order.filled),
        "L": "0",
        "n": "0",
        "N": "USDT",
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": stop.kind if stop else order.kind,
        "ps": order.position_side,
        "cp": bool(stop and stop.close_position),
        "rp": "0",
        "pP": False,
        "si": stop.id if stop else 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }


def _trade_fields(trade: Trade) -> Event:
    return {
        "l": plain(trade.quantity),
        "L": plain(trade.price),
        "n": plain(trade.fee),
        "t": trade.id,
        "m": trade.maker,
        "rp": plain(trade.realised),
        "T": trade.time_ms,
    }


def _position_fields(position: Position, venue: Venue) -> Event:
    price = venue.instruments[position.symbol].price
    profit = position.amount * (price - position.entry) if position.amount else ZERO
    return {
        "s": position.symbol,
        "pa": plain(position.amount),
        "ep": plain(position.entry),
        "bep": plain(position.entry),
        "cr": plain(position.realised),
        "up": plain(profit),
        "mt": "cross",
        "iw": "0",
        "ps": position.side,
        "ma": "USDT",
    }
