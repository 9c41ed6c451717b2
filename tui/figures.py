"""How screens write prices, percentages and times; other numbers as `engine.wording` has them."""

from datetime import UTC, datetime, timedelta

from engine.wording import NOT_DEFINED, amount

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
    return price(value, decimals)


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(ms))
