"""Binance's answers about orders and trades, and a broker at the scripted server, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import NewOrder
from exchange.client_ids import ClientId
from exchange.market import market_for
from tests.binance.server import KEY, SECRET, ScriptedBinance, scripted

BTC = market_for("BTC")
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
ENTRY = ClientId("k3", 7, "long", "entry", 2)
PROFIT = ClientId("k3", 7, "long", "near take-profit", 5)
STOP = ClientId("k3", 7, "long", "stop")
EXIT = ClientId("k3", 7, "short", "exit")
PRICE, QTY = Decimal("55000.1"), Decimal("0.002")


def new(client_id: ClientId, **changed: Any) -> NewOrder:
    price = None if client_id.role == "exit" else PRICE
    post_only = client_id.role == "entry"
    return NewOrder(
        BTC, client_id, **({"qty": QTY, "price": price, "post_only": post_only} | changed)
    )


def row(client_id: ClientId | str = ENTRY, status: str = "NEW", **changed: Any) -> dict[str, Any]:
    return {
        "orderId": 1001, "symbol": "BTCUSDT", "status": status, "clientOrderId": str(client_id),
        "price": "55000.10", "avgPrice": "0.00", "origQty": "0.002", "executedQty": "0",
        "cumQuote": "0", "timeInForce": "GTX", "type": "LIMIT", "side": "BUY",
        "positionSide": "LONG", "reduceOnly": False, "updateTime": 1_780_000_000_000,
    } | changed  # fmt: skip


def stop_row(status: str = "NEW", child: int | str = "") -> dict[str, Any]:
    return {
        "algoId": 77, "clientAlgoId": str(STOP), "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET", "symbol": "BTCUSDT", "side": "SELL", "positionSide": "LONG",
        "quantity": "0.002", "algoStatus": status, "triggerPrice": "55000.10", "price": "0",
        "actualOrderId": child, "createTime": 1, "updateTime": 2,
    }  # fmt: skip


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[ScriptedBinance, BinanceBroker]]:
    waits = (0.01, 0.01, 0.01)
    async with scripted() as server:
        venue = Venue(base_url=server.url)
        broker = BinanceBroker(
            "BTC", Keys(KEY, SECRET), venue, **({"settle_waits_s": waits} | options)
        )
        async with broker:
            yield server, broker


def trade(number: int, order: int = 1001, **changed: Any) -> dict[str, Any]:
    return {
        "id": number, "orderId": order, "symbol": "BTCUSDT", "side": "BUY", "price": "55000.10",
        "qty": "0.001", "quoteQty": "55", "commission": "0.011", "commissionAsset": "USDT",
        "time": 1_780_000_000_000, "maker": True, "positionSide": "LONG", "realizedPnl": "0",
    } | changed  # fmt: skip
