"""What the venue tells whoever listens: streams, the ledger, a test."""

from collections.abc import Callable
from dataclasses import dataclass

from exchange.paper.account import Trade
from exchange.paper.book import Order, Stop
from exchange.paper.tape import Ohlcv


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """`change` is Binance's execution type: NEW, TRADE, CANCELED, EXPIRED, CALCULATED ..."""

    order: Order
    change: str
    trade: Trade | None = None


@dataclass(frozen=True, slots=True)
class StopChanged:
    stop: Stop


@dataclass(frozen=True, slots=True)
class WalletChanged:
    """`reason` as in ACCOUNT_UPDATE: ORDER, FUNDING_FEE, INSURANCE_CLEAR; positions it touched."""

    reason: str
    positions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PriceMoved:
    symbol: str


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A bar has ended; a stream sends it once more, closed."""

    symbol: str
    bar: Ohlcv


Notice = OrderChanged | StopChanged | WalletChanged | PriceMoved | BarClosed
Listener = Callable[[Notice], None]
