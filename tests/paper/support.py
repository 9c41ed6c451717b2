"""Hand-made candles, an exchange on them, and clients that talk to it."""

from decimal import Decimal
from typing import Any

import pandas as pd

from exchange.market import market_for
from exchange.paper import algo, orders
from exchange.paper.book import Order, Stop
from exchange.paper.listing import Listing
from exchange.paper.params import Params
from exchange.paper.server import PaperExchange
from exchange.paper.tape import Tape

START = 1_704_067_200_000  # 2024-01-01 00:00 UTC
BAR = 900_000
SYMBOL = "BTC/USDT:USDT"

Candle = tuple[float, float, float, float]

FLAT: Candle = (100.0, 100.0, 100.0, 100.0)
UP: Candle = (100.0, 104.0, 97.0, 102.0)


def frame(*candles: Candle, rates: dict[int, float] | None = None, length: int = BAR) -> Any:
    """Candles (open, high, low, close) from START on; `rates` by the candle's number."""
    table = pd.DataFrame(candles, columns=["open", "high", "low", "close"], dtype=float)
    table.insert(0, "timestamp", START + length * table.index.to_numpy())
    table["volume"] = 9.0
    table["funding_rate"] = [(rates or {}).get(row, float("nan")) for row in range(len(table))]
    return table


def exchange(
    *candles: Candle,
    rates: dict[int, float] | None = None,
    coin: str = "BTC",
    **settings: Any,
) -> PaperExchange:
    """An exchange in lock step whose first candle is history; the second opens first."""
    tape = Tape(frame(*candles, rates=rates), BAR)
    listing = Listing(market_for(coin, 100.0), tape)
    return PaperExchange([listing], START + BAR, **settings)


def place(
    paper: PaperExchange,
    side: str,
    position_side: str,
    quantity: object,
    price: object = None,
    time_in_force: str = "GTC",
    **more: str,
) -> Order:
    """Send an order past HTTP: a limit if it has a price, else a market order."""
    values = {"symbol": "BTCUSDT", "side": side, "quantity": str(quantity)}
    if position_side:
        values["positionSide"] = position_side
    if price is None:
        values["type"] = "MARKET"
    else:
        values |= {"type": "LIMIT", "price": str(price), "timeInForce": time_in_force}
    return orders.place(paper.venue, Params(values | more))


def stop(
    paper: PaperExchange,
    side: str,
    position_side: str,
    quantity: object,
    trigger: object,
    kind: str = "STOP_MARKET",
    **more: str,
) -> Stop:
    """Send a conditional order past HTTP; quantity None closes the position."""
    values = {"symbol": "BTCUSDT", "side": side, "positionSide": position_side, "type": kind}
    values |= {"algoType": "CONDITIONAL", "triggerPrice": str(trigger)}
    values |= {"closePosition": "true"} if quantity is None else {"quantity": str(quantity)}
    return algo.place(paper.venue, Params(values | more))


def fills(paper: PaperExchange) -> list[tuple[str, str, str]]:
    """Every trade so far as (side and position side, quantity, price)."""
    return [
        (f"{t['side']} {t['position_side']}", t["quantity"], t["price"])
        for t in paper.ledger.of("trade")
    ]


def wallet(paper: PaperExchange) -> Decimal:
    return paper.venue.account.wallet
