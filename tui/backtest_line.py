"""The command that backtests what lies in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.span import moment_text
from exchange.timeframe import DAY_MS

if TYPE_CHECKING:
    from exchange.series import Series
    from exchange.span import Span


def backtest_line(series: Series, span: Span) -> str:
    """`gridtui backtest --coins BTC ... --source cache`, over the whole days around `span`.

    The days are named, since those that a backtest takes without them may not be in the cache.
    What another server has is used while it stands in Binance's place.
    """
    marks = "-sim" * series.simulated or "-spot" * (series.market == "spot")
    end_ms = -(-span.end_ms // DAY_MS) * DAY_MS
    source = "binance, with GRIDTUI_BINANCE_URL naming the server" if series.server else "cache"
    return (
        f"gridtui backtest --coins {series.symbol.coin} --timeframe {series.timeframe} "
        f"--start {moment_text(span.start_ms)[:10]} --end {moment_text(end_ms)[:10]} "
        f"--source {source}{'' if series.server else marks}"
    )
