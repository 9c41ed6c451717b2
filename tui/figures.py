"""How screens write prices, percentages and times; other numbers as `engine.wording` has them."""

import math
from datetime import UTC, datetime, timedelta

from engine.wording import NOT_DEFINED, amount, lasting

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def percent(value: float | None) -> str:
    """`+12.45%` of a gain or loss in percent."""
    return NOT_DEFINED if value is None else f"{amount(value, signed=True)}%"


def share(value: float | None) -> str:
    """`8.23%`: a percentage that has no direction."""
    return NOT_DEFINED if value is None else f"{amount(value)}%"


def price(value: float, decimals: int) -> str:
    """`64,812.4` with the decimals of a market's grid."""
    return f"{value:,.{decimals}f}"


def tone(value: float | None) -> str:
    """The colour of a gain or loss; its sign says the same."""
    if value is None or value == 0:
        return "$foreground"
    return "$pnl-positive" if value > 0 else "$pnl-negative"


def day(ms: int) -> str:
    """`2024-01-31` of ms UTC."""
    return _moment(ms).strftime("%Y-%m-%d")


def minute(ms: int) -> str:
    """`24-01-31 00:15` of ms UTC."""
    return _moment(ms).strftime("%y-%m-%d %H:%M")


def age(ms: float) -> str:
    """How long ago: `47s`, `12m`, `3h12`, `2d04`."""
    return lasting(ms / 1000)


def countdown(seconds: float) -> str:
    """`03:53` until something; hours stand before it: `1:03:53`."""
    whole = int(seconds)
    clock = f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 3600}:{clock}" if whole >= 3600 else clock


def clock(ms: int) -> str:
    """`12:40:58` of ms UTC."""
    return _moment(ms).strftime("%H:%M:%S")


def stamp(ms: int) -> str:
    """`01-31 12:40:58` of ms UTC."""
    return _moment(ms).strftime("%m-%d %H:%M:%S")


def away(level: float, now: float | None) -> str:
    """How far a price is from another: `-1.95%`; "" where that one is not known."""
    return f"{level / now - 1:+,.2%}" if now else ""


def date_label(ms: int, span_ms: int) -> str:
    """A time as short as an axis of that length allows: `2024-01`, `24-01-31`, `01-31 12:00`."""
    days = span_ms / 86_400_000
    form = "%Y-%m" if days > 400 else "%y-%m-%d" if days > 20 else "%m-%d %H:%M"
    return _moment(ms).strftime(form)


def axis_value(value: float, step: float) -> str:
    """A value on an axis, with the decimals that tell it from one `step` further on."""
    decimals = 0
    while decimals < 8 and step * 10**decimals < 1:
        decimals += 1
    return price(round(value, decimals) + 0.0, decimals)  # + 0.0: never -0.0


def unlogged(value: float, step: float) -> str:
    """The scale of a logarithm: its value, with the decimals that one row further on needs."""
    there = math.exp(value)
    return axis_value(there, there * math.expm1(step))


def size(number: int) -> str:
    """`3.1 MB` of a number of bytes."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def whole_share(value: float) -> str:
    """`98.99%` of 0.98999: rounded down, so that only what is complete is 100%."""
    return f"{int(value * 10_000) / 100:.2f}%" if value < 1 else "100%"


def decimals(step: object) -> int:
    """Decimals that tell a multiple of `step` (a Decimal or a float) from the next: 0.010 -> 2."""
    _, dot, after = format(step, "f").partition(".")
    return len(after.rstrip("0")) if dot else 0


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(ms))
