"""What is below the cursor of charts over one span of time: its moment, and the values there."""

from __future__ import annotations

from textual.content import Content

from engine.wording import amount
from tui.figures import percent, price, share, tone

_REGIMES = {0: "noise", 1: "uptrend", -1: "downtrend", 2: "breakout up", -2: "breakout down"}


def moment(span_ms: tuple[int, int], column: float, columns: int) -> int:
    """The time ms UTC at which a column of `columns` begins; between two for half a one."""
    start, end = span_ms
    return start + round((end - start) * column / max(1, columns))


def within(span_ms: tuple[int, int], column: int, columns: int) -> tuple[int, int]:
    """From which moment on and before which one a column shows; the last one the end, too."""
    last = column >= columns - 1
    after = span_ms[1] + 1 if last else moment(span_ms, column + 1, columns)
    return moment(span_ms, column, columns), after


def values(
    when: str,
    equity: float,
    first: float,
    highest: float,
    close: tuple[float, int] | None,
    regime: int | None,
) -> Content:
    """One line about a bar.

    Args:
        first: the equity at the span's begin, which the gain is since.
        highest: the most that the equity was so far, which the drawdown is since.
        close: the price and its decimals; None, as `regime`, for a portfolio.
    """
    gain = 100.0 * (equity / first - 1.0) if first > 0 else 0.0
    fall = 100.0 * (equity / highest - 1.0) if highest > 0 else 0.0
    parts: list[str | tuple[str, str]] = [
        (when, "bold $foreground"),
        ("  equity ", "$quiet"),
        amount(equity),
        (f" {percent(gain)}", tone(gain)),
        ("  dd ", "$quiet"),
        share(fall),
    ]
    if close is not None:
        parts += [("  price ", "$quiet"), price(*close)]
    if regime is not None:
        parts.append((f"  {_REGIMES.get(regime, '')}", "$quiet"))
    return Content.assemble(*parts)
