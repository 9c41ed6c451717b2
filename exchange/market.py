"""What an exchange asks of orders in one symbol, and how much margin a position ties up."""

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.errors import DataError
from exchange.symbol import Symbol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TIER_FILE = Path(__file__).with_name("leverage_tiers.json")
_CAUTION_AT = 100_000.0
_KNOWN = {
    "BTC": ("0.1", "0.001", "50"),
    "ETH": ("0.01", "0.001", "20"),
    "SOL": ("0.01", "0.01", "5"),
}


_FINEST = Decimal("1e-10")  # prices and quantities are floats rounded to ten decimals


def market_for(symbol: str | Symbol, price: float | None = None) -> "Market":
    """The market of `symbol` as far as it is known without asking the exchange.

    BTC, ETH and SOL have fixed tick, step and minimum notional. Others are derived from a
    reference `price` in USDT: 5 significant digits, a step that is the power of ten of coins
    nearest to 1 USDT, and 5 USDT. Maintenance-margin tiers are those that Binance published; a
    symbol that is not among them gets the altcoin table that asks most for a position of
    100,000 USDT. `source` says which of this was assumed.

    Raises:
        DataError: the symbol is bad; or it is none of the three and `price` is missing or not a
            positive number.
    """
    symbol = Symbol.parse(symbol)
    if symbol.coin in _KNOWN:
        tick, step, least = (Decimal(text) for text in _KNOWN[symbol.coin])
        source = "tick, step and minimum notional: offline defaults"
    else:
        tick, step, least = _assumed(symbol, price)
        source = f"tick, step and minimum notional: assumed from a price of {price:g} USDT"
    published, tables = _published_tiers()
    if symbol.id in tables:
        tiers = tables[symbol.id]
        source += f"; margin tiers: Binance, {published}"
    else:
        stand_in = _most_cautious(tables)
        tiers = tables[stand_in]
        source += (
            f"; margin tiers: assumed, those of {stand_in} (the most cautious altcoin table of "
            f"Binance, {published})"
        )
    return Market(symbol, tick, step, least, tiers, source)


@dataclass(frozen=True, slots=True)
class Tier:
    """Maintenance margin of a position whose notional lies in (`floor`, `cap`] USDT.

    It is `notional * mmr - cum`; `cum` makes it continuous from tier to tier.

    Raises:
        DataError: the numbers cannot be a tier.
    """

    floor: float
    cap: float
    mmr: float
    cum: float

    def __post_init__(self) -> None:
        if not (0 <= self.floor < self.cap < math.inf and 0 < self.mmr < 1 and self.cum >= 0):
            raise DataError(f"{self} is not a margin tier: check the table that it comes from")


@dataclass(frozen=True, slots=True)
class Market:
    """Price tick, quantity step, minimum notional (USDT) and margin tiers of a symbol.

    `source` is a sentence for people: where each number comes from and what was assumed.

    Raises:
        DataError: a number that is not a positive Decimal (the minimum notional may be 0), or
            tiers that are missing, do not join, or do not rise.
    """

    symbol: Symbol
    tick: Decimal
    step: Decimal
    min_notional: Decimal
    tiers: tuple[Tier, ...]
    source: str

    def __post_init__(self) -> None:
        for name in ("tick", "step", "min_notional"):
            value = getattr(self, name)
            good = isinstance(value, Decimal) and value.is_finite()
            if not good or value < 0 or (value == 0 and name != "min_notional"):
                raise DataError(f"{self.symbol}: {name} {value!r} is not a positive Decimal")
            if name != "min_notional" and value < _FINEST:
                raise DataError(f"{self.symbol}: {name} {value} is finer than {_FINEST}")
        if not self.tiers or self.tiers[0].floor != 0 or self.tiers[0].cum != 0:
            raise DataError(f"{self.symbol}: margin tiers must begin at a notional of 0")
        for lower, upper in zip(self.tiers, self.tiers[1:], strict=False):
            cum = lower.cum + upper.floor * (upper.mmr - lower.mmr)
            joined = lower.cap == upper.floor and lower.mmr < upper.mmr
            if not joined or not math.isclose(cum, upper.cum, rel_tol=1e-6, abs_tol=0.01):
                raise DataError(f"{self.symbol}: margin tier {upper} does not continue {lower}")

    @property
    def tier_table(self) -> "NDArray[np.float64]":
        """The tiers as float64, shape (n, 4): floor, cap, mmr, cum; a fresh array."""
        import numpy as np  # importing this module stays cheap for the command line

        rows = [(tier.floor, tier.cap, tier.mmr, tier.cum) for tier in self.tiers]
        return np.array(rows, dtype=np.float64)


def maintenance_margin(tiers: tuple[Tier, ...], notional: float) -> float:
    """Maintenance margin in USDT; beyond the last cap the last tier goes on."""
    tier = next((tier for tier in tiers if notional <= tier.cap), tiers[-1])
    return notional * tier.mmr - tier.cum


def _assumed(symbol: Symbol, price: float | None) -> tuple[Decimal, Decimal, Decimal]:
    if price is None or not 0 < price < math.inf:
        raise DataError(
            f"{symbol}: tick and step are not known offline and need a reference price "
            f"(a positive number of USDT, not {price}); give one, or read the market from Binance"
        )
    leading = Decimal(repr(float(price))).adjusted()
    tick = max(Decimal(1).scaleb(leading - 4), _FINEST)
    step = Decimal(1).scaleb(-round(math.log10(price)))
    return tick, step, Decimal(5)


@cache
def _published_tiers() -> tuple[str, dict[str, tuple[Tier, ...]]]:
    shipped: dict[str, Any] = json.loads(_TIER_FILE.read_text(encoding="utf-8"))
    tables = {
        name: tuple(Tier(*(float(cell) for cell in row)) for row in rows)
        for name, rows in shipped["tiers"].items()
    }
    return str(shipped["published"]), tables


def _most_cautious(tables: dict[str, tuple[Tier, ...]]) -> str:
    altcoins = [name for name in tables if name not in ("BTCUSDT", "ETHUSDT")]
    return max(altcoins, key=lambda name: maintenance_margin(tables[name], _CAUTION_AT))
