"""The grid that orders had to lie on, as a run found it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from exchange.decimals import plain
from exchange.market import Market


@dataclass(frozen=True, slots=True)
class Filters:
    """What the exchange listed from bar `bar` on: `tick` and `min_notional` in USDT, `step` in
    coins.

    Raises:
        ValueError: a number that cannot be.
    """

    bar: int
    tick: Decimal
    step: Decimal
    min_notional: Decimal

    def __post_init__(self) -> None:
        numbers = (self.tick, self.step, self.min_notional)
        if not all(number.is_finite() for number in numbers) or min(numbers) < 0:
            raise ValueError(f"{self}: numbers that no exchange lists")
        if not self.tick or not self.step:
            raise ValueError(f"{self}: tick and step must be positive")

    @classmethod
    def of(cls, market: Market, bar: int) -> "Filters":
        """Those that a market has."""
        return cls(bar, market.tick, market.step, market.min_notional)

    def are_of(self, market: Market) -> bool:
        """Whether a market has these still."""
        listed = (market.tick, market.step, market.min_notional)
        return (self.tick, self.step, self.min_notional) == listed

    def laid_on(self, market: Market) -> Market:
        """The market with these in place of its own; raises DataError if it cannot have them."""
        tiers = market.source.partition("; ")[2]
        source = f"{self.words}: listed when the run began; {tiers}"
        return replace(
            market,
            tick=self.tick,
            step=self.step,
            min_notional=self.min_notional,
            source=source,
        )

    @property
    def words(self) -> str:
        """`tick 0.1, step 0.001, minimum notional 50`."""
        tick, step, least = (plain(n) for n in (self.tick, self.step, self.min_notional))
        return f"tick {tick}, step {step}, minimum notional {least}"

    def to_json(self) -> dict[str, Any]:
        """A document that `from_json` reads; exact decimals as text."""
        return {
            "bar": self.bar,
            "tick": str(self.tick),
            "step": str(self.step),
            "min_notional": str(self.min_notional),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Filters":
        """What `to_json` wrote; raises KeyError, ValueError or ArithmeticError if it did not."""
        numbers = (Decimal(document[name]) for name in ("tick", "step", "min_notional"))
        return cls(int(document["bar"]), *numbers)
