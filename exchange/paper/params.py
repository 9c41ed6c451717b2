"""The parameters of a request, read with Binance's refusals."""

import re
from decimal import Decimal
from urllib.parse import parse_qsl

from exchange.paper.errors import refusal

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class Params:
    """What a request sent, percent-decoded; each reader refuses what it cannot read."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    @classmethod
    def parse(cls, *raw: str) -> "Params":
        """From query strings and form bodies."""
        values: dict[str, str] = {}
        for text in raw:
            # ccxt sends batchOrders unencoded: only & and = separate, a plus sign stays itself
            pairs = parse_qsl(text.replace("+", "%2B"), keep_blank_values=True)
            values.update(pairs)
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        """A parameter as it is.

        Raises:
            RefusalError: -1102, missing and without default.
        """
        value = self.values.get(name)
        if value:
            return value
        if default is None:
            raise refusal(-1102, name)
        return default

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number that fits 63 bits.

        Raises:
            RefusalError: -1102 or -1100.
        """
        value = self.values.get(name)
        if not value:
            if default is None:
                raise refusal(-1102, name)
            return default
        if not _WHOLE.fullmatch(value):
            raise refusal(-1100, name, _WHOLE.pattern)
        return int(value)

    def optional_integer(self, name: str) -> int | None:
        return self.integer(name) if name in self else None

    def decimal(self, name: str) -> Decimal:
        """A decimal number without exponent.

        Raises:
            RefusalError: -1102 or -1100.
        """
        value = self.text(name)
        if not _DECIMAL.fullmatch(value):
            raise refusal(-1100, name, _DECIMAL.pattern)
        return Decimal(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """`true` or `false`, in capitals or not.

        Raises:
            RefusalError: -1130, anything else.
        """
        value = self.values.get(name, "").lower()
        if value not in ("", "true", "false"):
            raise refusal(-1130, name)
        return value == "true" if value else default

    def choice(self, name: str, allowed: tuple[str, ...], code: int) -> str:
        """One of `allowed`.

        Raises:
            RefusalError: -1102 if missing, `code` if it is something else.
        """
        value = self.text(name)
        if value not in allowed:
            raise refusal(code)
        return value
