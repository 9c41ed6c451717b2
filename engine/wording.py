"""Numbers and modes as people read them: one place for signs, thousands, percent and "n/a".

Nothing is imported here, so that the command line and the screens may use it at once.
"""

NOT_DEFINED = "n/a"

BADGES = {
    "live": "LIVE",
    "demo": "TESTNET",
    "paper": "PAPER",
    "dry-run": "DRY",
    "replay": "REPLAY",
}
"""What the money of a bot is, by its mode; a record that is replayed has none."""


def amount(value: float | None, *, signed: bool = False) -> str:
    """`10,284.16` of money or percent; signed where a gain or loss is meant: `+284.16`."""
    if value is None:
        return NOT_DEFINED
    return f"{_no_negative_zero(value, 2):{'+' if signed else ''},.2f}"


def ratio(value: float | None) -> str:
    """`1.234`."""
    return NOT_DEFINED if value is None else f"{_no_negative_zero(value, 3):,.3f}"


def count(value: int) -> str:
    """`3,182`."""
    return f"{value:,}"


def dollars(value: float) -> str:
    """`$10,000`, with cents only where there are any."""
    return f"${value:,.0f}" if value == int(value) else f"${value:,.2f}"


def lasting(seconds: float) -> str:
    """How long: `47s`, `12m`, `3h12`, `2d04`."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        return f"{days}d{hours % 24:02}"
    if hours:
        return f"{hours}h{minutes % 60:02}"
    return f"{minutes}m" if minutes else f"{whole}s"


def plural(number: int, thing: str) -> str:
    """`1 gap`, `2 gaps`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _no_negative_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
