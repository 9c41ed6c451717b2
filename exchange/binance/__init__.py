"""Binance's USDT futures through ccxt."""

from exchange.binance.broker import BinanceBroker

__all__ = ["BinanceBroker"]
