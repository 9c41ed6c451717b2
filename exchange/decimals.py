"""Exact decimal numbers as text."""

from decimal import Decimal


def plain(number: Decimal) -> str:
    """The number in full, without exponent and needless zeros: `0.00001`, `55000.1`, `0`."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
