"""Timeframes: how long a candle lasts."""

from exchange.errors import DataError

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

TIMEFRAMES = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
}
"""Binance's intervals that divide a day, in ms (3d, 1w and 1M do not)."""


def timeframe_ms(timeframe: str) -> int:
    """Length of a candle in ms.

    Raises:
        DataError: not one of `TIMEFRAMES`.
    """
    try:
        return TIMEFRAMES[timeframe]
    except (KeyError, TypeError):
        raise DataError(
            f"timeframe {timeframe!r} is not known: use one of {', '.join(TIMEFRAMES)}"
        ) from None


def bars_per_day(timeframe: str) -> int:
    """Candles in 24 hours: 96 for 15m.

    Raises:
        DataError: not one of `TIMEFRAMES`.
    """
    return DAY_MS // timeframe_ms(timeframe)
