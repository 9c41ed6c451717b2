"""What the account's and the orders' code needs of whoever answers for Binance."""

from collections.abc import Mapping
from typing import Any, Protocol


class Endpoints(Protocol):
    """Requests by ccxt's names for Binance's endpoints; `BinanceClient` sends them."""

    async def read(self, method: str, request: Mapping[str, Any] | None = None) -> Any:
        """Ask; the parsed answer.

        Raises:
            Refused, Throttled, NotAuthorised, ClockSkew, Unreachable: see `exchange.outcomes`.
        """

    async def write(self, method: str, request: Mapping[str, Any], *, order: bool = False) -> Any:
        """Change something; the parsed answer. `order`: it counts as a new order.

        Raises:
            Refused, UnknownOutcome, Throttled, NotAuthorised, ClockSkew, Unreachable.
        """

    async def sync_clock(self) -> int:
        """The exchange's time, ms UTC, asked for.

        Raises:
            Throttled, Unreachable: it could not be read.
        """

    def now_ms(self) -> int:
        """The exchange's time, ms UTC, as far as it is known."""
