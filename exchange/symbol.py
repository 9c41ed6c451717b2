"""The name of a USDT-margined perpetual, however a person or a script writes it."""

import re
from dataclasses import dataclass

from exchange.errors import DataError

_QUOTE = "USDT"
_COIN = re.compile(r"[A-Z0-9]{1,20}")
_OTHER_QUOTES = ("USDC", "BUSD", "FDUSD", "TUSD", "USD")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A USDT-margined perpetual future.

    `coin` is the base asset in capitals ("BTC"). Build it with `Symbol.parse`, which takes any
    spelling; the constructor takes the coin alone.

    Raises:
        DataError: `coin` is not 1 to 20 letters and digits, or is USDT itself.
    """

    coin: str

    def __post_init__(self) -> None:
        if not _COIN.fullmatch(self.coin) or self.coin == _QUOTE:
            raise DataError(_complaint(self.coin))

    @classmethod
    def parse(cls, text: "str | Symbol") -> "Symbol":
        """`BTC`, `BTCUSDT`, `BTC/USDT` and `BTC/USDT:USDT`, in capitals or not, are one symbol.

        Raises:
            DataError: anything else, another quote currency and dated futures included.
        """
        if isinstance(text, Symbol):
            return text
        coin = _coin_of(text.strip().upper()) if isinstance(text, str) else ""
        try:
            return cls(coin)
        except DataError:
            raise DataError(_complaint(text)) from None

    @property
    def pair(self) -> str:
        """`BTC/USDT`, as people read it."""
        return f"{self.coin}/{_QUOTE}"

    @property
    def id(self) -> str:
        """`BTCUSDT`, as the exchange and file names have it."""
        return f"{self.coin}{_QUOTE}"

    @property
    def ccxt(self) -> str:
        """`BTC/USDT:USDT`, as ccxt names the perpetual."""
        return f"{self.coin}/{_QUOTE}:{_QUOTE}"

    def __str__(self) -> str:
        return self.pair


def _coin_of(written: str) -> str:
    """The base asset in a spelling in capitals; "" where there is none."""
    coin, slash, rest = written.partition("/")
    if slash and rest not in (_QUOTE, f"{_QUOTE}:{_QUOTE}"):
        return ""
    if not slash:
        coin = coin.removesuffix(_QUOTE)
    quotes = (_QUOTE, *_OTHER_QUOTES)
    return "" if any(coin.endswith(quote) and coin != quote for quote in quotes) else coin


def _complaint(text: object) -> str:
    return (
        f"{str(text)[:40]!r} is not a USDT perpetual: write BTC, BTCUSDT, BTC/USDT or BTC/USDT:USDT"
    )
